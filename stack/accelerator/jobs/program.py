"""What jobs on the device have in common: arguments, log, and how they end."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence

from stack.accelerator.device import Device
from stack.accelerator.errors import AcceleratorError
from stack.accelerator.opening import Choice, open_device
from stack.common.arguments import http_url
from stack.common.logs import start_log
from stack.wire.client import Address

Work = Callable[[Device, argparse.Namespace, logging.Logger, threading.Event], None]
"""Uses the device until done, or until the event is set."""


def job_parser(name: str, purpose: str) -> argparse.ArgumentParser:
    """A parser with `--device` and `--accelerator`."""
    parser = argparse.ArgumentParser(prog=f"python -m stack.accelerator {name}", description=purpose)
    parser.add_argument("--device", type=Choice, choices=list(Choice), default=Choice.AUTO, help="default: %(default)s")
    parser.add_argument("--accelerator", type=http_url, help="address of the emulated device's driver")
    return parser


def positive(text: str) -> int:
    """A whole number from 1 up; an argparse type."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def seconds(text: str) -> float:
    """A number of seconds, 0 or more; an argparse type."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def stop_on_signal() -> threading.Event:
    """An event that SIGTERM and SIGINT set; the signals no longer end the process."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def run_job(
    name: str,
    parser: argparse.ArgumentParser,
    argv: Sequence[str],
    environ: Mapping[str, str],
    stop: threading.Event,
    work: Work,
) -> int:
    """Open the device, do the work, close it; the exit code: 0, or 1 with the device's own words in the log."""
    arguments = parser.parse_args(argv)
    log = start_log(name, sys.stdout)
    driver = Address.parse(arguments.accelerator) if arguments.accelerator else None
    try:
        device = open_device(arguments.device, driver, environ, log)
        log.info("runs on %s (%s)", device.properties.name, device.properties.kind)
        try:
            work(device, arguments, log, stop)
        finally:
            device.close()
    except AcceleratorError as error:
        log.error("%s: %s", type(error).__name__, error)
        return 1
    log.info("stopped early" if stop.is_set() else "done")
    return 0
