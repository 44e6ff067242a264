"""The typed form of a release file that a scenario brings: what a version of one component changes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr

from lab.content.model import Component, Content

Share = Annotated[float, Field(ge=0, le=1, strict=True)]


class Audit(Content):
    """A share of requests that waits before it is answered."""

    share: Share = 0.0
    wait_ms: Annotated[StrictInt, Field(ge=0, le=60_000)] = 0


class Reject(Content):
    """A share of requests that is refused."""

    share: Share = 0.0
    status: Annotated[StrictInt, Field(ge=400, le=599)] = 503


class Start(Content):
    """How a release comes up."""

    delay_ms: Annotated[StrictInt, Field(ge=0, le=600_000)] = 0


class Log(Content):
    """How much a release writes to its log."""

    every: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = 1000


class BackgroundRelease(Content):
    """A release of a component beside the request path."""

    notes: Annotated[StrictStr, Field(min_length=1)]
    """What an honest author would have written about this version."""
    start: Start = Start()
    log: Log = Log()


class ServingRelease(BackgroundRelease):
    """A release of a component that answers scoring requests."""

    audit: Audit = Audit()
    reject: Reject = Reject()


Origin = Literal["EWR", "JFK", "LGA"]
Carrier = Literal["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"]
Feature = Literal[
    "dep_delay", "sched_hour", "block", "distance", "carrier_c", "origin_c",
    "o_delay", "r_gain", "o_gain", "temp", "wind_speed", "visib",
]  # fmt: skip
Size = Annotated[float, Field(ge=-1e6, le=1e6, strict=True)]


class Where(Content):
    """Which flights a step applies to."""

    origin: Origin | Literal[""] = ""
    carrier: Carrier | Literal[""] = ""


class Transform(Content):
    """One step that changes a feature of flights before they are sent."""

    feature: Feature
    where: Where = Where()
    share: Share = 1.0
    swap: Feature | Literal[""] = ""
    stale_hours: Annotated[float, Field(ge=0, le=720, strict=True)] = 0.0
    absolute: StrictBool = False
    scale: Size = 1.0
    add: Size = 0.0
    wrap: Annotated[float, Field(ge=0, le=1e6, strict=True)] = 0.0
    codes: tuple[Annotated[StrictInt, Field(ge=0, le=1000)], ...] = ()
    fill: Size | None = None
    null_share: Share = 0.0


class FeedRelease(BackgroundRelease):
    """A release of the feed."""

    transform: tuple[Transform, ...] = ()


class Loader(Content):
    """How a model server follows the registry."""

    pick: Literal["alias", "latest"] = "alias"
    on_refusal: Literal["retry", "stop"] = "retry"


class ModelServerRelease(ServingRelease):
    """A release of the model server."""

    loader: Loader = Loader()


class Limits(Content):
    """What the registry lets its clients do."""

    clients: Annotated[StrictInt, Field(ge=0, le=1000)] = 0


class RegistryRelease(BackgroundRelease):
    """A release of the registry."""

    limits: Limits = Limits()


Release = ServingRelease | ModelServerRelease | RegistryRelease | FeedRelease | BackgroundRelease

RELEASED: dict[Component, type[Release]] = {
    "model-server": ModelServerRelease,
    "gateway": ServingRelease,
    "feed": FeedRelease,
    "monitor": BackgroundRelease,
    "discovery": BackgroundRelease,
    "registry": RegistryRelease,
    "accelerator": BackgroundRelease,
    "billing": BackgroundRelease,
}
"""The palette of each component that a scenario may bring releases of."""
