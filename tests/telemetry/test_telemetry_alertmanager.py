"""Alertmanager over HTTP, against a server that answers as Alertmanager does, and what matchers mean."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from lab.telemetry.alertmanager import Alertmanager, Matcher, SilenceRefused
from lab.telemetry.prometheus import TelemetryError

ID = "f0e0ee03-772d-41d6-98a0-5a8f5efeb335"
PAGE = {"alertname": "GoodShareBurn", "severity": "page"}


def alert(name: str, starts: str, silenced_by: list[str]) -> dict[str, Any]:
    return {
        "labels": {"alertname": name},
        "annotations": {"summary": "s"},
        "startsAt": starts,
        "status": {"state": "suppressed" if silenced_by else "active", "silencedBy": silenced_by, "inhibitedBy": []},
    }


def silence(state: str, ends: str) -> dict[str, Any]:
    return {
        "id": ID if state == "active" else f"other-{state}",
        "status": {"state": state},
        "matchers": [{"name": "alertname", "value": "Good.*", "isRegex": True, "isEqual": True}],
        "startsAt": "2026-10-01T10:00:00.000Z",
        "endsAt": ends,
        "createdBy": "you",
        "comment": "noise",
    }


ALERTS = [alert("Young", "2026-10-01T12:00:05.123456789+02:00", [ID]), alert("Old", "2026-10-01T10:00:00.000Z", [])]
ANSWERS: dict[str, Any] = {
    "GET alerts": ALERTS,
    "GET alerts/groups": [{"labels": {"alertname": "Old"}, "receiver": {"name": "on-call"}, "alerts": ALERTS[1:]}],
    "GET silences": [
        silence("active", "2026-10-01T10:10:00.000Z"),
        silence("expired", "2026-10-01T10:01:00.000Z"),
        silence("pending", "2026-10-01T10:05:00.000Z"),
    ],
    "GET status": {"config": {"original": "route: {}"}, "versionInfo": {"version": "0.25.0"}},
    "POST silences": {"silenceID": ID},
    f"DELETE silence/{ID}": None,
}


class Handler(BaseHTTPRequestHandler):
    bodies: ClassVar[list[Any]] = []
    refusal: ClassVar[tuple[int, str] | None] = None

    def do_GET(self) -> None:
        self.answer("GET")

    def do_POST(self) -> None:
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.answer("POST")

    def do_DELETE(self) -> None:
        self.answer("DELETE")

    def answer(self, method: str) -> None:
        key = f"{method} {self.path.removeprefix('/api/v2/')}"
        code, text = (
            (200, json.dumps(ANSWERS[key]) if ANSWERS.get(key) is not None else "") if key in ANSWERS else (404, "")
        )
        if self.refusal is not None:
            code, text = self.refusal
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def alertmanager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Alertmanager]:
    monkeypatch.setattr(Handler, "bodies", [])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Alertmanager(f"http://127.0.0.1:{server.server_port}/")
    server.shutdown()
    thread.join()
    server.server_close()


def test_alerts_come_oldest_first_with_who_silences_them(alertmanager: Alertmanager) -> None:
    old, young = alertmanager.alerts()
    assert (old.name, old.state, old.silenced_by) == ("Old", "active", ())
    assert (young.name, young.state, young.silenced_by) == ("Young", "suppressed", (ID,))
    assert young.since - old.since == pytest.approx(5.123, abs=0.001)
    (group,) = alertmanager.groups()
    assert (group.receiver, [one.name for one in group.alerts]) == ("on-call", ["Old"])


def test_silences_that_are_over_are_left_out_unless_asked_for(alertmanager: Alertmanager) -> None:
    assert [one.state for one in alertmanager.silences()] == ["pending", "active"]
    assert [one.state for one in alertmanager.silences(expired=True)] == ["expired", "pending", "active"]
    active = alertmanager.silences()[1]
    assert active.matches(PAGE)
    assert not active.matches({"alertname": "Other"})
    assert active.ends - active.starts == 600


def test_a_silence_is_made_and_ended(alertmanager: Alertmanager) -> None:
    matchers = [Matcher.parse("alertname=GoodShareBurn"), Matcher.parse('severity!~"info|debug"')]
    made = alertmanager.silence(matchers, 1_790_848_800.5, 90, created_by="you", comment="noise")
    assert made == ID
    assert Handler.bodies == [
        {
            "matchers": [
                {"name": "alertname", "value": "GoodShareBurn", "isRegex": False, "isEqual": True},
                {"name": "severity", "value": "info|debug", "isRegex": True, "isEqual": False},
            ],
            "startsAt": "2026-10-01T10:00:00.500Z",
            "endsAt": "2026-10-01T10:01:30.500Z",
            "createdBy": "you",
            "comment": "noise",
        }
    ]
    alertmanager.expire(ID)


def test_status_gives_routes_and_version(alertmanager: Alertmanager) -> None:
    assert (alertmanager.routing(), alertmanager.version()) == ("route: {}", "0.25.0")


@pytest.mark.parametrize(
    ("refusal", "kind", "message"),
    [
        ((400, '"silence invalid: bad"'), SilenceRefused, "silence invalid: bad"),
        ((422, '{"code": 602, "message": "matchers in body is required"}'), SilenceRefused, "matchers in body"),
        ((404, ""), SilenceRefused, "no such silence"),
        ((503, "no endpoints"), TelemetryError, "HTTP 503"),
        ((200, "<html>"), TelemetryError, "127.0.0.1"),
    ],
)
def test_refusals_and_silence_are_told_apart(
    alertmanager: Alertmanager,
    monkeypatch: pytest.MonkeyPatch,
    refusal: tuple[int, str],
    kind: type[TelemetryError],
    message: str,
) -> None:
    monkeypatch.setattr(Handler, "refusal", refusal)
    with pytest.raises(TelemetryError) as caught:
        alertmanager.expire(ID)
    assert type(caught.value) is kind
    assert message in caught.value.message
    assert caught.value.next_step


def test_nobody_there_is_an_error_of_the_lab() -> None:
    with pytest.raises(TelemetryError, match="does not answer"):
        Alertmanager("http://127.0.0.1:1").alerts()


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("severity=page", True),
        ('severity="page"', True),
        ("severity!=page", False),
        ("severity=~pa.*", True),
        ("severity=~a", False),
        ("severity!~a", True),
        ("team=", True),
        ("team!=", False),
        ('team=~".*"', True),
        ("severity=~(?P<", True),
    ],
)
def test_matchers_mean_what_alertmanager_means(text: str, holds: bool) -> None:
    matcher = Matcher.parse(text)
    assert matcher.matches(PAGE) is holds
    assert Matcher.parse(str(matcher)) == matcher


@pytest.mark.parametrize("text", ["", "severity", "=page", "1x=y", "a b=c"])
def test_other_text_is_no_matcher(text: str) -> None:
    with pytest.raises(ValueError, match="not a matcher"):
        Matcher.parse(text)
