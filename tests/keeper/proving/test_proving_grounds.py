"""Throw-away homes: apart from the user's labs, shared caches, and cleared when their owner is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lab.keeper.proving.grounds import grounds
from lab.paths import Places, places

OWNER = """
import sys
from pathlib import Path
from lab.keeper.proving.grounds import grounds
from lab.paths import places
home = Path(sys.argv[1])
with grounds(places({"LAB_HOME": str(home)}, home), {}, home, None, print) as ground:
    (ground.folder / "home" / "state" / "labs" / "prove-1" / "runs").mkdir(parents=True)
    print(ground.folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def user(tmp_path: Path) -> Places:
    return places({"LAB_HOME": str(tmp_path / "user")}, tmp_path)


def test_a_ground_has_its_own_state_and_the_users_cache_and_settings(user: Places, tmp_path: Path) -> None:
    told: list[str] = []
    with grounds(user, {"PATH": "/bin"}, tmp_path, None, told.append) as ground:
        around = ground.lab("prove-1").around
        assert around.user.cache.resolve() == user.cache.resolve()
        assert around.user.config.resolve() == user.config.resolve()
        assert around.places.directory.is_relative_to(ground.folder)
        assert around.user.bundles.is_relative_to(ground.folder)
        assert around.environ["PATH"] == "/bin"
    assert not ground.folder.exists()
    assert user.cache.is_dir()
    assert told == []


def test_a_ground_whose_owner_lives_is_left_alone_and_one_whose_owner_was_killed_is_cleared(
    user: Places, tmp_path: Path
) -> None:
    home = tmp_path / "user"
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        theirs = Path(owner.stdout.readline().strip())
        told: list[str] = []
        with grounds(user, {}, tmp_path, None, told.append):
            assert theirs.is_dir()
        owner.kill()
        owner.wait(10)
        with grounds(user, {}, tmp_path, None, told.append) as ground:
            assert not theirs.exists()
            assert ground.folder.is_dir()
    assert told == ["Cleared what an earlier proof had left behind."]
