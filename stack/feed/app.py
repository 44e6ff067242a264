"""The feed's HTTP interface."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from stack.common.metrics import CONTENT_TYPE, exposition
from stack.feed.metrics import FeedMetrics
from stack.feed.plan import Plan, read_plan
from stack.feed.truth import TruthQueue
from stack.wire.server import Request, Response, error_response, json_response


class FeedApp:
    """`GET /truth?after=SEQ`, `/healthz`, `/livez`, `/metrics`; `PUT /plan`."""

    def __init__(
        self,
        truth: TruthQueue,
        metrics: FeedMetrics,
        now: Callable[[], float],
        follow: Callable[[Plan], Awaitable[None]],
    ) -> None:
        """`follow` puts a plan in place; it raises ValueError where that cannot be done."""
        self._truth = truth
        self._metrics = metrics
        self._now = now
        self._follow = follow
        self.ready = False
        """Whether the release has come up."""

    async def handle(self, request: Request) -> Response:
        """Answer one request; a handler of `stack.wire.server`."""
        match request.path:
            case "/truth":
                after = request.query.get("after", "0")
                if not (after.isascii() and after.isdigit()):
                    return error_response(400, "after is the number of the last truth seen")
                self._truth.settle(self._now())
                return Response(200, self._truth.document(int(after)))
            case "/plan":
                return await self._plan(request)
            case "/healthz":
                return json_response({"status": "ok"}) if self.ready else error_response(503, "starting")
            case "/livez":
                return json_response({"status": "alive"})
            case "/metrics":
                return Response(200, exposition(self._metrics.registry), CONTENT_TYPE)
            case _:
                return error_response(404, "served: /truth /plan /healthz /livez /metrics")

    async def _plan(self, request: Request) -> Response:
        if request.method != "PUT":
            return error_response(405, "a plan can be put, not read")
        try:
            await self._follow(read_plan(request.body))
        except ValueError as error:
            return error_response(422, str(error))
        self._metrics.plans.inc()
        return json_response({"status": "ok"})
