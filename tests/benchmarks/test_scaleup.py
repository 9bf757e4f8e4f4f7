"""Growing against fixed sizes: regret, grid search and halving by hand, and that jobs are the command line's."""

from math import inf
from statistics import median

import optuna
import pytest

from benchmarks.records.observe import Look, Observer, Trace, watched
from benchmarks.records.results import Result, Results
from benchmarks.scaleup import __main__ as program
from benchmarks.scaleup import variants
from benchmarks.scaleup.aims import seen
from benchmarks.scaleup.cases import (
    CASES,
    POLICIES,
    SMALL,
    UNLIMITED,
    VARIANTS,
    Job,
    fixed_labels,
    jobs_of,
    variants_of,
)
from benchmarks.scaleup.contest import grid_search, oracle, perfect_verdicts, score, smallest, spent, successive_halving
from benchmarks.scaleup.table import Contest
from benchmarks.scaleup.tuner import _train, optuna_search
from pinnrun.architectures import GROWTH_RULES
from pinnrun.build import checked_config


def run(*looks, parameters=10):
    """Looks as (seconds, loss, error)."""
    return Result(("c", "l", "s", 1), Trace(parameters, [Look(t, 0, loss, error) for t, loss, error in looks]))


FAST = run((1.0, 1e-2, 1e-1), (3.0, 1e-6, 1e-3), parameters=50)
SLOW = run((1.0, 1e-3, 1e-1), (6.0, 1e-6, 1e-3), parameters=20)
NEVER = run((1.0, 1e-1, 1.0), (30.0, 1e-1, 1.0), parameters=5)
GRID = {"4 x 1": {1: NEVER}, "8 x 1": {1: SLOW}, "16 x 1": {1: FAST}}


def test_the_oracle_is_the_size_with_the_least_median_time():
    assert oracle(GRID, 1e-3) == "16 x 1"
    assert oracle(GRID, 1e-5) is None
    lucky = {"4 x 1": {1: run((0.1, 1.0, 1e-4)), 2: NEVER, 3: NEVER}, "8 x 1": {1: SLOW, 2: SLOW, 3: SLOW}}
    assert oracle(lucky, 1e-3) == "8 x 1"


def test_grid_search_pays_for_every_size():
    assert spent(NEVER, 1e-3) == 30.0
    assert grid_search(GRID, 1e-3, 1) == 30.0 + 6.0 + 3.0
    assert grid_search(GRID, 1e-5, 1) == inf
    assert smallest(GRID, 1e-3, median) == 20 and smallest(GRID, 1e-9, min) is None


def test_the_smallest_size_with_most_seeds_and_with_any():
    lucky = run((1.0, 1e-6, 1e-4), parameters=5)
    grid = {"4 x 1": {1: lucky, 2: NEVER, 3: NEVER}, "8 x 1": {1: SLOW, 2: SLOW, 3: NEVER}, "16 x 1": {1: FAST}}
    assert smallest(grid, 1e-3, median) == 20 and smallest(grid, 1e-3, min) == 5


def test_successive_halving_by_hand():
    """Rounds of 1, 2, 4 s: all three for 1 s; the two of least loss at 1 s, SLOW and FAST, for 2 s; then SLOW alone."""
    assert successive_halving(GRID, 1e-3, 1, first=1.0) == pytest.approx(3 * 1.0 + 2 * 1.0 + (4.0 - 2.0) + (6.0 - 4.0))
    assert successive_halving(GRID, 1e-3, 1, first=3.0) == pytest.approx(3.0 + 3.0 + 3.0)
    assert successive_halving({"4 x 1": {1: NEVER}}, 1e-3, 1) == inf


def test_perfect_verdicts_pay_a_window_for_every_size_before_the_best_one():
    """20 of 40 steps in 2 s are 1 s, all 10 steps of a short run its 3 s; the third size is not worth waiting for."""

    def steps(*looks):
        return {1: Result(("c", "l", "s", 1), Trace(9, [Look(t, step, 1.0, error) for t, step, error in looks]))}

    grid = {
        "a": steps((2.0, 40, 1.0)),
        "b": steps((3.0, 10, 1.0)),
        "c": steps((5.0, 50, 1e-3)),
        "d": steps((1.0, 5, 1e-3)),
    }
    assert perfect_verdicts(grid, 1e-3, 1, 20, ("a", "b", "c")) == pytest.approx(1.0 + 3.0 + 5.0)
    assert perfect_verdicts(grid, 1e-3, 1, 20, ("c", "d")) == pytest.approx(2.0 + 1.0)
    assert perfect_verdicts(grid, 1e-3, 1, 20, ("d", "c")) == 1.0
    assert perfect_verdicts(grid, 1e-3, 1, 20, ("a",)) == inf


