import numpy as np
import pytest

from pinnrun.display.canvas import empty_figure
from pinnrun.display.prospects import draw_prospects, prospects_figure
from pinnrun.errors import UserError

LOOK = {
    "now": 400,
    "last": 2e-3,
    "fixed_point": 8e-2,
    "has_fixed_point": True,
    "horizons": [1.1, 1.5, 2.0],
    "steps": [440, 600, 800],
    "forecast": {"modes": [1.5e-3, 0.3, None], "velocity": [2.5e-3, 1e-2, 1e30]},
    "reached": [1.6e-3, 1e-3, None],
}


def lines(look):
    axes = empty_figure(4.0, 4.0).add_subplot()
    draw_prospects(axes, look)
    return axes, {str(line.get_label()): line for line in axes.get_lines()}


def test_every_line_starts_at_the_last_merit_and_what_overflows_stands_at_the_top():
    axes, drawn = lines(LOOK)
    np.testing.assert_allclose(drawn["training"].get_ydata(), [2e-3, 1.6e-3, 1e-3, np.nan])
    np.testing.assert_allclose(drawn["dynamic modes"].get_ydata(), [2e-3, 1.5e-3, 0.3, 20.0])
    np.testing.assert_allclose(drawn["mean velocity"].get_ydata(), [2e-3, 2.5e-3, 1e-2, 20.0])
    np.testing.assert_allclose(drawn["dynamic modes"].get_xdata(), [1.0, 1.1, 1.5, 2.0])
    np.testing.assert_allclose(drawn["no change"].get_ydata(), 2e-3)
    assert drawn["fixed point"].get_ydata() == [8e-2] and drawn["fixed point"].get_xdata()[0] > 2.0
    assert axes.get_yscale() == "log"


def test_what_is_not_known_is_not_drawn():
    _, drawn = lines(LOOK | {"reached": [None] * 3, "has_fixed_point": False, "fixed_point": None})
    assert "training" not in drawn and "fixed point" not in drawn


def test_a_panel_for_every_origin(tmp_path):
    path = prospects_figure([LOOK, LOOK], tmp_path / "weights.png")
    assert path.stat().st_size > 10_000
    with pytest.raises(UserError, match="nothing to draw yet"):
        prospects_figure([], tmp_path / "weights.png")
