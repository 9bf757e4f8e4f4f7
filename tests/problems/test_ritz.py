"""The deep Ritz energy and the Rayleigh quotient: exact solutions give exact values, and training finds them."""

from math import pi

import pytest
import torch
from cases import close

from pinnrun.calculus import Derivatives, Field, Jet, Points
from pinnrun.errors import UserError
from pinnrun.problems.eigenvalue import Eigenvalue
from pinnrun.problems.ritz import PoissonRitz

RITZ = PoissonRitz("ritz", "poisson_ritz", points=400)
SQUARE = Eigenvalue("square", "eigenvalue", points=400, hamiltonian="laplacian")
OSCILLATOR = Eigenvalue("oscillator", "eigenvalue", hamiltonian="oscillator", points=1600)


class Known:
    """A "network" that is a known function of the inputs, times its only parameter."""

    has_jets, size = True, 1

    def __init__(self, function):
        self.function = function

    def __call__(self, theta, inputs, tape=None):
        return self.function(inputs) * theta[0]


def sine_over_bubble(s: Jet) -> Jet:
    """sin πx sin πy / (16 x(1−x) y(1−y)) at x = (s + 1)/2: what the hard boundary leaves to the network."""
    product = None
    for i in range(2):
        x = 0.5 * (s[i] + 1.0)
        part = (pi * x).sin() / (4.0 * x * (1.0 - x))
        product = part if product is None else product * part
    return product


def gauss_over_envelope(s: Jet) -> Jet:
    """exp(−|x|²/2) / exp(−|x|²/8) at x = 3s."""
    return (-0.375 * 9.0 * s.squared_norm()).exp()


def objectives(problem, function):
    generator = torch.Generator().manual_seed(0)
    field = Field(Known(function), problem.inputs, problem.ansatz)
    training = problem.objective(field, [(t, t.sample(generator, t.count)) for t in problem.terms()])
    merit = problem.merit(field, [(t, t.sample(generator, t.count)) for t in problem.merit_terms()])
    return field, training, merit


def test_the_energy_of_the_solution():
    """E(u*) = −½ ∫|∇u*|² = −π²/4, its least value along the ray through it; the strong residual vanishes."""
    _, energy, merit = objectives(RITZ, sine_over_bubble)
    one = torch.ones(1, dtype=torch.float64)
    assert float(energy.value(one)) == pytest.approx(-(pi**2) / 4.0, rel=1e-10)
    assert abs(float(energy.gradient(one)[1])) < 1e-10
    for factor in (0.9, 1.1):
        expected = (0.5 * factor**2 - factor) * pi**2 / 2.0
        assert float(energy.value(factor * one)) == pytest.approx(expected, rel=1e-10)
    assert float(merit.value(one)) < 1e-18


@pytest.mark.parametrize(
    ("problem", "function", "eigenvalue"),
    [(SQUARE, sine_over_bubble, 2.0 * pi**2), (OSCILLATOR, gauss_over_envelope, 1.0)],
)
def test_the_quotient_of_the_eigenfunction(problem, function, eigenvalue):
    """The quotient is the eigenvalue, however long the function; the variance vanishes; a perturbation lifts both."""
    field, quotient, variance = objectives(problem, function)
    for factor in (1.0, -3.0):
        theta = torch.full((1,), factor, dtype=torch.float64)
        assert float(quotient.value(theta)) == pytest.approx(eigenvalue, rel=1e-7)
        assert float(variance.value(theta)) < 1e-12
    assert problem.eigenvalue == pytest.approx(eigenvalue, rel=1e-14)
    found = problem.observables(lambda points, derivatives: field.jet(theta, points, derivatives))["eigenvalue"]
    assert found.error < 1e-7
    _, perturbed, spread = objectives(problem, lambda s: function(s) * (1.0 + 0.1 * s[0]))
    assert float(perturbed.value(theta)) > eigenvalue * 1.0003
    lifted = float(perturbed.value(theta)) - eigenvalue
    assert float(spread.value(theta)) > 0.5 * lifted**2, "Weinstein: the variance bounds the distance to the spectrum"


def test_the_error_of_an_eigenfunction_ignores_its_scale():
    x = torch.rand((50, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64).numpy()
    psi = SQUARE.reference().field(x)
    assert SQUARE.align(-7.0 * psi, psi) == pytest.approx(psi, rel=1e-12)


def test_the_oscillator_reference_solves_the_equation():
    """−½Δψ + ½|x|²ψ = ψ for exp(−|x|²/2), by hessians of the reference."""
    x = torch.tensor([0.3, -1.1], dtype=torch.float64)
    psi = lambda y: torch.exp(-0.5 * y.square().sum())  # noqa: E731
    curvature = torch.func.hessian(psi)(x).trace()
    assert close(-0.5 * curvature + 0.5 * x.square().sum() * psi(x), psi(x))
    assert OSCILLATOR.reference().field(x[None].numpy())[0] == pytest.approx(float(psi(x)), rel=1e-14)


def test_places_outside_the_box_are_named():
    with pytest.raises(UserError, match="1 of 2 points"):
        SQUARE.locate(torch.tensor([[0.5, 0.5], [0.5, 1.5]]))
    assert isinstance(OSCILLATOR.locate(torch.tensor([[-4.0, 0.5]])), Points)
    assert SQUARE.coordinates == ("x", "y") and Derivatives().channels(2) == 1
