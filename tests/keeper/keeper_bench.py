"""A keeper on a made-up stack: time, objects and figures are set by the test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lab.content.loader import LoadedScenario, load_scenario
from lab.errors import ClusterUnavailable
from lab.incident.events import PhaseEntered, RunStarted
from lab.keeper.files import RunConstants, RunFiles
from lab.keeper.loop import Keeper
from lab.keeper.sampler import Tick
from lab.operate.platform import Commit
from lab.telemetry.registry import RegistryState

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SLUG = "hangs-now-and-then"
START = 1_790_000_000.0

HEALTHY: Mapping[str, float | None] = {
    "bites": 1.0, "objective.good_share": 1.0, "alert.GoodShareBurn": 0.0, "offered": 40.0, "planned": 40.0,
    "good_share": 1.0, "registered_share": 1.0, "serving.gateway": 0.0, "serving.model-server": 0.0, "alerting": 1.0,
    "history": 1.0,
}  # fmt: skip
BITTEN = {**HEALTHY, "bites": 0.9, "objective.good_share": 0.9, "good_share": 0.9}


class FakeRepo:
    """A platform repo whose head is a word."""

    def __init__(self) -> None:
        self.commits = ["c0"]
        self.lost: set[str] = set()

    def head(self) -> str:
        return self.commits[-1]

    def log(self, limit: int = 20) -> tuple[Commit, ...]:
        return tuple(Commit(sha, START, "You", f"commit {sha}") for sha in reversed(self.commits))[:limit]

    def contains(self, sha: str) -> bool:
        return sha not in self.lost

    def exists(self) -> bool:
        return True

    def tag(self, component: str) -> str:
        return "2.3.5"

    def components(self) -> tuple[str, ...]:
        return ("feed", "model-server")


class FakeCluster:
    """Deployments by name, to the number of replicas."""

    scope = ""

    def __init__(self) -> None:
        self.replicas = {"feed": 1, "gateway": 1, "model-server": 2}
        self.pods: list[str] = []
        """Names of pods of one ReplicaSet, which is to have two."""
        self.silent = False
        self.tags: dict[str, str] = {}

    def list(self, kind: str, selector: str = "", *, unscoped: bool = False) -> list[dict[str, Any]]:
        if self.silent:
            raise ClusterUnavailable("Down", "nothing answers.", "Wait.")
        if kind == "ReplicaSet":
            return [{"metadata": {"uid": "u"}, "spec": {"replicas": 2}}]
        if kind == "Pod":
            owner = {"kind": "ReplicaSet", "uid": "u"}
            return [{"metadata": {"name": name, "ownerReferences": [owner]}} for name in self.pods]
        if kind != "Deployment":
            return []
        return [
            {"metadata": {"name": name}, "spec": {"replicas": count, "tag": self.tags.get(name, "1")}}
            for name, count in self.replicas.items()
        ]


@dataclass
class Bench:
    """The keeper under test with everything that it sees."""

    folder: Path
    strike_seconds: float = 8.0
    now: float = START
    values: dict[str, float | None] = field(default_factory=lambda: dict(HEALTHY))
    scenario_folder: Path = SCENARIOS / SLUG
    firing: frozenset[str] | None = frozenset()
    deployed: list[str] = field(default_factory=list)
    during_deploy: Callable[[], None] = field(default=lambda: None)
    """What happens while a teammate's deploy is under way."""
    during_tick: Callable[[], None] = field(default=lambda: None)
    """What happens between the look at the objects and the deploys of one second."""

    def __post_init__(self) -> None:
        self.loaded: LoadedScenario = load_scenario(self.scenario_folder)
        self.repo, self.cluster = FakeRepo(), FakeCluster()
        self.tags = self.cluster.tags
        self.registry = RegistryState(model="flight-risk", aliases={"champion": "2"}, versions={"2": "abc"}, moves=())
        labels = {"GoodShareBurn": {"alertname": "GoodShareBurn", "severity": "page"}}
        prometheus = SimpleNamespace(
            rules=lambda: {"GoodShareBurn": "x"}, version=lambda: "2.42.0", alert_labels=lambda: labels
        )
        around = SimpleNamespace(
            user=SimpleNamespace(bundles=self.folder / "bundles"), places=SimpleNamespace(directory=self.folder)
        )
        self.lab: Any = SimpleNamespace(
            cluster=self.cluster,
            repo=self.repo,
            registry=SimpleNamespace(state=lambda: self.registry),
            prometheus=prometheus,
            alertmanager=SimpleNamespace(routing=lambda: "route"),
            around=around,
            provisioner=SimpleNamespace(engine="embedded", load=lambda images: None),
            is_pristine=lambda: True,
            baseline_floors=lambda replicas: {"gateway": 1, "model-server": 2},
            registered_models=lambda: {"flight-risk/2": "abc"},
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        self.files = RunFiles(self.folder / "20261001-100000-aaaa")
        self.files.folder.mkdir()
        self.files.journal.append(
            RunStarted(
                at=START,
                run_id=self.files.run_id,
                scenario=SLUG,
                content_hash="h",
                seed=1,
                mode="graded",
                strike_seconds=self.strike_seconds,
                tag="2.4.0",
            )
        )
        self.files.journal.append(PhaseEntered(at=START, phase="preparing"))
        self.keeper = self.take_over()

    def take_over(self) -> Keeper:
        """A keeper as a new process would build it."""
        keeper = Keeper(self.lab, self.files, self.loaded, lambda: self.now, threading.Event())
        keeper._sampler.tick = self._tick  # type: ignore[method-assign]
        keeper.load()
        return keeper

    def _tick(self, now: float, planned: float, constants: RunConstants | None, history_intact: bool | None) -> Tick:
        self.during_tick()
        values = {**self.values, "history": None if history_intact is None else float(history_intact)}
        return Tick(values, self.firing, self.firing is not None)

    def seconds(self, count: int) -> None:
        """Let the keeper tick once a second."""
        for _ in range(count):
            self.keeper._tick()
            self.now += 1.0

    def on_call(self) -> None:
        """Pass the gate."""
        self.keeper._prepare()
        self.seconds(10)
        assert self.keeper.state.phase == "on_call"
