"""Calls that the tests of the embedded API share."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

NS = "/api/v1/namespaces/default"


def _connection(served: Any) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=str(served.caller.ca_file))
    return http.client.HTTPSConnection("127.0.0.1", served.caller.port, timeout=20, context=context)


def raw(
    served: Any, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, lower-case headers and body of one call."""
    connection = _connection(served)
    sent = {"Authorization": f"Bearer {served.caller.token}", "Content-Type": "application/json", **(headers or {})}
    try:
        connection.request(method, path, body=body, headers=sent)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@contextmanager
def lines(served: Any, path: str) -> Iterator[Iterator[Any]]:
    """The JSON lines of a streamed answer, as they come."""
    connection = _connection(served)
    connection.request("GET", path, headers={"Authorization": f"Bearer {served.caller.token}"})
    answer = connection.getresponse()
    try:
        yield (json.loads(line) for line in answer)
    finally:
        answer.close()
        connection.close()


def run_pod(
    served: Any, *, name: str = "p", logs: Mapping[int, list[str]], restarts: int = 0, waiting: str = ""
) -> str:
    """A Pod as the kubelet would leave it, with log files; returns its name."""
    spec = {"containers": [{"name": "web", "image": "lab/web:1"}]}
    made = served.ok("POST", f"{NS}/pods", {"metadata": {"name": name}, "spec": spec})
    folder = served.settings.state_dir / "pods" / made["metadata"]["uid"] / "web"
    folder.mkdir(parents=True)
    for number, written in logs.items():
        stamped = [f"2026-01-01T00:00:{at:02d}.123456789Z stdout F {text}\n" for at, text in enumerate(written)]
        (folder / f"{number}.log").write_text("".join(stamped))
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    status = {
        "phase": "Running",
        "podIP": "127.0.0.1",
        "containerStatuses": [
            {
                "name": "web",
                "image": "lab/web:1",
                "imageID": "x",
                "ready": not waiting,
                "restartCount": restarts,
                "state": state,
                "lastState": {},
            }
        ],
    }
    served.ok("PUT", f"{NS}/pods/{name}/status", {**made, "status": status})
    return name
