from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from incident_runs import solved_run

from lab.errors import ContentError, RunVoid
from lab.incident.bundle import checksum, read_bundle, write_bundle
from lab.incident.journal import Journal
from lab.incident.record import Bundle, Series


def test_a_bundle_reads_back_figure_for_figure_and_byte_for_byte(tmp_path: Path) -> None:
    bundle = solved_run().bundle()
    bundle.samples.series["odd"] = Series(at=[0.1 + 0.2, 1e-320, 1.7976931348623157e308], value=[-0.0, None, math.inf])
    write_bundle(tmp_path / "deep" / "one.json.gz", bundle)
    read = read_bundle(tmp_path / "deep" / "one.json.gz")
    assert read == bundle
    write_bundle(tmp_path / "two.json.gz", read)
    assert (tmp_path / "two.json.gz").read_bytes() == (tmp_path / "deep" / "one.json.gz").read_bytes()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(allow_nan=False) | st.none(), max_size=20), st.text(max_size=50))
def test_any_figures_and_text_survive(
    tmp_path_factory: pytest.TempPathFactory, values: list[float | None], note: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json.gz"
    bundle = solved_run().bundle()
    bundle.samples.series = {"any": Series(at=[float(i) for i in range(len(values))], value=values)}
    bundle.note = note.encode("utf-8", "replace").decode()
    write_bundle(path, bundle)
    assert read_bundle(path) == bundle


def written(path: Path, bundle: Bundle) -> Path:
    write_bundle(path, bundle)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ContentError) as refused:
        read_bundle(path)
    return str(refused.value)


def test_what_is_no_bundle_is_refused_in_plain_words(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "absent.json.gz")
    text = tmp_path / "text.json.gz"
    text.write_text("hello")
    assert "not a gzip archive" in refusal(text)
    other = tmp_path / "other.json.gz"
    other.write_bytes(gzip.compress(b'{"a": 1}'))
    assert "not a bundle" in refusal(other)
    other.write_bytes(gzip.compress(b"[" * 100_000))
    assert "not a bundle" in refusal(other)
    assert "cannot be read" in refusal(tmp_path)


def test_a_bundle_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "b.json.gz", solved_run().bundle())
    whole = path.read_bytes()
    for length in (0, 5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert "bundle" in refusal(path)


def test_an_edited_bundle_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "b.json.gz", solved_run().bundle())
    envelope = json.loads(gzip.decompress(path.read_bytes()))
    envelope["bundle"]["samples"]["series"]["good_share"]["value"][100] = 1.0
    path.write_bytes(gzip.compress(json.dumps(envelope).encode()))
    assert "changed after it was written" in refusal(path)


def test_a_bundle_of_a_newer_lab_is_refused_by_its_version(tmp_path: Path) -> None:
    path = tmp_path / "b.json.gz"
    content = solved_run().bundle().model_dump(mode="json") | {"bundle_version": 2, "novelty": True}
    envelope = {"format": "mlops-lab-bundle", "sha256": checksum(content), "bundle": content}
    path.write_bytes(gzip.compress(json.dumps(envelope).encode()))
    assert "version 2" in refusal(path)


def test_a_journal_gives_back_what_was_appended(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run" / "journal.jsonl")
    assert journal.read() == []
    events = solved_run().sorted_events
    for event in events:
        journal.append(event)
    assert journal.read() == events


def test_a_torn_last_line_is_dropped_and_the_next_event_takes_its_place(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    first, second, *_ = solved_run().sorted_events
    journal.append(first)
    journal.append(second)
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole[:-10])
    assert journal.read() == [first]
    journal.append(second)
    assert journal.path.read_bytes() == whole
    journal.path.write_bytes(b"{torn" * 2000)
    assert journal.read() == []
    journal.append(first)
    assert journal.read() == [first]


def test_a_damaged_line_in_the_middle_makes_the_run_void(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    for event in solved_run().sorted_events[:3]:
        journal.append(event)
    lines = journal.path.read_bytes().split(b"\n")
    lines[1] = b'{"type": "unheard_of"}'
    journal.path.write_bytes(b"\n".join(lines))
    with pytest.raises(RunVoid, match=r"journal\.jsonl:2"):
        journal.read()
