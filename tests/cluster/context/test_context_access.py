"""Reading the user's kubeconfig as kubectl does, and whose proxy is used when."""

from __future__ import annotations

from pathlib import Path

import pytest
from contextboxes import kubeconfig, write

from lab.cluster.access import context_names, kubeconfig_paths, single_context
from lab.cluster.connection import api_client, proxy_for, sweep_keys
from lab.errors import ClusterUnavailable, MissingError


def test_kubeconfig_names_files_and_the_home_has_the_default(tmp_path: Path) -> None:
    assert kubeconfig_paths({}, tmp_path) == (tmp_path / ".kube" / "config",)
    assert kubeconfig_paths({"KUBECONFIG": "/a::/b"}, tmp_path) == (Path("/a"), Path("/b"))


def test_contexts_of_all_files_in_order_and_broken_ones_left_out(tmp_path: Path) -> None:
    one = write(tmp_path / "one", kubeconfig("https://a", name="a"))
    two = write(tmp_path / "two", kubeconfig("https://b", name="b"))
    (tmp_path / "broken").write_text("{")
    assert context_names((one, tmp_path / "broken", tmp_path / "none", two)) == ("a", "b")


def test_the_first_file_that_has_an_entry_decides(tmp_path: Path) -> None:
    one = write(tmp_path / "one", kubeconfig("https://first", name="a"))
    two = write(tmp_path / "two", kubeconfig("https://second", name="b"))
    found = single_context((one, two), "b")
    assert found["clusters"][0]["cluster"]["server"] == "https://first"
    assert [item["name"] for item in found["contexts"]] == ["b"]


def test_relative_files_become_absolute_and_login_programs_stay(tmp_path: Path) -> None:
    user = {"client-certificate": "ada.crt", "client-key": "/k/ada.key", "exec": {"command": "cloud-login"}}
    config = kubeconfig("https://a", user=user)
    config["clusters"][0]["cluster"]["certificate-authority"] = "pki/ca.crt"
    source = write(tmp_path / "deep" / "config", config)
    found = single_context((source,), "elsewhere")
    assert found["clusters"][0]["cluster"]["certificate-authority"] == str(tmp_path / "deep/pki/ca.crt")
    assert found["users"][0]["user"] == {
        "client-certificate": str(tmp_path / "deep/ada.crt"),
        "client-key": "/k/ada.key",
        "exec": {"command": "cloud-login"},
    }


def test_what_a_context_names_must_be_there(tmp_path: Path) -> None:
    config = kubeconfig("https://a")
    config["users"] = []
    source = write(tmp_path / "config", config)
    with pytest.raises(MissingError, match="user 'ada' is not in"):
        single_context((source,), "elsewhere")
    with pytest.raises(MissingError, match="context 'prod' is not in") as refused:
        single_context((source,), "prod")
    assert "elsewhere" in refused.value.next_step


@pytest.mark.parametrize(
    ("host", "proxy"),
    [
        ("https://127.0.0.1:6443", None),
        ("https://localhost:6443", None),
        ("https://[::1]:6443", None),
        ("https://127.44.5.6:6443", None),
        ("https://10.0.0.1:6443", "http://corp:3128"),
        ("https://cluster.example", "http://corp:3128"),
        ("http://cluster.example", "http://all:1"),
    ],
)
def test_loopback_is_never_proxied_and_others_as_the_user_says(host: str, proxy: str | None) -> None:
    assert proxy_for(host, {"HTTPS_PROXY": "http://corp:3128", "all_proxy": "http://all:1"}) == proxy
    assert proxy_for(host, {}) is None


def test_a_proxy_of_the_kubeconfig_and_exemptions_reach_the_client(tmp_path: Path) -> None:
    config = {**kubeconfig("https://cluster.example"), "current-context": "elsewhere"}
    environ = {"https_proxy": "http://corp:3128", "NO_PROXY": "intern.example"}
    plain = api_client(write(tmp_path / "a" / "plain", config), environ).configuration
    assert (plain.proxy, plain.no_proxy) == ("http://corp:3128", "intern.example")
    config["clusters"][0]["cluster"]["proxy-url"] = "http://bastion:8080"
    assert api_client(write(tmp_path / "a" / "own", config), environ).configuration.proxy == "http://bastion:8080"


def test_keys_lie_beside_the_kubeconfig_and_those_of_the_gone_are_swept(tmp_path: Path) -> None:
    config = kubeconfig("https://a", user={"token": "t"})
    file = write(tmp_path / "config", {**config, "current-context": "elsewhere"})
    api_client(file, {})
    left = tmp_path / "keys" / "99999999"
    left.mkdir()
    (left / "key").write_text("secret")
    sweep_keys(file)
    assert not left.exists()


def test_a_kubeconfig_that_is_not_there_means_down(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnavailable, match="there is no none") as refused:
        api_client(tmp_path / "none", {})
    assert refused.value.next_step == "Start the stack with `lab up`."
