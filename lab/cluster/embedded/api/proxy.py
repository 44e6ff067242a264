"""`services/NAME/proxy` and `pods/NAME/proxy`: HTTP through the API to what runs in the cluster."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence

import httptools

from lab.cluster.embedded import ports
from lab.cluster.embedded.api.exchange import Exchange, HeaderList, until_disconnected
from lab.cluster.embedded.api.target import Target
from lab.cluster.embedded.kinds import BY_RESOURCE
from lab.cluster.embedded.status import NotFound, StatusError, bad_request
from lab.cluster.embedded.store import Obj, Store

Address = tuple[str, int]

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
PART_BYTES = 64 * 1024
_HOP_HEADERS = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer", b"trailers"}
    | {b"transfer-encoding", b"upgrade", b"content-length", b"host", b"authorization", b"expect"}
)


def service_addresses(store: Store, namespace: str, name: str, port: str) -> list[Address]:
    """The ready addresses behind a port of a Service, given by name or number; the first port when empty.

    Raises:
        NotFound: no such Service.
        StatusError: 503, it has no such port, or nothing is ready behind it.
    """
    service = store.get("services", namespace, name)
    if service is None:
        raise NotFound(BY_RESOURCE["services"], name)
    listed = service["spec"].get("ports") or []
    chosen = next((p for p in listed if not port or port in (p.get("name"), str(p["port"]))), None)
    if chosen is None:
        raise unavailable(f'no service port "{port}" found for service "{name}"')
    found = [
        (address, slice_port["port"])
        for piece in store.list("endpointslices", namespace)
        if (piece["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == name
        for slice_port in piece.get("ports") or ()
        if slice_port.get("name", "") == chosen.get("name", "")
        for endpoint in piece.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready", True)
        for address in endpoint.get("addresses") or ()
    ]
    if not found:
        raise unavailable(f'no endpoints available for service "{name}"')
    return found


def pod_address(store: Store, namespace: str, name: str, port: str) -> Address:
    """The address of a Pod's port, given by name or number; its first declared port when empty.

    Raises:
        NotFound: no such Pod.
        StatusError: 400, it has no address or no such port.
    """
    pod = store.get("pods", namespace, name)
    if pod is None:
        raise NotFound(BY_RESOURCE["pods"], name)
    host = pod.get("status", {}).get("podIP")
    if not host:
        raise bad_request("address not allowed")
    return host, _pod_port(pod, port)


def _pod_port(pod: Obj, port: str) -> int:
    declared = [p for container in pod["spec"].get("containers") or () for p in container.get("ports") or ()]
    number = next((p["containerPort"] for p in declared if not port or port == p.get("name")), None)
    if number is None:
        if not port.isdigit():
            raise bad_request(f'pod "{pod["metadata"]["name"]}" has no port "{port}"')
        number = int(port)
    return ports.chosen(pod).get(number, number)


def unavailable(message: str) -> StatusError:
    """503: nothing there to answer."""
    return StatusError(503, "ServiceUnavailable", message)


async def proxy(store: Store, exchange: Exchange, target: Target) -> None:
    """Pass a request on and its answer back.

    Raises:
        StatusError: 503, nothing could be reached; 400, another scheme than http is asked for.
    """
    scheme, name, port = _proxied(target.name)
    if scheme not in ("", "http"):
        raise bad_request("the embedded cluster proxies plain http only")
    if target.kind.plural == "services":
        address = random.choice(service_addresses(store, target.in_namespace, name, port))
    else:
        address = pod_address(store, target.in_namespace, name, port)
    body = await exchange.body()
    await until_disconnected(exchange, _Passage(exchange, address).run(body))


def _proxied(name: str) -> tuple[str, str, str]:
    """`[SCHEME:]NAME[:PORT]` as (scheme, name, port)."""
    parts = name.split(":")
    match parts:
        case [only]:
            return "", only, ""
        case [first, port]:
            return "", first, port
        case [scheme, first, port]:
            return scheme, first, port
        case _:
            raise bad_request(f'invalid proxy name "{name}"')


class _Passage:
    """One request to one address; httptools calls the `on_` methods while the answer arrives."""

    def __init__(self, exchange: Exchange, address: Address) -> None:
        self._exchange = exchange
        self._address = address
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._complete = False
        self._headers_complete = False

    async def run(self, body: bytes) -> None:
        host, port = self._address
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError) as error:
            why = "connection refused" if isinstance(error, ConnectionRefusedError) else str(error) or "timed out"
            raise unavailable(f"error trying to reach service: dial tcp {host}:{port}: connect: {why}") from None
        try:
            writer.write(self._request(body))
            await writer.drain()
            await self._relay(reader)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _request(self, body: bytes) -> bytes:
        host, port = self._address
        lines = [f"{self._exchange.method} {self._path()} HTTP/1.1".encode("latin-1"), f"host: {host}:{port}".encode()]
        lines += [name + b": " + value for name, value in _passed(self._exchange.header_list)]
        if body or self._exchange.method in ("POST", "PUT", "PATCH"):
            lines.append(b"content-length: " + str(len(body)).encode())
        lines.append(b"connection: close")
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    def _path(self) -> str:
        path = self._exchange.raw_path.partition("?")[0].partition("/proxy")[2] or "/"
        return path + (f"?{self._exchange.raw_query}" if self._exchange.raw_query else "")

    async def _relay(self, reader: asyncio.StreamReader) -> None:
        while not self._complete:
            try:
                async with asyncio.timeout(READ_SECONDS):
                    data = await reader.read(PART_BYTES)
                if not data:
                    break
                self._parser.feed_data(data)
            except (OSError, TimeoutError, httptools.HttpParserError) as error:
                await self._fail(str(error) or "timed out")
                return
            await self._forward()
        if not self._headers_complete:
            await self._fail("EOF")
            return
        await self._forward()
        await self._exchange.finish()

    async def _forward(self) -> None:
        if self._headers_complete and not self._exchange.started:
            kind = next((value for name, value in self._headers if name == b"content-type"), b"text/plain")
            others = [(name, value) for name, value in self._headers if name != b"content-type"]
            await self._exchange.start(self._parser.get_status_code(), kind.decode("latin-1"), _passed(others))
        while self._parts and self._exchange.started:
            await self._exchange.write(self._parts.pop(0))

    async def _fail(self, why: str) -> None:
        if not self._exchange.started:
            raise unavailable(f"error trying to reach service: {why}")
        await self._exchange.finish()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._headers_complete = True

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        self._complete = True


def _passed(headers: HeaderList) -> Sequence[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name not in _HOP_HEADERS]
