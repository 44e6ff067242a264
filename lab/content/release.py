"""The typed form of a release file that a scenario brings: what a version of one component changes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictInt, StrictStr

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


Release = ServingRelease | BackgroundRelease

RELEASED: dict[Component, type[Release]] = {
    "model-server": ServingRelease,
    "gateway": ServingRelease,
    "feed": BackgroundRelease,
    "monitor": BackgroundRelease,
    "discovery": BackgroundRelease,
    "accelerator": BackgroundRelease,
    "billing": BackgroundRelease,
}
"""The palette of each component that a scenario may bring releases of."""
