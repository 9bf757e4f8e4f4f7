"""Trained fields: their jets at any points, their error against a reference, their observables for the record."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from cases import close, draw, parameters

from pinnrun.architectures import Mlp
from pinnrun.architectures.coefficients import with_coefficients
from pinnrun.calculus import Derivatives, Points
from pinnrun.problems.base import Observable, Problem, Reference
from pinnrun.problems.poisson import Poisson
from pinnrun.training.solution import Assessor, TrainedField

NETWORK = Mlp(2, 1, 5, 2)
THETA = parameters(NETWORK)


@dataclass(frozen=True)
class Known(Problem):
    """The network's own function times a factor is the reference."""

    factor: float = 1.0
    calls: list = field(default_factory=list)

    @property
    def coordinates(self):
        return ("x", "y")

    def reference(self):
        def values(x: np.ndarray) -> np.ndarray:
            self.calls.append(len(x))
            return self.factor * NETWORK.value(THETA, torch.as_tensor(x))[:, 0].numpy()

        return Reference(values, "the network itself")

    def observables(self, solution):
        value = float(solution(Points(torch.zeros(1, 2)), Derivatives()).value)
        return {"centre": Observable(value, "V", 2.0 * value), "bare": Observable(value)}


def assess(problem, theta=THETA, points=None):
    assessor = Assessor(problem, points or Points(draw(50, 2)))
    return assessor, TrainedField(problem, NETWORK, theta)


@pytest.mark.parametrize(("factor", "error"), [(1.0, 0.0), (2.0, 0.5), (0.5, 1.0), (-1.0, 2.0)])
def test_error_is_relative_in_the_euclidean_norm(factor, error):
    """‖u − c u‖ / ‖c u‖ = |1 − c| / |c|."""
    assessor, solution = assess(Known("known", "known", factor=factor))
    assert assessor.error(solution) == pytest.approx(error, abs=1e-14)


def test_error_of_several_components_is_taken_over_all_of_them():
    """Aligned as the problem says, and without what is trained beside the components."""
    network = Mlp(2, 3, 5, 2)
    theta, points = parameters(network), Points(draw(50, 2))
    value = network.value(theta, points.x[0])[:, :2].numpy()
    shift = np.array([0.0, 4.0])

    @dataclass(frozen=True)
    class Pair(Known):
        @property
        def outputs(self):
            return 2

        def align(self, value, reference):
            return value + shift

        def reference(self):
            return Reference(lambda x: value + shift + np.array([1.0, 0.0]), "one off in the first component")

    error = Assessor(Pair("pair", "pair"), points).error(TrainedField(Pair("pair", "pair"), network, theta))
    assert error == pytest.approx(50**0.5 / np.linalg.norm(value + shift + [1.0, 0.0]), rel=1e-12)


def test_error_against_zero_is_absolute():
    problem = Known("known", "known", factor=0.0)
    points = Points(draw(50, 2))
    assessor, solution = assess(problem, points=points)
    norm = float(NETWORK.value(THETA, points.x).norm())
    assert assessor.error(solution) == pytest.approx(norm, rel=1e-13)


def test_the_reference_is_computed_once():
    problem = Known("known", "known")
    assessor, solution = assess(problem)
    assert problem.calls == [], "and not before it is asked for"
    for _ in range(3):
        assessor.error(solution)
    assert problem.calls == [50]


def test_without_a_reference_there_is_no_error():
    @dataclass(frozen=True)
    class Unknown(Known):
        def reference(self):
            return None

    assessor, solution = assess(Unknown("unknown", "unknown"))
    assert assessor.error(solution) is None


def test_observables_are_plain_values():
    assessor, solution = assess(Known("known", "known"))
    value = float(NETWORK.value(THETA, torch.zeros(2, dtype=torch.float64)))
    assert assessor.observables(solution) == {
        "centre": {"value": value, "unit": "V", "reference": 2.0 * value, "error": pytest.approx(0.5)},
        "bare": {"value": value, "unit": "", "reference": None, "error": None},
    }


def test_the_field_is_the_ansatz_on_the_network():
    problem = Poisson("p", "poisson", boundary="hard")
    points = Points(torch.rand((30, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    jet = TrainedField(problem, NETWORK, THETA)(points, Derivatives(gradient=True))
    x = points.x
    assert jet.channels.shape == (3, 1, 30, 1)
    assert close(jet.value, (4 * x * (1 - x)).prod(-1, keepdim=True) * NETWORK.value(THETA, 2 * x - 1))


def test_no_graph_is_built():
    theta = THETA.clone().requires_grad_(True)
    jet = TrainedField(Known("known", "known"), NETWORK, theta)(Points(draw(5, 2)), Derivatives())
    assert not jet.channels.requires_grad


def test_points_come_to_the_precision_of_the_network():
    """Points are drawn in double precision; a network trained in single precision is asked in single."""
    solution = TrainedField(Known("known", "known"), NETWORK, THETA.float())
    points = Points(draw(50, 2))
    assert solution(points, Derivatives()).channels.dtype is torch.float32
    assert points.x.dtype is torch.float64
    assessor = Assessor(Known("known", "known"), points)
    error = assessor.error(solution)
    assert isinstance(error, float)
    assert 1e-9 < error < 1e-5


@dataclass(frozen=True)
class Pair(Problem):
    """Two components, of which the reference knows both, the second wrong by a factor of three."""

    coordinates = ("x", "y")
    outputs = 2

    def reference(self):
        def values(x: np.ndarray) -> np.ndarray:
            return PAIR.value(THETA_PAIR, torch.as_tensor(x)).numpy() * [1.0, 3.0]

        return Reference(values, "the network itself")


PAIR = Mlp(2, 2, 5, 2)
THETA_PAIR = parameters(PAIR)


def test_error_is_over_all_components():
    """‖(0, 2v)‖ / ‖(u, 3v)‖."""
    points = Points(draw(50, 2))
    solution = TrainedField(Pair("pair", "pair"), PAIR, THETA_PAIR)
    u, v = PAIR.value(THETA_PAIR, points.x[0]).numpy().T
    expected = 2 * np.linalg.norm(v) / np.sqrt(u @ u + 9 * v @ v)
    assert Assessor(Pair("pair", "pair"), points).error(solution) == pytest.approx(expected, rel=1e-12)


@dataclass(frozen=True)
class Fitted(Known):
    """The same with an unknown coefficient, which is no part of the error."""

    coefficients = (("nu", 0.3),)


def test_unknown_coefficients_are_no_part_of_the_error():
    problem, points = Fitted("fitted", "fitted", factor=2.0), Points(draw(50, 2))
    network = with_coefficients(NETWORK, problem.coefficients)
    solution = TrainedField(problem, network, torch.cat([THETA, torch.tensor([99.0], dtype=torch.float64)]))
    assert Assessor(problem, points).error(solution) == pytest.approx(0.5, rel=1e-12)
    assert float(problem.coefficient(solution(points, Derivatives()), "nu")[0, 0]) == 99.0
