"""YAML is read with its lines, and what YAML would quietly change is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.content.yamlfile import MAX_DEPTH, MAX_VALUES, parse_yaml, read_yaml, where_text
from lab.errors import ContentError, Problem


def refused(text: str) -> Problem:
    with pytest.raises(ContentError) as caught:
        parse_yaml(text, "x.yaml")
    return caught.value.problems[0]


def test_every_key_and_item_has_its_line() -> None:
    """Keys point at the line of the key, items at that of the item, unknown parts at the nearest known one."""
    document = parse_yaml("a: 1\nb:\n  c: text\n  d:\n    - 1\n    - {e: 2}\n", "x.yaml")
    assert document.value == {"a": 1, "b": {"c": "text", "d": [1, {"e": 2}]}}
    assert document.line(("a",)) == 1
    assert document.line(("b", "c")) == 3
    assert document.line(("b", "d", 1, "e")) == 6
    assert document.line(("b", "d", 1, "missing", "deeper")) == 6
    assert document.line(("missing",)) == 1
    assert document.at(("b", "d", 1, "e")) == 2
    assert document.at(("b", "d", 9)) is None


def test_scalars_remember_how_they_were_written() -> None:
    """So that a message can quote `1.10` and not 1.1."""
    document = parse_yaml("v: 1.10\nw: no\nx: '1.10'\ny: text\nz:\n", "x.yaml")
    assert document.value == {"v": 1.1, "w": False, "x": "1.10", "y": "text", "z": None}
    assert document.written == {("v",): "1.10", ("w",): "no", ("z",): ""}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1_000", 1000), ("0x1F", 31), ("-3", -3), ("2.5", 2.5), (".5", 0.5), (".inf", float("inf")),
        ("1.0e+3", 1000.0), ("yes", True), ("~", None), ("2024-01-02", "2024-01-02"),
        ("-.Inf", -float("inf")), ("'012'", "012"), ("'1:30'", "1:30"),
        ("0", 0), ("0b11", 3),
    ],
)  # fmt: skip
def test_plain_scalars(text: str, value: object) -> None:
    """Scalars mean what YAML says, and dates stay text."""
    assert parse_yaml(text, "x.yaml").value == value


@pytest.mark.parametrize(
    ("text", "line", "what", "step"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "`a` is written twice", "keep one of lines 1 and 3"),
        ("a: 1:30\n", 1, "`1:30` is read by YAML in base sixty", "1m30s"),
        ("a: 010\n", 1, "`010` is read by YAML as octal", '"010"'),
        ("no: 1\n", 1, "which YAML reads as false", '"no"'),
        ("on: 1\n", 1, "which YAML reads as true", '"on"'),
        ("1: 1\n", 1, "which YAML reads as 1", '"1"'),
        ("? [a]\n: 1\n", 1, "list or mapping as a key", "plain text"),
        ("a: !python/object:os.system x\n", 1, "uses the tag", "plain values"),
        ("a: !!binary aGk=\n", 1, "uses the tag", "plain values"),
        ("a: &x [*x]\n", 1, "contains itself", "alias"),
        ("a: {b: text, what, now?: 1}\nc: [\n", 3, "", "brackets"),
        ("a: b: c\n", 1, "mapping values are not allowed", "quotes"),
        ("a:\n\t- b\n", 2, "cannot start any token", "spaces"),
        ("a: *nowhere\n", 1, "undefined alias", "anchor"),
        ("a: 1\nb: {<<: 3}\n", 2, "merges with <<", "mapping"),
        ("a: 0b\nb: 0b_\n", 2, "not a value", '"0b_"'),
        ("a: 1\n---\nb: 1\n", 2, "", ""),
        ("a: \x07\n", 1, "character that YAML does not allow", "remove"),
    ],
)
def test_refusals(text: str, line: int, what: str, step: str) -> None:
    """Each refusal has its line, says what YAML would do, and what to write instead."""
    problem = refused(text)
    assert what in problem.what
    assert step in problem.next_step
    assert problem.line == line


def test_all_problems_of_a_document_come_at_once() -> None:
    """Two surprises and a repeated key are three problems."""
    with pytest.raises(ContentError) as caught:
        parse_yaml("a: 1:30\nb: 010\na: 2\n", "x.yaml")
    assert [problem.line for problem in caught.value.problems] == [1, 2, 3]


def test_anchors_and_merges_work() -> None:
    """An alias repeats a value; << gives defaults that own keys override."""
    document = parse_yaml("base: &b {x: 1, y: 2}\nlist: [*b]\nother: {<<: *b, y: 3}\n", "x.yaml")
    assert document.value == {"base": {"x": 1, "y": 2}, "list": [{"x": 1, "y": 2}], "other": {"x": 1, "y": 3}}


def test_bombs_are_refused() -> None:
    """Nesting and expansion are bounded."""
    assert "nested too deeply" in refused("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)).what
    assert "nested too deeply" in refused("[" * 100_000).what
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
    )
    assert "grows too large" in refused(laughs).what
    assert MAX_VALUES < 10**6


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing, binary, and huge files are problems of content."""
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe9\n")
    (tmp_path / "big.yaml").write_bytes(b"#" * 1_000_001)
    for name, what, line in (("none.yaml", "is missing", 1), ("latin.yaml", "UTF-8", 2), ("big.yaml", "bytes long", 1)):
        with pytest.raises(ContentError) as caught:
            read_yaml(tmp_path / name, name)
        (problem,) = caught.value.problems
        assert what in problem.what
        assert problem.line == line


def test_byte_order_mark_and_foreign_line_ends(tmp_path: Path) -> None:
    """What an editor on another system adds does not matter."""
    (tmp_path / "x.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    document = read_yaml(tmp_path / "x.yaml")
    assert document.value == {"a": 1, "b": 2}
    assert document.line(("b",)) == 2


def test_paths_read_like_code() -> None:
    """A path is dotted, with indices in brackets."""
    assert where_text(("objectives", 0, "must")) == "objectives[0].must"
    assert where_text(()) == "document"


PIECES = st.sampled_from(
    ["a: ", "b: ", "- ", "\n", "\n  ", "[", "]", "{", "}", ", ", "&x ", "*x", "!t ", "!!int ", "|\n  ", ">", '"', "'",
     "1:30", "010", "no",
     "<<: ", "? ", "---\n", "...\n", "%YAML 1.1\n", "0x", "1e9", "\t", "#", "~", ".nan", "2024-99-99"]
)  # fmt: skip


def problems_of(text: str) -> tuple[Problem, ...]:
    try:
        parse_yaml(text, "x.yaml")
    except ContentError as error:
        assert_some(error.problems)
        return error.problems
    return ()


def assert_some(problems: tuple[Problem, ...]) -> None:
    assert problems


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.lists(PIECES, max_size=25).map("".join), st.text(max_size=60)))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever the text, the answer is a document or a ContentError with lines inside it."""
    assert all(1 <= problem.line <= text.count("\n") + 2 for problem in problems_of(text))
