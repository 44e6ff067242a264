"""Which Prometheus is taken: the settings', that on PATH, that in the cache, the system's packages, or a refusal."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from release_host import QUICK, ignore, prometheus_script, write_program

from lab.cluster.programs import DEFAULT, Sources, ensure_prometheus, find_prometheus
from lab.cluster.programs.prometheus import SHA256
from lab.cluster.programs.sources import platform_name
from lab.errors import MissingError, SettingsError

NOWHERE = Sources({}, packages=False, limits=QUICK)
PACKAGES = Sources({}, packages=True, limits=QUICK)
TOOLS = "/usr/bin:/bin"


def test_the_configured_one_comes_first(tmp_path: Path) -> None:
    configured = write_program(tmp_path / "opt" / "prom", prometheus_script("3.5.0"))
    write_program(tmp_path / "bin" / "prometheus", prometheus_script("2.53.3"))
    found = find_prometheus(tmp_path / "cache", path=str(tmp_path / "bin"), configured=configured)
    assert found is not None
    assert (found.program, found.version, found.source) == (configured, "3.5.0", "the settings")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (prometheus_script("2.31.2+ds1"), "is version 2.31.2, and 2.42.0 or newer is needed"),
        ("#!/bin/sh\necho a game of fire\n", "is not a Prometheus server"),
        ("", "is not a Prometheus server|does not start"),
    ],
)
def test_a_configured_one_that_cannot_be_used_is_not_passed_over(tmp_path: Path, script: str, reason: str) -> None:
    configured = write_program(tmp_path / "prom", script)
    with pytest.raises(SettingsError) as refused:
        find_prometheus(tmp_path / "cache", path="", configured=configured)
    assert re.search(reason, refused.value.message)
    assert "config.toml" in refused.value.next_step


def test_a_configured_one_that_is_not_there_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not start"):
        find_prometheus(tmp_path / "cache", path="", configured=tmp_path / "gone")


def test_path_comes_before_the_cache(tmp_path: Path) -> None:
    on_path = write_program(tmp_path / "bin" / "prometheus", prometheus_script("2.42.0+ds"))
    write_program(tmp_path / "cache" / "programs" / "prometheus-2.54.0" / "prometheus", prometheus_script("2.54.0"))
    found = find_prometheus(tmp_path / "cache", path=str(tmp_path / "bin"))
    assert found is not None
    assert (found.program, found.version, found.tool, found.source) == (on_path, "2.42.0", None, "PATH")


def test_promtool_is_taken_from_beside_it_or_from_path(tmp_path: Path) -> None:
    write_program(tmp_path / "bin" / "prometheus", prometheus_script("2.53.3"))
    elsewhere = write_program(tmp_path / "tools" / "promtool", "#!/bin/sh\n")
    path = f"{tmp_path / 'bin'}:{tmp_path / 'tools'}"
    found = find_prometheus(tmp_path, path=path)
    assert found is not None
    assert found.tool == elsewhere
    beside = write_program(tmp_path / "bin" / "promtool", "#!/bin/sh\n")
    found = find_prometheus(tmp_path, path=path)
    assert found is not None
    assert found.tool == beside


def test_one_too_old_on_path_gives_way_to_the_cache(tmp_path: Path) -> None:
    write_program(tmp_path / "bin" / "prometheus", prometheus_script("2.24.1"))
    cached = write_program(
        tmp_path / "cache" / "programs" / "prometheus-2.54.0" / "prometheus", prometheus_script("2.54.0")
    )
    found = find_prometheus(tmp_path / "cache", path=str(tmp_path / "bin"))
    assert found is not None
    assert (found.program, found.source) == (cached, "the cache")


def test_finding_downloads_and_writes_nothing(tmp_path: Path) -> None:
    assert find_prometheus(tmp_path / "cache", path="") is None
    assert not (tmp_path / "cache").exists()


def test_a_refusal_says_what_was_tried_and_what_to_do(tmp_path: Path) -> None:
    write_program(tmp_path / "bin" / "prometheus", prometheus_script("2.24.1"))
    write_program(tmp_path / "cache" / "programs" / "prometheus-9.0.0" / "prometheus", "#!/bin/sh\nexit 1\n")
    with pytest.raises(MissingError) as missing:
        ensure_prometheus(
            tmp_path / "cache", path=str(tmp_path / "bin"), say=ignore, sources=PACKAGES, platform="test-cpu"
        )
    tried = missing.value.message.splitlines()[1:]
    assert [line.split(":")[0] for line in tried] == [
        "- PATH",
        "- the cache",
        "- the release archive",
        "- the system's package archive",
    ]
    assert "2.24.1" in tried[0]
    assert "no apt-get" in tried[3]
    assert "sudo apt-get install prometheus" in missing.value.next_step
    assert "config.toml" in missing.value.next_step


def test_a_second_process_waits_for_the_first(tmp_path: Path) -> None:
    """While another process holds the lock, asking waits; once that has put the program there, it is found."""
    holder = (
        "import fcntl, sys, pathlib\n"
        "folder = pathlib.Path(sys.argv[1]); folder.mkdir(parents=True)\n"
        "lock = (folder / '.lock').open('w'); fcntl.flock(lock, fcntl.LOCK_EX); print('held', flush=True)\n"
        "sys.stdin.readline()\n"
        "program = folder / 'prometheus-2.54.0' / 'prometheus'; program.parent.mkdir()\n"
        "program.write_text(sys.argv[2]); program.chmod(0o755)\n"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path / "programs"), prometheus_script("2.54.0")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout is not None
    assert first.stdin is not None
    assert first.stdout.readline() == "held\n"
    said: list[str] = []
    stdin = first.stdin

    def say(line: str) -> None:
        said.append(line)
        stdin.write("go\n")
        stdin.flush()

    with first:
        found = ensure_prometheus(tmp_path, path="", say=say, sources=NOWHERE, platform="test-cpu")
    assert found.source == "the cache"
    assert said == ["Prometheus: another process is fetching it; waiting for that"]


def test_every_pin_is_a_checksum_of_the_one_release() -> None:
    assert set(DEFAULT.archives) == set(SHA256)
    for name, archive in DEFAULT.archives.items():
        assert re.fullmatch(r"[0-9a-f]{64}", archive.sha256)
        assert archive.url.endswith(f"/v{archive.version}/prometheus-{archive.version}.{name}.tar.gz")
    assert len({archive.sha256 for archive in DEFAULT.archives.values()}) == len(DEFAULT.archives)


def test_this_platform_is_named_as_the_releases_are() -> None:
    assert re.fullmatch(r"[a-z]+-[a-z0-9_]+", platform_name())


def fake_apt(folder: Path, *, uri: str, update: str = "true", system_lists_know: bool = True) -> str:
    """apt-get and dpkg-deb as scripts: they take what the real ones take, and a "package" is the program's text."""
    knows = "true" if system_lists_know else 'case "$*" in *Dir::State::Lists*) true;; *) false;; esac'
    write_program(
        folder / "apt-get",
        f"""#!/bin/sh
{knows} || {{ echo "E: Unable to locate package prometheus" >&2; exit 100; }}
case "$*" in
  *--print-uris*) echo "{uri}";;
  *update) {update};;
  *"download prometheus") echo "package" > "$(echo "{uri}" | cut -d' ' -f2)";;
esac
""",
    )
    script = prometheus_script("2.45.3+ds").replace('"', '\\"').replace("\n", "\\n")
    write_program(
        folder / "dpkg-deb",
        f"""#!/bin/sh
mkdir -p "$3/usr/bin"
printf "{script}" > "$3/usr/bin/prometheus"
chmod 755 "$3/usr/bin/prometheus"
""",
    )
    return f"{folder}:{TOOLS}"