def test_optuna_pays_for_what_it_trains_until_one_meets_the_aim():
    only = {"16 x 1": {1: FAST}}
    assert optuna_search(only, 1e-3, 1) == 3.0
    assert optuna_search(GRID, 1e-5, 1) == inf
    spent_by_seed = {
        seed: optuna_search({size: {seed: by[1]} for size, by in GRID.items()}, 1e-3, seed) for seed in range(8)
    }
    assert all(3.0 <= seconds <= 100 * 30.0 for seconds in spent_by_seed.values())
    assert len(set(spent_by_seed.values())) > 1  # by luck with the first size
    assert optuna_search(GRID, 1e-3, 1) == optuna_search(GRID, 1e-3, 1)


def test_optuna_prunes_a_training_that_falls_behind():
    """Once the good size has been seen to fall faster, the bad one is not trained for its thirty seconds again."""
    falls = [(0.5 * 2**k, 10.0 ** -(k + 1), 1.0) for k in range(6)]
    stays = [(0.5 * 2**k, 1.0, 1.0) for k in range(8)]
    study = optuna.create_study(pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2))
    first = _train(run(*falls), 1e-3, 0.5, study.ask())
    assert first == (16.0, False, False)
    assert _train(run(*stays), 1e-3, 0.5, study.ask()) == (0.5, False, True)


def test_regret_is_a_ratio_of_medians():
    case = CASES["poisson2d"]
    aim, harder = case.aims[-1], 0.9 * case.aims[-1]
    near = {seed: run((time, 1e-9, 0.5 * harder)) for seed, time in ((1, 2.0), (2, 4.0), (3, 9.0))}
    runs = {("8 x 1", harder): near, ("koopman", aim): {1: run((3.0, 0.0, harder)), 2: run((1.0, 0.0, 1.0))}}
    contest = Contest(case, aim, runs)
    assert (contest.best, contest.reference) == ("8 x 1", 4.0)
    assert contest.scores["koopman"].missed == 1
    assert score(runs["koopman", aim], aim).times == [3.0, inf]
    assert contest.regret("grid search") == pytest.approx(1.0)


@pytest.mark.parametrize("name", CASES)
def test_the_grid_of_every_case_is_runs_as_a_user_would_type_them(name):
    case = CASES[name]
    assert case.aims[0] > case.aims[1]
    jobs = jobs_of(case, 3)
    assert len(jobs) == len(fixed_labels()) + 2 * len(POLICIES)
    config = checked_config(Job(case, "16 x 2", 1e-3, 3).config())
    assert (config.architecture.width, config.architecture.depth, config.scaleup.type) == (16, 2, "fixed")
    assert config.seed == 3 and config.target.error == pytest.approx(1e-3, rel=1e-12)


def test_every_policy_is_a_run_of_its_own():
    case = CASES["poisson2d"]
    jobs = jobs_of(case, 3)
    assert len({job.key() for job in jobs}) == len(jobs)
    for label in (SMALL, *POLICIES):
        job = next(job for job in jobs if job.label == label)
        config = checked_config(job.config())
        assert config.target.error == pytest.approx(job.aim, rel=1e-12)
        assert config.scaleup.type == (POLICIES[label][0].removeprefix("scaleup=") if label in POLICIES else "fixed")


def test_variants_lift_limits_where_there_are_any_and_name_every_rule():
    assert [name for name, case in CASES.items() if case.is_limited] == ["burgers", "allen_cahn", "wave"]
    assert not variants_of(CASES["heat_adam"], 1)
    free, limited = variants_of(CASES["poisson2d"], 1), variants_of(CASES["wave"], 1)
    assert len({job.key() for job in limited}) == len(limited) == len(free) + 2 == 2 * len(VARIANTS)
    config = checked_config(next(job for job in limited if job.label == UNLIMITED).config())
    assert (config.scaleup.max_width, config.scaleup.max_depth) == (128, 6)
    rules = {checked_config(job.config()).scaleup.init for job in free}
    assert rules == {checked_config(job.config()).scaleup.deepen_init for job in free} == set(GROWTH_RULES)


