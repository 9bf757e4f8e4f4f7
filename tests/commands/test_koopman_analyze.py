"""`pinnrun koopman analyze`: on finished, interrupted and running runs, from what lies in the folder alone."""

import re
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import TINY, interrupt, lookup, start

from pinnrun.build import checked_config
from pinnrun.commands.train import saved_config
from pinnrun.koopman import History, forecast_stage
from pinnrun.training.trainer import Trainer

FIGURES = ("loss", "spectrum", "observables", "weights", "growth")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def run(workplace):
    """A run of three stages that spent its budget."""
    folder = Path("outputs/poisson/one")
    start(folder)
    return folder


def test_every_stage_with_its_figures_on_stdout(pinnrun, run):
    ran = pinnrun("koopman", "analyze")  # of the latest run
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"{run}: budget, 6 windows, target 1e-07")
    stages = lookup(run).stages
    heads = re.findall(r"^stage (\d): (\d+) x (\d), (\d+) parameters, (\d+) steps, loss (\S+),", ran.out, re.MULTILINE)
    assert [tuple(map(float, head)) for head in heads] == [
        (
            i,
            *(stage.architecture[name] for name in ("width", "depth", "parameters")),
            len(stage.columns["step"]),
            float(f"{stage.columns['loss'][-1]:.3e}"),
        )
        for i, stage in enumerate(stages)
    ]
    for name in FIGURES:
        assert (run / f"figures/{name}.png").read_bytes().startswith(PNG)
        assert str(run / f"figures/{name}.png") in ran.out


def test_the_forecast_is_that_of_the_loss_against_the_target_asked_for(pinnrun, run):
    ran = pinnrun("koopman", "analyze", "target=1e-3", "horizon=500", "figures=false")
    columns = lookup(run).stages[-1].columns
    history = History.of({**columns, "step": np.arange(1, len(columns["loss"]) + 1)})
    outlook = forecast_stage(history, target=1e-3, horizon=500, family="gauss_newton")
    last = ran.out[ran.out.rindex("\nstage ") :]
    assert f"by step 500) = {outlook.probability:.3g}" in last
    assert f"{outlook.median[-1]:.3e}" in last
    assert not (run / "figures").exists()


def test_every_decision_is_listed(pinnrun, run):
    out = " ".join(pinnrun("koopman", "analyze", "figures=false").out.split())
    for decision in lookup(run).decisions:
        assert " ".join(decision["evidence"].split()) in out


def stages_of(out):
    return re.split(r"^stage ", out, flags=re.MULTILINE)[1:]


def test_the_merit_at_the_last_weights_is_the_one_that_was_recorded(pinnrun, run):
    for text, stage in zip(
        stages_of(pinnrun("koopman", "analyze", "figures=false").out), lookup(run).stages, strict=True
    ):
        own = stage.weight_steps - stage.first_step + 1
        latest = re.findall(r"forecast from step (\d+), where it is (\S+)", text)[-1]
        assert int(latest[0]) == own[-1]
        recorded = stage.columns["merit"][stage.weight_steps[-1] - stage.first_step]
        assert float(latest[1]) == pytest.approx(recorded, rel=1e-3)
        assert "at the fixed point: " in text


def test_forecast_weights_are_judged_beside_what_training_reached(pinnrun, workplace):
    """Without growth the evaluation set stands still: half of the stage on, the last row is the recorded merit."""
    start(Path("run"), "scaleup=fixed", "sampling=fixed", "budget.steps=60", "optimizer.pace.window=10")
    out = pinnrun("koopman", "analyze", "run=run", "figures=false", "spectra=weights").out
    [stage] = lookup(Path("run")).stages
    _, _, rows = out.partition("forecast from step 30, where it is ")
    assert float(rows.split()[0]) == pytest.approx(stage.columns["merit"][29], rel=1e-3)
    cells = re.search(r"^ +60 +2 x (.*)$", rows, re.MULTILINE)
    assert cells is not None
    *forecasts, reached = map(float, cells[1].split())
    assert len(forecasts) == 3 and reached == pytest.approx(stage.columns["merit"][59], rel=1e-3)
    # and the same by hand, for the mean velocity
    trainer = rebuilt(Path("run"))
    weights = stage.weights[:30]
    at = weights[-1] + 30 * np.polyfit(np.arange(30), weights, 1)[0]
    assert forecasts[2] == pytest.approx(float(trainer.evaluation.value(torch.tensor(at))), rel=1e-3)


def rebuilt(folder):
    config = checked_config(saved_config(lookup(folder)))
    trainer = Trainer(config, torch.device("cpu"), torch.float64)
    assert trainer.network.size == lookup(folder).stages[0].weights.shape[1]
    return trainer


def test_without_the_problem_it_says_so(pinnrun, run):
    ran = pinnrun("koopman", "analyze", "evaluate=false")
    assert ran.code == 0 and "not evaluated (evaluate=false)" in ran.out
    assert "modes of the weights" in ran.out and "at the fixed point" not in ran.out
    assert not (run / "figures/weights.png").exists() and (run / "figures/spectrum.png").exists()


