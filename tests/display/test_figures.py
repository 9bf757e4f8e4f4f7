import struct

import numpy as np
import pytest

from pinnrun.display.canvas import BLUE, GREEN, PURPLE, VERMILION, empty_figure
from pinnrun.display.figures import draw_growth, draw_loss, growth_figure, loss_figure
from pinnrun.errors import UserError
from pinnrun.koopman.forecast import forecast


def stage(width, first, count, level=1.0, horizon=2000):
    own = np.arange(1, count + 1)
    loss = level * (0.01 + np.exp(-own / 50))
    merit = np.where(own % 50 == 0, 2.0 * loss, np.nan)
    return {
        "width": width,
        "depth": 2,
        "parameters": 10 * width,
        "seconds": 0.5 * width,
        "decision": "widen",
        "step": first - 1 + own,
        "first_step": first,
        "loss": loss,
        "merit": merit,
        "forecast": forecast(own, loss, target=1e-4, horizon=horizon).as_dict(),
    }


@pytest.fixture
def stages():
    return [stage(3, 1, 400), stage(5, 401, 600, level=0.1)]


def lines_of(axes, colour):
    return [line for line in axes.get_lines() if line.get_color() == colour]


def drawn(stages, target=None):
    figure = empty_figure(9.0, 5.0)
    axes = figure.add_subplot()
    draw_loss(axes, stages, target)
    figure.draw_without_rendering()
    return axes


def test_the_lines_are_the_history_stage_by_stage(stages):
    axes = drawn(stages)
    assert axes.get_yscale() == "log"
    for colour, key in ((BLUE, "loss"), (VERMILION, "merit")):
        lines = lines_of(axes, colour)
        assert len(lines) == 2
        for line, source in zip(lines, stages, strict=True):
            shown = np.isfinite(source[key])
            np.testing.assert_array_equal(line.get_xdata(), source["step"][shown])
            np.testing.assert_array_equal(line.get_ydata(), source[key][shown])


def test_the_target_is_that_of_the_forecast_unless_given(stages):
    for target, expected in ((None, 1e-4), (3e-3, 3e-3)):
        [line] = lines_of(drawn(stages, target), GREEN)
        assert list(line.get_ydata()) == [expected, expected]


def test_forecasts_start_where_their_stage_stands_and_end_at_the_horizon(stages):
    axes = drawn(stages)
    for line, source in zip(lines_of(axes, PURPLE), stages, strict=True):
        offset = source["first_step"] - 1
        np.testing.assert_allclose(line.get_xdata(), offset + np.array(source["forecast"]["steps"]))
        np.testing.assert_array_equal(line.get_ydata(), source["forecast"]["median"])
        assert line.get_xdata()[-1] == offset + 2000
    for band, source in zip(axes.collections, stages, strict=True):
        heights = band.get_paths()[0].vertices[:, 1]
        assert heights.min() == min(source["forecast"]["low"])
        assert heights.max() == max(source["forecast"]["high"])


def test_the_window_shows_the_history_the_target_and_the_last_forecast(stages):
    axes = drawn(stages)
    assert axes.get_xlim() == pytest.approx((0.0, 1.01 * 2400))
    low, high = axes.get_ylim()
    assert low < 1e-4 and high > max(np.nanmax(source["merit"]) for source in stages)


def test_a_far_horizon_does_not_squeeze_the_history():
    axes = drawn([stage(3, 1, 400, horizon=100_000)])
    assert axes.get_xlim()[1] == pytest.approx(1.01 * 1200)
    assert any("at step 100000" in text.get_text() for text in axes.get_legend().get_texts())


def test_a_band_without_a_floor_does_not_flatten_the_history(stages):
    stages[1]["forecast"]["low"] = [1e-300] * len(stages[1]["forecast"]["low"])
    assert drawn(stages).get_ylim()[0] > 1e-7


def test_stages_are_named_above_the_frame(stages):
    labels = {text.get_text(): text.get_position()[0] for text in drawn(stages).texts}
    assert labels == {"3 × 2": 200.0, "5 × 2": 700.0}


def test_the_legend_names_each_thing_once(stages):
    texts = [text.get_text() for text in drawn(stages).get_legend().get_texts()]
    assert len(texts) == len(set(texts)) == 5
    assert {"loss", "merit", "target 0.0001", "forecast, 10 to 90 %"} < set(texts)


def test_an_energy_gets_a_linear_scale_of_its_own(stages):
    for source in stages:
        source["loss"] = source["loss"] - 0.5
    axes = drawn(stages)
    [twin] = [other for other in axes.figure.axes if other is not axes]
    assert (axes.get_yscale(), twin.get_yscale()) == ("linear", "log")
    np.testing.assert_array_equal(lines_of(axes, BLUE)[0].get_ydata(), stages[0]["loss"])
    np.testing.assert_array_equal(lines_of(twin, VERMILION)[0].get_xdata(), stages[0]["step"][49::50])
    texts = [text.get_text() for text in twin.get_legend().get_texts()]
    assert {"loss", "merit", "target 0.0001"} < set(texts)


@pytest.mark.parametrize(
    "changes",
    [
        {"merit": None, "forecast": None},
        {"loss": np.full(400, np.nan), "forecast": None},
        {"loss": np.where(np.arange(400) > 200, np.inf, 1.0), "forecast": None},
    ],
)
def test_a_bare_or_diverged_run_can_be_drawn(tmp_path, stages, changes):
    path = loss_figure([stages[0] | changes], tmp_path / "loss.png")
    assert path.stat().st_size > 1000


def test_files_are_pngs_of_a_sensible_size(tmp_path, stages):
    for path in (loss_figure(stages, tmp_path / "loss.png"), growth_figure(stages, tmp_path / "growth.png")):
        header = path.read_bytes()[:24]
        assert header[:8] == b"\x89PNG\r\n\x1a\n"
        assert all(700 <= pixels <= 2400 for pixels in struct.unpack(">II", header[16:24]))
        assert path.stat().st_size > 10_000


@pytest.mark.parametrize("count", [1, 2, 15])
def test_a_bar_per_stage_with_its_number_on_it(count):
    stages = [stage(3 + k, 1, 60) for k in range(count)]
    figure = empty_figure(9.0, 5.0)
    top, bottom = figure.subplots(2, 1, sharex=True)
    draw_growth(top, bottom, stages)
    figure.draw_without_rendering()
    for axes, key in ((top, "parameters"), (bottom, "seconds")):
        assert [bar.get_height() for bar in axes.patches] == [source[key] for source in stages]
        assert [float(text.get_text()) for text in axes.texts] == [source[key] for source in stages]
    assert bottom.get_xticklabels()[0].get_text() == "3 × 2\nwiden"


def test_nothing_to_draw_is_said(tmp_path, stages):
    for draw in (loss_figure, growth_figure):
        with pytest.raises(UserError, match="nothing to draw yet"):
            draw([], tmp_path / "figure.png")
    with pytest.raises(UserError, match="nothing to draw yet"):
        loss_figure([stages[0] | {"step": [], "loss": []}], tmp_path / "figure.png")
