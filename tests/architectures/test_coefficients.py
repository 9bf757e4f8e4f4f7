"""Unknown coefficients: constants behind the field, exact in J, and left alone by growth."""

from dataclasses import replace

import pytest
import torch
from cases import close, cube, draw, make, naive, parameters
from torch.func import hessian, jacrev

from pinnrun.architectures import Mlp, deepen, size_after, widen
from pinnrun.architectures.coefficients import WithCoefficients, grow, with_coefficients
from pinnrun.architectures.growth.pursuit import Tangent
from pinnrun.calculus import DenseLinearization, Derivatives, Jet, Objective, Term
from pinnrun.calculus.batch import linearize, residuals
from pinnrun.optimizers.kronecker import group_pairs, layer_places
from pinnrun.registry import network_of

KNOWN = (("speed", 0.7), ("viscosity", 0.02))
INNER = Mlp(2, 1, 4, 2, residual=(2,))
NETWORK = WithCoefficients(INNER, KNOWN)


def case():
    """u_t + λ u u_x − ν u_xx with both unknown, and data that do not see them."""

    def equation(points, u):
        speed, viscosity = u.value[..., 1], u.value[..., 2]
        return u.d(0)[..., 0] + speed * u.value[..., 0] * u.d(1)[..., 0] - viscosity * u.dd(1, 1)[..., 0]

    def plain(u, x, data):
        value, slope, curvature = u[0](x[0]), jacrev(u[0])(x[0])[0], hessian(u[0])(x[0])[0]
        return slope[0] + value[1] * value[0] * slope[1] - value[2] * curvature[1, 1]

    first = Term("equation", cube(2, 5), equation, Derivatives(gradient=True, pairs=((1, 1),)), 9, weight=2.0)
    second = Term("data", cube(2, 6), lambda points, u: u.value[..., 0] - 0.3, Derivatives(), 6)
    return make("coefficients", NETWORK, [(first, plain), (second, lambda u, x, data: u[0](x[0])[0] - 0.3)])


def test_they_are_constants_behind_the_field():
    theta, x = parameters(NETWORK), draw(5, 2)
    inputs = Jet.coordinates(x[None], Derivatives(pairs=((0, 1),), laplacian=True))
    output, field = NETWORK(theta, inputs), INNER(theta[:-2], inputs)
    assert torch.equal(output.channels[..., :1], field.channels)
    assert torch.equal(output.value[..., 1:], theta[-2:].expand(1, 5, 2))
    assert torch.count_nonzero(output.channels[1:, ..., 1:]) == 0
    assert close(NETWORK.value(theta, x), output.value[0])


def test_the_first_values_are_those_given():
    theta = NETWORK.initial(torch.Generator().manual_seed(3))
    assert torch.equal(theta[:-2], INNER.initial(torch.Generator().manual_seed(3)))
    assert theta[-2:].tolist() == [0.7, 0.02]
    assert NETWORK.layout.split(theta)["coefficients"].tolist() == [0.7, 0.02]


def test_rows_and_jacobian_are_exact():
    """Against `vmap(jacrev)` of the same residual in plain tensors."""
    it = case()
    r, J = naive(it)
    linear = it.objective.linearize(it.theta)
    assert close(linear.r, r) and close(linear.J(), J)
    assert float(J[:9, -2:].abs().min()) > 0 and torch.count_nonzero(J[9:, -2:]) == 0
    fresh, v, y = it.objective.linearize(it.theta), draw(NETWORK.size), draw(len(r))
    assert close(fresh.mv(v), J @ v) and close(fresh.rmv(y), J.T @ y) and close(fresh.kernel(), J @ J.T)
    assert close(fresh.gram_diagonal(), J.square().sum(0))
    value, gradient = it.objective.gradient(it.theta)
    assert close(gradient, J.T @ r) and float(value) == pytest.approx(float(0.5 * r @ r))


def test_many_starts_at_once():
    it = case()
    thetas = torch.stack([parameters(NETWORK, seed) for seed in range(9)])
    rows, jacobians = linearize(it.objective, thetas)
    for theta, r, J in zip(thetas, rows, jacobians, strict=True):
        expected = naive(it, theta)
        assert close(r, expected[0]) and close(J, expected[1])
    assert close(residuals(it.objective, thetas), rows)


