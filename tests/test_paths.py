"""Where the lab keeps what: XDG rules, LAB_HOME, names of labs, and content in a checkout or a wheel."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import MissingError, SettingsError
from lab.paths import LAB_NAME, content_root, curriculum_root, lab_name, lab_places, places, scenarios_root, stack_root

HOME = Path("/home/ada")


def test_folders_default_to_those_of_the_xdg_rules() -> None:
    user = places({}, HOME)
    assert user.data == HOME / ".local/share/mlops-lab"
    assert user.state == HOME / ".local/state/mlops-lab"
    assert user.config == HOME / ".config/mlops-lab"
    assert user.cache == HOME / ".cache/mlops-lab"


def test_xdg_variables_win_unless_they_are_relative_or_empty() -> None:
    user = places({"XDG_DATA_HOME": "/srv/data", "XDG_STATE_HOME": "here", "XDG_CACHE_HOME": ""}, HOME)
    assert user.data == Path("/srv/data/mlops-lab")
    assert user.state == HOME / ".local/state/mlops-lab"
    assert user.cache == HOME / ".cache/mlops-lab"


def test_lab_home_puts_all_four_below_it() -> None:
    user = places({"LAB_HOME": "/tmp/lab", "XDG_DATA_HOME": "/srv/data"}, HOME)
    folders = [user.data, user.state, user.config, user.cache]
    assert {folder.parent for folder in folders} == {Path("/tmp/lab")}
    assert len(set(folders)) == 4
    assert user.settings_file == Path("/tmp/lab/config/config.toml")


def test_a_relative_lab_home_is_refused_with_a_next_step() -> None:
    with pytest.raises(SettingsError) as refused:
        places({"LAB_HOME": "lab"}, HOME)
    assert "starts with /" in refused.value.next_step


def test_the_same_folder_always_means_the_same_lab(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "one")
    one, two = lab_name(tmp_path / "one"), lab_name(tmp_path / "two")
    assert one == lab_name(tmp_path / "one") == lab_name(tmp_path / "link")
    assert one != two
    assert LAB_NAME.fullmatch(one)


@given(st.text(alphabet="abc019-", min_size=1, max_size=30))
def test_a_given_name_is_taken_as_it_is_or_refused(name: str) -> None:
    if name.startswith("-") or name.endswith("-"):
        with pytest.raises(SettingsError):
            lab_name(HOME, name)
    else:
        assert lab_name(HOME, name) == name


@pytest.mark.parametrize("name", ["", "Blue", "a/b", "..", "a b", "a" * 31, "blau\n", "b.c"])
def test_names_that_could_leave_the_folder_or_break_kubernetes_are_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="cannot name a lab"):
        lab_name(HOME, name)


def test_the_files_of_a_lab_lie_below_its_own_folder() -> None:
    lab = lab_places(places({}, HOME), "team-blue")
    for path in (lab.cluster, lab.kubeconfig, lab.platform_repo, lab.runs):
        assert path.parent == lab.directory
    assert lab.directory == HOME / ".local/state/mlops-lab/labs/team-blue"


def test_content_of_a_wheel_wins_over_a_folder_beside_it(tmp_path: Path) -> None:
    package = tmp_path / "lab"
    (package / "_bundled" / "scenarios").mkdir(parents=True)
    (tmp_path / "scenarios").mkdir()
    assert content_root(package) == package / "_bundled"
    assert scenarios_root(package) == package / "_bundled" / "scenarios"
    assert curriculum_root(package) == package / "_bundled" / "curriculum"


def test_content_of_a_checkout_lies_beside_the_package(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    assert content_root(tmp_path / "lab") == tmp_path


def test_missing_content_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as missing:
        content_root(tmp_path / "lab")
    assert str(tmp_path / "lab" / "_bundled") in missing.value.message


def test_the_stack_is_found_without_importing_it() -> None:
    code = "import sys, lab.paths; print(lab.paths.stack_root()); assert 'stack' not in sys.modules"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert Path(found.stdout.strip()) == stack_root()
    assert (stack_root() / "__init__.py").is_file()
