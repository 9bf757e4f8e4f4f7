"""Jet arithmetic and composition against nested autograd of the same formulas, and closed forms."""

from itertools import combinations_with_replacement
from math import factorial, pi

import pytest
import torch
from cases import close, draw
from jets import EVERYTHING, REQUESTS, assert_is_jet_of, nested
from torch.func import hessian, vmap

from pinnrun.calculus import Derivatives, Jet

SHIFT = draw(3, seed=1)

# The same formula on a jet of the coordinates and on a plain point (3,): every rule, alone and mixed.
FORMULAS = {
    "coordinates": (lambda x: x, lambda x: x),
    "component": (lambda x: x[1], lambda x: x[1:2]),
    "last component": (lambda x: x[-1], lambda x: x[2:]),
    "jet + jet": (lambda x: x + x[0], lambda x: x + x[0]),
    "jet + number": (lambda x: x.sin() + 2.5, lambda x: x.sin() + 2.5),
    "number + jet": (lambda x: 2.5 + x.sin(), lambda x: 2.5 + x.sin()),
    "jet + tensor": (lambda x: x.sin() + SHIFT, lambda x: x.sin() + SHIFT),
    "tensor + jet": (lambda x: SHIFT + x.sin(), lambda x: SHIFT + x.sin()),
    "component + tensor": (lambda x: x[1].sin() + SHIFT, lambda x: x[1:2].sin() + SHIFT),
    "jet - jet": (lambda x: x.exp() - x[2], lambda x: x.exp() - x[2]),
    "jet - number": (lambda x: x.exp() - 1, lambda x: x.exp() - 1),
    "number - jet": (lambda x: 1 - x.exp(), lambda x: 1 - x.exp()),
    "jet - tensor": (lambda x: x.exp() - SHIFT, lambda x: x.exp() - SHIFT),
    "tensor - jet": (lambda x: SHIFT - x.exp(), lambda x: SHIFT - x.exp()),
    "negative": (lambda x: -x.exp(), lambda x: -x.exp()),
    "jet * jet": (lambda x: x.sin() * x[1].exp(), lambda x: x.sin() * x[1].exp()),
    "jet * number": (lambda x: x.sin() * 3.0, lambda x: x.sin() * 3.0),
    "number * jet": (lambda x: 3 * x.sin(), lambda x: 3 * x.sin()),
    "jet * tensor": (lambda x: x.sin() * SHIFT, lambda x: x.sin() * SHIFT),
    "tensor * jet": (lambda x: SHIFT * x.sin(), lambda x: SHIFT * x.sin()),
    "jet / jet": (lambda x: x.sin() / x[0].exp(), lambda x: x.sin() / x[0].exp()),
    "jet / number": (lambda x: x.sin() / 7.0, lambda x: x.sin() / 7.0),
    "jet / tensor": (lambda x: x.sin() / SHIFT, lambda x: x.sin() / SHIFT),
    "reciprocal": (lambda x: (2.0 + x.sin()).reciprocal(), lambda x: 1 / (2 + x.sin())),
    "exp": (lambda x: (x * x[0]).exp(), lambda x: (x * x[0]).exp()),
    "sin": (lambda x: (x * x[0]).sin(), lambda x: (x * x[0]).sin()),
    "cos": (lambda x: (x * x[0]).cos(), lambda x: (x * x[0]).cos()),
    "tanh": (lambda x: (x * x[0]).tanh(), lambda x: (x * x[0]).tanh()),
    "log": (lambda x: (x * x + 1.0).log(), lambda x: (x * x + 1).log()),
    "number over jet": (lambda x: 3.0 / (2.0 + x.sin()), lambda x: 3 / (2 + x.sin())),
    "cube": (lambda x: x**3, lambda x: x**3),
    "square": (lambda x: x**2, lambda x: x**2),
    "power -1.5": (lambda x: (x * x + 1.0) ** -1.5, lambda x: (x * x + 1) ** -1.5),
    "sqrt": (lambda x: (x * x + 1.0).sqrt(), lambda x: (x * x + 1).sqrt()),
    "sum": (lambda x: x.sin().sum(), lambda x: x.sin().sum(0, keepdim=True)),
    "squared norm": (lambda x: x.sin().squared_norm(), lambda x: x.sin().square().sum(0, keepdim=True)),
    "constant": (lambda x: x.constant(SHIFT) * x + x.constant(4.0), lambda x: SHIFT * x + 4),
    "cat": (lambda x: Jet.cat([x[1], x.exp()]), lambda x: torch.cat([x[1:2], x.exp()])),
    "deep": (
        lambda x: ((x[0] * x[1]).sin() / (x.squared_norm() + 1.0)).tanh() * (x[2] - 0.3).exp() - x[0],
        lambda x: (torch.tanh(torch.sin(x[0] * x[1]) / (x @ x + 1)) * torch.exp(x[2] - 0.3) - x[0])[None],
    ),
}


