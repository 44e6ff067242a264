"""Notes on the solved run of incident_runs: the reference, and what others write instead."""

from __future__ import annotations

from dataclasses import replace

from lab.grading.note import Action, NoteFields, TemplateFacts, render, template

SECTIONS = {
    "Summary": (
        "From 14:01:35 to 14:03:20 one in seven scoring requests took seconds instead of milliseconds. "
        "Travel desks saw the score hang; the others were answered as usual."
    ),
    "Root cause and trigger": (
        "Version 2.4.1 of the model server takes a slow branch for part of the requests (release-slow-path). "
        "The trigger was its rollout at 14:01:20; the median hid it, since most requests did not take that branch."
    ),
    "Mitigation": (
        "The rollout was undone, which brought version 2.3.1 back. The share of good requests was above 98 % again "
        "within twenty seconds, under the usual load."
    ),
    "Actions": (
        "A canary compares the 99th percentile before a release goes to every replica, "
        "and an alert watches that percentile by release."
    ),
}

REFERENCE = NoteFields(
    incident="20261001-140000-ab12",
    severity="SEV2",
    root_cause="release-slow-path",
    component="model-server",
    change="b2c3d4e5",
    bad_version="2.4.1",
    good_version="2.3.1",
    started="2026-10-01T14:01:35Z",
    detected="2026-10-01T14:02:20Z",
    mitigated="2026-10-01T14:03:20Z",
    resolved="2026-10-01T14:03:45Z",
    actions=(
        Action(
            "Compare p99 in a canary before each rollout", "prevent", "serving team", "2026-10-20", "release-slow-path"
        ),
        Action("Alert on p99 by release, not on the median", "detect", "on-call lead", "2 weeks", "release-slow-path"),
    ),
    sections=SECTIONS,
)

QUIET = NoteFields(
    incident="20261001-140000-ab12",
    root_cause="no-fault",
    component="none",
    change="none",
    actions=(Action("Widen the window of the burn alert", "detect", "SRE", "3 weeks", "no-fault"),),
    sections={
        "Summary": "One alert fired for a few seconds; every figure that callers feel stayed where it always is.",
        "Root cause and trigger": "None: the share of good requests moved within its noise, and latency did not move.",
        "Mitigation": "Nothing was changed, because nothing that users feel had moved before or after the alert.",
        "Actions": "The window of the alert gets wider, so that noise of this size no longer raises it.",
    },
)


def reference(**changes: object) -> str:
    """The reference note with some fields changed."""
    return render(replace(REFERENCE, **changes))  # type: ignore[arg-type]


def with_sections(**texts: str) -> str:
    """The reference note with some sections changed; keys are headings with _ for spaces."""
    return reference(sections=SECTIONS | {key.replace("_", " "): text for key, text in texts.items()})


EMPTY_TEMPLATE = template(
    TemplateFacts("20261001-140000-ab12", "Travel desks say the score hangs now and then", level=1)
)
