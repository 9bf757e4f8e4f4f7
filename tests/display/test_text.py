import math

import numpy as np
import pytest

from pinnrun.display.text import (
    Column,
    duration,
    number,
    one_line,
    paragraph,
    scientific,
    seconds_text,
    size,
    sparkline,
    table,
)

TICKS = "▁▂▃▄▅▆▇█"


def test_a_geometric_decay_is_a_straight_line():
    assert sparkline([10.0**-k for k in range(8)], cells=8) == TICKS[::-1]


def test_an_arithmetic_rise_through_zero_is_drawn_to_scale():
    assert sparkline([float(k) for k in range(-4, 4)], cells=8) == TICKS


def test_each_cell_is_the_mean_of_the_logarithm_over_its_share():
    values = np.exp(np.random.default_rng(0).normal(size=(40, 25)).cumsum().reshape(40, 25) * 0.1)
    means = np.log10(values).mean(axis=1)
    level = np.rint((means - means.min()) / np.ptp(means) * 7).astype(int)
    assert sparkline(values.ravel().tolist(), cells=40) == "".join(TICKS[k] for k in level)


def test_a_history_that_does_not_divide_by_the_cells_is_used_up():
    line = sparkline([1.0] * 90 + [10.0], cells=40)
    assert len(line) == 40
    assert line[-1] == "█"


def test_gaps_flat_lines_and_nothing():
    assert sparkline([1.0, math.nan, 100.0], cells=3) == "▁ █"
    assert sparkline([1.0, math.inf, 100.0], cells=3) == "▁ █"
    assert sparkline([2.5] * 10, cells=4) == "▁▁▁▁"
    assert sparkline([1.0, 1.0 + 1e-15], cells=2) == "▁▁"
    assert sparkline([math.nan], cells=4) == ""
    assert sparkline([], cells=4) == ""


def test_a_short_history_has_a_cell_each():
    assert sparkline([1.0, 10.0], cells=40) == "▁█"


def test_sparklines_without_unicode():
    line = sparkline([10.0**-k for k in range(8)], cells=8, ascii_only=True)
    assert line.isascii() and len(set(line)) == 8


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0:00:00"),
        (59.9, "0:00:59"),
        (3661.0, "1:01:01"),
        (86399.0, "23:59:59"),
        (90061.0, "1d 01:01:01"),
        (-3.0, "0:00:00"),
        (math.inf, "-"),
        (math.nan, "-"),
        (None, "-"),
    ],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_numbers():
    assert number(None) == "-"
    assert number(123456789) == "123456789"
    assert number(1 / 3, 3) == "0.333"
    assert number(math.nan) == "nan"
    assert scientific(0.00012345) == "1.234e-04" or scientific(0.00012345) == "1.235e-04"
    assert scientific(None) == "-"
    assert seconds_text(12345.678) == "12345.68"
    assert seconds_text(0.00123) == "0.00123"
    assert seconds_text(0.0) == "0.00"
    assert size(7, 2) == "7 x 2"
    assert size(None, None) == "-"


def test_one_line_drops_breaks_and_control_characters():
    assert one_line("a\n b\t\tc\x1b[31m\x07") == "a b c[31m"


COLUMNS = [Column("name", left=True), Column("value"), Column("why", left=True, fold=True)]


def test_numbers_are_never_cut_however_narrow_the_table():
    value = "123456789.123456789e-100"
    lines = table(COLUMNS, [["observable", value, "for one reason and another"]], width=20)
    assert any(value in line.split() for line in lines)
    assert " ".join(" ".join(line.split()) for line in lines).count("another") == 1


def test_folded_text_keeps_its_words_and_its_width():
    words = [f"word{index}" for index in range(40)]
    lines = table(COLUMNS, [["a", "1", " ".join(words)]], width=60)
    assert max(map(len, lines)) <= 60
    assert " ".join(lines).split()[3:] == ["a", "1", *words]


def test_columns_line_up():
    lines = table(COLUMNS[:2], [["a", "1"], ["long name", "-12.5"]], width=80)
    assert lines == ["  name       value", "  a              1", "  long name  -12.5"]


def test_notes_follow_their_row_in_the_full_width():
    lines = table(COLUMNS[:2], [["a", "1"], ["b", "2"]], width=40, notes=["because " * 20, ""])
    assert lines[1].split() == ["a", "1"]
    assert lines[-1].split() == ["b", "2"]
    assert " ".join(lines[2:-1]).split() == ["because"] * 20
    assert 30 < max(map(len, lines)) <= 40


def test_a_paragraph_keeps_long_words_whole():
    path = "outputs/" + "x" * 100
    assert paragraph(f"see {path} now", width=40, indent=2) == ["  see", f"  {path}", "  now"]
