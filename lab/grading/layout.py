"""The layout of an incident note: its keys, its sections, and the one way both are written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.content.model import COMPONENTS

TIME_KEYS = ("started", "detected", "mitigated", "resolved")
SCALAR_KEYS = (
    "incident", "severity", "root_cause", "component", "change", "bad_version", "good_version", *TIME_KEYS,
)  # fmt: skip
LATER_KEYS = ("detected_by", "mitigation", "impact", "evidence", "ruled_out")
"""Keys that level 1 does not ask for; they may be there."""
KEYS = (*SCALAR_KEYS, *LATER_KEYS, "actions")
ACTION_KEYS = ("do", "type", "owner", "due", "addresses")

_ALL = (
    "Summary", "Impact", "Timeline", "Root cause and trigger", "Detection", "Mitigation", "What went well",
    "What went poorly", "Where we got lucky", "Actions",
)  # fmt: skip
SECTIONS: Mapping[int, tuple[str, ...]] = {
    1: ("Summary", "Root cause and trigger", "Mitigation", "Actions"),
    2: _ALL,
    3: _ALL,
}
"""Sections asked for, by level, in the order of the template."""

PROMPTS: Mapping[str, str] = {
    "Summary": "Two or three sentences for somebody who was not there: what was wrong, for whom, until when.",
    "Impact": "Who noticed what, and how much of it.",
    "Timeline": "One line per event, with its time.",
    "Root cause and trigger": "What made it happen, in which component, and what set it off.",
    "Detection": "How it was noticed, and how it could have been noticed sooner.",
    "Mitigation": "What was done about it, and how it is known to have helped. If nothing was done, why not.",
    "What went well": "What helped.",
    "What went poorly": "What was in the way.",
    "Where we got lucky": "What could have made it worse.",
    "Actions": "What will change so that it does not come back, and so that it is seen sooner if it does.",
}
"""What the template asks under each heading."""

_HINTS: Mapping[str, str] = {
    "severity": "SEV1 half of all requests or more, SEV2 a tenth, SEV3 a hundredth, SEV4 less",
    "root_cause": "one id of `lab incident causes`; no-fault if nothing was wrong, then what follows stays empty",
    "component": f"one of {', '.join(COMPONENTS)}",
    "change": "short commit hash of the change behind it, or none",
    "bad_version": "the version that did it",
    "good_version": "the version that is right",
    "started": "times as 14:03:05 (UTC), or 2026-10-01T16:03:05+02:00",
    "detected": "when it was noticed",
    "mitigated": "when users were well again",
    "resolved": "when it was called over",
}
_ACTION_HINTS: Mapping[str, str] = {
    "do": "what will be done",
    "type": "prevent or detect; both are wanted",
    "owner": "a role or team, no name of a person",
    "due": "a date, or 2 weeks; within eight weeks",
    "addresses": "the id of the root cause it is about",
}


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that will be done; every value is text as a note has it."""

    do: str
    type: str
    owner: str
    due: str
    addresses: str


@dataclass(frozen=True, slots=True)
class NoteFields:
    """All that a note says, as text; an empty value is left empty in the note."""

    incident: str = ""
    severity: str = ""
    root_cause: str = ""
    component: str = ""
    change: str = ""
    bad_version: str = ""
    good_version: str = ""
    started: str = ""
    """Any time that `lab.grading.moments.parse_moment` reads."""
    detected: str = ""
    mitigated: str = ""
    resolved: str = ""
    actions: tuple[Action, ...] = ()
    sections: Mapping[str, str] = field(default_factory=dict)
    """Heading to its text, in the order in which they are written."""

    def scalar(self, key: str) -> str:
        """The value of one key of SCALAR_KEYS."""
        values = (
            self.incident, self.severity, self.root_cause, self.component, self.change, self.bad_version,
            self.good_version, self.started, self.detected, self.mitigated, self.resolved,
        )  # fmt: skip
        return dict(zip(SCALAR_KEYS, values, strict=True))[key]


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """What an empty note knows of its run; nothing that is sealed."""

    incident: str
    """Id of the run."""
    title: str
    """The symptom, as the scenario is called."""
    level: int


def render(fields: NoteFields) -> str:
    """A complete note: front matter, then each section under its heading."""
    lines = ["---"]
    lines += [f"{key}: {_scalar(fields.scalar(key))}".rstrip() for key in SCALAR_KEYS]
    lines.append("actions:" if fields.actions else "actions: []")
    for action in fields.actions:
        values = (action.do, action.type, action.owner, action.due, action.addresses)
        for index, (key, value) in enumerate(zip(ACTION_KEYS, values, strict=True)):
            lines.append(f"  {'- ' if index == 0 else '  '}{key}: {_scalar(value)}".rstrip())
    lines.append("---")
    for heading, text in fields.sections.items():
        lines += ["", f"## {heading}", "", text.strip()]
    return "\n".join(lines) + "\n"


def template(facts: TemplateFacts) -> str:
    """An empty note with a hint beside every key and under every heading; the same for every run of a level."""
    lines = ["---", f"incident: {_scalar(facts.incident)}"]
    lines += [f"{key}:  # {_HINTS[key]}" for key in SCALAR_KEYS if key != "incident"]
    lines.append("actions:")
    for _ in range(2):
        for index, key in enumerate(ACTION_KEYS):
            lines.append(f"  {'- ' if index == 0 else '  '}{key}:  # {_ACTION_HINTS[key]}")
    lines += ["---", "", f"# {facts.title}"]
    for heading in SECTIONS[facts.level]:
        lines += ["", f"## {heading}", "", f"<!-- {PROMPTS[heading]} -->"]
    return "\n".join(lines) + "\n"


_PLAIN = re.compile(r"[A-Za-z0-9](?:[\w .+/@()-]|:(?=[^\s]))*")
_WORDS_OF_YAML = ("null", "true", "false", "yes", "no", "on", "off")


def _scalar(value: str) -> str:
    if not value or (_PLAIN.fullmatch(value) and value.lower() not in _WORDS_OF_YAML and value == value.strip()):
        return value
    return json.dumps(value, ensure_ascii=False)
