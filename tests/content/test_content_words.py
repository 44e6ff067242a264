"""Stems, near misses and metric names: the small tools that the checks stand on."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.content.names import nearest_name, suggestion
from lab.content.promql import metric_family, metric_names
from lab.content.stems import contains_phrase, shared_stems, stem
from lab.content.telemetry import Telemetry, load_telemetry
from lab.errors import ContentError


@pytest.mark.parametrize(
    "words",
    ["drift drifts drifted drifting", "slow slower slowly slowest slowness", "leak leaks leaking leakage",
     "retry retries retried", "cache caches cached caching", "stale staleness", "release releases released releasing",
     "map maps mapping mapped", "expire expires expired expiring", "memory memories", "latency latencies",
     "path paths"],
)  # fmt: skip
def test_forms_of_a_word_share_a_stem(words: str) -> None:
    """So that a title cannot hide behind another ending."""
    assert len({stem(word) for word in words.split()}) == 1


@pytest.mark.parametrize(("one", "other"), [("process", "procure"), ("status", "state"), ("late", "lane")])
def test_other_words_do_not(one: str, other: str) -> None:
    """A stemmer that is too keen would refuse honest titles."""
    assert stem(one) != stem(other)


@given(st.text(max_size=30))
def test_stemming_any_text_ends(text: str) -> None:
    """Whatever the word, there is a stem, and it is never longer than the word."""
    assert len(stem(text)) <= len(text.lower())


def test_shared_stems_ignore_filling_words() -> None:
    """Articles and pronouns are no clue."""
    assert shared_stems("The slow one of them", "A release with a slow path") == ("slow",)
    assert shared_stems("It hangs now and then", "A release with a slow path") == ()


def test_phrases_stand_together() -> None:
    """The words of a phrase count only next to each other and in order."""
    assert contains_phrase("It takes slower paths today", "slow path")
    assert not contains_phrase("The path is slow", "slow path")
    assert not contains_phrase("anything", "")


def test_suggestions() -> None:
    """The nearest name, a name that holds the text, or all names."""
    assert nearest_name("gatewy", ["feed", "gateway"]) == "gateway"
    assert nearest_name("hangs", ["hangs-now-and-then", "other"]) == "hangs-now-and-then"
    assert nearest_name("x", ["feed"]) is None
    assert suggestion("zzz", ["b", "a"]) == "use one of `a`, `b`"
    assert suggestion("zzz", []).startswith("remove it")
    assert suggestion("zzz", [f"n{i:02}" for i in range(20)]).endswith("and 8 more")


@pytest.mark.parametrize(
    ("promql", "names"),
    [
        ("up", ("up",)),
        ("job:good:share > 0.98", ("job:good:share",)),
        ('sum by (le, code) (rate(a_bucket{code=~"5..", le="b"}[15s])) / 1e3', ("a_bucket",)),
        ("histogram_quantile(0.99, sum by(le)(rate(x_seconds_bucket[5m:1s] offset 1m)))", ("x_seconds_bucket",)),
        ("a_total * on (pod) group_left (release) b_info unless c", ("a_total", "b_info", "c")),
        ("sum(a) by (job) > bool 2 or vector(0)", ("a",)),
        ('{__name__="x_total", job="y"}', ("x_total",)),
        ("a @ 1609746000 + a @ start()", ("a",)),
        ("max_over_time((1 - a)[1m:]) # b", ("a",)),
        ('label_replace(a, "b", "$1", "c", "(.*)")', ("a",)),
        ("inf > NaN", ()),
        ("1 > 0", ()),
        ("", ()),
    ],
)
def test_metric_names(promql: str, names: tuple[str, ...]) -> None:
    """Functions, labels, strings, ranges and numbers are not series."""
    assert metric_names(promql) == names


@given(st.text(max_size=80))
def test_any_text_has_some_names(text: str) -> None:
    """A text that is no PromQL does not break the scan."""
    assert all(metric_names(name) == (name,) for name in metric_names(text) if name.isascii())


def test_parts_of_histograms_are_known(telemetry: Telemetry) -> None:
    """Declared once as a histogram, asked for by bucket, sum and count; a counter has no buckets."""
    assert metric_family("answer_seconds_bucket") == "answer_seconds"
    assert telemetry.knows("answer_seconds_bucket")
    assert telemetry.knows("job:good:share")
    assert telemetry.knows("up")
    assert not telemetry.knows("answers_total_bucket")
    assert telemetry.knows("ALERTS")
    assert not telemetry.knows("GoodBurn")
    alert = telemetry.get("GoodBurn")
    assert alert is not None
    assert alert.meaning == "Too few are good."


def test_names_are_declared_once(tmp_path: Path) -> None:
    """A name that stands for two things is refused."""
    metric = "{name: a, type: gauge, unit: '1', labels: {}, meaning: x, exported_by: [feed]}"
    (tmp_path / "t.yaml").write_text(f"schema: 1\ntarget_labels: {{}}\nmetrics:\n  - {metric}\n  - {metric}\n")
    with pytest.raises(ContentError, match="`a` is declared twice"):
        load_telemetry(tmp_path / "t.yaml")
