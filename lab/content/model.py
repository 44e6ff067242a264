"""The typed form of a scenario and its proof; the keys here are the whole vocabulary, anything else is an error."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StrictInt, StrictStr, Tag

from lab.content.values import Duration, Must, StrikeMoment

Family = Literal["drift", "gpu", "bad-deploy", "cost", "reliability", "governance", "access", "quiet"]
Component = Literal[
    "feed", "gateway", "model-server", "monitor", "discovery", "registry", "accelerator", "billing", "prometheus"
]
SafeguardName = Literal["serving", "traffic", "alerting", "history", "data", "no_harm"]

COMPONENTS: tuple[Component, ...] = (
    "feed", "gateway", "model-server", "monitor", "discovery", "registry", "accelerator", "billing", "prometheus",
)  # fmt: skip
SAFEGUARDS: tuple[SafeguardName, ...] = ("serving", "traffic", "alerting", "history", "data", "no_harm")


class Content(BaseModel):
    """Base of everything authors write: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Deploy(Content):
    """A teammate rolls out a release of one component as a commit to the platform repo."""

    component: Component
    by: StrictStr
    """First name of the teammate who commits."""
    tag: StrictStr
    """Image tag, or `seeded` to let the seed choose among `seeded.tag`."""
    message: StrictStr
    """Subject of the commit, as an honest engineer would write it."""


class DeployEvent(Content):
    """One event of the script: what happens, and when relative to the strike."""

    at: StrikeMoment
    deploy: Deploy


Event = DeployEvent
"""The union of event kinds; later kinds join here."""


class TrafficStep(Content):
    """From `at` after the gate, the feed plans this many requests a second."""

    at: Duration
    rps: Annotated[float, Field(gt=0, le=2000, strict=True)]


class Seeded(Content):
    """What a seed may choose."""

    strike_seconds: tuple[Annotated[float, Field(ge=0, strict=True)], Annotated[float, Field(ge=0, strict=True)]]
    """Range of seconds after the gate at which the events named strike happen."""
    tag: tuple[StrictStr, ...] = ()


class Bites(Content):
    """When the fault is counted as having begun: the first time that `promql` satisfies `must`."""

    promql: StrictStr
    must: Must
    within: Duration
    """The fault must bite this long after the last event, else the run is prevented or void."""


class ChangeRef(Content):
    """Index of the event that is the cause."""

    event: Annotated[StrictInt, Field(ge=0)]


class Truth(Content):
    """What is sealed until grading."""

    root_cause: StrictStr
    component: Component
    change: ChangeRef | None
    red_herrings: tuple[ChangeRef, ...] = ()
    evidence: tuple[StrictStr, ...]
    """Metric names of telemetry.yaml that show the cause."""
    floor: Annotated[float, Field(ge=0, le=1, strict=True)]
    """Worst 30 s of good share if nobody acts."""
    words: tuple[StrictStr, ...] = ()
    """Words that would give the answer away; the spoiler scan looks for them."""


class Objective(Content):
    """What good looks like again: `promql` satisfies `must` for `hold` seconds without a break."""

    name: Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    promql: StrictStr
    must: Must
    hold: Duration


class NeverQueried(Content):
    """True while the learner has not queried this metric."""

    never_queried: StrictStr


class Hint(Content):
    """One step of help; offered when its condition holds."""

    when: NeverQueried | None = None
    after: Duration | None = None
    """Offered this long after first-visible."""
    cost: Annotated[StrictInt, Field(ge=0, le=15)]
    text: StrictStr


class Scenario(Content):
    """scenario.yaml: what happens and what good looks like."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    title: Annotated[StrictStr, Field(min_length=8, max_length=70)]
    family: Family
    level: Annotated[StrictInt, Field(ge=1, le=3)]
    minutes: Annotated[StrictInt, Field(ge=1, le=120)]
    skills: Annotated[tuple[StrictStr, ...], Field(min_length=1)]
    briefing: Annotated[StrictStr, Field(min_length=20)]
    seeded: Seeded
    traffic: Annotated[tuple[TrafficStep, ...], Field(min_length=1)]
    events: tuple[Event, ...]
    bites: Bites
    visible: StrictStr
    """Name of the alert that shows the fault."""
    truth: Truth
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1)]
    safeguards: Annotated[tuple[SafeguardName, ...], Field(min_length=1)]
    hints: tuple[Hint, ...] = ()
    may_change: tuple[StrictStr, ...] = ()
    """Names of protected alerts that a fix may change."""


class RolloutUndo(Content):
    """`kubectl rollout undo`."""

    rollout_undo: Annotated[StrictStr, Field(pattern=r"^deployment/")]


class Scale(Content):
    """`kubectl scale --replicas`, by `deployment/NAME`."""

    scale: dict[StrictStr, Annotated[StrictInt, Field(ge=0, le=20)]]


class SetEnv(Content):
    """`kubectl set env`, by `deployment/NAME`."""

    set_env: dict[StrictStr, dict[StrictStr, StrictStr]]


class SetImage(Content):
    """Another release of one component, by `deployment/NAME` to image tag."""

    set_image: dict[StrictStr, StrictStr]


class GitRevert(Content):
    """`git revert` in the platform repo of the commit that an event made."""

    git_revert: ChangeRef


class Apply(Content):
    """Apply the manifests of the platform repo below this folder."""

    apply: StrictStr


Step = RolloutUndo | Scale | SetEnv | SetImage | GitRevert | Apply
"""The union of steps a play may take; the operator's verbs in content form."""

VERBS: tuple[str, ...] = ("rollout_undo", "scale", "set_env", "set_image", "git_revert", "apply")
"""The key of each kind of step, in the order of `Step`."""


def _verb_of(value: object) -> str | None:
    """The one verb that a step is written with; None when there is no such verb, or more than one."""
    if isinstance(value, Content):
        return next(iter(type(value).model_fields))
    if isinstance(value, dict) and len(value) == 1:
        verb = next(iter(value))
        return verb if verb in VERBS else None
    return None


WrittenStep = Annotated[
    Annotated[RolloutUndo, Tag("rollout_undo")]
    | Annotated[Scale, Tag("scale")]
    | Annotated[SetEnv, Tag("set_env")]
    | Annotated[SetImage, Tag("set_image")]
    | Annotated[GitRevert, Tag("git_revert")]
    | Annotated[Apply, Tag("apply")],
    Discriminator(_verb_of, custom_error_type="step_verb", custom_error_message="is not one known verb"),
]
"""`Step`, told apart by its verb, so that a fault is reported once and not once per kind."""


class Play(Content):
    """A way to answer the incident, and how it must end."""

    verdict: Literal["pass", "fail"]
    by: tuple[StrictStr, ...] = ()
    """Names that must be among what failed."""
    steps: tuple[WrittenStep, ...]


class Proof(Content):
    """proof.yaml: how CI proves the scenario solvable and its wrong fixes wrong."""

    strike_seconds: Annotated[float, Field(ge=0, strict=True)]
    give_up: Duration
    """Wait this long after the last step of a play that must fail."""
    plays: Annotated[dict[StrictStr, Play], Field(min_length=1)]
