"""
Where the lab keeps what: the user's folders, the folders of one lab, and the content that the product brings along.

Environment, home and working folder are arguments; nothing here creates a folder.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.errors import MissingError, SettingsError

FOLDER = "mlops-lab"
PACKAGE = Path(__file__).parent

LAB_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")
"""Names of labs: at most 30 characters that are safe in folder names and as part of a Kubernetes name."""


@dataclass(frozen=True, slots=True)
class Places:
    """The four folders of a user; none of them need exist."""

    data: Path
    """Progress, evidence bundles, portfolio: what a person would miss."""
    state: Path
    """What running and stopped labs remember, and the log."""
    config: Path
    cache: Path
    """What can be fetched or made again: programs, prepared data."""

    @property
    def bundles(self) -> Path:
        return self.data / "bundles"

    @property
    def labs(self) -> Path:
        """One folder per lab."""
        return self.state / "labs"

    @property
    def log(self) -> Path:
        return self.state / "lab.log"

    @property
    def settings_file(self) -> Path:
        return self.config / "config.toml"


@dataclass(frozen=True, slots=True)
class LabPlaces:
    """The files of one lab, all below its own state folder."""

    name: str
    directory: Path

    @property
    def cluster(self) -> Path:
        """What the embedded cluster's daemon keeps: lock, journal, certificates, pods."""
        return self.directory / "cluster"

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    @property
    def platform_repo(self) -> Path:
        """The git repository with the manifests and runbooks of this lab."""
        return self.directory / "platform"

    @property
    def runs(self) -> Path:
        """One folder per run: its journal while it goes on."""
        return self.directory / "runs"


def places(environ: Mapping[str, str], home: Path) -> Places:
    """
    The user's folders by the XDG base directory rules, or the four below `LAB_HOME` where that is set.

    Raises:
        SettingsError: `LAB_HOME` is not an absolute path.
    """
    lab_home = environ.get("LAB_HOME", "")
    if lab_home:
        root = Path(lab_home)
        if not root.is_absolute():
            raise SettingsError(
                "LAB_HOME is not an absolute path",
                f"LAB_HOME is {lab_home!r}, which would mean another folder in every working folder.",
                "Set LAB_HOME to a path that starts with /, or unset it.",
            )
        return Places(data=root / "data", state=root / "state", config=root / "config", cache=root / "cache")
    return Places(
        data=_base(environ, "XDG_DATA_HOME", home / ".local" / "share") / FOLDER,
        state=_base(environ, "XDG_STATE_HOME", home / ".local" / "state") / FOLDER,
        config=_base(environ, "XDG_CONFIG_HOME", home / ".config") / FOLDER,
        cache=_base(environ, "XDG_CACHE_HOME", home / ".cache") / FOLDER,
    )


def _base(environ: Mapping[str, str], variable: str, default: Path) -> Path:
    """The folder a variable names; the XDG rules say that a relative one is to be ignored."""
    named = Path(environ.get(variable, ""))
    return named if named.is_absolute() else default


def lab_name(cwd: Path, explicit: str | None = None) -> str:
    """
    The name of the lab that belongs to a working folder: the one asked for, else a stable short hash of the folder.

    Raises:
        SettingsError: the name asked for cannot be a lab's name.
    """
    if explicit is None:
        return f"lab-{hashlib.sha256(str(cwd.resolve()).encode()).hexdigest()[:8]}"
    if not LAB_NAME.fullmatch(explicit):
        raise SettingsError(
            "Not a name for a lab",
            f"{explicit!r} cannot name a lab.",
            "Use 1 to 30 of a-z, 0-9 and -, with a letter or digit first and last, such as team-blue.",
        )
    return explicit


def lab_places(user: Places, name: str) -> LabPlaces:
    """The folders of the lab of that name."""
    return LabPlaces(name=name, directory=user.labs / name)


def content_root(package: Path = PACKAGE) -> Path:
    """
    The folder with `scenarios/` and `curriculum/`: inside an installed `lab` package, beside it in a checkout.

    Raises:
        MissingError: neither is there; the installation is broken.
    """
    candidates = (package / "_bundled", package.parent)
    for folder in candidates:
        if (folder / "scenarios").is_dir():
            return folder
    raise MissingError(
        "The lab's content is missing",
        f"No folder named scenarios in {' or '.join(str(folder) for folder in candidates)}.",
        "Install mlops-lab again; in a checkout, restore the folder with git.",
    )


def scenarios_root(package: Path = PACKAGE) -> Path:
    """The folder with one folder per scenario. Raises MissingError as `content_root` does."""
    return content_root(package) / "scenarios"


def curriculum_root(package: Path = PACKAGE) -> Path:
    """The folder with one folder per stage. Raises MissingError as `content_root` does."""
    return content_root(package) / "curriculum"


def stack_root(package: Path = PACKAGE) -> Path:
    """
    The folder of the `stack` package, found without importing it: beside `lab`, else wherever Python finds it.

    Raises:
        MissingError: there is no such package; the installation is broken.
    """
    beside = package.parent / "stack"
    if (beside / "__init__.py").is_file():
        return beside
    found = importlib.util.find_spec("stack")
    if found is None or not found.submodule_search_locations:
        raise MissingError(
            "The stack's files are missing",
            "The package `stack`, which holds what runs in the cluster, is not installed beside `lab`.",
            "Install mlops-lab again.",
        )
    return Path(found.submodule_search_locations[0])