def test_variants_beside_the_default_by_hand(tmp_path):
    """Two targets: a rule takes half and twice the time, 1 in the mean; of wave only the default and limits lifted."""
    times = {"koopman": 2.0, "koopman, residual": 1.0, "koopman, net2net": inf}
    file = Results(tmp_path / variants.FILE)
    for job in variants_of(CASES["poisson2d"], 1):
        time = times.get(job.label, 2.0) * (4.0 if "residual" in job.label and job.aim == job.case.aims[1] else 1.0)
        error = job.aim / 2 if time < inf else 1.0
        look = Look(min(time, 9.0), 40, error**2, error, "done")
        file.add(job.key(), Trace(20 if "residual" in job.label else 40, [look]))
    for job in variants_of(CASES["wave"], 1):
        if job.label in ("koopman", UNLIMITED) and job.aim == 1e-2:
            file.add(job.key(), Trace(9, [Look(1.0 if job.label == "koopman" else 3.0, 1, 0.0, 0.0, "done")]))
    lines = variants.starts_table(file.path).splitlines()
    assert lines[2] == "| `reinit` | 1.00 | 1.00 | 1.00 | 0 of 2 | 1.00 |"
    assert "| `residual` | 1.00 | 0.50 | 2.00 | 0 of 2 | 0.50 |" in lines
    assert "| `net2net` | – | – | – | 2 of 2 |  |" in lines
    assert len(lines) == 8 and variants.starts_table(tmp_path / "nothing.csv") == ""
    assert "| wave | 0.01 | 1 s (1 to 1) | 3 s (3 to 3) | 3.00 | 1 |" in variants.limits_table(file.path)
    assert variants.limits_table(tmp_path / "nothing.csv") == ""


def test_results_are_kept_and_written_up(tmp_path, monkeypatch):
    words = ["--results", str(tmp_path), "--page", str(tmp_path / "page.md"), "--cases", "poisson2d", "--seeds", "1"]
    monkeypatch.setattr(program, "train", lambda job: Trace(20, [Look(1.0, 10, 1e-9, 1e-7, "done")]))
    assert program.main(words) == 0
    page = (tmp_path / "page.md").read_text()
    assert "| koopman, cost | 1 | 1 | 0% | 1.0 |" in page
    assert (tmp_path / "scaleup.png").stat().st_size > 1000
    monkeypatch.setattr(program, "train", lambda job: pytest.fail("trained again"))
    assert program.main(words) == 0


def test_a_short_run(tmp_path):
    trace = program.train(Job(CASES["poisson2d"], "koopman", 0.3, 1))
    assert trace.looks[-1].end == "done" and trace.looks[-1].error <= 0.3


def test_a_size_whose_single_step_takes_all_of_the_time_is_not_trained():
    """64 x 3 in two dimensions: P = 8577, 3 P^3 = 1.9e12 products, 95 s at 2e10 a second."""
    case = CASES["poisson2d"]
    assert case.takes_too_long(64, 3) and not case.takes_too_long(32, 2)
    assert not CASES["poisson2d_adam"].takes_too_long(64, 3)
    job = Job(case, "64 x 3", 0.9 * case.aims[-1], 1)
    trace = program.train(job)
    assert spent(Result(job.key(), trace), 1e-3) == case.seconds and trace.looks[-1].end == "too large"


def test_the_moment_at_which_the_target_is_met_is_seen_though_smaller_networks_are_tried_after_it():
    job = Job(CASES["poisson2d"], "koopman", 1e-3, 1)
    observer = Observer("relative", 0.0)
    runner = watched(job.config(), observer)
    first = runner.recorder.stages[0]
    assert first["decision"] == "prune"
    look = next(look for look in observer.looks if look.step == first["steps"])
    assert look.error == pytest.approx(first["error"]) and look.error <= 1e-3
    assert observer.looks[-1].step > look.step


def test_the_loss_that_an_error_asked_for_is_read_between_two_looks():
    """Error 1e-1 and 1e-3 at losses 1e-2 and 1e-6: half way down, at 1e-2, the loss was 1e-4."""
    looks = list(seen("c", run((0.5, 1.0, 1.0), (1.0, 1e-2, 1e-1), (2.0, 1e-6, 1e-3)), 1e-2))
    assert looks == [("c", pytest.approx(4.0), pytest.approx(2.0)), ("c", pytest.approx(2.0), pytest.approx(1.0))]
    assert not list(seen("c", NEVER, 1e-3)) and not list(seen("c", FAST, 0.5)), "not met, or at the first look"


def test_perfect_verdicts_start_where_growth_does():
    assert [CASES[name].layers for name in ("poisson2d", "poisson5d", "heat", "burgers", "wave")] == [1, 1, 2, 2, 2]
    assert [CASES[name].window for name in ("heat", "heat_adam")] == [20, 1000]