def test_plugins_are_not_run_unless_they_are_named_again(pinnrun, workplace):
    Path("mine.py").write_text("from pinnrun.problems.poisson import Poisson\n")
    start(Path("run"), "plugins=[mine.py]")
    quiet = pinnrun("koopman", "analyze", "run=run", "figures=false")
    assert quiet.code == 0 and "not evaluated: run was trained with plugins" in quiet.out
    assert "plugins=[mine.py]" in quiet.out and "at the fixed point" not in quiet.out
    assert "at the fixed point" in pinnrun("koopman", "analyze", "run=run", "plugins=[mine.py]", "figures=false").out


@pytest.mark.parametrize(
    ("kind", "shown"),
    [("weights", {"weights"}), ("loss", {"loss"}), ("edmd", {"edmd"}), ("all", {"weights", "loss", "edmd"})],
)
def test_observables_are_those_asked_for(pinnrun, workplace, kind, shown):
    start(Path("run"), "scaleup=fixed", "budget.steps=40", "optimizer.pace.window=10")
    out = pinnrun("koopman", "analyze", "run=run", "figures=false", f"spectra={kind}", "time=linear").out
    headings = {"weights": "modes of the weights", "loss": "modes of log L", "edmd": "observables and their squares"}
    assert {name for name, heading in headings.items() if heading in out} == shown
    assert ("layer by layer" in out) == ("at the fixed point" in out) == ("weights" in shown)
    assert ("rows even in steps" in out) == (kind != "weights")
    assert "log |hidden1|" in out or "edmd" not in shown


def test_layers_and_rank_are_as_asked(pinnrun, run):
    out = pinnrun("koopman", "analyze", "figures=false", "modes=1", "spectra=weights").out
    assert set(re.findall(r"modes of the weights: rank (\d+)", out)) == {"1"}
    layers = re.findall(r"^    (hidden1|output) +(\d+) +1 ", out, re.MULTILINE)
    for stage, pair in zip(lookup(run).stages, zip(layers[::2], layers[1::2], strict=True), strict=True):
        assert [int(size) for _, size in pair] == [
            sum(int(np.prod(shape)) for name, shape in stage.layout if name.startswith(layer))
            for layer in ("hidden1", "output")
        ]


def test_nothing_else_is_touched(pinnrun, workplace, run):
    before = {path: path.stat().st_mtime_ns for path in workplace.rglob("*") if path.is_file()}
    pinnrun("koopman", "analyze")
    after = {path: path.stat().st_mtime_ns for path in workplace.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before
    assert {path.parent for path in after.keys() - before.keys()} == {workplace / run / "figures"}


def test_an_interrupted_run(pinnrun, workplace):
    start(Path("run"), at={12: interrupt})
    ran = pinnrun("koopman", "analyze", "run=run", "figures=false")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("run: interrupted, 2 windows")
    assert len(re.findall("^stage ", ran.out, re.MULTILINE)) == 2  # the third has no window yet


def test_a_run_that_goes_on_meanwhile(pinnrun, workplace, zygote):
    pace = ("window=80", "minimum=80", "horizon=160", "snapshot=2")
    words = ["train", *TINY, "sampling=fixed", "budget.steps=1000000", "optimizer.acceleration=0", "target.loss=1e-30"]
    words += [f"optimizer.pace.{word}" for word in pace]
    child = zygote.start(*words, "hydra.run.dir=run", cwd=workplace)
    counts = []
    for _ in range(3):
        child.wait_for(lambda: len(list(Path("run/windows").glob("*.h5"))) > max(counts, default=2))
        ran = pinnrun("koopman", "analyze", "run=run", f"figures={str(not counts).lower()}")
        assert (ran.code, ran.err) == (0, "")
        (count,) = re.findall(r"^run: running, (\d+) windows", ran.out)
        counts.append(int(count))
    assert counts == sorted(set(counts))
    assert (Path("run/figures/loss.png")).read_bytes().startswith(PNG)
    child.send(signal.SIGINT)
    assert child.wait() == 130
    assert lookup(Path("run")).gaps == ()


def test_figures_that_cannot_be_written_do_not_hide_the_numbers(pinnrun, run):
    (run / "figures").write_text("a file where the folder should be")
    ran = pinnrun("koopman", "analyze")
    assert ran.code == 0 and "stage 2" in ran.out
    assert "figures" in ran.err and len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run=elsewhere",), "is not a run folder"),
        ((), "pinnrun train"),
        (("horizon=0", "target=-1"), "target"),
        (("figure=false",), "figures"),
    ],
)
def test_mistakes(pinnrun, workplace, words, told):
    refused = pinnrun("koopman", "analyze", *words)
    assert refused.code == 2 and refused.out == ""
    assert told in refused.err and len(refused.err.splitlines()) <= 6
    assert list(workplace.iterdir()) == []


def test_a_run_without_windows_yet(pinnrun, workplace):
    start(Path("run"), at={2: interrupt})
    refused = pinnrun("koopman", "analyze", "run=run")
    assert refused.code == 2 and "no windows yet" in refused.err


def test_a_damaged_window_is_named(pinnrun, run):
    path = lookup(run).windows[3].path
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = b"\0" * (len(data) - len(data) // 2)
    path.write_bytes(data)
    refused = pinnrun("koopman", "analyze", f"run={run}")
    assert refused.code == 2 and path.name in refused.err and len(refused.err.splitlines()) <= 6


def test_a_forecaster_that_needs_the_run_in_training_is_refused(pinnrun, run):
    ran = pinnrun("koopman", "analyze", "forecaster=weights", "figures=false")
    assert ran.code == 2
    assert "only a run in training can" in ran.err and "Traceback" not in ran.err