def test_their_kronecker_pair_is_their_block_of_the_metric():
    """A ⊗ B with A = 1/S, the mean of an input that is 1 on one of S channels, and B their block of JᵀJ."""
    it = case()
    linear = it.objective.linearize(it.theta)
    J = linear.J()[:9, -2:]
    start = NETWORK.place.start
    assert layer_places(linear)[start].weight == NETWORK.place
    pair = group_pairs(linear, [0])[start]
    channels = Derivatives(gradient=True, pairs=((1, 1),)).channels(2)
    assert pair.a.tolist() == [[1 / channels]]
    assert close(pair.b, J.T @ J)


def unseen(network, theta):
    """The objective, for rules that do not ask for it."""
    raise AssertionError


@pytest.mark.parametrize("rule", ["zero_out", "reinit"])
@pytest.mark.parametrize("change", ["widen", "deepen"])
def test_growth_leaves_them_alone(rule, change):
    theta, generator = parameters(NETWORK), torch.Generator().manual_seed(1)
    if change == "widen":
        growth = grow(widen, NETWORK, theta, 7, rule, generator, probe=unseen)
        plain = widen(INNER, theta[:-2], 7, rule, torch.Generator().manual_seed(1))
    else:
        growth = grow(deepen, NETWORK, theta, rule, generator, probe=unseen)
        plain = deepen(INNER, theta[:-2], rule, torch.Generator().manual_seed(1))
    assert growth.architecture == WithCoefficients(plain.architecture, KNOWN)
    assert torch.equal(growth.theta, torch.cat([plain.theta, theta[-2:]]))
    assert len(growth.theta) == growth.architecture.size
    if rule == "reinit":
        assert growth.old_to_new is None
        return
    assert growth.old_to_new is not None
    assert torch.equal(growth.theta[growth.old_to_new], theta)
    x = draw(5, 2)
    assert close(growth.architecture.value(growth.theta, x), NETWORK.value(theta, x))


@pytest.mark.parametrize("change", ["widen", "deepen"])
def test_neurons_are_chosen_in_sight_of_the_coefficients(change):
    """The tangent space has their columns too, and the choice is that of an objective which knows their values."""
    it, asked = case(), []

    def probe(network, theta):
        asked.append((network, theta))
        return Objective(
            replace(it.field, network=network), [(block.term, block.points) for block in it.blocks]
        ).linearize(theta)

    theta, generator = it.theta, torch.Generator().manual_seed(1)
    if change == "widen":
        growth = grow(widen, NETWORK, theta, 7, "residual", generator, probe=probe)
    else:
        growth = grow(deepen, NETWORK, theta, "residual", generator, probe=probe)
    for network, at in asked:
        assert network.coefficients == KNOWN and torch.equal(at[-2:], theta[-2:]) and len(at) == network.size
    x = draw(5, 2)
    assert close(growth.architecture.value(growth.theta, x), NETWORK.value(theta, x))
    tangent = Tangent(probe(NETWORK, theta))
    without = Tangent(DenseLinearization(it.objective.linearize(theta).r, it.objective.linearize(theta).J()[:, :-2]))
    assert not close(tangent.rows, without.rows, 1e-6)


def test_sizes_of_what_growth_would_make():
    for rule in ("zero_out", "reinit", "net2net"):
        assert size_after(NETWORK, 9, 4, rule, rule) == size_after(INNER, 9, 4, rule, rule) + 2
    assert (NETWORK.width, NETWORK.depth) == (4, 2)


@pytest.mark.parametrize("coefficients", [(), (("nu", 1e-300),), (("a", 0.1 + 0.2), ("b", -3.0))])
def test_description_makes_the_same_again(coefficients):
    network = with_coefficients(INNER, coefficients)
    description = network.describe()
    assert all(isinstance(value, (int, float, str)) for value in description.values())
    assert network_of(description) == network
    assert (network is INNER) == (coefficients == ())
