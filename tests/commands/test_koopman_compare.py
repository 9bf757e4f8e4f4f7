"""`pinnrun koopman compare`: on runs that differ in what they were asked for, from what lies in their folders alone."""

import csv
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from runs import interrupt, start

from pinnrun import storage
from pinnrun.koopman.delays import delay_eigenvalues
from pinnrun.koopman.transport import wasserstein

PNG = b"\x89PNG\r\n\x1a\n"
FIXED = ("optimizer=adam", "optimizer.pace.snapshot=1", "scaleup=fixed", "architecture.width=4")
SMALL = ("rank=3", "delays=2", "shuffles=20")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Four trainings: two activations with two seeds each; trained once, copied for every test."""
    place = tmp_path_factory.mktemp("trained")
    here = Path.cwd()
    os.chdir(place)
    try:
        for activation in ("tanh", "sin"):
            for seed in (1, 2):
                words = (*FIXED, f"architecture.activation={activation}", f"seed={seed}")
                start(Path(f"runs/{activation}{seed}"), *words)
        start(Path("grown"))
    finally:
        os.chdir(here)
    return place


@pytest.fixture
def runs(workplace, trained):
    """The folder of the four, in the working directory."""
    shutil.copytree(trained / "runs", workplace / "runs")
    return Path("runs")


@pytest.fixture
def grown(workplace, trained):
    """A run of three stages."""
    shutil.copytree(trained / "grown", workplace / "grown")
    return Path("grown")


def record(place="runs/comparison"):
    return json.loads((Path(place) / "comparison.json").read_text())


def test_a_sweep_with_its_table_files_and_figure(pinnrun, runs):
    ran = pinnrun("koopman", "compare", "runs=runs", *SMALL)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("4 trainings: weights at steps 1 to 30 every 1 (30 samples), 2 delays, rank 3\n")
    assert "all: problem poisson, architecture mlp, optimizer adam, width 4, depth 1" in ran.out
    lines = [line.split() for line in ran.out.splitlines()]
    assert ["run", "activation", "seed", "loss", "cluster", "nearest", "distance"] in lines
    assert [line[1:3] for line in lines if line and line[0] in "1234" and len(line) == 7] == [
        ["sin", "1"],
        ["sin", "2"],
        ["tanh", "1"],
        ["tanh", "2"],
    ]
    assert {"comparison.json", "runs.csv", "pairs.csv", "comparison.png"} == {
        path.name for path in Path("runs/comparison").iterdir()
    }
    assert Path("runs/comparison/comparison.png").read_bytes().startswith(PNG)
    assert "\x1b" not in ran.out


def test_the_numbers_are_those_of_the_weights_in_the_folders(pinnrun, runs):
    pinnrun("koopman", "compare", "runs=runs", "figures=false", *SMALL)
    found = record()
    weights = [storage.open_run(run["folder"]).stages[0].weights for run in found["runs"]]
    spectra = [delay_eigenvalues(w, delays=2, rank=3) for w in weights]
    for i, j in np.ndindex(4, 4):
        assert found["distances"][i][j] == pytest.approx(wasserstein(spectra[i], spectra[j]), abs=1e-12)
    for run, spectrum in zip(found["runs"], spectra, strict=True):
        np.testing.assert_allclose([complex(*pair) for pair in run["eigenvalues"]], spectrum, atol=1e-12)
    with open("runs/comparison/pairs.csv") as file:
        pairs = list(csv.DictReader(file))
    assert len(pairs) == 6
    for pair in pairs:
        i, j = int(pair["run"]) - 1, int(pair["other"]) - 1
        assert float(pair["distance"]) == found["distances"][i][j]
        assert float(pair["control"]) == found["controls"][i][j]
    assert [item["name"] for item in found["factors"]] == ["activation", "seed"]
    assert not Path("runs/comparison/comparison.png").exists()


@pytest.mark.parametrize("words", ["runs=runs", "runs=[runs/sin1,runs/tanh2,runs/tanh1,runs/sin2]", "runs=runs/*"])
def test_ways_to_name_them(pinnrun, runs, words):
    assert pinnrun("koopman", "compare", words, "out=found", "figures=false", *SMALL).code == 0
    assert len(record("found")["runs"]) == 4


def test_what_is_named_twice_counts_once(pinnrun, runs):
    words = "runs=[runs,runs/sin1,runs/tanh*]"
    assert pinnrun("koopman", "compare", words, "out=found", "figures=false", *SMALL).code == 0
    assert len(record("found")["runs"]) == 4


def test_a_run_with_its_neurons_in_another_order_is_the_same_training(pinnrun, runs):
    order = np.array([2, 0, 3, 1])
    shutil.copytree("runs/sin1", "permuted")
    for entry in storage.list_windows("permuted"):
        window = storage.read_window(entry.path)
        entry.path.unlink()
        storage.write_window("permuted", replace(window, weights=reordered(window, order)))
    ran = pinnrun("koopman", "compare", "runs=[runs/sin1,permuted]", "out=found", *SMALL)
    assert ran.code == 0, ran.err
    assert record("found")["distances"][0][1] < 1e-9
    assert record("found")["controls"][0][1] == 1.0
    assert "folder" in ran.out and "permuted" in ran.out  # nothing else tells them apart


def reordered(window, order):
    """The snapshots with the neurons of the hidden layer in another order."""
    parts, start = [], 0
    for _, shape in window.layout:
        size = int(np.prod(shape))
        part = window.weights[:, start : start + size].reshape(-1, *shape)
        start += size
        for axis, length in enumerate(shape, 1):
            if length == len(order):
                part = np.take(part, order, axis)
        parts.append(part.reshape(len(part), -1))
    moved = np.hstack(parts)
    assert not np.array_equal(moved, window.weights)
    return moved


def test_networks_of_two_sizes(pinnrun, runs):
    start(Path("wide"), *FIXED, "architecture.width=7", "seed=1")
    ran = pinnrun("koopman", "compare", "runs=[runs/tanh1,wide]", "out=found", *SMALL)
    assert ran.code == 0 and record("found")["distances"][0][1] > 0
    assert [run["label"] for run in record("found")["runs"]] == [{"width": 4}, {"width": 7}]


def test_the_stages_of_a_run_that_grew(pinnrun, grown):
    few = ("rank=2", "delays=1", "figures=false")
    ran = pinnrun("koopman", "compare", "runs=grown", "stage=all", *few)
    assert ran.code == 0, ran.err
    found = record("grown/comparison")
    stages = storage.open_run("grown").stages
    assert [run["stage"] for run in found["runs"]] == [stage.number for stage in stages]
    assert found["steps"] == [1, min(len(stage.columns["step"]) for stage in stages)]  # of the stage, not of the run
    widths = [(stage.architecture["width"], stage.architecture["depth"]) for stage in stages]
    assert [(run["label"]["width"], run["label"]["depth"]) for run in found["runs"]] == widths
    refused = pinnrun("koopman", "compare", "runs=grown", "stage=7", *few)
    assert refused.code == 2 and refused.err == "stage: grown has no stage 7; it has 0, 1, 2\n"


@pytest.mark.parametrize("observable", ["loss", "log_loss"])
def test_the_loss_as_the_observable(pinnrun, runs, observable):
    words = (f"observable={observable}", "every=2", "steps=[3,21]", "out=found", "figures=false", *SMALL)
    assert pinnrun("koopman", "compare", "runs=runs", *words).code == 0
    found = record("found")
    assert (found["steps"], found["every"], found["samples"]) == ([4, 20], 2, 9)
    loss = storage.open_run(found["runs"][2]["folder"]).stages[0].columns["loss"][3:20:2]
    loss = np.log10(loss) if observable == "log_loss" else loss
    expected = delay_eigenvalues(loss[:, None], delays=2, rank=3)
    np.testing.assert_allclose([complex(*pair) for pair in found["runs"][2]["eigenvalues"]], expected, atol=1e-12)


def test_only_the_steps_that_all_have_are_compared(pinnrun, runs):
    start(Path("short"), *FIXED, at={17: interrupt})
    ran = pinnrun("koopman", "compare", "runs=[runs/sin1,short]", "out=found", "figures=false", *SMALL)
    last = int(storage.open_run("short").stages[0].weight_steps[-1])
    assert ran.code == 0 and record("found")["steps"] == [1, last] and last < 30
    refused = pinnrun("koopman", "compare", "runs=[runs/sin1,short]", "steps=[1,25]", *SMALL)
    assert refused.code == 2 and f"short, stage 0 ends at step {last}, before 25" in refused.err


def test_too_few_samples_name_the_shortest_run_and_the_cure(pinnrun, runs):
    start(Path("short"), *FIXED, at={12: interrupt})
    refused = pinnrun("koopman", "compare", "runs=[runs/sin1,short]", "rank=10")
    assert refused.code == 2 and "short, stage 0 is the shortest" in refused.err and "rank" in refused.err
    assert not Path("comparison").exists()


def test_intervals_of_snapshots_meet_at_their_least_common_multiple(pinnrun, runs):
    for interval in (2, 3):
        start(Path(f"every{interval}"), *FIXED, f"optimizer.pace.snapshot={interval}", "seed=5")
    words = ("runs=[every2,every3]", "out=found", "figures=false", "rank=1", "delays=1")
    assert pinnrun("koopman", "compare", *words).code == 0
    assert (record("found")["every"], record("found")["steps"]) == (6, [6, 30])
    refused = pinnrun("koopman", "compare", *words, "every=4")
    assert refused.code == 2 and "every3, stage 0 has a sample each 3 steps" in refused.err


def test_a_window_that_is_gone_is_told_with_steps_that_will_do(pinnrun, runs):
    gone = storage.list_windows("runs/sin1")[2].path
    first = storage.read_window(gone).first_step
    gone.unlink()
    refused = pinnrun("koopman", "compare", "runs=runs", *SMALL)
    assert refused.code == 2
    assert f"runs/sin1, stage 0 has no sample at step {first}" in refused.err
    assert f"steps=[1,{first - 1}]" in refused.err
    assert pinnrun("koopman", "compare", "runs=runs", f"steps=[1,{first - 1}]", "rank=2", "delays=1").code == 0


def test_a_run_without_windows_is_left_out_of_a_sweep_and_refused_by_name(pinnrun, runs):
    start(runs / "begun", *FIXED, at={2: interrupt})
    ran = pinnrun("koopman", "compare", "runs=runs", "figures=false", *SMALL)
    assert ran.code == 0 and ran.err == "left out, without windows: runs/begun\n"
    refused = pinnrun("koopman", "compare", "runs=[runs/begun,runs/sin1]", *SMALL)
    assert refused.code == 2 and "runs/begun has no windows yet" in refused.err


def test_clusters_may_be_asked_for(pinnrun, runs):
    pinnrun("koopman", "compare", "runs=runs", "clusters=3", "figures=false", *SMALL)
    assert {run["cluster"] for run in record()["runs"]} == {1, 2, 3}
    pinnrun("koopman", "compare", "runs=runs", "clusters=9", "figures=false", *SMALL)
    assert {run["cluster"] for run in record()["runs"]} == {1, 2, 3, 4}


def test_nothing_else_is_touched_and_twice_is_the_same(pinnrun, workplace, runs):
    before = {path: path.stat().st_mtime_ns for path in workplace.rglob("*") if path.is_file()}
    first = pinnrun("koopman", "compare", "runs=runs", *SMALL)
    texts = [path.read_bytes() for path in sorted(Path("runs/comparison").glob("*.[cj]s*"))]
    second = pinnrun("koopman", "compare", "runs=runs", *SMALL)
    assert first.out == second.out
    assert texts == [path.read_bytes() for path in sorted(Path("runs/comparison").glob("*.[cj]s*"))]
    after = {path: path.stat().st_mtime_ns for path in workplace.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before
    assert {path.parent for path in after.keys() - before.keys()} == {workplace / "runs/comparison"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "runs: name what to compare"),
        (("runs=elsewhere",), "elsewhere is not a run folder"),
        (("runs=nothing/*",), "no run matches nothing/*"),
        (("runs=.",), "no run lies in ."),
        (("runs=a", "steps=[9,3]"), "steps: the first, 9, must be below the last, 3"),
        (("runs=a", "rank=0", "stage=first"), "rank: must be at least 1"),
        (("runs=a", "observable=gradient"), "observable: must be one of weights, loss, log_loss"),
        (("runs=a", "delay=3"), "delays"),
    ],
)
def test_mistakes(pinnrun, workplace, words, told):
    refused = pinnrun("koopman", "compare", *words)
    assert refused.code == 2 and refused.out == ""
    assert told in refused.err and len(refused.err.splitlines()) <= 6
    assert list(workplace.iterdir()) == []


def test_one_training_is_no_comparison(pinnrun, runs):
    refused = pinnrun("koopman", "compare", "runs=runs/sin1")
    assert refused.code == 2 and "a comparison needs two" in refused.err and "stage=all" in refused.err


def test_a_figure_that_cannot_be_written_does_not_hide_the_numbers(pinnrun, runs):
    Path("found/comparison.png").mkdir(parents=True)
    ran = pinnrun("koopman", "compare", "runs=runs", "out=found", *SMALL)
    assert ran.code == 0 and "4 trainings" in ran.out and ran.err.startswith("no figure: ")


def test_a_folder_that_cannot_be_written(pinnrun, runs):
    Path("found").write_text("a file where the folder should be")
    refused = pinnrun("koopman", "compare", "runs=runs", "out=found", *SMALL)
    assert refused.code == 2 and "out: cannot write found" in refused.err
