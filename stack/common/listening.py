"""The socket a component listens on."""

from __future__ import annotations

import socket

from stack.common.errors import StartError

BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """
    A listening TCP socket; its protocol is stated, so that asyncio turns Nagle's algorithm off on its connections.

    Raises:
        StartError: the address is not of this machine or the port is taken.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return listener
