import struct

import numpy as np
import pytest

from pinnrun.display.canvas import empty_figure
from pinnrun.display.spectra import draw_close_up, draw_spectrum, spectrum_figure
from pinnrun.errors import UserError

SPECTRUM = {
    "width": 5,
    "depth": 1,
    "eigenvalues": [[0.998, 0.0], [0.97, 0.05], [0.97, -0.05], [-0.4, 0.3], [0.2, 0.0]],
    "amplitudes": [2.0, 0.5, 0.5, 0.1, 1e-9],
    "residuals": [0.01, 0.02, 0.02, 0.51, 0.3],
    "interval": 10,
}


def test_modes_are_filled_by_amplitude_and_spurious_ones_hollow():
    figure = empty_figure(4.0, 4.0)
    axes = figure.add_subplot()
    points = draw_spectrum(axes, SPECTRUM)
    figure.draw_without_rendering()
    np.testing.assert_allclose(points.get_offsets(), np.array(SPECTRUM["eigenvalues"])[[0, 1, 2, 4]])
    np.testing.assert_allclose(points.get_array(), [1.0, 0.25, 0.25, 1e-4])
    [hollow] = [other for other in axes.collections if other is not points]
    np.testing.assert_allclose(hollow.get_offsets(), [[-0.4, 0.3]])
    assert len(hollow.get_facecolors()) == 0


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
    arcs = [line for line in axes.get_lines() if line.get_linestyle() == ":"]
    assert arcs and len(arcs) == len(axes.texts)
    for arc, label in zip(arcs, axes.texts, strict=True):
        modulus = np.hypot(*arc.get_data())
        # a mode of this modulus per interval of 10 steps halves in so many steps
        np.testing.assert_allclose(modulus ** (float(label.get_text()) / 10), 0.5)


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
