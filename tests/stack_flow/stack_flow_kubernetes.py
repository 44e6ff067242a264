"""A Kubernetes API with nothing but pods to list and watch, over TLS with a token, on this machine."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import ssl
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stack.wire.message import read_head

TOKEN = "a-token-of-the-test"
NAMESPACE = "lab-test"


def pod_document(name: str, component: str, address: str, **changes: Any) -> dict[str, Any]:
    """A Running, Ready pod that is scraped; `changes`: tag, ready, phase, terminating, annotations."""
    host, _, port = address.rpartition(":")
    annotations = {"prometheus.io/scrape": "true", **changes.get("annotations", {})}
    return {
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {"app.kubernetes.io/name": component, "app.kubernetes.io/part-of": "flight-risk"},
            "annotations": annotations,
            **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if changes.get("terminating") else {}),
        },
        "spec": {
            "containers": [
                {
                    "name": component,
                    "image": f"mlops-lab/{component}:{changes.get('tag', '1.0.0')}",
                    "ports": [{"name": "http", "containerPort": int(port)}],
                }
            ]
        },
        "status": {
            "phase": changes.get("phase", "Running"),
            "podIP": host,
            "conditions": [{"type": "Ready", "status": "True" if changes.get("ready", True) else "False"}],
        },
    }


@dataclass(frozen=True)
class ServiceAccount:
    """What a pod gets to reach the API."""

    folder: Path
    port: int

    @property
    def environ(self) -> dict[str, str]:
        return {
            "SERVICEACCOUNT_DIR": str(self.folder),
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(self.port),
        }


class FakeKubernetes:
    """Runs in a thread of its own; `put` and `delete` may be called from anywhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._pods: dict[str, dict[str, Any]] = {}
        self._version = 100
        self._events: list[dict[str, Any]] = []
        self._forgotten = 100
        """Watches from before this version are told that it expired."""
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.lists = 0
        """Lists that were answered."""
        self.watches = 0
        """Watches that began."""
        self.account = ServiceAccount(folder, 0)

    def __enter__(self) -> FakeKubernetes:
        self._thread.start()
        _write_certificate(self._folder)
        (self._folder / "token").write_text(TOKEN + "\n")
        (self._folder / "namespace").write_text(NAMESPACE)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._folder / "ca.crt", self._folder / "key.pem")

        async def start() -> asyncio.Server:
            return await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)

        self._server = self._call(start())
        self.account = ServiceAccount(self._folder, self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_: object) -> None:
        async def stop() -> None:
            self._server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        self._call(stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def put(self, document: dict[str, Any]) -> None:
        """Add a pod or change it."""
        name = document["metadata"]["name"]
        kind = "MODIFIED" if name in self._pods else "ADDED"
        self._call(self._change(kind, document))

    def delete(self, name: str) -> None:
        """Remove a pod."""
        self._call(self._change("DELETED", self._pods[name]))

    def break_watches(self, *, forget: bool = False) -> None:
        """Cut every connection; with `forget` none of them can be resumed."""

        async def cut() -> None:
            if forget:
                self._version += 1
                self._forgotten = self._version
            for writer in self._writers:
                writer.transport.abort()

        self._call(cut())

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)

    async def _change(self, kind: str, document: dict[str, Any]) -> None:
        self._version += 1
        document = {**document, "metadata": {**document["metadata"], "resourceVersion": str(self._version)}}
        if kind == "DELETED":
            self._pods.pop(document["metadata"]["name"])
        else:
            self._pods[document["metadata"]["name"]] = document
        self._events.append({"type": kind, "object": document})
        self._changed.set()
        self._changed = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            head = await read_head(reader)
            if head is None:
                return
            target = head.line.split(" ")[1]
            if head.headers.get("authorization") != f"Bearer {TOKEN}":
                writer.write(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")
            elif not target.startswith(f"/api/v1/namespaces/{NAMESPACE}/pods"):
                writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            elif "watch=1" in target:
                await self._watch(writer, int(target.rpartition("resourceVersion=")[2]))
            else:
                self.lists += 1
                body = json.dumps(
                    {"metadata": {"resourceVersion": str(self._version)}, "items": [*self._pods.values()]}
                )
                writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _watch(self, writer: asyncio.StreamWriter, version: int) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        if version < self._forgotten:
            _write_event(writer, {"type": "ERROR", "object": {"kind": "Status", "code": 410}})
            writer.write(b"0\r\n\r\n")
            return
        sent = version
        self.watches += 1
        while True:
            for event in self._events:
                number = int(event["object"]["metadata"]["resourceVersion"])
                if number > sent:
                    _write_event(writer, event)
                    sent = number
            await writer.drain()
            await self._changed.wait()


def _write_event(writer: asyncio.StreamWriter, event: dict[str, Any]) -> None:
    """One event in two chunks, broken where no reader should rely on a boundary."""
    line = json.dumps(event).encode() + b"\n"
    half = len(line) // 2
    for part in (line[:half], line[half:]):
        writer.write(b"%x\r\n%b\r\n" % (len(part), part))


def _write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes of a test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
