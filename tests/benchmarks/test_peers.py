"""pinnrun beside its peers: the cases are the problems, the programs know them, results survive; no network."""

import json
import subprocess
import sys
from math import inf, isnan, pi
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.peers import __main__ as program
from benchmarks.peers import environment
from benchmarks.peers import run as runs
from benchmarks.peers.cases import CASES, DEFAULT
from benchmarks.peers.figure import on_a_common_grid
from benchmarks.peers.results import Look, Results, Trace
from benchmarks.peers.run import AIMS, PROGRAMS, STOP, Job, points_of, read_trace
from benchmarks.peers.table import middle, ratio, write_page
from pinnrun.build import checked_config
from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.training.trainer import Trainer

# What is solved, once more by hand: u and its derivatives at (x, y) or (x, t), columns as the programs have them.
RESIDUALS = {
    "poisson1d": lambda x, u, d, dd: -dd(0) - pi**2 * torch.sin(pi * x[:, 0]),
    "poisson2d": lambda x, u, d, dd: -dd(0) - dd(1) - 2 * pi**2 * torch.sin(pi * x[:, 0]) * torch.sin(pi * x[:, 1]),
    "heat1d": lambda x, u, d, dd: d(1) - 0.25 * dd(0),
    "burgers": lambda x, u, d, dd: d(1) + u * d(0) - 0.01 / pi * dd(0),
    "helmholtz2d": lambda x, u, d, dd: (
        -dd(0) - dd(1) - u - (17 * pi**2 - 1) * torch.sin(pi * x[:, 0]) * torch.sin(4 * pi * x[:, 1])
    ),
}


def trial(x):
    """A field that solves nothing."""
    return torch.exp(0.3 * x.sum(1)) * torch.cos(1.1 * x[:, 0]) + 0.2 * x[:, -1] ** 3


def test_a_case_has_one_line_a_solver_and_the_default_command_changes_nothing():
    for case in CASES.values():
        problem = case.commands[DEFAULT].split()
        assert len(problem) == 1
        assert problem[0].startswith("problem=")
        assert len(case.recipes) == 9
        assert set(case.solvers) == {*case.commands, *case.recipes}
        for recipe in case.recipes.values():
            assert (PROGRAMS / f"{recipe.program}.py").exists()


@pytest.mark.parametrize("name", RESIDUALS)
def test_the_problem_is_the_case(name):
    """pinnrun's own residual of a trial field, at points of the case, is that of the equation by nested autograd."""
    case = CASES[name]
    config = checked_config(case.config(case.shared, 1, 1.0))
    problem = config.problem
    term = problem.terms()[0]
    points = term.sample(torch.Generator().manual_seed(3), 20)
    mine = points.x[0][:, list(case.columns)].clone().requires_grad_(True)

    def gradient(f):
        return torch.autograd.grad(f.sum(), mine, create_graph=True)[0]

    u = trial(mine)
    expected = RESIDUALS[name](mine, u, lambda i: gradient(u)[:, i], lambda i: gradient(gradient(u)[:, i])[:, i])
    jet = trial_jet(points, term.derivatives, list(case.columns))
    residual = term.residual(points, jet)[0]
    sign = torch.sign(residual[0] * expected[0].detach())  # an equation may be written either way round
    torch.testing.assert_close(sign * residual, expected.detach(), rtol=1e-10, atol=1e-10)


def trial_jet(points: Points, derivatives: Derivatives, columns: list[int]) -> Jet:
    """The trial field in jet arithmetic."""
    x = points.coordinates(derivatives)
    ordered = [x[column] for column in columns]
    total = ordered[0]
    for part in ordered[1:]:
        total = total + part
    last = ordered[-1]
    return (0.3 * total).exp() * (1.1 * ordered[0]).cos() + 0.2 * (last * last * last)


