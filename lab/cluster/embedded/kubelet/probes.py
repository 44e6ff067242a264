"""Probes of containers: HTTP, TCP and exec, with thresholds, as the Kubernetes documentation words them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from lab.cluster.embedded.store import Obj
from lab.cluster.embedded.version import MAJOR, MINOR

ProbeKind = Literal["Startup", "Readiness", "Liveness"]
HEAD_LIMIT = 4096
BODY_LIMIT = 65536
EAGER_SECONDS = 0.15
"""Between two looks at a container that was never ready, in its first period."""
BODY_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Target:
    """Where the probes of one container go: its address, and how a port's name or number becomes a real port."""

    host: str
    port: Callable[[str | int], int]
    run: Callable[[list[str]], Awaitable[tuple[int, str]]]
    """Runs a command in the container's environment: exit code and what it printed."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The numbers of a probe, with Kubernetes' defaults; seconds."""

    initial_delay: float
    period: float
    timeout: float
    successes: int
    failures: int

    @classmethod
    def of(cls, probe: Obj) -> Timing:
        """The timing of a probe's manifest."""
        return cls(
            float(probe.get("initialDelaySeconds") or 0),
            float(probe.get("periodSeconds") or 10),
            float(probe.get("timeoutSeconds") or 1),
            int(probe.get("successThreshold") or 1),
            int(probe.get("failureThreshold") or 3),
        )


async def attempt(probe: Obj, target: Target, timeout: float) -> str | None:
    """Probe once: None for success, else what went wrong as events say it."""
    try:
        async with asyncio.timeout(timeout):
            return await _attempt(probe, target)
    except ValueError as error:
        return str(error)
    except TimeoutError:
        if "httpGet" in probe:
            url = _url(probe["httpGet"], target)
            return f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
        return f"command timed out after {timeout:g}s" if "exec" in probe else "dial tcp: i/o timeout"


async def _attempt(probe: Obj, target: Target) -> str | None:
    if "httpGet" in probe:
        return await _http_get(probe["httpGet"], target)
    if "tcpSocket" in probe:
        return await _tcp_connect(probe["tcpSocket"], target)
    if "exec" in probe:
        code, printed = await target.run(list(probe["exec"]["command"]))
        return None if code == 0 else printed.strip()[:BODY_SHOWN] or f"command exited with {code}"
    return "the probe has no handler that this node knows: httpGet, tcpSocket, exec"


def _url(action: Obj, target: Target) -> str:
    host = action.get("host") or target.host
    return f"http://{host}:{target.port(action['port'])}{action.get('path') or '/'}"


async def _http_get(action: Obj, target: Target) -> str | None:
    host, port = action.get("host") or target.host, target.port(action["port"])
    path = action.get("path") or "/"
    headers = {
        "Host": f"{host}:{port}",
        "User-Agent": f"kube-probe/{MAJOR}.{MINOR}",
        "Accept": "*/*",
        "Connection": "close",
    }
    headers.update({header["name"]: header["value"] for header in action.get("httpHeaders") or ()})
    request = f"GET {path if path.startswith('/') else '/' + path} HTTP/1.1\r\n"
    request += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    url = _url(action, target)
    try:
        reader, writer = await asyncio.open_connection(host, port, limit=HEAD_LIMIT)
    except OSError as error:
        return f'Get "{url}": dial tcp {host}:{port}: connect: {_reason(error)}'
    try:
        writer.write(request.encode("latin-1"))
        status_line = await reader.readline()
        code = int(status_line.split(b" ", 2)[1])
        await reader.read(BODY_LIMIT)
    except (OSError, ValueError, IndexError):
        return f'Get "{url}": EOF'
    finally:
        writer.transport.abort()
    return None if 200 <= code < 400 else f"HTTP probe failed with statuscode: {code}"


async def _tcp_connect(action: Obj, target: Target) -> str | None:
    host, port = action.get("host") or target.host, target.port(action["port"])
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        return f"dial tcp {host}:{port}: connect: {_reason(error)}"
    writer.transport.abort()
    return None


def _reason(error: OSError) -> str:
    return (error.strerror or "connection failed").split(":")[-1].split("[")[0].strip().lower() or "connection refused"


class Prober:
    """Runs one probe at its period and reports when its verdict changes.

    `report(verdict, message)` is called with True or False once a threshold is reached and the verdict is another than
    before; `failed(message)` after every single failure.
    """

    def __init__(
        self,
        probe: Obj,
        target: Target,
        *,
        verdict: bool,
        report: Callable[[bool, str], None],
        failed: Callable[[str], None],
    ) -> None:
        self._probe = probe
        self._timing = Timing.of(probe)
        self._target = target
        self._verdict = verdict
        self._report = report
        self._failed = failed
        self._run = 0
        self._last_good = verdict

    async def run(self, *, eager: bool = False) -> None:
        """Probe for ever. `eager` looks more often until the first success, which brings good news forward only."""
        await asyncio.sleep(self._timing.initial_delay)
        loop = asyncio.get_running_loop()
        if eager and self._timing.successes == 1 and not self._verdict:
            due = loop.time() + self._timing.period
            while loop.time() < due and not self._verdict:
                if await attempt(self._probe, self._target, self._timing.timeout) is None:
                    self._count(None)
                else:
                    await asyncio.sleep(min(EAGER_SECONDS, max(0.0, due - loop.time())))
            await asyncio.sleep(due - loop.time())
        due = loop.time()
        while True:
            self._count(await attempt(self._probe, self._target, self._timing.timeout))
            due = max(due + self._timing.period, loop.time())
            await asyncio.sleep(due - loop.time())

    async def run_until_decided(self) -> bool:
        """Probe until a threshold is reached: True for success, False for failure."""
        await asyncio.sleep(self._timing.initial_delay)
        while True:
            self._count(await attempt(self._probe, self._target, self._timing.timeout))
            if self._verdict:
                return True
            if not self._last_good and self._run >= self._timing.failures:
                return False
            await asyncio.sleep(self._timing.period)

    def _count(self, problem: str | None) -> None:
        good = problem is None
        if problem is not None:
            self._failed(problem)
        self._run = self._run + 1 if good == self._last_good else 1
        self._last_good = good
        if good != self._verdict and self._run >= (self._timing.successes if good else self._timing.failures):
            self._verdict = good
            self._report(good, problem or "")