URI = "'http://deb.invalid/p/prometheus_2.45.3%2bds-2_amd64.deb' prometheus_2.45.3+ds-2_amd64.deb 12345678 SHA256:0"


def test_the_package_of_the_system_is_unpacked_not_installed(tmp_path: Path) -> None:
    said: list[str] = []
    found = ensure_prometheus(
        tmp_path / "cache", path=fake_apt(tmp_path / "bin", uri=URI), say=said.append, sources=PACKAGES, platform="none"
    )
    assert (found.version, found.source) == ("2.45.3", "the system's package archive")
    assert found.program == tmp_path / "cache" / "programs" / "prometheus-2.45.3" / "prometheus"
    assert "Prometheus 2.45.3: 12 MB from the system's package archive" in said
    assert not any("lists" in line for line in said)


def test_lists_of_our_own_are_fetched_where_the_system_has_none(tmp_path: Path) -> None:
    said: list[str] = []
    path = fake_apt(tmp_path / "bin", uri=URI, system_lists_know=False)
    found = ensure_prometheus(tmp_path / "cache", path=path, say=said.append, sources=PACKAGES, platform="none")
    assert found.version == "2.45.3"
    assert any("package lists" in line for line in said)


@pytest.mark.parametrize(
    ("uri", "update", "reason"),
    [
        (URI.replace("2.45.3", "2.31.2"), "true", "is version 2.31.2, and 2.42.0 or newer is needed"),
        ("", "true", "has no package named prometheus"),
        ("", "{ echo 'E: Failed to fetch lists' >&2; exit 100; }", "apt-get failed: Failed to fetch lists"),
    ],
)
def test_packages_that_cannot_be_used_say_why(tmp_path: Path, uri: str, update: str, reason: str) -> None:
    path = fake_apt(tmp_path / "bin", uri=uri, update=update)
    with pytest.raises(MissingError) as missing:
        ensure_prometheus(tmp_path / "cache", path=path, say=ignore, sources=PACKAGES, platform="none")
    assert reason in missing.value.message
    assert {entry.name for entry in (tmp_path / "cache" / "programs").iterdir()} == {".lock"}


@pytest.mark.live
@pytest.mark.skipif(shutil.which("apt-get") is None, reason="this system has no apt-get")
def test_the_real_package_archive_gives_a_prometheus_that_starts(tmp_path: Path) -> None:
    sources = replace(PACKAGES, limits=DEFAULT.limits)
    try:
        found = ensure_prometheus(tmp_path, path=TOOLS, say=ignore, sources=sources, platform="none")
    except MissingError as missing:
        pytest.skip(f"no package archive in reach: {missing.message}")
    assert found.tool is not None
    assert "version" in subprocess.run([found.tool, "--version"], capture_output=True, text=True).stdout
