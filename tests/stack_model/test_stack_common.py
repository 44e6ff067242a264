"""What the components share: shares, arguments, sockets, stop signals, metrics."""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import signal
from itertools import accumulate

import pytest

from stack.common.arguments import component_parser, http_url, port_number
from stack.common.errors import StartError, nearest
from stack.common.listening import listen
from stack.common.logs import start_log
from stack.common.metrics import component_registry, exposition, request_durations
from stack.common.share import Share
from stack.common.signals import stop_event


@pytest.mark.parametrize("share", [0.0, 0.08, 0.15, 0.5, 1.0])
def test_every_stretch_holds_the_share(share: float) -> None:
    window, picker = 600, Share(share, offset=0.3)
    sums = [0, *accumulate(picker.takes() for _ in range(6000))]
    counts = {after - before for before, after in zip(sums, sums[window:], strict=False)}
    assert max(abs(count - share * window) for count in counts) <= 3


def test_a_share_is_no_percentage() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Share(8)


def test_the_nearest_word_is_told() -> None:
    assert nearest("wait_msec", ["share", "wait_ms"]) == "wait_ms"
    assert nearest("zzz", ["share", "wait_ms"]) == "share"
    assert nearest("zzz", []) == ""


def test_components_take_host_and_port() -> None:
    arguments = component_parser("model-server", "Serve.", 8601).parse_args(["--host=10.0.0.7"])
    assert (arguments.host, arguments.port) == ("10.0.0.7", 8601)


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", ""])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="from 1 to 65535"):
        port_number(text)


def test_addresses_lose_their_last_slash() -> None:
    assert http_url("http://127.0.0.1:8600/") == "http://127.0.0.1:8600"


@pytest.mark.parametrize("text", ["127.0.0.1:8600", "https://a", "http://", "http://a:b", "http://a:0"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="write it like"):
        http_url(text)


def test_a_taken_port_is_told_in_one_line() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"cannot listen on 127.0.0.1:{port}: "):
            listen("127.0.0.1", port)


async def test_sigterm_sets_the_stop_event() -> None:
    event = stop_event()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(event.wait(), 5)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(number)


def test_log_lines_start_with_a_time_in_utc() -> None:
    stream = io.StringIO()
    start_log("a component", stream).info("release %s", "1.0.0")
    time, level, text = stream.getvalue().split(" ", 2)
    assert (time[10], time[-1], level, text) == ("T", "Z", "INFO", "release 1.0.0\n")


def test_metrics_name_component_and_release() -> None:
    registry = component_registry("gateway", "1.9.0")
    request_durations(registry).labels("200").observe(0.3)
    text = exposition(registry).decode()
    assert 'release_info{component="gateway",release="1.9.0"} 1.0' in text
    assert 'request_duration_seconds_bucket{code="200",le="0.25"} 0.0' in text
    assert 'request_duration_seconds_bucket{code="200",le="0.5"} 1.0' in text
    assert "process_resident_memory_bytes" in text
    assert "_created" not in text
