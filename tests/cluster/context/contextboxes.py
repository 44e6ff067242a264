"""A Kubernetes API of a few lines: keeps objects, answers access reviews, and remembers what was asked of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from lab.cluster.context import ContextProvisioner

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
ACCESS = Path("stack/platform/real/access.yaml").resolve()


class TinyApi(ThreadingHTTPServer):
    """Objects by path; `denied` holds `verb resource` that the user may not, `log` every write."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, dict[str, Any]] = {}
        self.denied: set[str] = set()
        self.log: list[str] = []
        self.tokens: set[str] = {"good"}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def writes(self) -> list[str]:
        """Writes that would be kept."""
        return [line for line in self.log if "reviews" not in line]

    def allowed(self, attributes: dict[str, str]) -> bool:
        where = "/".join(filter(None, (attributes["resource"], attributes.get("subresource", ""))))
        self.asked.append(f"{attributes['verb']} {where}")
        return f"{attributes['verb']} {where}" not in self.denied


class _Handler(BaseHTTPRequestHandler):
    server: TinyApi

    def log_message(self, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/version":
            return self._answer(200, {"gitVersion": "v1.33.1"})
        if parts.path in self.server.objects:
            return self._answer(200, self.server.objects[parts.path])
        if not parts.path.rpartition("/")[2].endswith("s"):
            return self._answer(404, {"message": f"{parts.path} not found"})
        wanted = parse_qs(parts.query).get("labelSelector", [""])[0]
        items = [
            item
            for path, item in self.server.objects.items()
            if path.rpartition("/")[0] == parts.path and _has(item, wanted)
        ]
        return self._answer(200, {"items": items})

    def do_POST(self) -> None:
        body = self._body()
        path = urlsplit(self.path).path
        if path == REVIEWS:
            allowed = self.server.allowed(body["spec"]["resourceAttributes"])
            return self._answer(201, {"status": {"allowed": allowed}})
        if path.endswith("selfsubjectreviews"):
            return self._answer(201, {"status": {"userInfo": {"username": "ada"}}})
        key = f"{path}/{body['metadata']['name']}"
        if key in self.server.objects:
            return self._answer(409, {"message": "already exists"})
        body["metadata"] |= {"resourceVersion": "1", "uid": key}
        self.server.objects[key] = body
        return self._answer(201, body)

    def do_PATCH(self) -> None:
        self._body()
        self._answer(200, self.server.objects[urlsplit(self.path).path])

    def do_DELETE(self) -> None:
        self._body()
        path = urlsplit(self.path).path
        gone = [key for key in self.server.objects if key == path or key.startswith(f"{path}/")]
        for key in gone:
            del self.server.objects[key]
        self._answer(200 if gone else 404, {"message": "" if gone else "not found"})

    def _body(self) -> dict[str, Any]:
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.log.append(f"{self.command} {urlsplit(self.path).path}")
        found: dict[str, Any] = json.loads(raw or b"{}")
        return found

    def _answer(self, code: int, body: dict[str, Any]) -> None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in self.server.tokens:
            code, body = 401, {"message": "Unauthorized"}
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _has(item: dict[str, Any], selector: str) -> bool:
    labels = item["metadata"].get("labels") or {}
    return all(labels.get(part.partition("=")[0]) == part.partition("=")[2] for part in selector.split(",") if part)


@contextmanager
def tiny_api() -> Iterator[TinyApi]:
    with TinyApi() as api:
        thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield api
        finally:
            api.shutdown()
            thread.join()


def kubeconfig(url: str, *, user: dict[str, Any] | None = None, name: str = "elsewhere") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "another",
        "clusters": [{"name": "there", "cluster": {"server": url}}],
        "users": [{"name": "ada", "user": user if user is not None else {"token": "good"}}],
        "contexts": [{"name": name, "context": {"cluster": "there", "user": "ada", "namespace": "default"}}],
    }


def write(path: Path, config: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(config))
    return path


def provisioner(
    folder: Path, source: Path, *, own: bool = True, images: str = "", environ: dict[str, str] | None = None
) -> ContextProvisioner:
    return ContextProvisioner(
        folder / "cluster",
        "team-blue",
        context="elsewhere",
        sources=(source,),
        own_namespace=own,
        images=images,
        access=ACCESS,
        kubeconfig=folder / "kubeconfig",
        environ=environ or {"PATH": "/usr/bin:/bin"},
    )
