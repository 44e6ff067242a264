"""The typed form of a scenario and its proof; the keys here are the whole vocabulary, anything else is an error."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StrictInt, StrictStr, Tag, model_validator

from lab.content.values import Duration, Must, StrikeMoment

Family = Literal["drift", "gpu", "bad-deploy", "cost", "reliability", "governance", "access", "quiet"]
Component = Literal[
    "feed", "gateway", "model-server", "monitor", "discovery", "registry", "accelerator", "billing", "prometheus",
    "alertmanager",
]  # fmt: skip
SafeguardName = Literal["serving", "traffic", "alerting", "history", "data", "no_harm"]

COMPONENTS: tuple[Component, ...] = (
    "feed", "gateway", "model-server", "monitor", "discovery", "registry", "accelerator", "billing", "prometheus",
    "alertmanager",
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

    @property
    def component(self) -> Component:
        """What it changes."""
        return self.deploy.component

    @property
    def by(self) -> str:
        """First name of the teammate."""
        return self.deploy.by

    @property
    def message(self) -> str:
        """What the teammate wrote about it."""
        return self.deploy.message


class AliasMove(Content):
    """A teammate points an alias of the model registry at another version."""

    move: Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    """The alias, such as `champion`."""
    to: Annotated[StrictStr, Field(pattern=r"^[1-9][0-9]*$")]
    """Number of the version."""
    by: StrictStr
    """First name of the teammate."""
    message: StrictStr
    """What the audit trail says about it."""


class RegistryEvent(Content):
    """One event of the script that changes the model registry."""

    at: StrikeMoment
    registry: AliasMove

    @property
    def component(self) -> Component:
        """What it changes."""
        return "registry"

    @property
    def by(self) -> str:
        """First name of the teammate."""
        return self.registry.by

    @property
    def message(self) -> str:
        """What the teammate wrote about it."""
        return self.registry.message


Event = DeployEvent | RegistryEvent
"""The union of event kinds; later kinds join here."""


class Setup(Content):
    """What the stack of this scenario has otherwise than the baseline, before the gate and in the repo's manifests."""

    scale: dict[StrictStr, Annotated[StrictInt, Field(ge=0, le=20)]]
    """Replicas by `deployment/NAME`."""


def _kind_of_event(value: object) -> str:
    if isinstance(value, RegistryEvent) or (isinstance(value, dict) and "registry" in value):
        return "registry-event"
    return "deploy-event"


WrittenEvent = Annotated[
    Annotated[DeployEvent, Tag("deploy-event")] | Annotated[RegistryEvent, Tag("registry-event")],
    Discriminator(_kind_of_event),
]
"""`Event`, told apart by what it changes, so that a fault is reported once and not once per kind."""


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
    component: Component | None = None
    """The component at fault; None in a quiet scenario."""
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
    setup: Setup | None = None
    traffic: Annotated[tuple[TrafficStep, ...], Field(min_length=1)]
    events: tuple[WrittenEvent, ...]
    bites: Bites | None = None
    """None in quiet scenarios alone."""
    visible: StrictStr | None = None
    """Name of the alert that shows the fault; in a quiet scenario the one that draws the eye, or None."""
    truth: Truth
    impact: StrictStr | None = None
    """Name of the objective whose figure is the share of requests served as promised; None is the good share."""
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1)]
    safeguards: Annotated[tuple[SafeguardName, ...], Field(min_length=1)]
    hints: tuple[Hint, ...] = ()
    may_change: tuple[StrictStr, ...] = ()
    """Names of protected alerts that a fix may change."""

    @model_validator(mode="after")
    def _has_what_a_fault_needs(self) -> Self:
        if self.family != "quiet":
            asked = {"bites": self.bites, "visible": self.visible, "truth.component": self.truth.component}
            missing = [name for name, value in asked.items() if value is None]
            if missing:
                raise ValueError(f"lacks {', '.join(missing)}; only quiet scenarios go without: add what is missing")
        return self


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


class Restart(Content):
    """`kubectl rollout restart`."""

    restart: Annotated[StrictStr, Field(pattern=r"^deployment/")]


class DeletePods(Content):
    """`kubectl delete pod` of each pod that this PromQL query names in its label `pod`."""

    delete_pods: StrictStr


class Claim(Content):
    """Why nothing is wrong, in the words of who was on call."""

    reason: StrictStr = ""


class NothingWrong(Content):
    """End being on call with the claim that nothing is wrong."""

    nothing_wrong: Claim


class RegistryAlias(Content):
    """`registry alias`: versions by the alias that is to point at them."""

    registry_alias: dict[StrictStr, StrictStr]


class GitRevert(Content):
    """`git revert` in the platform repo of the commit that an event made."""

    git_revert: ChangeRef


class Apply(Content):
    """Apply the manifests of the platform repo below this folder."""

    apply: StrictStr


class SilenceAlert(Content):
    """Keep an alert quiet for the rest of the incident."""

    silence: StrictStr


Step = (
    RolloutUndo | Restart | Scale | SetEnv | SetImage | DeletePods | RegistryAlias | GitRevert | Apply | SilenceAlert
    | NothingWrong
)  # fmt: skip
"""The union of steps a play may take; the operator's verbs in content form."""

VERBS: tuple[str, ...] = (
    "rollout_undo", "restart", "scale", "set_env", "set_image", "delete_pods", "registry_alias", "git_revert", "apply",
    "silence", "nothing_wrong",
)  # fmt: skip
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
    | Annotated[Restart, Tag("restart")]
    | Annotated[Scale, Tag("scale")]
    | Annotated[SetEnv, Tag("set_env")]
    | Annotated[SetImage, Tag("set_image")]
    | Annotated[DeletePods, Tag("delete_pods")]
    | Annotated[RegistryAlias, Tag("registry_alias")]
    | Annotated[GitRevert, Tag("git_revert")]
    | Annotated[Apply, Tag("apply")]
    | Annotated[SilenceAlert, Tag("silence")]
    | Annotated[NothingWrong, Tag("nothing_wrong")],
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
