"""What `kubectl get pods` says of a Pod: READY, STATUS and RESTARTS are worked out by the server."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lab.cluster.embedded.tables_age import parsed_time, since

Obj = Mapping[str, Any]


def ready_text(pod: Obj) -> str:
    """Ready containers of all, `1/2`."""
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    ready = sum(1 for status in statuses if status.get("ready") and "running" in (status.get("state") or {}))
    return f"{ready}/{len(pod['spec'].get('containers') or ())}"


def status_text(pod: Obj) -> str:
    """Running, CrashLoopBackOff, OOMKilled, Terminating ...: the phase, overruled by what its containers wait for."""
    status = pod.get("status", {})
    text = status.get("reason") or status.get("phase", "Unknown")
    running = False
    for container in reversed(status.get("containerStatuses") or ()):
        state = container.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated")
        if waiting.get("reason"):
            text = waiting["reason"]
        elif ended is not None:
            text = ended.get("reason") or _exit_text(ended)
        elif container.get("ready") and "running" in state:
            running = True
    if text == "Completed" and running:
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
        text = "Running" if ready else "NotReady"
    return "Terminating" if pod["metadata"].get("deletionTimestamp") else str(text)


def restarts_text(pod: Obj, now: datetime) -> str:
    """The number of restarts and how long the last one is ago: `1 (4s ago)`."""
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    count = sum(status.get("restartCount", 0) for status in statuses)
    ends = [
        ended["finishedAt"]
        for status in statuses
        if (ended := (status.get("lastState") or {}).get("terminated")) and ended.get("finishedAt")
    ]
    if not count or not ends:
        return str(count)
    return f"{count} ({since(max(ends, key=parsed_time), now)} ago)"


def _exit_text(ended: Obj) -> str:
    if ended.get("signal"):
        return f"Signal:{ended['signal']}"
    return f"ExitCode:{ended.get('exitCode', 0)}"
