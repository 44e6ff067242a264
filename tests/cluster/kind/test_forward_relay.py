"""What the forwarder passes on, in which form, and what it refuses."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from kind_fake_api import PREFIX, FakeApi

from lab.cluster.forward.relay import ServiceServer, open_server
from lab.cluster.forward.upstream import Upstream

WriteKubeconfig = Callable[..., Path]


@pytest.fixture
def feed(fake_api: FakeApi, write_kubeconfig: WriteKubeconfig) -> Iterator[ServiceServer]:
    upstream = Upstream(write_kubeconfig(fake_api.address), "team-a", {})
    server = open_server("feed", upstream, 0)
    server.start()
    yield server
    server.shutdown()
    server.server_close()


def connect(server: ServiceServer) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20))


def ask(
    server: ServiceServer, path: str, method: str = "GET", body: object = None, headers: Mapping[str, str] | None = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    with connect(server) as connection:
        connection.request(method, path, body=body, headers=dict(headers or {}))  # type: ignore[arg-type]
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def test_a_request_reaches_the_proxy_of_its_service_with_our_credentials(
    feed: ServiceServer, fake_api: FakeApi
) -> None:
    status, _, body = ask(feed, "/api/v1/query?query=sum%28a%29&x=1", headers={"Accept-Encoding": "gzip", "X-Own": "a"})
    assert (status, json.loads(body)["path"]) == (200, f"{PREFIX}/api/v1/query?query=sum%28a%29&x=1")
    (seen,) = fake_api.seen
    assert seen.headers["Accept-Encoding"] == "gzip"
    assert seen.headers["X-Own"] == "a"
    assert seen.headers["Host"] == fake_api.address.removeprefix("http://")


def test_bodies_pass_short_long_and_chunked(feed: ServiceServer, fake_api: FakeApi) -> None:
    long = b"x" * 3_000_000
    assert json.loads(ask(feed, "/v2", "POST", b'{"a": 1}')[2])["bytes"] == 8
    assert json.loads(ask(feed, "/v2", "POST", long)[2])["bytes"] == len(long)
    assert json.loads(ask(feed, "/v2", "POST", iter([b"one", b"three"]))[2])["bytes"] == 8
    assert [request.body for request in fake_api.seen] == [b'{"a": 1}', long, b"onethree"]


def test_a_streamed_answer_arrives_while_it_is_written(feed: ServiceServer, fake_api: FakeApi) -> None:
    with connect(feed) as connection:
        connection.request("GET", "/stream")
        answer = connection.getresponse()
        assert answer.read(5) == b"first"
        fake_api.go_on.set()
        assert answer.read() == b"second"


def test_an_answer_that_breaks_off_does_not_look_complete(feed: ServiceServer) -> None:
    with pytest.raises(http.client.IncompleteRead):
        ask(feed, "/cut")


def test_connections_are_kept_on_both_sides(feed: ServiceServer, fake_api: FakeApi) -> None:
    with connect(feed) as connection:
        for _ in range(5):
            connection.request("GET", "/metrics")
            connection.getresponse().read()
        connection.request("HEAD", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.read() == b""
    assert len(fake_api.seen) == 6
    assert len(fake_api.connections) == 1


def test_many_threads_at_a_time(feed: ServiceServer) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: ask(feed, f"/n/{number}"), range(64)))
    assert [json.loads(body)["path"] for _, _, body in answers] == [f"{PREFIX}/n/{number}" for number in range(64)]


def test_addresses_that_the_api_server_rewrote_come_back_as_ours(feed: ServiceServer, fake_api: FakeApi) -> None:
    status, headers, _ = ask(feed, "/there")
    assert (status, headers["Location"]) == (302, "/graph?a=1")
    ask(feed, f"{PREFIX}/static/app.js")
    assert fake_api.seen[-1].path == f"{PREFIX}/static/app.js"


def test_what_the_api_server_refuses_passes_as_it_is(feed: ServiceServer) -> None:
    status, _, body = ask(feed, "/none")
    assert status == 503
    assert b"no endpoints available" in body


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "127.0.0.1:1"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_foreign_pages_are_refused(feed: ServiceServer, fake_api: FakeApi, headers: dict[str, str]) -> None:
    assert ask(feed, "/", headers=headers)[0] == 403
    assert fake_api.seen == []


def test_a_browser_by_the_name_localhost_is_welcome(feed: ServiceServer) -> None:
    own = f"localhost:{feed.port}"
    assert ask(feed, "/graph", headers={"Host": own, "Origin": f"http://{own}"})[0] == 200


@pytest.mark.parametrize(
    "path", ["/../../secrets", "/a/%2e%2E/b", "/a/..%2f..%2fsecrets", "/.", "/a\\..\\b", "secrets"]
)
def test_no_path_leads_out_of_the_service(feed: ServiceServer, fake_api: FakeApi, path: str) -> None:
    with socket.create_connection(("127.0.0.1", feed.port), timeout=20) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{feed.port}\r\n\r\n".encode())
        assert client.makefile("rb").readline().split()[1] == b"400"
    assert fake_api.seen == []


def test_nobody_speaks_for_somebody_else(feed: ServiceServer, fake_api: FakeApi) -> None:
    foreign = {"Authorization": "Bearer other", "Impersonate-User": "admin", "X-Remote-Group": "system:masters"}
    assert ask(feed, "/", headers=foreign)[0] == 200
    (seen,) = fake_api.seen
    assert not {name for name in seen.headers if name.lower().startswith(("impersonate-", "x-remote-"))}


def test_new_credentials_are_read_when_the_old_are_refused(
    feed: ServiceServer, fake_api: FakeApi, write_kubeconfig: WriteKubeconfig
) -> None:
    assert ask(feed, "/")[0] == 200
    fake_api.token = "rotated"
    assert ask(feed, "/")[0] == 401
    write_kubeconfig(fake_api.address, token="rotated")
    assert ask(feed, "/", "POST", b"again")[0] == 200
    assert fake_api.seen[-1].body == b"again"


def test_a_cluster_that_is_gone_is_a_bad_gateway(feed: ServiceServer, write_kubeconfig: WriteKubeconfig) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as unused:
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
    write_kubeconfig(address)
    status, _, body = ask(feed, "/")
    assert status == 502
    assert b"does not answer" in body


def test_a_taken_port_gives_way_to_another(feed: ServiceServer, tmp_path: Path) -> None:
    second = open_server("gateway", Upstream(tmp_path / "none", "team-a", {}), feed.port)
    assert second.port != feed.port
    second.server_close()
