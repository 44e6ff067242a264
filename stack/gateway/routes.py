"""Where scoring requests go: the file `routes.yaml` of the platform repo, read again when it changes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml

Service = Annotated[str, msgspec.Meta(pattern="^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class RoutesError(ValueError):
    """The file does not say where requests go; the message names the place in it."""


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A service that takes requests, and how many beside the others."""

    service: Service
    weight: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)]


class Shadow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A service that gets copies of a share of the requests; its answers are compared and dropped."""

    service: Service
    share: Share


class Margins(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By how much a canary may be worse before that counts as worse."""

    errors: Share = 0.005
    """Of the share of failed requests."""
    slow: Share = 0.005
    """Of the share of requests slower than `slow_ms`."""
    quality: Share = 0.005
    """Of the mean squared difference of probability and outcome."""


class Rollback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether and when a canary loses its requests by itself."""

    enabled: bool = False
    false_alarms: Annotated[float, msgspec.Meta(gt=0, le=0.5)] = 0.01
    """Bound on the chance that a canary that is no worse is ever reverted, over all metrics and all time."""
    slow_ms: Annotated[float, msgspec.Meta(ge=1, le=600_000)] = 250
    """An attempt that takes longer is slow."""
    least_requests: Annotated[int, msgspec.Meta(ge=0)] = 50
    """Requests that a canary answers before anything is decided about it."""
    margins: Margins = Margins()


class Routes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    routes: Annotated[tuple[Route, ...], msgspec.Meta(min_length=1, max_length=8)]
    """The first is what the others are compared with, and answers where they cannot."""
    assignment: Literal["random", "sticky"] = "random"
    """By chance, or always the same for the same client or, without `x-client-id`, the same request id."""
    shadow: Shadow | None = None
    rollback: Rollback = Rollback()

    @property
    def services(self) -> frozenset[str]:
        """Every service that gets requests or copies."""
        return frozenset(route.service for route in self.routes) | ({self.shadow.service} if self.shadow else set())


def single_route(service: str) -> Routes:
    """All requests to one service."""
    return Routes((Route(service, 100),))


def parse_routes(text: str) -> Routes:
    """
    Read the text of a routes file.

    Raises:
        RoutesError: it is no YAML, has an unknown key, a value out of its range, a service twice, or no weight at all.
    """
    try:
        routes = msgspec.convert(yaml.safe_load(text), Routes)
    except yaml.YAMLError as error:
        raise RoutesError(f"not readable as YAML: {' '.join(str(error).split())}") from error
    except msgspec.ValidationError as error:
        raise RoutesError(str(error)) from error
    names = [route.service for route in routes.routes]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise RoutesError(f"service {twice} has two routes")
    if not any(route.weight for route in routes.routes):
        raise RoutesError("no route has a weight above 0")
    return routes


class RoutesFile:
    """Tells the routes in a file when they have changed; a broken file leaves those that were."""

    def __init__(self, path: Path, log: logging.Logger) -> None:
        self._path = path
        self._log = log
        self._text: str | None = None
        self.valid = True
        """Whether the file as it is now can be used."""

    def changed(self) -> Routes | None:
        """The routes, if the text of the file is another one than before and can be used."""
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self._refuse(str(error))
            return None
        if text == self._text:
            return None
        self._text = text
        try:
            routes = parse_routes(text)
        except RoutesError as error:
            self.valid = True
            self._refuse(str(error))
            return None
        self.valid = True
        return routes

    def _refuse(self, why: str) -> None:
        if self.valid:
            self._log.error("%s: %s; the routes stay as they were", self._path.name, why)
        self.valid = False
