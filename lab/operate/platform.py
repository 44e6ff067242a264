"""The platform repo of a lab: manifests, rules and runbooks in git, committed to by teammates and learners."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab.cluster.client import Object
from lab.errors import LabError, MissingError

TEAM: Mapping[str, str] = {
    "priya": "Priya Raman",
    "tom": "Tom Okafor",
    "mei": "Mei Lindqvist",
    "jonas": "Jonas Baptiste",
    "sara": "Sara Haddad",
    "platform": "Platform Team",
}
"""First names that scenarios use, to full names as git shows them."""

_FOLDERS = (
    "manifests", "options", "rules", "prometheus", "alertmanager", "gateway", "billing", "contracts", "runbooks",
)  # fmt: skip
_CONFIG_MAPS = (
    ("prometheus-config", "prometheus", "prometheus"),
    ("prometheus-rules", "prometheus", "rules"),
    ("alertmanager-config", "alertmanager", "alertmanager"),
    ("gateway-routes", "gateway", "gateway"),
    ("billing-prices", "billing", "billing"),
    ("feature-contracts", "gateway", "contracts"),
)
"""ConfigMaps that are made from folders: name, component, folder."""
_FIELD, _RECORD = "\x1f", "\x1e"
_OUR_IMAGE = re.compile(r"(\bimage:\s*[\"']?)mlops-lab/")
_NOT_PULLED = re.compile(r"^[ ]*imagePullPolicy:[ ]*Never[ ]*\n", re.MULTILINE)
"""How the manifests keep nodes from asking a public registry for images that only the lab builds."""
_SEPARATE_DAYS = (9, 2)
"""Ages in days of the two commits a repo starts with."""


class PlatformError(LabError):
    """Git or a manifest of the platform repo refused."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit, newest first in lists."""

    sha: str
    at: float
    author: str
    subject: str

    @property
    def short(self) -> str:
        """Seven characters, as people quote it."""
        return self.sha[:7]


