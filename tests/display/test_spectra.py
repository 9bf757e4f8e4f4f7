import struct

import numpy as np
import pytest

from pinnrun.display.canvas import empty_figure
from pinnrun.display.spectra import draw_close_up, draw_layers, draw_spectrum, spectrum_figure
from pinnrun.errors import UserError

SPECTRUM = {
    "label": "stage 0: weights, 5 × 1",
    "eigenvalues": [[0.998, 0.0], [0.97, 0.05], [0.97, -0.05], [-0.4, 0.3], [0.2, 0.0]],
    "amplitudes": [2.0, 0.5, 0.5, 0.1, 1e-9],
    "residuals": [0.01, 0.02, 0.02, 0.51, 0.3],
    "half_lives": [3462.3, 230.1, 230.1, 10.0, None],
    "marks": ["near 1", "", "", "spurious", ""],
    "interval": 10,
}


def test_modes_are_filled_by_amplitude_and_spurious_ones_hollow():
    figure = empty_figure(4.0, 4.0)
    axes = figure.add_subplot()
    points = draw_spectrum(axes, SPECTRUM)
    figure.draw_without_rendering()
    np.testing.assert_allclose(points.get_offsets(), np.array(SPECTRUM["eigenvalues"])[[1, 2, 4]])
    np.testing.assert_allclose(points.get_array(), [0.25, 0.25, 1e-4])
    near, hollow = [other for other in axes.collections if other is not points]
    np.testing.assert_allclose(near.get_offsets(), [[0.998, 0.0]])
    assert len(near.get_paths()[0].vertices) == 4  # a closed triangle
    np.testing.assert_allclose(hollow.get_offsets(), [[-0.4, 0.3]])
    assert len(hollow.get_facecolors()) == 0


def test_a_disc_as_large_as_the_residual_lies_under_each_mode():
    axes = empty_figure(4.0, 4.0).add_subplot()
    draw_close_up(axes, SPECTRUM)
    discs = {disc.get_center(): disc.get_radius() for disc in axes.patches}
    expected = zip(SPECTRUM["eigenvalues"], SPECTRUM["residuals"], strict=True)
    assert discs == {tuple(value): residual for value, residual in expected}


def test_half_lives_stand_in_a_column_for_the_network_and_for_each_layer():
    figure = empty_figure(4.0, 4.0)
    axes = figure.add_subplot()
    draw_layers(axes, SPECTRUM | {"layers": {"hidden1": SPECTRUM, "output": SPECTRUM}})
    figure.draw_without_rendering()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["all", "hidden1", "output"]
    lives = np.concatenate([np.asarray(points.get_offsets())[:, 1] for points in axes.collections])
    lives = np.sort(lives[np.isfinite(lives)])  # one of each complex pair
    assert axes.get_yscale() == "log"
    np.testing.assert_allclose(lives[:9:3], [10.0, 230.1, 3462.3])
    [line] = [line for line in axes.get_lines() if line.get_linestyle() == ":"]
    top = line.get_ydata()[0]
    assert len(lives) == 12 and top > 3462.3 and np.all(lives[9:] > top)  # those that never halve


@pytest.mark.parametrize("interval", [0.02, 0.2])
def test_in_log_time_arcs_are_factors_of_the_steps(interval):
    axes = empty_figure(4.0, 4.0).add_subplot()
    draw_close_up(axes, {**SPECTRUM, "clock": "log", "interval": interval, "eigenvalues": [[0.9, 0.0]] * 5})
    arcs = [np.hypot(*line.get_data())[0] for line in axes.get_lines() if line.get_linestyle() == ":"]
    factors = np.exp(interval * np.log(0.5) / np.log(arcs))
    assert len(factors) and set(factors.round(6)) <= {1.1, 1.5, 2.0, 4.0, 10.0, 100.0}


def test_the_unit_circle_is_one_and_round():
    axes = empty_figure(4.0, 4.0).add_subplot()
    draw_spectrum(axes, SPECTRUM)
    circle = axes.get_lines()[0]
    np.testing.assert_allclose(np.hypot(*circle.get_data()), 1.0)
    assert axes.get_aspect() == 1.0
    assert axes.get_xlim() == axes.get_ylim() == pytest.approx((-1.12, 1.12))


def test_an_eigenvalue_outside_the_circle_is_in_the_picture():
    axes = empty_figure(4.0, 4.0).add_subplot()
    draw_spectrum(axes, {"eigenvalues": [[-3.0, 0.0]]})
    assert axes.get_xlim()[0] < -3.0


def test_the_close_up_has_the_slow_modes_and_true_half_lives():
    figure = empty_figure(4.0, 4.0)
    axes = figure.add_subplot()
    draw_close_up(axes, SPECTRUM)
    figure.draw_without_rendering()
    left, right = axes.get_xlim()
    assert 0.9 < left < 0.97 and 1.0 < right < 1.05
    arcs = [np.hypot(*line.get_data()) for line in axes.get_lines() if line.get_linestyle() == ":"]
    assert arcs and axes.texts
    for label in axes.texts:
        # a mode of this modulus per interval of 10 steps halves in so many steps
        modulus = 0.5 ** (10 / float(label.get_text()))
        assert any(np.allclose(arc, modulus, rtol=1e-12) for arc in arcs)


@pytest.mark.parametrize("eigenvalues", [[], [[1.0, 0.0]], [[0.1, 0.0]], [[1.0 - 1e-9, 0.0]]])
def test_poor_spectra_can_be_drawn(tmp_path, eigenvalues):
    path = spectrum_figure([{"eigenvalues": eigenvalues, "amplitudes": [0.0] * len(eigenvalues)}], tmp_path / "s.png")
    assert path.stat().st_size > 1000


@pytest.mark.parametrize("count", [1, 3, 6])
def test_a_panel_per_stage_in_a_png_of_sensible_size(tmp_path, count):
    path = spectrum_figure([SPECTRUM] * count, tmp_path / "spectrum.png")
    header = path.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert all(700 <= pixels <= 2600 for pixels in struct.unpack(">II", header[16:24]))


def test_nothing_to_draw_is_said(tmp_path):
    with pytest.raises(UserError, match="nothing to draw yet"):
        spectrum_figure([], tmp_path / "spectrum.png")
