"""Hands requests that do not score on to the application, whose answers are short and come as one piece."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope

from stack.model_server.exchange import Header
from stack.model_server.head import Head


@dataclass(slots=True)
class Reply:
    """What an application answered."""

    status: int = 500
    headers: list[Header] = field(default_factory=list)
    body: bytes = b""


async def call(application: ASGIApp, method: bytes, head: Head, body: bytes) -> Reply:
    """The whole answer of an ASGI application to one request; raises what it raises."""
    reply = Reply()
    came = False

    async def receive() -> Message:
        nonlocal came
        if came:
            return {"type": "http.disconnect"}
        came = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            reply.status, reply.headers = message["status"], list(message.get("headers", ()))
        else:
            reply.body += message.get("body", b"")

    await application(_scope(method, head), receive, send)
    return reply


def _scope(method: bytes, head: Head) -> Scope:
    raw_path, _, query = head.target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method.decode("ascii"),
        "scheme": "http",
        "path": unquote(raw_path.decode("latin-1")),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": head.headers,
        "client": None,
        "server": None,
    }
