"""Brings up and takes down the embedded cluster of one lab."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import lab
from lab.cluster.embedded import ports
from lab.cluster.embedded.caller import Caller
from lab.cluster.embedded.daemon_record import DaemonRecord, remove_record
from lab.cluster.embedded.images import LocalImage, write_catalogue
from lab.cluster.embedded.kubeconfig import write_kubeconfig
from lab.cluster.embedded.options import ClusterOptions, write_options
from lab.cluster.embedded.processes import (
    end_everything,
    lock_is_free,
    members,
    note_spawned,
    running_daemon,
)
from lab.cluster.processes import has_ended, spawn_detached, wait_until
from lab.cluster.provision import ClusterAddress, Finding, ImageSpec
from lab.errors import ClusterTimeout, ClusterUnavailable, MissingError, NotFound

START_SECONDS = 30.0
LOG_LINES = 15
OLDEST_PYTHON = (3, 11)
PROGRAM_IMAGES = {"prom/prometheus:v2.53.3": "prometheus", "prom/alertmanager:v0.28.1": "alertmanager"}
"""Images of others to the program that stands for each."""
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class EmbeddedProvisioner:
    """The embedded cluster of one lab: a daemon of ours, its state below `state_dir`.

    `stack_root` is the folder of the package `stack`, `python` the interpreter that runs its components, and
    `program_dirs` are searched first for programs such as `prometheus`. `options` hold from the next start on.
    """

    engine = "embedded"

    def __init__(
        self,
        state_dir: Path,
        namespace: str,
        *,
        stack_root: Path,
        python: str,
        program_dirs: Sequence[Path],
        kubeconfig: Path | None = None,
        environ: Mapping[str, str] | None = None,
        options: ClusterOptions | None = None,
    ) -> None:
        self._state_dir = state_dir
        self._namespace = namespace
        self._stack_root = stack_root
        self._python = python
        self._program_dirs = tuple(program_dirs)
        self._kubeconfig = kubeconfig or state_dir / "kubeconfig"
        self._environ = environ
        self._options = options or ClusterOptions()

    def preflight(self) -> tuple[Finding, ...]:
        """What this engine needs of the machine; starts and changes nothing."""
        version = ".".join(str(part) for part in sys.version_info[:3])
        recent = sys.version_info[:2] >= OLDEST_PYTHON
        posix = os.name == "posix"
        wanted = ".".join(str(part) for part in OLDEST_PYTHON)
        stack = (self._stack_root / "__init__.py").exists()
        return (
            Finding("python", recent, version, "" if recent else f"Install Python {wanted} or newer."),
            Finding("system", posix, sys.platform, "" if posix else "Use Linux, macOS, or WSL on Windows."),
            Finding(
                "stack",
                stack,
                str(self._stack_root) if stack else "not found",
                "" if stack else "Install the product again: the folder `stack` is missing.",
            ),
        )

    def up(self, say: Callable[[str], None]) -> ClusterAddress:
        """Start or re-use the cluster; see `Provisioner.up`.

        Raises:
            MissingError: this system cannot run it.
            ClusterTimeout: it did not answer in time; the message carries the last lines of its log.
        """
        if os.name != "posix":
            raise MissingError(
                "The embedded cluster cannot run here",
                "it needs Linux or macOS.",
                "Use WSL, or another engine: lab up --on kind.",
            )
        self._state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._exclusive():
            if not self.is_up():
                self._start(say)
            caller = self._caller()
            write_kubeconfig(
                self._kubeconfig,
                server=f"https://127.0.0.1:{caller.port}",
                ca_file=caller.ca_file,
                token=caller.token,
                namespace=self._namespace,
            )
            self._write_own_images()
            self._ensure_namespace(caller)
        return ClusterAddress(self.engine, self._kubeconfig, self._namespace)

    def load(self, images: Sequence[ImageSpec]) -> None:
        """Make images known to the cluster, before or after `up`."""
        write_catalogue(self._state_dir, [self._local_image(image) for image in images])

    def service_url(self, service: str) -> str:
        """The direct http address of a Service's first port.

        Raises:
            ClusterUnavailable: the cluster is not up.
            NotFound: there is no such Service.
        """
        path = f"/api/v1/namespaces/{self._namespace}/services/{service}"
        try:
            code, found = self._caller().call("GET", path)
        except OSError as error:
            raise self._unavailable(str(error)) from error
        if code == 404:
            text = f"there is no Service {service} in namespace {self._namespace}."
            raise NotFound("No such service", text, "See which there are: kubectl get services.")
        if code != 200:
            raise self._unavailable(f"the API answered {code}")
        port = found["spec"]["ports"][0]["port"]
        return f"http://{found['spec']['clusterIP']}:{ports.chosen(found).get(port, port)}"

    def is_up(self) -> bool:
        """Whether the API answers now."""
        try:
            return self._caller().healthy()
        except (ClusterUnavailable, FileNotFoundError):
            return False

    def pids(self) -> tuple[int, ...]:
        """Every process of ours for this lab that runs now, the daemon first."""
        daemon = running_daemon(self._state_dir)
        return (*((daemon.pid,) if daemon is not None else ()), *members(self._state_dir))

    def down(self) -> None:
        """End every process of the cluster; does nothing when there is none."""
        if self._state_dir.exists():
            with self._exclusive():
                end_everything(self._state_dir)

    def _start(self, say: Callable[[str], None]) -> None:
        if self.pids() or not lock_is_free(self._state_dir):
            say("ending what an earlier start left behind")
            end_everything(self._state_dir)
        say("starting the embedded cluster")
        write_options(self._state_dir, self._options)
        remove_record(self._state_dir)
        log = self._state_dir / "daemon.log"
        argv = [self._python, "-m", "lab.cluster.embedded.daemon", "--state", str(self._state_dir)]
        pid = spawn_detached(argv, self._daemon_environ(), log)
        note_spawned(self._state_dir, pid)
        if wait_until(lambda: self.is_up() or has_ended(pid), START_SECONDS) and self.is_up():
            return
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:])
        end_everything(self._state_dir)
        raise ClusterTimeout(
            "The embedded cluster did not start",
            f"its daemon did not answer; the end of its log:\n{tail}",
            f"Read {log}, then start again: lab up.",
        )

    def _daemon_environ(self) -> dict[str, str]:
        environ = dict(os.environ if self._environ is None else self._environ)
        package_parent = str(Path(lab.__file__).resolve().parent.parent)
        environ["PYTHONPATH"] = os.pathsep.join(
            part for part in (package_parent, environ.get("PYTHONPATH", "")) if part
        )
        environ["PATH"] = self._search_path(environ.get("PATH", SYSTEM_PATH))
        return environ

    def _search_path(self, path: str) -> str:
        return os.pathsep.join([*(str(folder) for folder in self._program_dirs), path])

    def _ensure_namespace(self, caller: Caller) -> None:
        body = {"metadata": {"name": self._namespace}}
        code, answer = caller.call("POST", "/api/v1/namespaces", body)
        if code not in (201, 409):
            raise self._unavailable(f"it refused the namespace {self._namespace}: {answer}")

    def _local_image(self, image: ImageSpec) -> LocalImage:
        module = f"stack.{image.component.replace('-', '_')}"
        environ = {
            "RELEASE_FILE": str(image.release_file.resolve()),
            "PYTHONPATH": str(self._stack_root.resolve().parent),
            "ORT_DISABLE_TELEMETRY": "1",
        }
        return LocalImage(image.reference, (self._python, "-m", module), environ)

    def _write_own_images(self) -> None:
        path = self._search_path(SYSTEM_PATH)
        programs = PROGRAM_IMAGES.items()
        write_catalogue(self._state_dir, [LocalImage(image, (name,), {"PATH": path}) for image, name in programs])

    def _caller(self) -> Caller:
        record = self._running()
        token = (self._state_dir / "token").read_text(encoding="ascii").strip()
        return Caller(record.port, self._state_dir / "ca.crt", token)

    def _running(self) -> DaemonRecord:
        record = running_daemon(self._state_dir)
        if record is None:
            raise self._unavailable("its daemon is not running")
        return record

    def _unavailable(self, why: str) -> ClusterUnavailable:
        return ClusterUnavailable("The embedded cluster is not up", why, "Start it: lab up.")

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """One start or stop at a time for this lab, across processes."""
        with (self._state_dir / "provision.lock").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