X = draw(2, 4, 3, seed=2)


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("formula", FORMULAS)
def test_rules(formula, request_name):
    on_jets, plain = FORMULAS[formula]
    jet = on_jets(Jet.coordinates(X, REQUESTS[request_name]))
    assert jet.derivatives == REQUESTS[request_name]
    assert jet.channels.shape[0] == jet.derivatives.channels(3)
    assert_is_jet_of(jet, plain, X, 1e-12 if jet.derivatives.order < 4 else 1e-11)


# Formulae in any number of coordinates, every derivative of which is looked at.
EVERY = {
    "product": (lambda x: x[0].sin() * x[-1].exp() * x[0], lambda x: (x[0].sin() * x[-1].exp() * x[0])[None]),
    "quotient": (
        lambda x: (x[0] * x[-1]).cos() / (2.0 + x[-1].sin()),
        lambda x: (torch.cos(x[0] * x[-1]) / (2 + x[-1].sin()))[None],
    ),
    "composition": (lambda x: (x.squared_norm() + 0.5).log().tanh(), lambda x: torch.tanh((x @ x + 0.5).log())[None]),
    "components": (lambda x: x * x[0].sin() + x**3, lambda x: x * x[0].sin() + x**3),
}


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("formula", EVERY)
def test_every_derivative_of_order_one_to_four(formula, dimension):
    on_jets, plain = EVERY[formula]
    x = draw(6, dimension, seed=11)
    indices = [index for n in range(1, 5) for index in combinations_with_replacement(range(dimension), n)]
    jet = on_jets(Jet.coordinates(x, Derivatives(higher=tuple(index for index in indices if len(index) > 2))))
    assert jet.channels.shape[0] == 1 + len(indices)
    exact = nested(plain, x, 4)
    for index in indices:
        assert close(jet.derivative(*index), exact[len(index)][(..., *index)], 1e-11)


def test_derivatives_do_not_depend_on_what_is_carried_beside_them():
    formula = FORMULAS["deep"][0]
    alone = formula(Jet.coordinates(X, Derivatives(higher=((0, 1, 1),))))
    together = formula(Jet.coordinates(X, EVERYTHING))
    assert close(alone.derivative(0, 1, 1), together.derivative(0, 1, 1), 1e-14)


def test_whole_powers_of_zero_have_derivatives():
    x = torch.zeros(1, 1, dtype=torch.float64)
    wanted = Derivatives(higher=((0, 0, 0, 0),))
    for exponent in (0, 1, 2, 3, 4, 5, 2.0):
        jet = Jet.coordinates(x, wanted) ** exponent
        found = [float(jet.derivative(*[0] * n)) for n in range(5)]
        assert found == [float(factorial(n)) if n == exponent else 0.0 for n in range(5)]


@pytest.mark.parametrize("request_name", REQUESTS)
def test_compose_takes_any_function(request_name):
    x = draw(5, 3, seed=3)
    inner = Jet.coordinates(x, REQUESTS[request_name]).squared_norm()
    v = inner.value
    jet = inner.compose(v**3, 3 * v**2, 6 * v, torch.full_like(v, 6.0), torch.zeros_like(v))
    assert_is_jet_of(jet, lambda x: (x @ x)[None] ** 3, x)


def test_compose_asks_for_no_second_derivative_it_does_not_need():
    x = draw(5, 3, seed=3)
    inner = Jet.coordinates(x, Derivatives(gradient=True)).sum()
    assert_is_jet_of(inner.compose(inner.value**2, 2 * inner.value, None), lambda x: x.sum(0, keepdim=True) ** 2, x)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_compose_says_which_derivative_it_lacks(order):
    wanted = Derivatives(gradient=True, laplacian=order == 2, higher=((0,) * order,) if order > 2 else ())
    inner = Jet.coordinates(draw(5, 3), wanted)
    given = [inner.value] * order
    with pytest.raises(ValueError, match=f"of order {order}: f'{{{order}}} is needed"):
        inner.compose(*given)
    with pytest.raises(ValueError, match=f"of order {order}: f'{{{order}}} is needed"):
        inner.compose(*given, None)


def test_forward_mode_hessian_agrees_too():
    """The oracle of this file is reverse over reverse; torch's own hessian is forward over reverse."""
    on_jets, plain = FORMULAS["deep"]
    x = draw(4, 3, seed=6)
    jet = on_jets(Jet.coordinates(x, Derivatives(pairs=((0, 1), (2, 2)))))
    curvatures = vmap(hessian(plain))(x)
    assert close(jet.dd(0, 1), curvatures[..., 0, 1])
    assert close(jet.dd(2, 2), curvatures[..., 2, 2])


