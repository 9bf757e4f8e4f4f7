"""What every problem has unless it says otherwise, and how observables are recorded."""

from dataclasses import dataclass

import pytest
import torch
from cases import cube

from pinnrun.calculus import Derivatives, Jet, Term
from pinnrun.problems.base import Observable, Problem


@dataclass(frozen=True)
class Plain(Problem):
    """The least a problem can say."""

    @property
    def coordinates(self):
        return ("x", "t")

    def terms(self):
        first = Term("equation", cube(2, 1), lambda points, u: u.value, Derivatives(), 5)
        return (first, Term("start", cube(2, 2), lambda points, u: u.value, Derivatives(), 3))


def test_the_plainest_case():
    problem = Plain("plain", "plain")
    points = problem.terms()[0].sample(torch.Generator(), 5)
    jet = problem.inputs(points, Derivatives(gradient=True))
    assert (problem.features, problem.outputs, problem.components) == (2, 1, ("u",))
    assert torch.equal(jet.value, points.x)
    assert problem.ansatz(points, jet) is jet
    assert problem.physical(points, jet) is jet
    assert problem.reference() is None
    assert problem.observables(lambda points, derivatives: jet) == {}
    assert torch.equal(problem.locate(points.x[0]).x, points.x)
    assert torch.equal(problem.test_points(torch.Generator()).x, cube(2, 1)(torch.Generator(), 20).x)


def test_several_components_are_numbered():
    @dataclass(frozen=True)
    class Two(Plain):
        @property
        def outputs(self):
            return 2

    assert Two("two", "two").components == ("u1", "u2")


@pytest.mark.parametrize(
    ("observable", "error"),
    [
        (Observable(1.1, "kJ/mol", 1.0), 0.1),
        (Observable(-1.1, "kJ/mol", -1.0), 0.1),
        (Observable(1.1, "", 1.0, scale=2.0), 0.05),
        (Observable(0.3, "", 0.0), 0.3),
        (Observable(0.3), None),
    ],
)
def test_error_is_relative_to_the_reference(observable, error):
    assert observable.error == (None if error is None else pytest.approx(error))
    record = observable.as_dict()
    assert record == {
        "value": observable.value,
        "unit": observable.unit,
        "reference": observable.reference,
        "error": observable.error,
    }


def test_what_comes_from_data_says_how_sure_it_is():
    assert Observable(1.0, "", uncertainty=0.1).as_dict()["uncertainty"] == 0.1


@dataclass(frozen=True)
class Unknown(Plain):
    """Two components that vanish at x = 0, two unknown coefficients."""

    outputs = 2
    coefficients = (("speed", 1.0), ("viscosity", 0.1))

    def ansatz(self, points, raw):
        return points.coordinates(raw.derivatives)[0] * raw


def test_unknown_coefficients_pass_by_the_ansatz():
    problem, points = Unknown("unknown", "unknown"), cube(2, 1)(torch.Generator(), 5)
    derivatives = Derivatives(pairs=((0, 1),))
    raw = Jet(torch.randn(derivatives.channels(2), 1, 5, 4, dtype=torch.float64), 2, derivatives)
    u = problem.trial(points, raw)
    field = problem.ansatz(points, Jet(raw.channels[..., :2], 2, derivatives))
    assert torch.equal(u.channels, torch.cat([field.channels, raw.channels[..., 2:]], -1))
    assert torch.equal(problem.coefficient(u, "speed"), raw.value[..., 2])
    assert torch.equal(problem.coefficient(u, "viscosity"), raw.value[..., 3])


def test_without_coefficients_the_field_is_the_ansatz():
    problem, points = Plain("plain", "plain"), cube(2, 1)(torch.Generator(), 5)
    jet = points.coordinates(Derivatives())
    assert problem.trial(points, jet) is jet and problem.coefficients == ()


def test_components_have_names():
    assert Plain("plain", "plain").components == ("u",) and Unknown("unknown", "unknown").components == ("u1", "u2")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_has_no_infinities(value):
    assert Observable(value, "", 1.0).as_dict() == {"value": None, "unit": "", "reference": 1.0, "error": None}
