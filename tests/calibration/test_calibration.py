"""Calibration: which sizes are timed, what follows from their times, what is kept, and what a run makes of it."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from runs import assert_same, composed, interrupt, resume, start

from pinnrun import storage
from pinnrun.build import checked_config
from pinnrun.calibration import measure as calibration
from pinnrun.calibration import timing
from pinnrun.calibration.kept import settled, stored_alpha
from pinnrun.calibration.measure import CalibrationSettings, Size, calibrate, ladder, sized, sizes
from pinnrun.errors import UserError

SMALL = CalibrationSettings(widths=(3, 6, 12), depths=(1, 2), points=(30, 60), seconds=1e-3)
CPU = torch.device("cpu")


def silent(title):
    return iter


@pytest.fixture
def run_config():
    return OmegaConf.masked_copy(composed(), [key for key in composed() if key != "resume"])


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PINNRUN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache/calibrations"


@pytest.fixture
def counted(monkeypatch):
    """Step times are made up, t = 1 ms (1 + (W/20)²), and measurements counted: no clock, no noise."""
    made = []

    def in_rounds(works, seconds, device, warm_up, track):
        made.append(len(works))
        for work in works:
            work()
        widths = [work.__self__.size.width for work in works]
        return [np.full(3, 1e-3 * (1 + (width / 20) ** 2)) for width in widths]

    monkeypatch.setattr(timing, "in_rounds", in_rounds)
    return made


def test_every_curve_is_of_its_sizes_and_holds_what_was_timed(run_config):
    record = calibrate(run_config, SMALL, silent)
    curves = record["curves"]
    assert [row["width"] for row in curves["width"]] == [3, 6, 12]
    assert [(row["width"], row["depth"]) for row in curves["depth"]] == [(6, 1), (6, 2)]
    assert [(row["width"], row["points"]) for row in curves["points"]] == [(6, 30), (6, 60)]
    assert [row["parameters"] for row in curves["width"]] == [13, 25, 49]
    assert [row["rows"] for row in curves["points"]] == [75, 80]  # three rows for each of 25 parameters; all of 60 + 20
    for row in (row for curve in curves.values() for row in curve):
        assert 0 < row["low"] <= row["seconds"] <= row["high"] and row["rounds"] == timing.LEAST
    json.dumps(record)


def test_sizes_stay_where_a_run_may_grow(run_config):
    config = checked_config(run_config)  # 70 parameters at most
    curves = sizes(config, CalibrationSettings(), quick=False)
    assert [size.width for size in curves["width"]] == [3, 4, 6, 8, 12, 17]
    assert [size.depth for size in curves["depth"]] == [1]  # 8 x 2 has 105
    assert [size.points for size in curves["points"]] == [15, 30, 60, 120, 240]
    assert {size.width for size in curves["points"]} == {8}
    assert [size.width for size in sizes(config, CalibrationSettings(), quick=True)["width"]] == [3, 6, 12]
    narrow = checked_config(OmegaConf.merge(run_config, {"scaleup": {"max_width": 4}}))
    with pytest.raises(UserError, match="only 2 widths from 3 on"):
        sizes(narrow, CalibrationSettings(), quick=False)


def test_a_ladder():
    assert ladder(4, 32, 2.0) == [4, 8, 16, 32]
    assert ladder(1, 5, 2.0**0.5) == [1, 2, 3, 4, 5]
    assert ladder(8, 8, 2.0) == [8] and ladder(9, 8, 2.0) == []


def test_a_sized_config_is_the_runs_own_but_for_its_size(run_config):
    changed = sized(run_config, Size(9, 2, 33))
    assert (changed.architecture.width, changed.architecture.depth, changed.problem.points) == (9, 2, 33)
    changed.architecture.width, changed.architecture.depth = (
        run_config.architecture.width,
        run_config.architecture.depth,
    )
    changed.problem.points = run_config.problem.points
    assert changed == run_config


def test_the_law_the_knee_and_alpha_are_those_of_the_times(run_config, counted):
    record = calibrate(run_config, CalibrationSettings(widths=(3, 5, 8, 12, 17)), silent)
    law = record["law"]
    assert law["p"] == pytest.approx(2.0, abs=0.01)
    # 1 + (2W/20)² = 1.5 (1 + (W/20)²)
    assert record["knee"] == pytest.approx(20 * (0.5 / 2.5) ** 0.5, rel=1e-2)
    # 1 + (W/20)² = 1.5 (1 + (3/20)²)
    saturated = 20 * (1.5 * (1 + 0.15**2) - 1) ** 0.5
    assert record["saturated"] == pytest.approx(saturated, rel=1e-2)
    assert (record["start"], record["alpha"]) == (3, 4.0)  # 14.6 / 3 is more than 4
    late = OmegaConf.merge(run_config, {"architecture": {"width": 5}})
    record = calibrate(late, CalibrationSettings(widths=(5, 8, 12, 17)), silent)
    assert record["alpha"] == pytest.approx(20 * (1.5 * (1 + 0.25**2) - 1) ** 0.5 / 5, rel=1e-2)


def test_a_curve_ends_where_steps_take_too_long(run_config, monkeypatch, counted):
    """The clock runs 0.1 s for every neuron that steps; a tenth of the time to spend is the limit of a step."""

    def wall_seconds(work):
        work()
        return 0.1 * work.__self__.size.width * work.__self__.size.depth

    monkeypatch.setattr(calibration, "wall_seconds", wall_seconds)
    wanted = CalibrationSettings(widths=(4, 8, 12, 16, 17), depths=(1, 2), points=(60,), seconds=14.0)
    record = calibrate(OmegaConf.merge(run_config, {"scaleup": {"max_parameters": 300}}), wanted, silent)
    assert [row["width"] for row in record["curves"]["width"]] == [4, 8, 12]
    assert [row["depth"] for row in record["curves"]["depth"]] == [1]
    left = [(size["width"], size["depth"]) for size in record["left_out"]]
    assert left == [(16, 1), (17, 1), (12, 2)] and record["limit"] == pytest.approx(1.4)
    with pytest.raises(UserError, match=r"longer than 0\.7 s from the width 8 on"):
        calibrate(run_config, CalibrationSettings(widths=(4, 8, 12), seconds=7.0), silent)


def test_auto_measures_once_and_then_remembers(run_config, counted, own_cache, capsys):
    auto = OmegaConf.merge(run_config, {"scaleup": {"alpha": "auto"}})
    first = settled(auto, silent)
    assert counted == [3] and first.scaleup.alpha == 4.0
    assert "by a quick calibration" in capsys.readouterr().err
    assert settled(auto, silent) == first and counted == [3]
    [path] = own_cache.glob("poisson_lm_*.json")
    assert str(path) in capsys.readouterr().err
    seeded = OmegaConf.merge(auto, {"seed": 7, "target": {"loss": 1e-3}})
    assert settled(seeded, silent).scaleup.alpha == 4.0 and counted == [3]  # no step takes longer for it
    settled(OmegaConf.merge(auto, {"problem": {"points": 61}}), silent)
    settled(OmegaConf.merge(auto, {"dtype": "float32"}), silent)
    assert counted == [3, 3, 3]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"alpha": 3}', "null"])
def test_a_damaged_calibration_is_measured_again(run_config, counted, own_cache, text):
    auto = OmegaConf.merge(run_config, {"scaleup": {"alpha": "auto"}})
    settled(auto, silent)
    [path] = own_cache.glob("*.json")
    path.write_text(text)
    assert settled(auto, silent).scaleup.alpha == 4.0 and counted == [3, 3]
    assert json.loads(path.read_text())["alpha"] == 4.0


def test_of_another_machine_nothing_is_taken(run_config, counted, own_cache, monkeypatch):
    auto = OmegaConf.merge(run_config, {"scaleup": {"alpha": "auto"}})
    settled(auto, silent)
    config = checked_config(auto)
    key = calibration.key_of(auto, config)
    assert stored_alpha(config, key) is not None
    monkeypatch.setattr(timing, "machine", lambda device: "another")
    assert stored_alpha(config, calibration.key_of(auto, config)) is None


def test_a_cache_that_cannot_be_written_stops_no_run(run_config, counted, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PINNRUN_CACHE_DIR", str(tmp_path / "file"))
    auto = OmegaConf.merge(run_config, {"scaleup": {"alpha": "auto"}})
    assert settled(auto, silent).scaleup.alpha == 4.0
    assert "is not kept" in capsys.readouterr().err


def test_a_size_that_is_fixed_is_not_measured(run_config, counted, own_cache):
    fixed = OmegaConf.merge(run_config, {"scaleup": {"alpha": "auto", "type": "fixed"}})
    assert settled(fixed, silent).scaleup.alpha == 2.0 and counted == []
    assert settled(run_config, silent) is run_config


def test_a_resumed_run_does_not_measure_and_is_the_run_that_was_never_stopped(workplace, counted, own_cache):
    whole, parts = Path("whole"), Path("parts")
    start(whole, "scaleup.alpha=auto")
    assert counted == [3]
    start(parts, "scaleup.alpha=auto", at={7: interrupt})
    for path in own_cache.glob("*.json"):
        path.write_text(path.read_text().replace('"alpha": 4.0', '"alpha": 1.5'))  # measured anew meanwhile
    resume(parts)
    assert counted == [3]
    assert_same(whole, parts)
    run = storage.open_run(parts)
    assert OmegaConf.create(run.provenance["config"]).scaleup.alpha == 4.0
    assert run.stages[1].architecture["width"] == 4 * run.stages[0].architecture["width"]


def test_a_probe_that_diverges_begins_anew(run_config):
    wild = OmegaConf.merge(run_config, {"architecture": {"width": 3}})
    probe = calibration.Probe(wild, Size(3, 1, 60))
    first = probe.trainer
    first.best_loss = 1e-300  # whatever comes is a blow-up
    probe.step()
    assert probe.trainer is not first and probe.trainer.step == 0
    probe.step()
    assert probe.trainer.step == 1


def test_rounds_fit_the_time(monkeypatch):
    """Work that takes 0.1 s of a clock of its own: one second is ten rounds; none is three, and a long time fifteen."""
    clock = [0.0]

    def work():
        clock[0] += 0.1

    fake = SimpleNamespace(monotonic=lambda: clock[0], thread_time=lambda: clock[0], perf_counter=lambda: clock[0])
    monkeypatch.setattr(timing, "time", fake)
    for seconds, rounds in ((1.01, 10), (0.0, timing.LEAST), (60.0, timing.MOST)):
        [taken] = timing.in_rounds([work], seconds, CPU, 2, iter)
        assert len(taken) == rounds
        np.testing.assert_allclose(taken, 0.1)