@pytest.mark.parametrize("kappa", [0.0, 0.7])
def test_screened_coulomb_potential_solves_its_equation(kappa):
    """Δ(e^{−κr}/r) = κ² e^{−κr}/r in three dimensions, away from the centre."""
    x = draw(50, 3, seed=7)
    x = x / x.norm(dim=-1, keepdim=True) * torch.linspace(0.5, 3.0, 50, dtype=torch.float64)[:, None]
    r = Jet.coordinates(x, Derivatives(laplacian=True)).squared_norm().sqrt()
    u = (-kappa * r).exp() / r
    assert float((u.laplacian - kappa**2 * u.value).abs().max()) < 1e-12
    radius = x.norm(dim=-1)
    slope = -torch.exp(-kappa * radius) * (kappa / radius + 1.0 / radius**2)
    assert close(u.gradient[..., 0], (slope[:, None] * x / radius[:, None]).T)


@pytest.mark.parametrize("dimension", [1, 2, 7])
def test_product_of_sines_is_an_eigenfunction(dimension):
    x = draw(20, dimension, seed=8)
    waves = (pi * Jet.coordinates(x, Derivatives(laplacian=True))).sin()
    u = waves[0]
    for i in range(1, dimension):
        u = u * waves[i]
    assert close(u.laplacian, -dimension * pi**2 * torch.sin(pi * x).prod(-1, keepdim=True))


def test_collapsed_laplacian_is_the_sum_of_the_pairs():
    x = draw(9, 3, seed=9)
    wanted = Derivatives(pairs=((0, 0), (1, 1), (2, 2)), laplacian=True)
    u = FORMULAS["deep"][0](Jet.coordinates(x, wanted))
    assert close(u.laplacian, u.dd(0, 0) + u.dd(1, 1) + u.dd(2, 2))


def test_what_was_not_asked_for_is_refused():
    jet = Jet.coordinates(draw(2, 3), Derivatives(pairs=((0, 1),)))
    with pytest.raises(ValueError, match=r"ask for Derivatives\(laplacian=True\)"):
        _ = jet.laplacian
    with pytest.raises(ValueError, match=r"no second derivative \(1, 1\): ask for Derivatives\(pairs=\(\(1, 1\),\)\)"):
        jet.dd(1, 1)
    with pytest.raises(ValueError, match=r"no third derivative \(0, 0, 1\): .*\(higher=\(\(0, 0, 1\),\)\)"):
        jet.derivative(1, 0, 0)
    with pytest.raises(ValueError, match=r"no fourth derivative \(0, 0, 0, 0\): .*\(higher=\(\(0, 0, 0, 0\),\)\)"):
        jet.derivative(0, 0, 0, 0)
    with pytest.raises(ValueError, match="4 is the highest order"):
        jet.derivative(0, 0, 0, 0, 0)
    with pytest.raises(ValueError, match=r"ask for Derivatives\(operator="):
        _ = jet.operator
    with pytest.raises(ValueError, match=r"no first derivative \(0,\): ask for Derivatives\(gradient=True\)"):
        Jet.coordinates(draw(2, 3), Derivatives()).derivative(0)
    assert len(Jet.coordinates(draw(2, 3), Derivatives()).gradient) == 0


def test_coordinates_that_are_not_there_are_refused():
    for wanted in (
        Derivatives(pairs=((0, 3),)),
        Derivatives(laplacian=(2, 3)),
        Derivatives(higher=((0, 0, 3),)),
        Derivatives(operator=((0, 3, 1.0),)),
    ):
        with pytest.raises(ValueError, match="there are 3 coordinates, counted from 0 to 2"):
            Jet.coordinates(draw(2, 3), wanted)


def test_components_can_be_walked_through():
    jet = Jet.coordinates(draw(4, 3), Derivatives(gradient=True))
    components = list(jet)
    assert [component.value.shape for component in components] == [(4, 1)] * 3
    assert torch.equal(Jet.cat(components).channels, jet.channels)
    with pytest.raises(IndexError):
        jet[3]


def test_arithmetic_leaves_its_operands_alone():
    jet = Jet.coordinates(draw(4, 3), EVERYTHING)
    before = jet.channels.clone()
    for on_jets, _ in FORMULAS.values():
        on_jets(jet)
    assert torch.equal(jet.channels, before)


def test_precision_is_kept():
    jet = Jet.coordinates(draw(4, 3).float(), EVERYTHING)
    for on_jets, _ in FORMULAS.values():
        if "SHIFT" not in on_jets.__code__.co_names:
            assert on_jets(jet).channels.dtype is torch.float32
