"""A program of the stack: the one of this machine, or one fetched into the user's cache."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.cluster.programs.archive import unpack_release
from lab.cluster.programs.debian import unpack_package
from lab.cluster.programs.download import Say
from lab.cluster.programs.executable import checked_programs, version_text
from lab.cluster.programs.sources import Archive, Product, Programs, SourceFailed, Sources, platform_name
from lab.errors import MissingError, SettingsError

RELEASE = "the release archive"
PACKAGE = "the system's package archive"


@dataclass(frozen=True, slots=True)
class Search:
    """Looking for one product: `cache` need not exist, `path` is the value of PATH, `configured` what settings name."""

    product: Product
    cache: Path
    path: str
    configured: Path | None

    def find(self) -> Programs | None:
        """
        The one that is here already, without downloading: the configured one, else on PATH, else in the cache.

        Raises:
            SettingsError: the configured one cannot be used.
        """
        return self._find([])

    def ensure(self, say: Say, sources: Sources, platform: str | None = None) -> Programs:
        """
        The program, fetched into the cache where this machine has none; `platform` is this machine's where it is None.

        Processes that ask at the same time wait for the first; what a broken attempt leaves is built upon or removed.

        Raises:
            SettingsError: the configured one cannot be used.
            MissingError: none could be had; says what was tried and why it failed.
        """
        if found := self._find([]):
            return found
        self._programs.mkdir(parents=True, exist_ok=True)
        with self._alone(say):
            tried: list[str] = []
            if found := self._find(tried):
                return found
            return self._fetch(say, sources, platform or platform_name(), tried)

    @property
    def _programs(self) -> Path:
        return self.cache / "programs"

    def _checked(self, program: Path, source: str) -> Programs:
        return checked_programs(self.product, program, path=self.path, source=source)

    def _find(self, tried: list[str]) -> Programs | None:
        """The first usable one on this machine; appends to `tried` why the others are not."""
        product = self.product
        if self.configured is not None:
            try:
                return self._checked(self.configured, "the settings")
            except SourceFailed as failed:
                raise SettingsError(
                    f"The configured {product.title} cannot be used",
                    f"{failed}.",
                    f"Mend the line `{product.name} = ...` in config.toml, or remove it to have one looked for.",
                ) from failed
        on_path = [found for name in product.installed_names if (found := shutil.which(name, path=self.path))]
        if not on_path:
            tried.append(f"PATH: no program named {' or '.join(product.installed_names)}")
        candidates = [("PATH", Path(found)) for found in on_path]
        kept = sorted(self._programs.glob(f"{product.name}-*/{product.name}"), reverse=True)
        for source, program in (*candidates, *(("the cache", one) for one in kept)):
            try:
                return self._checked(program, source)
            except SourceFailed as failed:
                tried.append(f"{source}: {failed}")
        return None

    def _fetch(self, say: Say, sources: Sources, platform: str, tried: list[str]) -> Programs:
        """Asks each source in turn."""
        archive = sources.archives.get(platform)
        if archive is None:
            tried.append(f"{RELEASE}: no checksum is known for {platform}")
        elif found := self._installed(say, sources, archive, tried):
            return found
        if sources.packages and (found := self._installed(say, sources, None, tried)):
            return found
        product = self.product
        raise MissingError(
            f"{product.title} is missing",
            f"The stack needs {product.title}, and none could be had.\n" + "\n".join(f"- {line}" for line in tried),
            f"Install {product.title} {version_text(product.oldest[:2])} or newer so that it is on PATH "
            f"({product.install}), or name the program in config.toml: "
            f'{product.name} = "/path/to/{product.name}". Then try again.',
        )

    def _installed(self, say: Say, sources: Sources, archive: Archive | None, tried: list[str]) -> Programs | None:
        """
        Unpacks the archive, or the system's package for None, tries the program, and renames its folder into place.

        A source that fails adds its reason to `tried` and leaves nothing but a partial download to go on from.
        """
        product, programs = self.product, self._programs
        source = PACKAGE if archive is None else RELEASE
        with tempfile.TemporaryDirectory(prefix=".new-", dir=programs) as temporary:
            fresh, scratch = Path(temporary) / "programs", Path(temporary) / "scratch"
            fresh.mkdir()
            scratch.mkdir()
            try:
                if archive is None:
                    unpack_package(product, fresh, work=scratch, path=self.path, say=say, limits=sources.limits)
                else:
                    downloads = programs / "downloads"
                    unpack_release(product, archive, fresh, downloads=downloads, say=say, limits=sources.limits)
                version = self._checked(fresh / product.name, source).version
                place = programs / f"{product.name}-{version}"
                shutil.rmtree(place, ignore_errors=True)
                fresh.rename(place)
                installed = self._checked(place / product.name, source)
            except (SourceFailed, OSError) as failed:
                tried.append(f"{source}: {failed}")
                say(f"{product.title}: not from {source}: {failed}")
                return None
        say(f"{product.title} {installed.version} is in {place}")
        return installed

    @contextmanager
    def _alone(self, say: Say) -> Iterator[None]:
        """Holds the lock on the folder of fetched programs; it ends with the process at the latest."""
        with (self._programs / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"{self.product.title}: another process is fetching it; waiting for that")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
