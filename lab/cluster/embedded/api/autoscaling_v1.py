"""Autoscalers in their older form, in which some clients create them; stored and otherwise served as v2."""

from __future__ import annotations

from lab.cluster.embedded.api.bodies import decode
from lab.cluster.embedded.api.exchange import Exchange
from lab.cluster.embedded.api.incoming import shaped
from lab.cluster.embedded.api.target import parse_target
from lab.cluster.embedded.api.write import store_new
from lab.cluster.embedded.defaults_autoscaling import as_v1, from_v1
from lab.cluster.embedded.status import StatusError
from lab.cluster.embedded.store import Store

PREFIX = "/apis/autoscaling/v1/"
_SERVED = "/apis/autoscaling/v2/"


async def create_autoscaler(store: Store, exchange: Exchange) -> None:
    """POST of a v1 autoscaler.

    Raises:
        StatusError: 404 or 405 for any other request, which v2 serves; and what creating a v2 autoscaler raises.
    """
    target = parse_target(exchange.path.replace(PREFIX, _SERVED, 1))
    if target is None or target.namespace is None or target.name:
        raise StatusError(404, "NotFound", "the server could not find the requested resource")
    if exchange.method != "POST":
        raise StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    document = from_v1(decode(await exchange.body(), exchange.header("content-type")))
    made = store_new(store, exchange, target, shaped(exchange, target, document))
    await exchange.json(201, as_v1(made))
