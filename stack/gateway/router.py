"""Decides which service a request goes to, and takes a canary that is worse out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from hashlib import blake2b

import msgspec

from stack.gateway.judge import METRICS, Judge
from stack.gateway.metrics import GatewayMetrics
from stack.gateway.replicas import Replicas
from stack.gateway.routes import Route, Routes
from stack.gateway.settings import GatewaySettings
from stack.gateway.track import Reverted, Track
from stack.wire.endpoints import Endpoint
from stack.wire.server import Request


class _Named(msgspec.Struct):
    id: str = ""


_decode = msgspec.json.Decoder(_Named).decode


class Router:
    """
    Keeps a track for each route, and a judge for each canary while rollback is on.

    A revision that was reverted gets nothing until the routes themselves change: neither reading the same routes again
    nor a restart of the canary's pods brings it back. The gateway keeps this in memory alone; a new gateway process
    begins without, and finds out again.
    """

    def __init__(
        self,
        routes: Routes,
        settings: GatewaySettings,
        metrics: GatewayMetrics,
        log: logging.Logger,
        random: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        """`random` draws from 0 to 1; `now` is the time of day in seconds since 1970."""
        self._settings = settings
        self._metrics = metrics
        self._log = log
        self._random = random
        self._now = now
        self._tracks: dict[str, Track] = {}
        self._bounds: tuple[tuple[float, Track], ...] = ()
        self._stand_in: Track | None = None
        self._judged: dict[str, tuple[tuple[frozenset[str], frozenset[str]], Judge]] = {}
        self.judges: tuple[Judge, ...] = ()
        """The judges of canaries that requests are being drawn for now."""
        self.shadow = Replicas(0, settings.eject_seconds)
        """The replicas of the shadow, apart from those of the routes even where the service is the same."""
        self.routes = routes
        self._configure(routes)

    @property
    def services(self) -> frozenset[str]:
        """The services whose replicas have to be known."""
        return self.routes.services

    @property
    def endpoints(self) -> int:
        """Replicas that requests can go to."""
        return sum(len(track.replicas) for _, track in self._bounds)

    def configure(self, routes: Routes, now: float) -> None:
        """Take other routes at `now` seconds of the loop; reverts end, unless nothing has changed."""
        if routes == self.routes:
            return
        gone: set[str] = set()
        for track in self._tracks.values():
            gone |= track.forgive()
        self._judged.clear()
        for service in self._tracks.keys() - {route.service for route in routes.routes}:
            gone |= self._tracks.pop(service).update(())
        if routes.shadow is None or self.routes.shadow is None or routes.shadow.service != self.routes.shadow.service:
            self.shadow.update(())
        self._metrics.changed(gone, now)
        self._configure(routes)
        self._log.info("routes: %s", ", ".join(f"{route.service} {route.weight:g}" for route in routes.routes))

    def update(self, service: str, endpoints: tuple[Endpoint, ...], now: float) -> None:
        """Take the replicas of a service at `now` seconds of the loop."""
        if self.routes.shadow is not None and self.routes.shadow.service == service:
            self.shadow.update(endpoints)
        track = self._tracks.get(service)
        if track is not None:
            self._metrics.changed(track.update(endpoints), now)
            self._refresh()
        self._log.info("replicas of %s: %s", service, ", ".join(item.pod for item in endpoints) or "none")

    def choose(self, request: Request) -> Track | None:
        """The track of a request; where that has no replicas, the first that has; None without any."""
        bounds = self._bounds
        track = bounds[0][1]
        if len(bounds) > 1:
            point = self._random() if self.routes.assignment == "random" else sticky_point(request)
            track = next((one for upper, one in bounds if point < upper), track)
        return track if len(track.replicas) else self._stand_in

    def other(self, track: Track) -> Track | None:
        """Where else a request can go that a track could not answer."""
        return next((one for _, one in self._bounds if one is not track and len(one.replicas)), None)

    def settle(self, now: float) -> None:
        """Take out each canary that its judge found worse, at `now` seconds of the loop."""
        for judge in self.judges:
            if judge.verdict is None:
                continue
            track = self._tracks[judge.service]
            revisions = ", ".join(sorted(track.revisions))
            self._log.warning("%s gets no more requests: worse in %s: %s", revisions, judge.verdict, judge.summary())
            self._metrics.rolled_back(judge.verdict)
            self._metrics.changed(track.revert(Reverted(judge.verdict, self._now())), now)
        self._refresh()

    def status(self) -> dict[str, object]:
        """What `GET /routes` tells."""
        shadow = self.routes.shadow
        return {
            "routes": [self._route_status(route) for route in self.routes.routes],
            "assignment": self.routes.assignment,
            "shadow": None if shadow is None else {"service": shadow.service, "share": shadow.share},
            "rollback": self.routes.rollback.enabled,
        }

    def publish(self) -> None:
        """Bring the gauges up to date."""
        self._metrics.weights({route.service: self._effective(route) for route in self.routes.routes})
        progress = [judge.progress() for _, judge in self._judged.values()]
        for metric in METRICS:
            self._metrics.evidence(metric, max((one[metric] for one in progress), default=0.0))
        self._metrics.breakers({track.service: track.replicas.states() for _, track in self._bounds})

    def close(self) -> None:
        """Let go of all connections."""
        for replicas in self._all_replicas():
            replicas.close()

    def _all_replicas(self) -> Iterable[Replicas]:
        return (*(track.replicas for track in self._tracks.values()), self.shadow)

    def _configure(self, routes: Routes) -> None:
        self.routes = routes
        total = sum(route.weight for route in routes.routes)
        bounds, upper = [], 0.0
        for route in routes.routes:
            track = self._tracks.setdefault(route.service, Track(route.service, self._settings))
            upper += route.weight / total
            if route.weight:
                bounds.append((upper, track))
        bounds[-1] = (1.0, bounds[-1][1])
        self._bounds = tuple(bounds)
        self._metrics.tracks(route.service for route in routes.routes)
        self._refresh()

    def _refresh(self) -> None:
        """Bring what is derived from routes and replicas up to date."""
        self._stand_in = next((track for _, track in self._bounds if len(track.replicas)), None)
        self.judges = tuple(filter(None, map(self._judge, self.routes.routes[1:])))

    def _judge(self, route: Route) -> Judge | None:
        """The judge of a canary that can be compared now: both sides have replicas, and requests are drawn for both."""
        first = self.routes.routes[0]
        primary, canary = self._tracks[first.service], self._tracks[route.service]
        if not (self.routes.rollback.enabled and first.weight and route.weight):
            return None
        if not (len(primary.replicas) and len(canary.replicas)):
            return None
        key = (primary.revisions, canary.revisions)
        known = self._judged.get(route.service)
        if known is None or known[0] != key:
            share = route.weight / (route.weight + first.weight)
            known = (key, Judge(route.service, first.service, share, self.routes.rollback))
            self._judged[route.service] = known
        return known[1]

    def _effective(self, route: Route) -> float:
        return 0.0 if self._tracks[route.service].out else route.weight

    def _route_status(self, route: Route) -> dict[str, object]:
        track = self._tracks[route.service]
        judged = self._judged.get(route.service)
        return {
            "service": route.service,
            "weight": route.weight,
            "effective_weight": self._effective(route),
            "replicas": len(track.replicas),
            "breakers": {pod: state.name.lower() for pod, state in track.replicas.states().items()},
            "revisions": sorted(track.revisions),
            "reverted": {
                revision: {"metric": why.metric, "at": round(why.at, 3)} for revision, why in track.reverted.items()
            },
            "evidence": None if judged is None else {key: round(one, 3) for key, one in judged[1].progress().items()},
            "compared": None if judged is None else judged[1].summary(),
        }


def sticky_point(request: Request) -> float:
    """A number from 0 to 1 that is the same for the same client, or request id, in every process."""
    key = request.headers.get("x-client-id") or request.headers.get("x-request-id")
    if not key:
        try:
            key = _decode(request.body).id
        except msgspec.DecodeError:
            key = ""
    digest = blake2b(key.encode() or request.body, digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
