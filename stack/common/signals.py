"""Graceful stop for asyncio programs."""

from __future__ import annotations

import asyncio
import signal


def stop_event() -> asyncio.Event:
    """
    An event that SIGTERM and SIGINT set, for the running loop.

    A component waits for it, finishes what is in flight, and returns 0; the signals no longer end the process.
    """
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, event.set)
        except NotImplementedError:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(event.set))
    return event
