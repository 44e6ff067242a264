"""Where usage comes from: discovery's list of what pods have booked, and Prometheus' count of its series."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from datetime import datetime

import msgspec

from stack.billing.ledger import Item, Resource
from stack.billing.prices import GIB, Sku
from stack.wire.client import Address, Pool

WAIT_SECONDS = 20
"""How long one question to discovery may stay open."""
RETRY_SECONDS = 0.5
SERIES_SECONDS = 10.0
"""How often series are counted."""
ANSWER_SECONDS = 5.0

_SERIES = re.compile(rb"^prometheus_tsdb_head_series (\S+)", re.MULTILINE)


class BookedContainer(msgspec.Struct):
    """One container of discovery's list; cores, bytes, devices."""

    name: str
    cpu: float
    memory: float
    gpu: float


class BookedPod(msgspec.Struct):
    """One pod of discovery's list."""

    name: str
    namespace: str
    uid: str
    component: str
    owner: str
    node: str
    since: str
    containers: list[BookedContainer]


class PodPage(msgspec.Struct):
    """`GET /pods` of discovery."""

    version: int
    pods: list[BookedPod]


async def follow_bookings(discovery: Address, changed: Callable[[PodPage], None], log: logging.Logger) -> None:
    """
    Call `changed` with all that is booked, now and after each change, until cancelled.

    While discovery does not answer, what was booked stays booked: pods go on costing money.
    """
    pool = Pool(discovery)
    version, failing = 0, False
    try:
        while True:
            try:
                async with asyncio.timeout(WAIT_SECONDS + 5):
                    answer = await pool.ask("GET", f"/pods?after={version}&wait={WAIT_SECONDS}")
                if answer.status != 200:
                    raise ValueError(f"discovery answered {answer.status}")
                page = msgspec.json.decode(answer.body, type=PodPage)
            except (OSError, TimeoutError, ValueError) as error:
                if not failing:
                    log.warning("pods not known: %s", error or type(error).__name__)
                failing = True
                await asyncio.sleep(RETRY_SECONDS)
                continue
            failing = False
            if page.version != version:
                version = page.version
                changed(page)
    finally:
        pool.close()


async def follow_series(prometheus: Address, counted: Callable[[float], None], log: logging.Logger) -> None:
    """Call `counted` with the number of series that Prometheus holds, every few seconds, until cancelled."""
    pool = Pool(prometheus)
    failing = False
    try:
        while True:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    answer = await pool.ask("GET", "/metrics")
                found = _SERIES.search(answer.body)
                if found is None:
                    raise ValueError(f"no count of series in its answer {answer.status}")
                counted(float(found[1]))
                failing = False
            except (OSError, TimeoutError, ValueError) as error:
                if not failing:
                    log.warning("series not counted: %s", error or type(error).__name__)
                failing = True
            await asyncio.sleep(SERIES_SECONDS)
    finally:
        pool.close()


def quantities(page: PodPage) -> tuple[dict[Item, float], dict[Resource, float]]:
    """What is booked, by priced item, and since when each resource is there, in Unix seconds."""
    booked: dict[Item, float] = {}
    since: dict[Resource, float] = {}
    for pod in page.pods:
        for part in pod.containers:
            resource = Resource(
                pod.component or pod.name, pod.name, part.name, pod.namespace, pod.node, pod.owner, pod.uid
            )
            booked[Item(resource, Sku.CPU)] = part.cpu
            booked[Item(resource, Sku.MEMORY)] = part.memory / GIB
            booked[Item(resource, Sku.GPU)] = part.gpu
            if pod.since:
                since[resource] = datetime.fromisoformat(pod.since.replace("Z", "+00:00")).timestamp()
    return booked, since


def metrics_of(namespace: str) -> Item:
    """The item that series are charged to."""
    return Item(Resource("prometheus", "metrics", "", namespace, "", "", "metrics"), Sku.SERIES)
