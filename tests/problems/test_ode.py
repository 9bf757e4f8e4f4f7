"""Initial value problems: right-hand sides written out once more, closed forms, invariants, and trained fields."""

from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
import pytest
import runs
import torch
from cases import close
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.errors import UserError
from pinnrun.problems.ode import InitialValueProblem, Lorenz, LotkaVolterra, Oscillator
from pinnrun.settings import setting

LOTKA = LotkaVolterra("case", "lotka_volterra", growth=1.2, predation=0.7, gain=0.4, death=2.0, initial=(2.0, 0.5))
LORENZ = Lorenz("case", "lorenz")
OSCILLATOR = Oscillator("case", "oscillator", initial=(0.8, -0.5))
CASES = {
    "oscillator": (OSCILLATOR, lambda t, u: [u[1], -2 * 0.1 * 6 * u[1] - 36 * u[0]]),
    "lotka_volterra": (LOTKA, lambda t, u: [1.2 * u[0] - 0.7 * u[0] * u[1], 0.4 * u[0] * u[1] - 2 * u[1]]),
    "lorenz": (LORENZ, lambda t, u: [10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]]),
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", CASES)
def test_references_solve_the_equations_written_out_here(name):
    """By another method: LSODA, multistep and implicit where it must be."""
    problem, rate = CASES[name]
    t = np.array([[0.7], [0.1], [1.0], [0.1]]) * problem.duration  # in any order, and twice
    found = problem.reference().field(t)
    exact = solve_ivp(rate, (0, problem.duration), problem.initial, "LSODA", rtol=1e-11, atol=1e-12, dense_output=True)
    assert found.shape == (4, problem.outputs)
    assert np.allclose(found, exact.sol(t[:, 0]).T, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("damping", [0.0, 0.1, 1.0, 1.0 + 1e-9, 2.5])
def test_the_closed_form_is_the_exponential_of_the_matrix(damping):
    problem = Oscillator("case", "oscillator", damping=damping, frequency=3.0, initial=(0.8, -0.5))
    matrix = np.array([[0.0, 1.0], [-9.0, -6.0 * damping]])
    t = np.linspace(0, 2, 9)[:, None]
    expected = np.stack([expm(matrix * time) @ [0.8, -0.5] for time in t[:, 0]])
    assert np.allclose(problem.reference().field(t), expected, rtol=1e-11, atol=1e-12)
    assert np.allclose(problem.integrate(t[:, 0]), expected, rtol=1e-9, atol=1e-10)


def test_lotka_volterra_keeps_its_first_integral():
    """V = δx − γ ln x + βy − α ln y."""
    x, y = LOTKA.reference().field(np.linspace(0, LOTKA.duration, 50)[:, None]).T
    invariant = 0.4 * x - 2.0 * np.log(x) + 0.7 * y - 1.2 * np.log(y)
    assert np.ptp(x) > 1 and np.ptp(invariant) < 1e-10


def test_the_lorenz_flow_shrinks_volumes_at_a_constant_rate():
    """det ∂u(t)/∂u₀ = e^{−(σ + 1 + β) t}."""
    step, columns = 1e-5, []
    for i in range(3):
        ends = []
        for sign in (1, -1):
            initial = np.array(LORENZ.initial) + sign * step * np.eye(3)[i]
            ends.append(Lorenz("case", "lorenz", initial=tuple(initial)).integrate(np.array([0.3]))[0])
        columns.append((ends[0] - ends[1]) / (2 * step))
    assert np.linalg.det(np.stack(columns)) == pytest.approx(np.exp(-(10 + 1 + 8 / 3) * 0.3), rel=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_residuals_are_the_equations_in_units_of_one(name):
    """On a field of polynomials: (T / scale)(u' − f)."""
    problem, rate = CASES[name]
    (term,) = problem.terms()
    points = term.sample(generator(), 30)
    t = points.coordinates(term.derivatives)
    u = Jet.cat([t * (k + 1.0) + t * t + 0.5 for k in range(problem.outputs)])
    time = points.x[0, :, 0]
    values = [(k + 1) * time + time**2 + 0.5 for k in range(problem.outputs)]
    expected = [
        problem.duration / scale * ((k + 1) + 2 * time - f)
        for k, (scale, f) in enumerate(zip(problem.scale, rate(time, values), strict=True))
    ]
    assert term.rows == problem.outputs
    assert close(term.residual(points, u), torch.stack(expected, -1))


@pytest.mark.parametrize("name", CASES)
def test_the_start_is_built_in(name):
    problem, _ = CASES[name]
    points = Points(torch.tensor([[0.0], [problem.duration]], dtype=torch.float64))
    raw = Jet(torch.ones(2, 1, 2, problem.outputs, dtype=torch.float64), 1, Derivatives(gradient=True))
    u = problem.ansatz(points, raw)
    assert u.value[0, 0].tolist() == list(problem.initial)
    initial, scale = (torch.tensor(numbers, dtype=torch.float64) for numbers in (problem.initial, problem.scale))
    assert close(u.value[0, 1], initial + scale)
    assert close(u.d(0)[0, 0], scale / problem.duration)
    assert problem.inputs(points, Derivatives()).value.flatten().tolist() == pytest.approx([-1.0, 1.0])


def test_there_is_a_time_in_every_part_of_the_interval():
    (term,) = LOTKA.terms()
    t = term.sample(generator(3), 40).x[0, :, 0]
    assert torch.equal((t / LOTKA.duration * 40).floor(), torch.arange(40).double())
    assert not torch.equal(t, term.sample(generator(4), 40).x[0, :, 0])


def test_times_outside_are_refused():
    assert len(LOTKA.locate(torch.tensor([[0.0], [LOTKA.duration]]))) == 2
    with pytest.raises(UserError, match="outside"):
        LOTKA.locate(torch.tensor([[-0.1]]))


def test_lists_of_the_wrong_length_are_told():
    said = list(Lorenz("case", "lorenz", initial=(1.0, 2.0), scale=(1.0,)).problems())
    assert [line.partition(":")[0] for line in said] == ["initial", "scale"] and "x, y, z" in said[0]
    assert list(Lorenz("case", "lorenz", scale=()).problems()) == list(LORENZ.problems()) == []


def test_a_reference_that_blows_up_is_told():
    with pytest.raises(UserError, match="shorter"):
        Riccati("case", "riccati", initial=(1.0,), duration=2.0).integrate(np.array([1.9]))


@dataclass(frozen=True)
class Riccati(InitialValueProblem):
    """u' = rate u², as a user would write it: u = 1/(1 − rate t) from u₀ = 1."""

    speed: float = setting(1.0, help="rate")
    names = ("u",)

    def rate(self, t, u):
        return (self.speed * u[0] ** 2,)


def test_a_system_of_ones_own():
    problem = Riccati("case", "riccati", initial=(1.0,), speed=0.5)
    t = np.linspace(0, 1, 5)[:, None]
    assert np.allclose(problem.reference().field(t), 1 / (1 - 0.5 * t), rtol=1e-10)
    assert problem.components == ("u",) and list(problem.problems()) == []


@pytest.mark.parametrize("name", CASES)
def test_default_runs_reach_their_targets(tmp_path, name):
    with patch.object(runs, "TINY", (f"problem={name}", "display=quiet")):
        result = runs.start(tmp_path / "run", "seed=1")
    assert result["status"] == "done" and result["error"] < 1e-3
    assert all(found["error"] < 1e-3 for found in result["observables"].values())
