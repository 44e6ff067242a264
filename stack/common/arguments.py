"""Command-line arguments that the components have in common."""

from __future__ import annotations

import argparse
from urllib.parse import urlsplit


def component_parser(component: str, purpose: str, port: int) -> argparse.ArgumentParser:
    """A parser with `--host` and `--port`; `port` is the component's usual one."""
    parser = argparse.ArgumentParser(prog=f"python -m stack.{component.replace('-', '_')}", description=purpose)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=port_number, default=port, help="port to listen on (default: %(default)s)")
    return parser


def port_number(text: str) -> int:
    """A TCP port, 1 to 65535; an argparse type."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; a port is a whole number from 1 to 65535")
    return int(text)


def whole_number(text: str) -> int:
    """A number of things, 1 to a million; an argparse type."""
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 1000000")
    return int(text)


def http_url(text: str) -> str:
    """An `http://host:port` address without a trailing slash; an argparse type."""
    parts = urlsplit(text)
    try:
        valid = parts.scheme == "http" and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address; write it like http://127.0.0.1:8600")
    return text.rstrip("/")
