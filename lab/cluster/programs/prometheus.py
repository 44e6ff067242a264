"""Prometheus for the stack: the one of this machine, or one fetched into the user's cache."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.cluster.programs.archive import unpack_release
from lab.cluster.programs.debian import unpack_package
from lab.cluster.programs.download import Say
from lab.cluster.programs.executable import checked_programs, version_text
from lab.cluster.programs.sources import DEFAULT, OLDEST, Programs, SourceFailed, Sources, platform_name
from lab.errors import MissingError, SettingsError

_FETCHED = "prometheus-*"
RELEASE = "the release archive"
PACKAGE = "the system's package archive"


def find_prometheus(cache: Path, *, path: str, configured: Path | None = None) -> Programs | None:
    """
    The Prometheus that is here already, without downloading: the configured one, else on `path`, else in `cache`.

    Args:
        cache: the user's cache folder; need not exist.
        path: the value of PATH to search.
        configured: the program that the settings name.

    Raises:
        SettingsError: the configured one cannot be used.
    """
    return _find(cache, path, configured, [])


def ensure_prometheus(
    cache: Path,
    *,
    path: str,
    say: Callable[[str], None],
    sources: Sources = DEFAULT,
    configured: Path | None = None,
    platform: str | None = None,
) -> Programs:
    """
    Prometheus, fetched into `cache` where this machine has none: from the release archive, else the system's packages.

    Processes that ask at the same time wait for the first; what a broken attempt leaves is built upon or removed. `say`
    hears of progress in sentences. `platform` is this machine's where it is None.

    Raises:
        SettingsError: the configured one cannot be used.
        MissingError: none could be had; says what was tried and why it failed.
    """
    if found := _find(cache, path, configured, []):
        return found
    programs = cache / "programs"
    programs.mkdir(parents=True, exist_ok=True)
    with _alone(programs, say):
        tried: list[str] = []
        if found := _find(cache, path, configured, tried):
            return found
        return _fetch(programs, path, say, sources, platform or platform_name(), tried)


def _find(cache: Path, path: str, configured: Path | None, tried: list[str]) -> Programs | None:
    """The first usable one on this machine; appends to `tried` why the others are not."""
    if configured is not None:
        try:
            return checked_programs(configured, path=path, source="the settings")
        except SourceFailed as failed:
            raise SettingsError(
                "The configured Prometheus cannot be used",
                f"{failed}.",
                "Mend the line `prometheus = ...` in config.toml, or remove it to have one looked for.",
            ) from failed
    on_path = shutil.which("prometheus", path=path)
    if on_path is None:
        tried.append("PATH: no program named prometheus")
    else:
        try:
            return checked_programs(Path(on_path), path=path, source="PATH")
        except SourceFailed as failed:
            tried.append(f"PATH: {failed}")
    for program in sorted((cache / "programs").glob(f"{_FETCHED}/prometheus"), reverse=True):
        try:
            return checked_programs(program, path=path, source="the cache")
        except SourceFailed as failed:
            tried.append(f"the cache: {failed}")
    return None


def _fetch(programs: Path, path: str, say: Say, sources: Sources, platform: str, tried: list[str]) -> Programs:
    """Asks each source in turn."""
    archive = sources.archives.get(platform)
    if archive is None:
        tried.append(f"{RELEASE}: no checksum is known for {platform}")
    else:

        def from_release(folder: Path, scratch: Path) -> None:
            unpack_release(archive, folder, downloads=programs / "downloads", say=say, limits=sources.limits)

        if found := _installed(programs, path, say, from_release, RELEASE, tried):
            return found
    if sources.packages:

        def from_package(folder: Path, scratch: Path) -> None:
            unpack_package(folder, work=scratch, path=path, say=say, limits=sources.limits)

        if found := _installed(programs, path, say, from_package, PACKAGE, tried):
            return found
    raise MissingError(
        "Prometheus is missing",
        "The stack needs Prometheus, and none could be had.\n" + "\n".join(f"- {line}" for line in tried),
        f"Install Prometheus {version_text(OLDEST[:2])} or newer so that it is on PATH "
        "(Debian, Ubuntu: sudo apt-get install prometheus; macOS: brew install prometheus), "
        'or name the program in config.toml: prometheus = "/path/to/prometheus". Then try again.',
    )


def _installed(
    programs: Path, path: str, say: Say, unpack: Callable[[Path, Path], None], source: str, tried: list[str]
) -> Programs | None:
    """
    Unpacks into a temporary folder, tries the program there, and renames the folder into its place.

    A source that fails adds its reason to `tried` and leaves nothing but a partial download to go on from.
    """
    with tempfile.TemporaryDirectory(prefix=".new-", dir=programs) as temporary:
        fresh, scratch = Path(temporary) / "programs", Path(temporary) / "scratch"
        fresh.mkdir()
        scratch.mkdir()
        try:
            unpack(fresh, scratch)
            version = checked_programs(fresh / "prometheus", path=path, source=source).version
            place = programs / f"prometheus-{version}"
            shutil.rmtree(place, ignore_errors=True)
            fresh.rename(place)
            installed = checked_programs(place / "prometheus", path=path, source=source)
        except (SourceFailed, OSError) as failed:
            tried.append(f"{source}: {failed}")
            say(f"Prometheus: not from {source}: {failed}")
            return None
    say(f"Prometheus {installed.version} is in {place}")
    return installed


@contextmanager
def _alone(programs: Path, say: Say) -> Iterator[None]:
    """Holds the lock on the folder of fetched programs; it ends with the process at the latest."""
    with (programs / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Prometheus: another process is fetching it; waiting for that")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
