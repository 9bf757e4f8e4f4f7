"""The study of activations and optimizers, on four short runs: what is written is what the command found."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from benchmarks import compare


@pytest.fixture
def small(monkeypatch, pinnrun):
    """One study of four runs of sixty steps; commands run in this process, and are counted."""
    commands = []

    def run(*words):
        commands.append(words)
        ran = pinnrun(*words)
        assert ran.code == 0, ran.err

    monkeypatch.setattr(compare, "pinnrun", run)
    monkeypatch.setattr(compare, "LENGTH", ("budget.steps=60", "optimizer.pace.snapshot=1", "seed=1,2"))
    monkeypatch.setattr(compare, "STUDIES", {"small": ("optimizer=adam", "architecture.activation=tanh,sin")})
    return commands


def test_the_table_and_the_figure_are_what_the_command_found(small):
    assert compare.main(["--runs", "runs", "--results", "found"]) == 0
    assert [words[0] for words in small] == ["sweep", "koopman", "koopman"]
    with Path("found/compare.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["observable"], row["differs"]) for row in rows] == [
        ("weights", "activation"),
        ("weights", "seed"),
        ("log_loss", "activation"),
        ("log_loss", "seed"),
    ]
    record = json.loads(Path("runs/small_weights/comparison.json").read_text())
    assert float(rows[0]["share"]) == pytest.approx(record["factors"][0]["share"], rel=1e-3)
    picture = Path("runs/small_weights/comparison.png").read_bytes()
    assert Path("found/compare_small.png").read_bytes() == picture


def test_runs_that_are_there_are_not_trained_again(small):
    compare.main(["--runs", "runs", "--results", "found"])
    done = {path: path.stat().st_mtime_ns for path in Path("runs/small").rglob("*.h5")}
    shutil.rmtree("found")
    compare.main(["--runs", "runs", "--results", "found"])
    assert {path: path.stat().st_mtime_ns for path in Path("runs/small").rglob("*.h5")} == done
    assert Path("found/compare.csv").exists()


def test_unknown_studies_are_refused(capsys):
    with pytest.raises(SystemExit):
        compare.main(["--studies", "shape"])
    assert "no study 'shape'" in capsys.readouterr().err
