"""Alertmanager: found under both its names, taken from the package, and made to run without being installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from release_host import QUICK, ignore, write_program

from lab.cluster.programs import Sources, ensure_alertmanager, find_alertmanager
from lab.cluster.programs.alertmanager import DEFAULT, SHA256
from lab.cluster.programs.relocation import HOME, bring_templates
from lab.cluster.programs.sources import SourceFailed
from lab.errors import MissingError

NOWHERE = Sources({}, packages=False, limits=QUICK)
TOOLS = "/usr/bin:/bin"


def script(version: str, then: str = "") -> str:
    """A program that answers --version as Alertmanager does."""
    return f'#!/bin/sh\n[ "$1" = --version ] && echo "alertmanager, version {version} (branch: x)" && exit 0\n{then}\n'


LISTENS = 'echo "listen 256.0.0.1:0: no such host" >&2; exit 1'
READS_TEMPLATES = f'templates={HOME}\ncat "$templates/default.tmpl" > /dev/null || exit 1\n{LISTENS}'


@pytest.mark.parametrize("name", ["alertmanager", "prometheus-alertmanager"])
def test_it_is_found_under_the_name_of_its_project_and_of_its_package(tmp_path: Path, name: str) -> None:
    program = write_program(tmp_path / "bin" / name, script("0.28.1"))
    tool = write_program(tmp_path / "bin" / "amtool", "#!/bin/sh\n")
    found = find_alertmanager(tmp_path / "cache", path=str(tmp_path / "bin"))
    assert found is not None
    assert (found.program, found.tool, found.version, found.source) == (program, tool, "0.28.1", "PATH")


def test_too_old_a_one_is_passed_over_and_a_refusal_says_so(tmp_path: Path) -> None:
    write_program(tmp_path / "bin" / "alertmanager", script("0.23.0"))
    with pytest.raises(MissingError) as missing:
        ensure_alertmanager(
            tmp_path / "cache", path=str(tmp_path / "bin"), say=ignore, sources=NOWHERE, platform="plan9-mips"
        )
    assert missing.value.title == "Alertmanager is missing"
    assert "0.23.0, and 0.25.0 or newer is needed" in missing.value.message
    assert "apt-get install prometheus-alertmanager" in missing.value.next_step
    assert 'alertmanager = "/path/to/alertmanager"' in missing.value.next_step


def test_every_pin_is_a_checksum_of_the_one_release() -> None:
    assert set(DEFAULT.archives) == set(SHA256) == {"linux-amd64", "linux-arm64"}
    for name, archive in DEFAULT.archives.items():
        assert re.fullmatch(r"[0-9a-f]{64}", archive.sha256)
        assert archive.url.endswith(f"/v0.28.1/alertmanager-0.28.1.{name}.tar.gz")


def unpacked(folder: Path, program: str) -> tuple[Path, Path]:
    """A package's tree with its templates, and the folder with its program."""
    tree, into = folder / "work" / "tree", folder / "programs"
    templates = tree / HOME.lstrip("/")
    templates.mkdir(parents=True)
    (templates / "default.tmpl").write_text("hello")
    write_program(into / "alertmanager", program)
    return tree, into


def test_a_program_that_wants_its_templates_elsewhere_gets_them_beside_it(tmp_path: Path) -> None:
    tree, into = unpacked(tmp_path, script("0.25.0", READS_TEMPLATES))
    bring_templates(tree, into)
    assert HOME not in (into / "alertmanager.bin").read_text()
    assert (into / "alertmanager.bin").stat().st_size == len(script("0.25.0", READS_TEMPLATES))
    shutil.rmtree(tree)
    link = tmp_path / "link"
    link.symlink_to(into / "alertmanager")
    done = subprocess.run([link, "--config.file=x"], capture_output=True, text=True, cwd="/", check=False)
    assert "listen 256.0.0.1:0" in done.stderr


def test_a_program_that_needs_none_is_left_as_it_is(tmp_path: Path) -> None:
    tree, into = unpacked(tmp_path, script("0.28.1", LISTENS))
    bring_templates(tree, into)
    assert [path.name for path in into.iterdir()] == ["alertmanager"]


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (script("0.25.0", f"echo {HOME} {HOME}"), "2 times"),
        (script("0.25.0", f"echo no {HOME} >&2; exit 1"), "does not start: no"),
        (script("0.25.0", f": {HOME}; exit 1"), "it said nothing"),
    ],
)
def test_a_program_that_is_not_as_expected_is_refused(tmp_path: Path, program: str, reason: str) -> None:
    tree, into = unpacked(tmp_path, program)
    with pytest.raises(SourceFailed, match=reason):
        bring_templates(tree, into)


@pytest.mark.live
@pytest.mark.skipif(not shutil.which("apt-get", path=TOOLS), reason="needs a Debian or Ubuntu system")
def test_the_real_package_gives_one_that_takes_the_stacks_configuration(tmp_path: Path) -> None:
    sources = Sources({}, packages=True)
    found = ensure_alertmanager(tmp_path, path=TOOLS, say=ignore, sources=sources, platform="none")
    config = Path(__file__).parents[3] / "stack" / "platform" / "alertmanager" / "alertmanager.yml"
    options = [f"--config.file={config}", f"--storage.path={tmp_path / 'data'}", "--cluster.listen-address="]
    done = subprocess.run(
        [found.program, *options, "--web.listen-address=256.0.0.1:0"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert "256.0.0.1" in done.stderr
    assert found.tool is not None
    subprocess.run([found.tool, "check-config", config], capture_output=True, timeout=30, check=True)