def test_the_oscillator_is_the_case():
    """The reference satisfies the system as it stands in the programs."""
    case = CASES["oscillator"]
    reference = checked_config(case.config(DEFAULT, 1, 1.0)).problem.reference()
    assert reference is not None
    t, h = np.linspace(0.1, 1.9, 7)[:, None], 1e-4
    x, v = reference.field(t).T
    rates = (
        8 * (reference.field(t + h) - reference.field(t - h)) - reference.field(t + 2 * h) + reference.field(t - 2 * h)
    ) / (12 * h)
    np.testing.assert_allclose(rates.T, [v, -1.2 * v - 36.0 * x], atol=1e-8)
    np.testing.assert_allclose(reference.field(np.zeros((1, 1)))[0], [1.0, 0.0], atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_the_peers_get_the_points_that_pinnrun_trains_on(name):
    case = CASES[name]
    given = points_of(case, 5)
    trainer = Trainer(checked_config(case.config(case.shared, 5, 1.0)), torch.device("cpu"), torch.float64)
    trained = trainer.points.blocks[0][1].x[0].numpy()
    np.testing.assert_array_equal(given["interior"], trained[:, list(case.columns)])
    reference = trainer.problem.reference()
    assert reference is not None
    test = np.empty_like(given["test"])
    test[:, list(case.columns)] = given["test"]
    np.testing.assert_allclose(given["exact"][:, 0], reference.field(test).reshape(len(test), -1)[:, 0], rtol=1e-12)
    assert not set(map(tuple, given["test"])) & set(map(tuple, given["interior"]))


def test_settings_tell_recipes_apart_but_not_seeds_or_seconds():
    case = CASES["poisson2d"]
    keys = {Job(case, solver, 1, 10.0).settings() for solver in case.solvers}
    assert len(keys) == len(case.solvers)
    for solver in case.solvers:
        assert Job(case, solver, 1, 10.0).settings() == Job(case, solver, 2, 20.0).settings()


def test_a_run_of_ours_is_the_command_s_own(monkeypatch):
    """The same losses as the trainer alone; the error by hand, over all components."""
    monkeypatch.setattr(runs, "FIRST", 0.0)
    monkeypatch.setattr(runs, "STOP", 0.0)
    case = CASES["oscillator"]
    job = Job(case, case.shared, 2, 0.3)
    trace = runs.train(job)
    assert (trace.end, trace.looks[0].step) == ("budget", 1)
    alone = Trainer(checked_config(case.config(case.shared, 2, 0.3)), torch.device("cpu"), torch.float64)
    assert trace.parameters == alone.network.size
    for _ in range(trace.looks[-1].step):
        alone.advance()
    t = alone.test_points.x[0]
    value = alone.solution(alone.test_points, Derivatives()).value[0].numpy()
    mu = np.sqrt(36.0 - 0.36)
    exact = np.exp(-0.6 * t.numpy()) * (np.cos(mu * t.numpy()) + 0.6 / mu * np.sin(mu * t.numpy()))
    speed = np.exp(-0.6 * t.numpy()) * (-36.0 / mu * np.sin(mu * t.numpy()))
    by_hand = np.linalg.norm(value - np.hstack([exact, speed])) / np.linalg.norm(np.hstack([exact, speed]))
    assert trace.error == pytest.approx(by_hand, rel=1e-9)


# -- the programs ------------------------------------------------------------------------------------------------

STAND_IN = """
import time, sys, torch
sys.path.insert(0, {programs!r})
from observe import Enough, Observer, begin, clock, watch_lbfgs
task = begin()
theta = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))

def predict(x):
    end = time.process_time() + 0.05  # a slow look takes no time
    while time.process_time() < end:
        pass
    return x[:, :1] * (1 + theta)

observer = Observer(task, predict, 1)
watch_lbfgs(observer.tick)
optimizer = torch.optim.LBFGS([theta], max_iter=50, line_search_fn="strong_wolfe", tolerance_grad=0, tolerance_change=0)
def closure():
    end = time.process_time() + 0.01
    while time.process_time() < end:
        pass
    optimizer.zero_grad()
    loss = (theta**4).sum() + theta.pow(2).sum()
    loss.backward()
    return loss
try:
    optimizer.step(closure)
    while True:
        observer.tick()
except Enough:
    pass
observer.write("stand-in", "1")
"""


def stand_in(folder: Path, **changes) -> Trace:
    x = np.linspace(0.1, 1.0, 5)[:, None]
    np.savez(folder / "points.npz", interior=x, test=x, exact=x)
    task = {"case": "none", "seed": 1, "seconds": 0.2, "stop": 0.0, "recipe": {"dtype": "float64"}}
    task |= {"points": str(folder / "points.npz"), "trace": str(folder / "trace.json"), **changes}
    (folder / "task.json").write_text(json.dumps(task))
    (folder / "program.py").write_text(STAND_IN.format(programs=str(PROGRAMS)))
    subprocess.run([sys.executable, str(folder / "program.py"), str(folder / "task.json")], check=True)
    return read_trace((folder / "trace.json").read_text())


def test_a_program_looks_at_every_iterate_of_lbfgs_and_its_looks_take_no_time(tmp_path):
    trace = stand_in(tmp_path, stop=-1.0)
    assert (trace.version, trace.parameters, trace.end) == ("stand-in 1", 1, "budget")
    assert 0.2 <= trace.seconds < 0.4
    assert len(trace.looks) * 0.05 > trace.seconds + 0.2
    assert trace.looks[0].step < 50
    assert trace.error < 1e-6


def test_a_program_ends_when_it_is_good_enough(tmp_path):
    trace = stand_in(tmp_path, stop=2.0)
    assert (trace.end, len(trace.looks)) == ("enough", 1)


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.py")), ids=lambda path: path.stem)
def test_programs_compile_and_import_nothing_of_ours(path):
    text = path.read_text()
    compile(text, str(path), "exec")
    assert "pinnrun." not in text
    assert "import pinnrun" not in text
    if path.stem != "observe":
        for name in CASES:
            assert name in text, f"{path.stem} has no {name}"


# -- results, page, command --------------------------------------------------------------------------------------


def looks(*pairs, end="budget", parameters=17):
    return Trace(parameters, "x 1", end, [Look(t, 2 * t, i, e) for i, (t, e) in enumerate(pairs)])


def test_what_is_written_is_read_back_replaced_and_torn_runs_are_not(tmp_path):
    results = Results(tmp_path / "deep/peers.csv")
    assert results.read() == {}
    one, two = ("a", "lm", "0f", 1), ("a", "lm", "0f", 2)
    results.add(one, looks((0.5, 1e-3), (1.0, 1e-5)))
    results.add(two, looks((0.5, 1e-2)))
    assert results.read() == {one: looks((0.5, 1e-3), (1.0, 1e-5)), two: looks((0.5, 1e-2))}
    results.add(one, looks((0.25, 1e-4), end="finished"))
    assert results.read()[one] == looks((0.25, 1e-4), end="finished")
    text = results.path.read_text()
    results.path.write_text(text.replace(",budget\n", ",\n"))
    assert list(results.read()) == [one]


def test_longer_runs_replace_those_that_ran_out_of_time_only():
    assert looks((5.1, 1e-3)).satisfies(5.0)
    assert not looks((5.1, 1e-3)).satisfies(20.0)
    assert looks((5.1, 1e-3), end="finished").satisfies(20.0)
    assert looks((5.1, 1e-3), end="enough").satisfies(20.0)


def test_times_ratio_and_common_grid():
    case = CASES["poisson1d"]
    ours, slow, fast = looks((0.5, 1e-3), (1.0, 1e-5)), looks((20.0, 1e-3)), looks((5.0, 1e-3), (10.0, 1e-4))
    peers = list(case.recipes)
    found = {DEFAULT: [ours], peers[0]: [slow], peers[4]: [fast]}
    assert ratio(case, found, DEFAULT, 1e-3) == (10.0, False)
    assert ratio(case, found, DEFAULT, 1e-5) == (10.0, True)  # the fast one might have come there after its 10 s
    assert isnan(ratio(case, found, DEFAULT, 1e-6)[0])
    assert isnan(ratio(case, {DEFAULT: [ours]}, DEFAULT, 1e-3)[0])
    assert middle([ours, slow, fast], 1e-3) == 5.0
    assert middle([], 1e-3) == inf
    assert ours.seconds_to(1e-5, "wall") == 2.0
    times, errors = on_a_common_grid([ours, fast])
    assert (times[0], times[-1]) == (pytest.approx(5.0), pytest.approx(10.0))
    assert errors[:, 0].tolist() == [1e-5, 1e-3]


def test_the_page_says_who_was_faster_and_who_did_not_arrive(tmp_path):
    case = CASES["heat1d"]
    peer = next(iter(case.recipes))
    found = {"heat1d": {DEFAULT: [looks((1.0, 5e-5), end="done")], peer: [looks((4.0, 1e-3), (50.0, 9e-4))]}}
    write_page(tmp_path / "peers.md", found)
    page = (tmp_path / "peers.md").read_text()
    assert f"| {case.title} | pinnrun | 4× | ≥ 50× | – |" in page
    assert f"| {case.title} | {peer} | float32 | 17 | 4 | – | – |" in page
    assert "`problem=heat1d`" in page


def test_smoke_of_ours_then_nothing_left_to_do(tmp_path, capsys):
    words = ["--cases", "poisson1d", "--solvers", "fixed network", "--seeds", "1", "--seconds", "0.2"]
    words += ["--results", str(tmp_path), "--page", str(tmp_path / "peers.md"), "--env", str(tmp_path / "none")]
    assert program.main(words) == 0
    first = (tmp_path / "peers.csv").read_text()
    assert (tmp_path / "peers.png").stat().st_size > 5_000
    assert program.main(words) == 0
    assert "1 runs, 1 of them in" in capsys.readouterr().out
    assert (tmp_path / "peers.csv").read_text() == first
    assert not (tmp_path / "none").exists()


def test_jobs_go_seed_by_seed():
    jobs = program.chosen(
        program.parse(["--cases", "heat1d,burgers", "--seeds", "1,2", "--solvers", "DeepXDE, doc|^pinnrun$"])
    )
    assert [(job.seed, job.case.name) for job in jobs[::2]] == [(s, c) for s in (1, 2) for c in ("heat1d", "burgers")]


def test_unknown_cases_are_refused(capsys):
    with pytest.raises(SystemExit):
        program.main(["--cases", "poisson3d"])
    assert "no case 'poisson3d'" in capsys.readouterr().err


def test_the_environment_pins_every_version_and_is_named_after_them(tmp_path, monkeypatch):
    lines = [line for line in environment.REQUIREMENTS.read_text().splitlines() if not line.startswith("#")]
    assert all("==" in line for line in lines)
    assert {line.split("==")[0] for line in lines} == {"torch", "numpy", "deepxde", "pina-mathlab", "neurodiffeq"}
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    before = environment.default_folder()
    assert before.parent == tmp_path / "pinnrun"
    other = tmp_path / "requirements.txt"
    other.write_text("torch==1\n")
    monkeypatch.setattr(environment, "REQUIREMENTS", other)
    assert environment.default_folder() != before
    assert not environment.ready(tmp_path / "nothing")


def test_a_program_that_fails_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "PROGRAMS", tmp_path)
    (tmp_path / "with_deepxde.py").write_text("raise SystemExit('no such thing')\n")
    case = CASES["poisson1d"]
    with pytest.raises(runs.UserError, match="no such thing"):
        runs.run(Job(case, next(iter(case.recipes)), 1, 1.0), Path(sys.executable))


def test_a_run_may_end_below_the_last_aim():
    assert min(AIMS) > STOP
