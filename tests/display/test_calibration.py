"""A calibration, as text and as a figure."""

import struct
from io import StringIO

import numpy as np
import pytest

from pinnrun.display.calibration import calibration_figure, draw_curve, draw_law, print_calibration
from pinnrun.display.canvas import empty_figure


def row(width, depth, points, seconds):
    size = {"width": width, "depth": depth, "points": points}
    times = {"seconds": seconds, "low": 0.9 * seconds, "high": 1.2 * seconds, "rounds": 5}
    return {**size, "parameters": 4 * width + 1, "rows": points + 20, **times}


def record(**changes):
    made = {
        "machine": "AMD EPYC, 1 thread(s)",
        "device": "cpu",
        "problem": "poisson",
        "optimizer": "adam",
        "architecture": "mlp",
        "dtype": "float64",
        "left_out": [],
        "limit": 2.0,
        "curves": {
            "width": [row(width, 1, 900, 1e-3 * (1 + (width / 20) ** 2)) for width in (4, 8, 16, 32, 64)],
            "depth": [row(16, depth, 900, 2e-3 * depth) for depth in (1, 2, 3)],
            "points": [row(16, 1, points, 1e-6 * points) for points in (225, 900, 3600)],
        },
        "law": {"a": 1e-3, "b": 2.5e-6, "p": 2.0},
        "slower": 1.5,
        "start": 4,
        "saturated": 14.7,
        "knee": 8.94,
        "alpha": 3.67,
    }
    return {**made, **changes}


def shown(made):
    stream = StringIO()
    print_calibration(made, stream)
    return stream.getvalue()


def test_every_size_with_its_time_and_what_it_costs_over_the_one_before():
    text = shown(record())
    lines = [line.split() for line in text.splitlines()]
    assert ["4", "17", "920", "1.04", "0.936", "..", "1.25", "-"] in lines
    assert ["64", "257", "920", "11.2", "10.1", "..", "13.5", "3.16"] in lines
    assert ["3", "65", "920", "6", "5.4", "..", "7.2", "1.5"] in lines
    assert "along width W, at depth 1, points 900" in text
    assert "along depth D, at width 16, points 900" in text
    assert "along problem.points, at width 16, depth 1" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_law_the_knee_and_alpha_in_words():
    words = " ".join(shown(record()).split())
    assert "t(W) = 1 ms + 0.0025 ms W^2.00" in words
    assert "doubling the width costs more than 1.5 x from W = 8.94 on" in words
    assert "from W = 4 a step is 1.5 x as slow at W = 14.7, which implies alpha = 3.67" in words
    flat = " ".join(shown(record(knee=None, saturated=None, alpha=4.0)).split())
    assert "less than 1.5 x at any width measured" in flat and "1.5 x as slow never" in flat


def test_what_took_too_long_is_named():
    assert "left out" not in shown(record())
    words = " ".join(shown(record(left_out=[{"width": 16, "depth": 4, "points": 900}])).split())
    assert "left out, since a step takes longer than 2 s (calibration.seconds): 16 x 4 on 900 points" in words


def test_the_curve_is_drawn_with_its_quartiles_and_the_law_through_it():
    made = record()
    axes = empty_figure(4.0, 4.0).add_subplot()
    draw_curve(axes, "width", made["curves"]["width"])
    x, y = axes.get_lines()[0].get_data()
    np.testing.assert_allclose(x, [4, 8, 16, 32, 64])
    np.testing.assert_allclose(y, 1 + (x / 20) ** 2)
    draw_law(axes, made)
    law = next(line for line in axes.get_lines() if line.get_label() == "a + b W^p")
    np.testing.assert_allclose(law.get_ydata(), 1 + 0.0025 * np.asarray(law.get_xdata()) ** 2)
    assert any(list(line.get_xdata()) == [8.94, 8.94] for line in axes.get_lines())


@pytest.mark.parametrize("made", [record(), record(curves={"width": record()["curves"]["width"]}, knee=None)])
def test_a_png_of_sensible_size(tmp_path, made):
    path = calibration_figure(made, tmp_path / "curves.png")
    header = path.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert all(400 <= pixels <= 2600 for pixels in struct.unpack(">II", header[16:24]))