class PlatformRepo:
    """A git working tree at a folder; identity local to it, hooks and signing off."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self._environ = {key: value for key, value in environ.items() if not key.startswith("GIT_")}

    def create(self, source: Path, now: float, *, images: str = "") -> None:
        """
        Start the repo from `stack/platform`: a commit with the earlier good tags, then one with today's.

        `images` is the registry and path that images of ours are pulled from; the manifests then name it and let nodes
        pull, so that whatever applies them, and whoever reads them, sees what runs.
        """
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True)
        for name in _FOLDERS:
            if (source / name).is_dir():
                shutil.copytree(source / name, self.folder / name, ignore=shutil.ignore_patterns("tests"))
        self._name_registry(images)
        self._git("init", "--quiet", "--initial-branch=main")
        for key, value in (
            ("user.name", "You"), ("user.email", "you@flights.example"), ("commit.gpgsign", "false"),
            ("core.hooksPath", "/dev/null"), ("core.autocrlf", "false"), ("advice.detachedHead", "false"),
        ):  # fmt: skip
            self._git("config", key, value)
        current = {name: self.tag(name) for name in self.components()}
        for name, tag in previous_tags(source).items():
            self.set_tag(name, tag)
        oldest, newest = (now - days * 86400 for days in _SEPARATE_DAYS)
        self.commit("Flight risk platform as it stands", by="platform", at=oldest)
        for name, tag in current.items():
            self.set_tag(name, tag)
        self.commit("Roll out this month's releases", by="platform", at=newest)

    def _name_registry(self, images: str) -> None:
        for path in (*(self.folder / "manifests").glob("*.yaml"), *(self.folder / "options").glob("*.yaml")):
            if images:
                text = _OUR_IMAGE.sub(rf"\1{images}/mlops-lab/", path.read_text())
                path.write_text(_NOT_PULLED.sub("", text))

    def exists(self) -> bool:
        """Whether there is a repository here."""
        return (self.folder / ".git").is_dir()

    def restore(self, template: Path) -> None:
        """Put the repo back as it was by copy."""
        if self.folder.exists():
            shutil.rmtree(self.folder)
        shutil.copytree(template, self.folder, symlinks=True)

    def components(self) -> tuple[str, ...]:
        """Components of ours that have a Deployment with an image of ours, in order of file name."""
        return tuple(
            str(item["metadata"]["name"])
            for item in self._manifest_objects()
            if item["kind"] == "Deployment" and "/mlops-lab/" in f"/{_image(item)}"
        )

    def tag(self, component: str) -> str:
        """Image tag of a component as committed in the working tree."""
        for item in self._manifest_objects():
            if item["kind"] == "Deployment" and item["metadata"]["name"] == component:
                return _image(item).rpartition(":")[2]
        raise PlatformError(
            "No such component", f"no Deployment {component!r} in {self.folder}/manifests.", "Look there."
        )

    def tag_before(self, component: str, sha: str) -> str:
        """Image tag of a component right before a commit."""
        path = self.manifest_of(component).relative_to(self.folder)
        text = self._git("show", f"{sha}~1:{path}")
        match = re.search(rf"mlops-lab/{re.escape(component)}:(\S+)", text)
        return match.group(1) if match else self.tag(component)

    def set_tag(self, component: str, tag: str) -> str:
        """Write another image tag into the manifest and return the earlier one; the rest of the file stays as it is."""
        before = self.tag(component)
        old, new = f"mlops-lab/{component}:{before}", f"mlops-lab/{component}:{tag}"
        path = self.manifest_of(component)
        path.write_text(path.read_text().replace(old, new))
        return before

    def amend_replicas(self, replicas: Mapping[str, int]) -> None:
        """Write replicas of components (by name) into their manifests, as part of the newest commit."""
        for component, count in replicas.items():
            path = self.manifest_of(component)
            path.write_text(_with_replicas(path.read_text(), component, count))
        if replicas:
            identity = {key: value.strip() for key, value in self._committer_of_head().items()}
            self._git("commit", "--quiet", "--amend", "--no-edit", "--all", env=identity)

    def _committer_of_head(self) -> dict[str, str]:
        """The environment that commits again as whoever made HEAD, at the same time."""
        form = {"NAME": "%cn", "EMAIL": "%ce", "DATE": "%cI"}
        return {f"GIT_COMMITTER_{key}": self._git("log", "-1", f"--format={text}") for key, text in form.items()}

    def manifest_of(self, component: str) -> Path:
        """The file with the component's Deployment."""
        for path in sorted((self.folder / "manifests").glob("*.yaml")):
            if f"mlops-lab/{component}:" in path.read_text():
                return path
        raise PlatformError("No such component", f"no manifest of {component!r} in {self.folder}.", "Look there.")

    def commit(self, message: str, *, by: str, only: Path | Sequence[Path] = (), at: float | None = None) -> str:
        """Commit everything, or some files, as a teammate and return the full hash; nothing to commit is an error."""
        name = TEAM.get(by, by.capitalize())
        identity = {"NAME": name, "EMAIL": f"{by}@flights.example"} | (
            {} if at is None else {"DATE": f"{int(at)} +0000"}
        )
        env = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in identity.items()}
        files = (only,) if isinstance(only, Path) else tuple(only)
        paths = ("--", *map(str, files)) if files else ()
        self._git("add", "--all", *paths)
        self._git("commit", "--quiet", "--message", message, *paths, env=env)
        return self.head()

    def differs(self, files: Sequence[Path]) -> bool:
        """Whether committing these files would change anything."""
        return bool(self._git("status", "--porcelain", "--", *map(str, files)).strip())

    def revert(self, sha: str) -> str:
        """`git revert` that commit, and return the hash of the new one."""
        try:
            self._git("revert", "--no-edit", sha)
        except PlatformError:
            self._try("revert", "--abort")
            raise
        return self.head()

    def head(self) -> str:
        """Full hash of HEAD."""
        return self._git("rev-parse", "HEAD").strip()

    def log(self, limit: int = 20) -> tuple[Commit, ...]:
        """The newest commits reachable from HEAD, newest first."""
        form = _FIELD.join(("%H", "%ct", "%an", "%s")) + _RECORD
        out = self._git("log", f"--max-count={limit}", f"--format={form}")
        rows = [row.strip("\n").split(_FIELD) for row in out.split(_RECORD) if row.strip()]
        return tuple(Commit(sha, float(at), author, subject) for sha, at, author, subject in rows)

    def show(self, sha: str) -> str:
        """A commit with its diff."""
        return self._git("show", "--no-color", "--stat", "--patch", sha)

    def contains(self, sha: str) -> bool:
        """Whether the commit is reachable from HEAD with the same hash."""
        return self._try("merge-base", "--is-ancestor", sha, "HEAD")

    def objects(self, below: str = ".") -> tuple[Object, ...]:
        """
        What applying the repo would apply, in order: everything else first, Deployments last.

        `below` is a file or folder of the repo, or `.` for all; the ConfigMaps of Prometheus, Alertmanager, gateway,
        billing and the contracts are made from their folders as kustomize's configMapGenerator would. What lies in
        `options/` is applied by nobody.
        """
        target = (self.folder / below).resolve()
        if not target.is_relative_to(self.folder.resolve()) or not target.exists():
            raise PlatformError("No such path", f"{below!r} is not in the platform repo.", f"Look in {self.folder}.")
        found = self._manifest_objects(target)
        for name, component, folder in _CONFIG_MAPS:
            source = (self.folder / folder).resolve()
            if source.is_dir() and (source.is_relative_to(target) or target.is_relative_to(source)):
                found.append(_config_map(name, component, source))
        return tuple(sorted(found, key=lambda item: item["kind"] == "Deployment"))

    def _manifest_objects(self, below: Path | None = None) -> list[Object]:
        folder = (self.folder / "manifests").resolve()
        objects: list[Object] = []
        for path in sorted(folder.glob("*.yaml")):
            if below is not None and not (path.is_relative_to(below) or below.is_relative_to(path)):
                continue
            try:
                objects.extend(item for item in yaml.safe_load_all(path.read_text()) if item)
            except yaml.YAMLError as error:
                raise PlatformError(
                    "Broken manifest", f"{path.name}: {error}", "Mend the file, then apply again."
                ) from error
        return objects

    def _try(self, *args: str) -> bool:
        try:
            self._git(*args)
        except PlatformError:
            return False
        return True

    def _git(self, *args: str, env: Mapping[str, str] | None = None) -> str:
        quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "LC_ALL": "C"}
        clean = {**self._environ, **quiet, **(env or {})}
        try:
            done = subprocess.run(
                ["git", "-C", str(self.folder), *args],
                env=clean,
                capture_output=True,
                text=True,
                check=False,
                timeout=30,
            )
        except FileNotFoundError as error:
            raise MissingError("git is missing", "the platform repo needs git.", "Install git, then repeat.") from error
        if done.returncode:
            reason = done.stderr.strip() or done.stdout.strip()
            raise PlatformError("git refused", f"git {args[0]}: {reason}", f"Look at it in {self.folder}.")
        return done.stdout


def previous_tags(source: Path) -> dict[str, str]:
    """Component to its earlier good tag, from `previous.yaml` of `stack/platform`."""
    tags: dict[str, str] = yaml.safe_load((source / "previous.yaml").read_text())
    return {str(name): str(tag) for name, tag in tags.items()}


def _with_replicas(text: str, component: str, count: int) -> str:
    """A file of manifests with other replicas in the Deployment of a component; the rest stays as it is."""
    documents = re.split(r"(?m)^(?=---$)", text)
    for index, document in enumerate(documents):
        item = yaml.safe_load(document.removeprefix("---")) or {}
        if item.get("kind") == "Deployment" and item["metadata"]["name"] == component:
            documents[index] = re.sub(r"(?m)^  replicas: \d+$", f"  replicas: {count}", document, count=1)
    return "".join(documents)


def _image(deployment: Object) -> str:
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def _config_map(name: str, component: str, folder: Path) -> Object:
    data = {path.name: path.read_text() for path in sorted(folder.iterdir()) if path.is_file()}
    labels = {"app.kubernetes.io/name": component, "app.kubernetes.io/part-of": "flight-risk"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": data}
