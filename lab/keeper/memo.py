"""What an on-call autopilot remembers, and the note it writes from graphs, its own actions and the list of changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lab.content.causes import NO_FAULT, load_causes
from lab.errors import LabError
from lab.grading.layout import Action, NoteFields, render
from lab.grading.severity import severity_of
from lab.keeper.investigate import Finding
from lab.keeper.prose import later_sections, quiet_note
from lab.keeper.view import ChangeView, RunView
from lab.operate.lab import Lab

_BAD_BELOW = 0.97
_GOOD_ABOVE = 0.98
_WINDOW_SECONDS = 15.0
"""What the share looks back on: bad figures closer together than this are of one dip."""


@dataclass
class Memo:
    """What was seen and done, in Unix seconds; zero is "not yet"."""

    alert: str = ""
    alert_at: float = 0.0
    declared_at: float = 0.0
    acted_at: float = 0.0
    resolved_at: float = 0.0
    severity: str = ""
    finding: Finding | None = None
    changes: tuple[ChangeView, ...] = ()
    actions: list[tuple[float, str]] = field(default_factory=list)


def write_note(memo: Memo, view: RunView, lab: Lab) -> str:
    """A complete note."""
    finding = memo.finding
    if finding is None:
        return render(NoteFields(incident=view.run_id))
    if finding.cause == NO_FAULT:
        return quiet_note(view.run_id, memo.alert, ())
    shares = _shares(finding.indicator.promql, memo, lab)
    started = began(shares, memo.alert_at, view.on_call_since or 0.0)
    mitigated = _mitigated(shares) if memo.resolved_at else 0.0
    bad = [1 - value for at, value in shares if started <= at <= (mitigated or shares[-1][0])]
    share = sum(bad) / len(bad) if bad else 0.0
    bad_version, good_version = _versions(finding.change)
    return render(
        NoteFields(
            incident=view.run_id,
            severity=severity_of(share),
            root_cause=finding.cause,
            component=finding.component,
            change="none" if finding.change is None else finding.change.id,
            bad_version=bad_version,
            good_version=good_version,
            started=_clock(started),
            detected=_clock(memo.declared_at),
            mitigated=_clock(mitigated),
            resolved=_clock(memo.resolved_at),
            actions=_actions(finding),
            sections={
                **later_sections(finding.component, memo.alert, share, memo.changes),
                **_sections(memo, finding, share, started, mitigated),
            },
        )
    )


def _shares(promql: str, memo: Memo, lab: Lab) -> Sequence[tuple[float, float]]:
    try:
        series = lab.prometheus.range(promql, memo.alert_at - 60, lab.around.now(), 1.0)
    except LabError:
        return ((memo.alert_at, 1.0),)
    return series[0].points if series else ((memo.alert_at, 1.0),)


def began(shares: Sequence[tuple[float, float]], alert_at: float, since: float) -> float:
    """
    When the dip that the alert tells of began, as the share of good requests shows it.

    Earlier dips are not part of it, and what was before `since`, such as a stack that was just starting, is not looked
    at. Without a dip before the alert it is the first one after it, else the alert. All in Unix seconds.
    """
    bad = [at for at, value in shares if value < _BAD_BELOW and at >= since]
    found = alert_at
    for at in reversed([at for at in bad if at <= alert_at]):
        if found - at > _WINDOW_SECONDS:
            break
        found = at
    return found if found < alert_at else min((at for at in bad if at > alert_at), default=alert_at)


def _mitigated(shares: Sequence[tuple[float, float]]) -> float:
    """When the good share was right for the last stretch that goes on to the end."""
    since = 0.0
    for at, value in reversed(shares):
        if value <= _GOOD_ABOVE:
            return since
        since = at
    return since


def _versions(change: ChangeView | None) -> tuple[str, str]:
    if change is None or " -> " not in change.what:
        return "", ""
    before, _, after = change.what.partition(" -> ")
    return after, before.split()[-1]


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if at else ""


def _actions(finding: Finding) -> tuple[Action, ...]:
    return (
        Action(
            do=finding.indicator.prevent.format(component=finding.component),
            type="prevent",
            owner=f"{finding.component} team",
            due="3 weeks",
            addresses=finding.cause,
        ),
        Action(
            do=finding.indicator.detect.format(component=finding.component),
            type="detect",
            owner="on-call lead",
            due="2 weeks",
            addresses=finding.cause,
        ),
    )


def _sections(memo: Memo, finding: Finding, share: float, started: float, mitigated: float) -> dict[str, str]:
    cause = load_causes().get(finding.cause)
    title = finding.cause if cause is None else cause.title.lower()
    change, indicator = finding.change, finding.indicator
    trigger = (
        "No change of the component came before it."
        if change is None
        else f"The trigger was the roll-out {change.id} ({change.what}, “{change.message}”)."
    )
    done = "; ".join(f"`{line}`" for _, line in memo.actions) or "nothing was changed"
    end = f"until {_clock(mitigated)}" if mitigated else "and it had not recovered when we stopped"
    return {
        "Summary": (
            f"From {_clock(started)} {end}, about {100 * share:.0f} % of scoring requests "
            f"{indicator.broken}. The part at fault was {finding.component}: {title}. The alert {memo.alert} showed it."
        ),
        "Root cause and trigger": f"What the graphs say: {'; '.join(finding.because)}. {trigger}",
        "Mitigation": (
            f"We did this: {done}. "
            + (
                f"The {indicator.measure} came back above 98 % and stayed there under the usual load."
                if mitigated
                else f"The {indicator.measure} did not come back while we watched."
            )
        ),
        "Actions": (
            f"The two actions above address {finding.cause}: one keeps such a change of {finding.component} from "
            "reaching everybody unseen, the other shows it sooner."
        ),
    }
