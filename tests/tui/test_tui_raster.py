"""Lines as braille, axes, and how figures are written."""

from __future__ import annotations

import pytest

from lab.tui import form
from lab.tui.panels import PANELS, axis_range, is_bad
from lab.tui.raster import Window, braille_rows, column_of, row_of

WINDOW = Window(start=0, end=10, bottom=0, top=1)


def dots(rows: list[str]) -> int:
    return sum(bin(ord(cell) - 0x2800).count("1") for row in rows for cell in row if cell != " ")


def test_a_flat_line_fills_each_column_once() -> None:
    rows = braille_rows(tuple((float(at), 0.0) for at in range(11)), WINDOW, columns=10, rows=2)
    assert rows[0] == " " * 10
    assert rows[1] == "⣀" * 10


def test_a_rise_is_joined_without_holes() -> None:
    rows = braille_rows(((0.0, 0.0), (4.0, 1.0)), WINDOW, columns=5, rows=4)
    assert all(row.strip() for row in rows)
    assert dots(rows) == 16


def test_missing_values_and_holes_in_time_leave_gaps() -> None:
    missing = braille_rows(((0.0, 0.0), (1.0, None), (2.0, 0.0)), WINDOW, columns=10, rows=1)[0]
    assert missing[0] != " "
    assert missing[1] == " "
    hole = braille_rows(((0.0, 0.0), (9.0, 0.0)), WINDOW, columns=10, rows=1)[0]
    assert hole[1:9].strip() == ""


def test_what_lies_outside_is_clipped_and_empty_input_is_blank() -> None:
    high = braille_rows(((5.0, 99.0),), WINDOW, columns=10, rows=2)
    assert high[0].strip()
    assert not high[1].strip()
    assert braille_rows((), WINDOW, columns=3, rows=2) == ["   ", "   "]
    assert braille_rows(((-5.0, 0.5), (50.0, 0.5)), WINDOW, columns=3, rows=1) == ["   "]


def test_rows_and_columns_of_the_plane() -> None:
    assert row_of(1.0, WINDOW, 4) == 0
    assert row_of(0.0, WINDOW, 4) == 3
    assert row_of(1.5, WINDOW, 4) is None
    assert column_of(0.0, WINDOW, 10) == 0
    assert column_of(10.0, WINDOW, 10) == 9
    assert column_of(11.0, WINDOW, 10) is None


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.key)
@pytest.mark.parametrize("values", [(), (0.0,), (0.5,), (0.001, 0.9), (0.97, 1.0)])
def test_the_axis_holds_what_it_shows(panel: object, values: tuple[float, ...]) -> None:
    from lab.tui.panels import PlotPanel

    assert isinstance(panel, PlotPanel)
    bottom, top = axis_range(panel.axis, values, 0.5)
    assert bottom < top
    assert all(bottom <= value <= top for value in (*values, 0.5))


def test_which_side_of_the_threshold_is_bad() -> None:
    by_key = {panel.key: panel for panel in PANELS}
    assert is_bad(by_key["good_share"], 0.9, 0.98)
    assert not is_bad(by_key["good_share"], 0.99, 0.98)
    assert is_bad(by_key["latency_p99"], 0.9, 0.5)
    assert not is_bad(by_key["offered"], 0.0, 1.0)
    assert not is_bad(by_key["good_share"], 0.1, None)


def test_figures_are_written_for_reading() -> None:
    assert [form.clock(75), form.clock(-3), form.clock(3723)] == ["01:15", "00:00", "1:02:03"]
    assert [form.age(8), form.age(72), form.age(7500)] == ["8s", "1m12s", "2h05m"]
    assert [form.percent(0.931), form.percent(0.99999), form.percent(1.0)] == ["93.1 %", "99.9 %", "100 %"]
    assert [form.seconds(0.041), form.seconds(1.23), form.seconds(120)] == ["41 ms", "1.2 s", "120 s"]
    assert [form.number(0.1423), form.number(40.0), form.number(39.75)] == ["0.142", "40", "39.8"]
