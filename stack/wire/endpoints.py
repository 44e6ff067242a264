"""Follows discovery's list of the ready replicas of a service, as soon as it changes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass

from stack.wire.client import Address, Pool

WAIT_SECONDS = 20
"""How long one question to discovery may stay open."""

RETRY_SECONDS = 0.2
"""Pause after a failed question."""


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """One ready replica: the name of its pod, where it listens, and the release it runs."""

    pod: str
    address: Address
    release: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The ready replicas at one version of the list."""

    version: int
    endpoints: tuple[Endpoint, ...]


def parse_listing(body: bytes) -> Listing:
    """
    Read the answer of `GET /endpoints/SERVICE`.

    Raises:
        ValueError: it is not such a document.
    """
    try:
        document = json.loads(body)
        found = [
            Endpoint(item["pod"], Address.parse(item["address"]), item["release"]) for item in document["endpoints"]
        ]
        return Listing(int(document.get("version", 0)), tuple(found))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a list of endpoints: {error}") from error


async def follow(
    discovery: Address, service: str, changed: Callable[[tuple[Endpoint, ...]], None], log: logging.Logger
) -> None:
    """
    Call `changed` with the ready replicas of `service` now and after each change, until cancelled.

    While discovery does not answer, the last list stays in force: replicas do not vanish because their register did.
    """
    pool = Pool(discovery)
    version = 0
    failing = False
    try:
        while True:
            try:
                async with asyncio.timeout(WAIT_SECONDS + 5):
                    answer = await pool.ask("GET", f"/endpoints/{service}?after={version}&wait={WAIT_SECONDS}")
                if answer.status != 200:
                    raise ValueError(f"discovery answered {answer.status}")
                listing = parse_listing(answer.body)
            except (OSError, TimeoutError, ValueError) as error:
                if not failing:
                    log.warning("endpoints of %s not known: %s", service, error)
                failing = True
                await asyncio.sleep(RETRY_SECONDS)
                continue
            failing = False
            if listing.version != version:
                version = listing.version
                changed(listing.endpoints)
    finally:
        pool.close()
