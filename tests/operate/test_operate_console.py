"""The console: every line either does what kubectl or git would, or says what would have been accepted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from lab.errors import LabError
from lab.operate import console, verbs
from lab.operate.verbs import Outcome


class Recorder:
    """Stands in for the verbs and remembers how they were called."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def call(lab: object, *args: Any) -> Outcome:
            self.calls.append((name, *args))
            return Outcome("done", changed=True)

        return call


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    for name in ("get", "logs", "rollout_undo", "scale", "set_env", "set_image", "delete_pod", "apply_repo", "query",
                 "git_revert", "git_show"):  # fmt: skip
        monkeypatch.setattr(verbs, name, getattr(made, name))
    return made


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("kubectl get pods", ("get", "pods", None)),
        ("get deployment/feed", ("get", "deployment", "feed")),
        ("logs deployment/feed --tail=5", ("logs", "deployment/feed", 5)),
        ("logs feed-1 --tail 5", ("logs", "feed-1", 5)),
        ("rollout undo deployment/model-server", ("rollout_undo", "deployment/model-server", None)),
        (
            "kubectl rollout undo deployment model-server --to-revision=1",
            ("rollout_undo", "deployment/model-server", 1),
        ),
        ("scale deployment/feed --replicas=0", ("scale", "deployment/feed", 0)),
        ("set env deployment/gateway A=1 B=x=y", ("set_env", "deployment/gateway", {"A": "1", "B": "x=y"})),
        (
            "set image deployment/feed feed=mlops-lab/feed:2.3.1",
            ("set_image", "deployment/feed", "mlops-lab/feed:2.3.1"),
        ),
        ("delete pod feed-1", ("delete_pod", "feed-1")),
        ("delete pod/feed-1", ("delete_pod", "feed-1")),
        ("apply", ("apply_repo", ".")),
        ("kubectl apply -f manifests", ("apply_repo", "manifests")),
        ('query sum(rate(x{a="b"}[15s])) > 0', ("query", 'sum(rate(x{a="b"}[15s])) > 0')),
        ("git revert --no-edit abc1234", ("git_revert", "abc1234")),
        ("git show abc1234", ("git_show", "abc1234")),
    ],
)
def test_a_line_means_its_verb(recorder: Recorder, line: str, call: Sequence[Any]) -> None:
    console.run_line(None, line)  # type: ignore[arg-type]
    assert recorder.calls == [call]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("rollout und deployment/feed", "rollout undo"),
        ("scale deployment/feed", "--replicas"),
        ("scale deployment/feed --replicas=two", "--replicas=2"),
        ("set env deployment/gateway", "KEY=VALUE"),
        ("delete deployment feed", "delete pod NAME"),
        ("query", "PROMQL"),
        ("logs 'feed", "quotation"),
        ("make coffee", "help"),
    ],
)
def test_a_wrong_line_says_what_would_be_right(recorder: Recorder, line: str, word: str) -> None:
    with pytest.raises(LabError) as caught:
        console.run_line(None, line)  # type: ignore[arg-type]
    assert word in caught.value.next_step
    assert recorder.calls == []


def test_help_lists_every_verb() -> None:
    text = console.run_line(None, "help").text  # type: ignore[arg-type]
    assert all(verb.usage in text for verb in console.VERBS)
