"""Calls to the lab off the event loop: one worker each, answers as messages, and a quit that never waits for them."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from textual.dom import DOMNode
from textual.message import Message
from textual.worker import get_current_worker

from lab.errors import LabError
from lab.tui.messages import CallFailed

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger(__name__)


class DaemonExecutor(ThreadPoolExecutor):
    """Runs each call in a daemon thread of its own; neither the loop nor the interpreter waits for them at exit."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start the call at once."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, name="lab-tui", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave running calls to themselves."""


def as_lab_error(error: BaseException) -> LabError:
    """The error as a person can be shown it; anything but a LabError is logged and worded as a fault of the lab."""
    if isinstance(error, LabError):
        return error
    _log.error("unexpected error", exc_info=error)
    return LabError(
        "Something in the lab itself went wrong",
        f"{type(error).__name__}: {error}".rstrip(": "),
        "Try again; if it stays, `lab doctor` and lab.log say more.",
    )


def deliver(node: DOMNode, message: Message) -> None:
    """Post from any thread; a screen or app that has gone in the meantime hears nothing."""
    with contextlib.suppress(RuntimeError):
        node.post_message(message)


def call(node: DOMNode, group: str, ask: Callable[[], Message]) -> None:
    """
    Run `ask` in a thread and post the message it returns, or `CallFailed` with this group.

    A newer call of the same group on the same node takes the place of an older one, whose answer is dropped.
    """

    def body() -> None:
        try:
            message: Message = ask()
        except Exception as error:
            message = CallFailed(group, as_lab_error(error))
        if not get_current_worker().is_cancelled:
            deliver(node, message)

    node.run_worker(body, name=group, group=group, thread=True, exclusive=True, exit_on_error=False)


def poll(
    node: DOMNode,
    group: str,
    ask: Callable[[], Message],
    failed: Callable[[LabError], Message],
    period: float,
    stop: threading.Event,
) -> None:
    """Ask every `period` seconds until `stop` is set; failures are posted as `failed` says, and polling goes on."""

    def body() -> None:
        while not stop.is_set():
            try:
                message = ask()
            except Exception as error:
                message = failed(as_lab_error(error))
            if not stop.is_set():
                deliver(node, message)
            stop.wait(period)

    node.run_worker(body, name=group, group=group, thread=True, exclusive=True, exit_on_error=False)
