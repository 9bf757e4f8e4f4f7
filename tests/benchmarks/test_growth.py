"""The study of growth rules: every rule goes the same way, and the page says what the results say."""

from dataclasses import replace

import pytest

from benchmarks.growth import __main__ as program
from benchmarks.growth import observe, table
from benchmarks.growth.cases import CASES, CONTESTANTS, RULES, SCRATCH, Job, jobs
from benchmarks.records.observe import Look, Trace
from benchmarks.records.results import Result, Results
from pinnrun.architectures import GROWTH_RULES
from pinnrun.scaleup import Action

SMALL = replace(
    CASES["poisson_wider"],
    words=("problem=poisson", "problem.points=60", "problem.boundary_points=20", "optimizer=lm"),
    sizes=((3, 1), (5, 1), (5, 2)),
    steps=3,
    seconds=0.5,
)


def test_every_rule_competes():
    assert set(RULES) == set(GROWTH_RULES)
    assert CONTESTANTS[:-1] == RULES


@pytest.mark.parametrize("name", CASES)
def test_cases_grow_in_one_direction_and_have_a_reference(name):
    case = CASES[name]
    widths, depths = ([size[axis] for size in case.sizes] for axis in (0, 1))
    assert (len(set(widths)) == 1) == case.deepens
    assert sorted(widths) == widths and sorted(depths) == depths and len(set(case.sizes)) == len(case.sizes)
    config = Job(case, "zero_out", 3).config()
    assert (config.architecture.width, config.architecture.depth) == case.sizes[0]
    assert config.problem.reference() is not None
    assert (config.seed, config.scaleup.init_of(Action.WIDEN), config.scaleup.init_of(Action.DEEPEN)) == (
        3,
        "zero_out",
        "zero_out",
    )


def test_a_run_goes_through_all_sizes_and_is_looked_at_where_they_end(monkeypatch):
    seen, make = [], observe.make_runner

    def watched(*arguments):
        seen.append(make(*arguments))
        return seen[-1]

    monkeypatch.setattr(observe, "make_runner", watched)
    trace = observe.train(Job(SMALL, "residual", 1))
    stages = seen[0].recorder.stages
    assert [(stage["width"], stage["depth"]) for stage in stages] == list(SMALL.sizes)
    assert [stage["steps"] for stage in stages[:2]] == [3, 3]
    assert [stage["growth"]["init"] for stage in stages[1:]] == ["residual"] * 2
    assert max(stage["growth"]["change"] for stage in stages[1:]) <= 1e-12
    assert {3, 6} <= {look.step for look in trace.looks} and trace.looks[-1].end == "budget"
    scratch = observe.train(Job(SMALL, SCRATCH, 1))
    assert [(stage["width"], stage["depth"]) for stage in seen[1].recorder.stages] == [(5, 2)]
    assert scratch.looks[-1].end == "budget"


def test_names_of_runs():
    first, other, scratch = (Job(SMALL, rule, 1) for rule in ("reinit", "greedy", SCRATCH))
    assert first.key()[2] == other.key()[2] == Job(SMALL, "greedy", 2).key()[2]
    assert scratch.key()[2] != first.key()[2]
    assert Job(SMALL, "greedy", 1, 0.5).key()[2] != other.key()[2]
    assert Job(replace(SMALL, sizes=((3, 1), (6, 1))), "greedy", 1).key()[2] != other.key()[2]
    assert [job.seed for job in jobs([SMALL], CONTESTANTS, [5, 6], 1.0)] == [5] * 7 + [6] * 7


def trace(*errors: float) -> Trace:
    """Looks at steps 40, 80 … a second apart."""
    return Trace(
        97,
        [
            Look(float(i), 40 * i, error**2, error, "budget" if i == len(errors) else "")
            for i, error in enumerate(errors, 1)
        ],
    )


def results(*traces: Trace) -> list[Result]:
    return [Result(("", "", "", seed), each) for seed, each in enumerate(traces)]


def test_the_table_by_hand(tmp_path):
    """Two cases in which a rule ends at a half and at an eighth of what a start afresh has: a quarter in the mean."""
    found = {
        "poisson_wider": {
            "reinit": results(trace(1.0, 0.1, 0.02, 4e-3), trace(1.0, 0.3, 0.06, 1e-2), trace(1.0, 0.2, 0.04, 8e-3)),
            "residual": results(trace(0.9, 0.1, 0.02, 5e-5), trace(0.8, 0.2, 0.03, 4e-3), trace(0.7, 0.3, 0.05, 6e-3)),
        },
        "npbe_wider": {
            "reinit": results(trace(1.0, 1.0, 1.0, 0.8)),
            "residual": results(trace(1.0, 1.0, 1.0, 0.1)),
            SCRATCH: results(trace(0.4)),
        },
    }
    table.write_page(tmp_path / "page.md", found, tmp_path / "variants.csv")
    lines = (tmp_path / "page.md").read_text().splitlines()
    assert "| `reinit` | 1 | 1 | 0 of 2 | 0 of 4 runs |" in lines
    assert "| `residual` | 0.25 | 0.062 | 2 of 2 | 1 of 4 runs |" in lines
    assert "| the last size from scratch | 0.5 | 0.25 | – | 0 of 1 runs |" in lines
    row = next(line for line in lines if "`residual`" in line and "8.0e-01" in line)
    assert row == "|  | `residual` | 8.0e-01 2.0e-01 3.0e-02 | 4.0e-03 (6.0e-03) | 1.6e-05 | not reached | 3 |"
    assert any(
        line.startswith("| Poisson, two sines, 4x1 → 8x1 → 16x1 → 32x1, 3 s, aim 1e-04 | `reinit`") for line in lines
    )


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch, capsys):
    asked = []

    def pretended(job: Job) -> Trace:
        asked.append(job.key())
        return trace(1.0, 0.5, 0.1, 0.01)

    monkeypatch.setattr(program, "train", pretended)
    words = ["--results", str(tmp_path), "--page", str(tmp_path / "growth.md"), "--cases", "npbe_wider", "--seeds", "1"]
    program.main([*words, "--contestants", "reinit"])
    program.main(words)
    assert len(asked) == len(set(asked)) == len(CONTESTANTS)
    assert len(Results(tmp_path / "growth.csv").read()) == len(CONTESTANTS)
    assert (tmp_path / "growth.png").stat().st_size > 1000
    assert "7 runs, 1 of them in" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        program.main(["--cases", "nonsense"])
