"""Koopman training beside plain training: equal cost is charged as it says, the page says what the runs did."""

import csv

import pytest

from benchmarks.acceleration import __main__ as program
from benchmarks.acceleration import measure
from benchmarks.acceleration.measure import CASES, Job, Look, Run, gain, looks_of, read, speedup, train
from benchmarks.acceleration.page import pairs, table, tuned_rates, verdict
from pinnrun.build import checked_config
from pinnrun.composition.confdir import compose


def run(kind, merits, seed=1, rate=1e-3, case="oscillator"):
    """A run whose merit was this at the ends of its windows."""
    looks = [
        Look(100 * (i + 1), merit, 2 * merit, 1.0 * (i + 1), *((i + 1, i, 0, 0) if kind == "auto" else (0, 0, 0, 0)))
        for i, merit in enumerate(merits)
    ]
    return Run(Job(case, rate, kind, seed, 100 * len(merits)), tuple(looks))


@pytest.mark.parametrize("case", CASES)
def test_cases_are_small_networks_of_adam(case):
    config = checked_config(compose("train", Job(case, 1e-3, "auto", 1, 100).words()))
    assert config.optimizer.type == "adam" and config.koopman.acceleration == "auto"
    assert config.problem.formulation == "residual" and config.problem.points == 256
    assert config.budget.steps == 100 and config.budget.seconds is None


def test_steps_with_jumps_cost_more():
    plain = run("none", [1.0] * 19 + [0.1])
    jumps = run("auto", [1.0] * 18 + [0.01, 1e-9])
    assert gain(jumps, plain) == pytest.approx(1.0), "at step 1900, since 2000 would have cost 2100"
    assert gain(jumps, plain, what="loss") == pytest.approx(1.0)
    assert speedup(jumps, plain) == pytest.approx(2000 / (1.05 * 1900))
    never = run("auto", [1.0] * 20)
    assert gain(never, plain) == pytest.approx(-1.0)
    assert speedup(never, plain) == pytest.approx(1 / 1.05)


def test_the_tuned_rate_is_the_first_seed_s_best_without_jumps():
    found = [
        run("none", [1.0], rate=1e-3),
        run("none", [0.5], rate=3e-3),
        run("auto", [0.1], rate=1e-3),
        run("none", [0.01], rate=1e-3, seed=2),
    ]
    assert tuned_rates({item.job: item for item in found}) == {"oscillator": 3e-3}


def test_pairs_have_one_seed_and_the_table_tells_the_worst():
    found = [run(kind, merits, seed) for seed in (1, 2) for kind, merits in
             (("none", [1.0] * 20), ("auto", [0.1 if seed == 1 else 2.0] * 20))]  # fmt: skip
    runs = {item.job: item for item in found}
    assert [one.job.seed == other.job.seed for one, other in pairs(runs, "oscillator", 1e-3)] == [True, True]
    line = next(line for line in table(runs).splitlines() if line.startswith("| `oscillator` |"))
    assert "(-0.30 … +1.00)" in line and "| 2 |" in line
    assert verdict(runs).startswith("So far on 1 of 6 cases. At the tuned rate")
    assert "leave 1 of 2 runs worse" in verdict(runs) and "by 0.30 decades" in verdict(runs)


def test_looks_count_what_was_tried():
    tried = {"kind": "velocity", "horizon": 1000.0, "before": 1.0, "after": 0.5, "accepted": True, "undone": False}
    columns = [
        {"step": [1, 2], "merit": [float("nan"), merit], "loss": [1.0, 3.0], "seconds": [0.1, seconds]}
        for merit, seconds in ((2.0, 0.2), (5.0, 0.3))
    ]
    decisions = [{"jumps": [tried, {**tried, "accepted": False}]}, {"jumps": [{**tried, "undone": True}]}]
    first, second = looks_of(columns, decisions)
    assert first == Look(2, 2.0, 2.0, 0.2, 2, 1, 0, 1)
    assert second == Look(2, 2.0, 2.0, 0.3, 2, 1, 1, 1)


def test_it_trains_reports_and_does_nothing_twice(tmp_path, monkeypatch, capsys):
    for place in (measure, program):
        monkeypatch.setattr(place, "RATES", (1e-3, 1e-2))
    words = ["--cases", "oscillator", "--seeds", "1", "--steps", "200"]
    words += ["--results", str(tmp_path), "--page", str(tmp_path / "page.md")]
    assert program.main(words) == 0
    runs = read(tmp_path / "acceleration.csv")
    with (tmp_path / "acceleration.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 2 * len(runs)
    rates = {job.rate for job in runs if job.jumps == "auto"}
    assert rates == {1e-3, tuned_rates(runs)["oscillator"]}
    assert all(run.last.attempts >= 1 for job, run in runs.items() if job.jumps == "auto")
    page = (tmp_path / "page.md").read_text()
    assert "| `oscillator` | 0.001 (common)" in page and "| **all** | tuned |" in page
    assert (tmp_path / "acceleration.png").stat().st_size > 10_000
    before = (tmp_path / "acceleration.csv").read_text()
    capsys.readouterr()
    assert program.main(words) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "acceleration.csv").read_text() == before
    again = train(next(job for job in runs if job.jumps == "none"))
    assert again.last.merit == pytest.approx(runs[again.job].last.merit, rel=1e-3)


def test_unknown_cases_are_refused(capsys):
    with pytest.raises(SystemExit):
        program.main(["--cases", "oscilator"])
    assert "no case 'oscilator'" in capsys.readouterr().err
