"""The program `kind`, run with argument lists; the user's own kubeconfig is never in reach of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lab.errors import ClusterError, ClusterTimeout, MissingError

OLDEST = (0, 20)
CREATE_SECONDS = 300
LOAD_SECONDS = 300
SHORT_SECONDS = 60
TAIL_LINES = 15
INSTALL = "Install kind 0.20 or newer (kind.sigs.k8s.io/docs/user/quick-start), then see that `kind version` works."

_VERSION = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")
_STEP = re.compile(r"^[•✓✗]?\s*•\s+(.*?)\s*\.\.\.")


def parse_version(text: str) -> tuple[int, ...] | None:
    """The first version in a program's answer, such as `kind v0.29.0 go1.24`; None where there is none."""
    found = _VERSION.search(text)
    return tuple(int(part) for part in found.groups(default="0")) if found else None


def show_version(version: Sequence[int]) -> str:
    """`0.29.0`"""
    return ".".join(str(part) for part in version)


class KindTool:
    """
    Commands of one kind cluster; `scratch` is a kubeconfig that kind may write and clean as it likes.

    `lock` is the descriptor of a lock that kind holds with us: where we are killed while it makes or deletes the
    cluster, the next one who wants to do so waits until it is done, and finds what it left at rest.
    """

    def __init__(self, cluster: str, scratch: Path, environ: Mapping[str, str]) -> None:
        self.cluster = cluster
        self.lock: int | None = None
        self._scratch = scratch
        self._environ = {**environ, "KIND_EXPERIMENTAL_PROVIDER": "docker", "KUBECONFIG": str(scratch)}

    def version(self) -> tuple[int, ...]:
        """
        The version that is installed.

        Raises:
            MissingError: there is none, or one too old.
        """
        program = shutil.which("kind", path=self._environ.get("PATH", ""))
        if program is None:
            raise MissingError("kind is missing", "there is no program `kind` on PATH.", INSTALL)
        text = self._run(("version",), SHORT_SECONDS)
        found = parse_version(text)
        if found is None or found < OLDEST:
            raise MissingError("kind is too old", f"{program} says {text.strip()!r}.", INSTALL)
        return found

    def create(self, config: Path, image: str | None, say: Callable[[str], None]) -> None:
        """
        Create the cluster and wait until its node is ready; kind takes back what a failure left.

        Raises:
            ClusterTimeout: it did not come up; the message carries the last lines of kind.
        """
        argv = ["create", "cluster", "--name", self.cluster, "--config", str(config)]
        argv += ["--kubeconfig", str(self._scratch), "--wait", "120s", *(("--image", image) if image else ())]
        self._tell(argv, say)

    def delete(self) -> None:
        """Delete the cluster with its containers and volumes; one that is not there is fine."""
        self._run(("delete", "cluster", "--name", self.cluster, "--kubeconfig", str(self._scratch)), CREATE_SECONDS)

    def kubeconfig(self) -> str:
        """The credentials of the cluster's administrator, as YAML; raises ClusterError where it has none yet."""
        return self._run(("get", "kubeconfig", "--name", self.cluster), SHORT_SECONDS)

    def load_archive(self, archive: Path) -> None:
        """Put the images of one archive into every node."""
        self._run(("load", "image-archive", str(archive), "--name", self.cluster), LOAD_SECONDS)

    def _run(self, arguments: Sequence[str], seconds: float) -> str:
        argv = ["kind", *arguments]
        try:
            done = subprocess.run(
                argv,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
                encoding="utf-8",
                pass_fds=self._inherited,
            )
        except FileNotFoundError as error:
            raise MissingError("kind is missing", "there is no program `kind` on PATH.", INSTALL) from error
        except subprocess.TimeoutExpired as error:
            raise ClusterTimeout(
                "kind did not finish",
                f"`{' '.join(argv)}` took longer than {seconds:.0f} s.",
                "See with `docker ps` whether Docker is well, then repeat.",
            ) from error
        if done.returncode:
            raise ClusterError("kind failed", f"`{' '.join(argv)}`:\n{_tail(done.stderr)}", "Mend it, then repeat.")
        return done.stdout

    @property
    def _inherited(self) -> tuple[int, ...]:
        return () if self.lock is None else (self.lock,)

    def _tell(self, arguments: Sequence[str], say: Callable[[str], None]) -> None:
        """Run with every step of kind said as it begins."""
        lines: list[str] = []
        try:
            with subprocess.Popen(
                ["kind", *arguments],
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                pass_fds=self._inherited,
            ) as running:
                try:
                    for line in running.stderr or ():
                        lines.append(line.rstrip())
                        if step := _STEP.match(line.strip()):
                            say(f"kind: {_plain(step[1])}")
                    code = running.wait()
                except BaseException:
                    running.kill()
                    raise
        except FileNotFoundError as error:
            raise MissingError("kind is missing", "there is no program `kind` on PATH.", INSTALL) from error
        if code:
            raise ClusterTimeout(
                "The kind cluster did not start",
                f"the end of what kind said:\n{_tail(chr(10).join(lines))}",
                "See `lab doctor --on kind`, free memory or disk if it says so, then repeat.",
            )


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-TAIL_LINES:])


def _plain(text: str) -> str:
    """kind's words without its pictures."""
    return " ".join(text.encode("ascii", "ignore").decode().split())
