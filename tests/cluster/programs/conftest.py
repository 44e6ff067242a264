"""The server that hands out the pretended release, and an environment without proxies."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest
from release_host import GOOD, NAME, QUICK, Answers, Host

from lab.cluster.programs import Archive, Sources


@pytest.fixture
def host() -> Iterator[Host]:
    state = Host()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Answers,), {"host": state}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/{NAME}.tar.gz"
    yield state
    state.quiet.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sources(host: Host) -> Sources:
    """The archive on that server for the platform "test-cpu", and no package archive."""
    archive = Archive("2.99.1", "test-cpu", hashlib.sha256(GOOD).hexdigest(), host.url)
    return Sources({"test-cpu": archive}, packages=False, limits=QUICK)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
