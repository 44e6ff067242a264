"""Connections to a Service reach its ready Pods in turn, and are refused when there are none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from embedded_node_bench import NAMESPACE, new_store

from lab.cluster.embedded.netproxy import ServiceProxies, service_address
from lab.cluster.embedded.store import Obj, Store
from lab.errors import NotFound

HOST = "127.0.0.1"


@pytest.fixture
def store() -> Store:
    return new_store()


@pytest.fixture
def proxies(store: Store) -> Iterator[ServiceProxies]:
    running = ServiceProxies(store)
    yield running
    running.close()


async def echo_server(name: bytes) -> asyncio.Server:
    """Answers its name and all it was sent, once the client has ended its side."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name + await reader.read())
        await writer.drain()
        writer.close()

    return await asyncio.start_server(answer, HOST, 0)


def port_of(server: asyncio.Server) -> int:
    number: int = server.sockets[0].getsockname()[1]
    return number


def add_service(store: Store, port: int, name: str = "web") -> None:
    spec = {"clusterIP": HOST, "selector": {"app": name}, "ports": [{"name": "http", "port": port}]}
    store.create("services", {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec})


def set_endpoints(store: Store, ports: list[int]) -> None:
    for held in store.list("endpointslices"):
        store.remove("endpointslices", NAMESPACE, held["metadata"]["name"])
    for number in ports:
        part: Obj = {
            "metadata": {
                "name": f"web-{number}",
                "namespace": NAMESPACE,
                "labels": {"kubernetes.io/service-name": "web"},
            },
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": number}],
            "endpoints": [{"addresses": [HOST], "conditions": {"ready": True}}],
        }
        store.create("endpointslices", part)


async def talk(address: tuple[str, int], said: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(said)
        writer.write_eof()
        return await reader.read()
    finally:
        writer.close()


async def until_open(address: tuple[str, int]) -> None:
    deadline = asyncio.get_running_loop().time() + 10
    while True:
        try:
            await talk(address, b"")
        except OSError:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.01)
        else:
            return


async def until_refused(address: tuple[str, int]) -> None:
    deadline = asyncio.get_running_loop().time() + 10
    while True:
        assert asyncio.get_running_loop().time() < deadline
        try:
            await talk(address, b"")
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            pass
        await asyncio.sleep(0.01)


async def test_connections_go_round_and_large_bodies_arrive_whole(store: Store, proxies: ServiceProxies) -> None:
    servers = [await echo_server(b"a"), await echo_server(b"b")]
    add_service(store, 18600)
    set_endpoints(store, [port_of(server) for server in servers])
    proxies.sync()
    address = service_address(store, NAMESPACE, "web")
    await until_open(address)
    heard = [await talk(address, b"x") for _ in range(6)]
    assert heard.count(b"ax") == heard.count(b"bx") == 3
    large = bytes(range(256)) * 20_000
    assert (await talk(address, large))[1:] == large
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_refuses_without_ready_pods(store: Store, proxies: ServiceProxies) -> None:
    server = await echo_server(b"a")
    add_service(store, 18601)
    proxies.sync()
    address = service_address(store, NAMESPACE, "web")
    with pytest.raises(ConnectionRefusedError):
        await talk(address, b"x")
    set_endpoints(store, [port_of(server)])
    proxies.sync()
    await until_open(address)
    set_endpoints(store, [])
    proxies.sync()
    await until_refused(address)
    server.close()
    await server.wait_closed()


async def test_a_taken_port_is_replaced_and_published(store: Store, proxies: ServiceProxies) -> None:
    taker = await echo_server(b"taker")
    backend = await echo_server(b"a")
    add_service(store, port_of(taker))
    set_endpoints(store, [port_of(backend)])
    proxies.sync()
    address = service_address(store, NAMESPACE, "web")
    assert address[1] != port_of(taker)
    await until_open(address)
    assert await talk(address, b"x") == b"ax"
    for server in (taker, backend):
        server.close()
        await server.wait_closed()


async def test_two_services_of_one_address_and_port_do_not_collide(store: Store, proxies: ServiceProxies) -> None:
    add_service(store, 18602, "one")
    add_service(store, 18602, "two")
    proxies.sync()
    first, second = (service_address(store, NAMESPACE, name) for name in ("one", "two"))
    assert first != second


def test_an_unknown_service_is_named(store: Store) -> None:
    add_service(store, 18603)
    with pytest.raises(NotFound) as refused:
        service_address(store, NAMESPACE, "wbe")
    assert "web" in refused.value.next_step
