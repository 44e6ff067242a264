"""Cross checks of one scenario: what one model cannot see, for it takes causes, telemetry and proof together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from lab.content.causes import NO_FAULT, Causes
from lab.content.lint_proof import proof_problems, target_problems_of_setup
from lab.content.lint_spoilers import spoiler_problems
from lab.content.loader import DEBRIEF_FILE, PROOF_FILE, SCENARIO_FILE, LoadedScenario
from lab.content.model import Component, DeletePods, DeployEvent, RegistryEvent
from lab.content.names import suggestion
from lab.content.promql import metric_names
from lab.content.telemetry import Telemetry
from lab.content.values import Comparison, format_duration
from lab.content.yamlfile import Document, Key, parse_yaml
from lab.errors import Problem

SEEDED = "seeded"
MIN_SECONDS_TO_ACT = 240
"""What must be left of on_call after the latest onset."""
DEBRIEF_HEADINGS = (
    "What happened",
    "How to see it first",
    "Why the wrong fixes fail",
    "Modelled on",
    "What was invented",
)

Report = Callable[[Sequence[Key], str, str], None]


@dataclass(frozen=True, slots=True)
class Subject:
    """A scenario under check, with the documents that its lines come from."""

    loaded: LoadedScenario
    document: Document
    proof_document: Document

    @classmethod
    def of(cls, loaded: LoadedScenario) -> Subject:
        """Parse the two texts again for their lines."""
        return cls(
            loaded,
            parse_yaml(loaded.scenario_yaml, loaded.path(SCENARIO_FILE)),
            parse_yaml(loaded.proof_yaml, loaded.path(PROOF_FILE)),
        )


def lint(loaded: LoadedScenario, causes: Causes, telemetry: Telemetry | None) -> list[Problem]:
    """
    Every problem of a scenario that spans more than one value, by file and line.

    Without telemetry the names of metrics and alerts are not checked.
    """
    subject = Subject.of(loaded)
    problems: list[Problem] = []

    def report(where: Sequence[Key], what: str, next_step: str) -> None:
        problems.append(subject.document.problem(where, what, next_step))

    _check_seeded(loaded, report)
    _check_events(loaded, report)
    _check_times(loaded, report)
    _check_truth(loaded, causes, report)
    _check_objectives(loaded, report)
    _check_hints(loaded, report)
    if telemetry is not None:
        _check_names(loaded, telemetry, report)
        problems += _debrief_queries(loaded, telemetry)
        problems += _query_problems(subject, telemetry)
    problems += target_problems_of_setup(loaded, subject.document)
    alerts = telemetry.alert_names if telemetry is not None else None
    problems += proof_problems(loaded, subject.proof_document, alerts)
    problems += spoiler_problems(loaded, subject.document, causes)
    problems += _debrief_problems(loaded)
    return sorted(dict.fromkeys(problems), key=lambda item: (item.path, item.line, item.where))


def deployed(loaded: LoadedScenario) -> Iterator[tuple[int, Component, str]]:
    """Every release that may be rolled out: index of the event, component, tag."""
    scenario = loaded.scenario
    for index, event in enumerate(scenario.events):
        match event:
            case DeployEvent():
                tags = scenario.seeded.tag if event.deploy.tag == SEEDED else (event.deploy.tag,)
                for tag in tags:
                    yield index, event.deploy.component, tag
            case RegistryEvent():
                continue
            case _:
                assert_never(event)


def _check_seeded(loaded: LoadedScenario, report: Report) -> None:
    seeded = loaded.scenario.seeded
    low, high = seeded.strike_seconds
    if low > high:
        report(("seeded", "strike_seconds"), f"runs from {low:g} down to {high:g}", "write the smaller number first")
    events = enumerate(loaded.scenario.events)
    users = [index for index, event in events if isinstance(event, DeployEvent) and event.deploy.tag == SEEDED]
    if users and not seeded.tag:
        report(("events", users[0], "deploy", "tag"), "is chosen by the seed, which has no tags", "list seeded.tag")
    if seeded.tag and not users:
        report(
            ("seeded", "tag"), "is used by no event", "write `tag: seeded` in the event that varies, or drop the list"
        )
    if len(users) > 1:
        report(("events", users[1], "deploy", "tag"), "is a second seeded tag", "let the seed choose for one event")
    for index, tag in enumerate(seeded.tag):
        if tag in seeded.tag[:index]:
            report(("seeded", "tag", index), f"`{tag}` is listed twice", "list each tag once")


def _check_events(loaded: LoadedScenario, report: Report) -> None:
    used: set[tuple[Component, str]] = set()
    for index, component, tag in deployed(loaded):
        used.add((component, tag))
        if (component, tag) not in loaded.releases:
            names = [f"{known}-{other}" for known, other in loaded.releases]
            step = f"write releases/{component}-{tag}.yaml, or {suggestion(f'{component}-{tag}', names)}"
            where = ("events", index, "deploy", "tag")
            report(where, f"`{tag}` of {component} has no release file", step)
    for component, tag in sorted(set(loaded.releases) - used):
        name = f"releases/{component}-{tag}.yaml"
        report(("events",), f"{name} is used by no event", "remove the file, or deploy it")
    moments = [event.at.offset_seconds for event in loaded.scenario.events]
    if moments != sorted(moments):
        report(("events",), "are not in order of time", "sort them by `at`; truth.change counts from the top")


def _check_times(loaded: LoadedScenario, report: Report) -> None:
    scenario = loaded.scenario
    low, high = scenario.seeded.strike_seconds
    for index, event in enumerate(scenario.events):
        earliest = low + event.at.offset_seconds
        if earliest < 0:
            step = f"raise the lower end of seeded.strike_seconds to {-event.at.offset_seconds:g}, or move the event"
            report(("events", index, "at"), f"can fall {-earliest:g} s before the start", step)
    latest = high + max((event.at.offset_seconds for event in scenario.events), default=0.0)
    latest += scenario.bites.within if scenario.bites is not None else 0.0
    if scenario.minutes * 60 - latest < MIN_SECONDS_TO_ACT:
        needed = -(-(latest + MIN_SECONDS_TO_ACT) // 60)
        what = f"{scenario.minutes} leaves less than {format_duration(MIN_SECONDS_TO_ACT)} after the latest onset"
        report(("minutes",), what, f"write {needed:.0f} or more, or strike earlier")
    if scenario.traffic[0].at != 0:
        report(("traffic", 0, "at"), "leaves the start without a plan", "begin with `at: 0s`")
    times = [step.at for step in scenario.traffic]
    if sorted(set(times)) != times:
        report(("traffic",), "is not in order of time", "sort the steps by `at`, one step per time")


def _check_truth(loaded: LoadedScenario, causes: Causes, report: Report) -> None:
    scenario, truth = loaded.scenario, loaded.scenario.truth
    pickable = [cause.id for cause in causes.pickable]
    cause = causes.get(truth.root_cause)
    if cause is None or cause.kind != "cause":
        what = f"`{truth.root_cause}` is {'not in the vocabulary' if cause is None else f'a {cause.kind}'}"
        report(("truth", "root_cause"), what, suggestion(truth.root_cause, pickable))
    quiet = truth.root_cause == NO_FAULT
    if quiet != (scenario.family == "quiet"):
        report(
            ("family",), f"`{scenario.family}` does not go with `{truth.root_cause}`", "quiet goes with no-fault only"
        )
    if quiet and scenario.bites is not None:
        report(("bites",), "says when it begins though nothing is wrong", "drop `bites`")
    if quiet and truth.component is not None:
        report(("truth", "component"), f"is {truth.component} though nothing is wrong", "drop it")
    events = len(scenario.events)
    if truth.change is not None:
        _check_event_index(("truth", "change", "event"), truth.change.event, events, report)
        if quiet:
            report(("truth", "change"), "names a change though nothing is wrong", "write `change: null`")
        elif truth.change.event < events:
            change = scenario.events[truth.change.event]
            fits = (change.component, "model-server") if isinstance(change, RegistryEvent) else (change.component,)
            if truth.component not in fits:
                what = f"is {truth.component}, but the change that truth names deploys {change.component}"
                report(("truth", "component"), what, "make the two agree")
    seen: set[int] = set()
    for index, herring in enumerate(truth.red_herrings):
        where = ("truth", "red_herrings", index, "event")
        _check_event_index(where, herring.event, events, report)
        if truth.change is not None and herring.event == truth.change.event:
            report(where, "is the change itself", "name another event, or none")
        if herring.event in seen:
            report(where, f"names event {herring.event} twice", "name each event once")
        seen.add(herring.event)
    if not truth.evidence:
        report(("truth", "evidence"), "is empty", "name the metrics that show the cause")


def _check_event_index(where: Sequence[Key], index: int, events: int, report: Report) -> None:
    if index >= events:
        known = f"use 0 to {events - 1}, counted from the top" if events else "there are no events; remove it"
        report(where, f"there is no event {index}", known)


def _check_objectives(loaded: LoadedScenario, report: Report) -> None:
    scenario = loaded.scenario
    names = [objective.name for objective in scenario.objectives]
    if scenario.impact is not None and scenario.impact not in names:
        report(("impact",), f"`{scenario.impact}` is not an objective", suggestion(scenario.impact, names))
    for index, objective in enumerate(scenario.objectives):
        if objective.name in names[:index]:
            report(("objectives", index, "name"), f"`{objective.name}` is there twice", "give each its own name")
        if objective.name in scenario.safeguards:
            report(("objectives", index, "name"), f"`{objective.name}` is a safeguard", "choose another name")
        if objective.hold <= 0:
            report(("objectives", index, "hold"), "is no time at all", "hold for 10s or more")
        bites = scenario.bites
        same = bites is not None and objective.promql.split() == bites.promql.split()
        if bites is not None and same and _can_both_hold(objective.must, bites.must):
            what = f"`{objective.must}` can hold while the fault bites at `{bites.must}`"
            report(("objectives", index, "must"), what, "choose bounds that exclude each other")
    for index, name in enumerate(scenario.safeguards):
        if name in scenario.safeguards[:index]:
            report(("safeguards", index), f"`{name}` is there twice", "list each safeguard once")


def _can_both_hold(first: Comparison, second: Comparison) -> bool:
    """Whether some number satisfies both bounds; it is enough to try each bound, its neighbours, and the middle."""
    low, high = sorted((first.bound, second.bound))
    tries = (low, high, (low + high) / 2, low - 1.0, high + 1.0)
    return any(first.holds(value) and second.holds(value) for value in tries)


def _check_hints(loaded: LoadedScenario, report: Report) -> None:
    for index, hint in enumerate(loaded.scenario.hints):
        if hint.when is None and hint.after is None:
            report(("hints", index), "is never offered", "write `when:` or `after:`")
        if not hint.text.strip():
            report(("hints", index, "text"), "is empty", "write what helps")


def _check_names(loaded: LoadedScenario, telemetry: Telemetry, report: Report) -> None:
    scenario = loaded.scenario

    def check_metric(where: Sequence[Key], name: str) -> None:
        if not telemetry.knows(name):
            report(where, f"`{name}` is not a metric of the stack", suggestion(name, telemetry.series))

    def check_promql(where: Sequence[Key], promql: str) -> None:
        names = metric_names(promql)
        if not names:
            report(where, "reads no metric", "write a PromQL expression over metrics of telemetry.yaml")
        for name in names:
            check_metric(where, name)

    def check_alert(where: Sequence[Key], name: str) -> None:
        if name not in telemetry.alert_names:
            report(where, f"`{name}` is not an alert of the rules", suggestion(name, telemetry.alert_names))

    for index, name in enumerate(scenario.truth.evidence):
        check_metric(("truth", "evidence", index), name)
    if scenario.bites is not None:
        check_promql(("bites", "promql"), scenario.bites.promql)
    for index, objective in enumerate(scenario.objectives):
        check_promql(("objectives", index, "promql"), objective.promql)
    for index, hint in enumerate(scenario.hints):
        if hint.when is not None:
            check_metric(("hints", index, "when", "never_queried"), hint.when.never_queried)
    if scenario.visible is not None:
        check_alert(("visible",), scenario.visible)
    for index, name in enumerate(scenario.may_change):
        check_alert(("may_change", index), name)


def _query_problems(subject: Subject, telemetry: Telemetry) -> Iterator[Problem]:
    """Queries in the proof's steps that read what is not there."""
    for name, play in subject.loaded.proof.plays.items():
        for index, step in enumerate(play.steps):
            if not isinstance(step, DeletePods):
                continue
            where = ("plays", name, "steps", index, "delete_pods")
            named = metric_names(step.delete_pods)
            if not named:
                yield subject.proof_document.problem(where, "reads no metric", "write PromQL whose series name a `pod`")
            for metric in named:
                if not telemetry.knows(metric):
                    what, step_out = f"`{metric}` is not a metric of the stack", suggestion(metric, telemetry.series)
                    yield subject.proof_document.problem(where, what, step_out)


def _debrief_queries(loaded: LoadedScenario, telemetry: Telemetry) -> Iterator[Problem]:
    """Queries in the fenced promql blocks of the debrief that read what is not there."""
    fenced = False
    for number, line in enumerate(loaded.debrief.splitlines(), start=1):
        if line.startswith("```"):
            fenced = line.strip() == "```promql"
            continue
        for name in metric_names(line) if fenced else ():
            if not telemetry.knows(name):
                what, step = f"`{name}` is not a metric of the stack", suggestion(name, telemetry.series)
                yield Problem(loaded.path(DEBRIEF_FILE), number, "promql", what, step)


def _debrief_problems(loaded: LoadedScenario) -> Iterator[Problem]:
    path = loaded.path(DEBRIEF_FILE)
    lines = loaded.debrief.splitlines()
    headings = {line.lstrip("#").strip().lower() for line in lines if line.startswith("#")}
    for heading in DEBRIEF_HEADINGS:
        if heading.lower() not in headings:
            yield Problem(path, len(lines), "headings", f"`## {heading}` is missing", "add it, with its story below")
