"""Kronecker factors against the per-sample definition written out by hand, the inverses against dense solves."""

import numpy as np
import pytest
import torch
from cases import CATALOGUE, close, draw, naive
from torch.func import hessian, jacrev, vmap

from pinnrun.optimizers.kronecker import (
    KroneckerInverse,
    LayerPlace,
    Pair,
    combine,
    group_pairs,
    layer_pair,
    layer_places,
)


def channels(function, x):
    """Value, gradient and Laplacian of a function of points, ``(S, N, k)``, by differentiating it twice."""
    slopes = vmap(jacrev(function))(x)
    curvatures = vmap(hessian(function))(x).diagonal(dim1=-2, dim2=-1).sum(-1)
    return torch.cat([vmap(function)(x)[None], slopes.movedim(-1, 0), curvatures[None]])


def moments(z, g):
    """A and B sample by sample and channel by channel; the 1/N of B is in the scaling of g."""
    count = z.shape[0] * z.shape[1]
    a = sum(np.outer(row, row) for row in z.reshape(count, -1).numpy()) / count
    b = sum(np.outer(row, row) for row in g.reshape(count, -1).numpy())
    return torch.as_tensor(a), torch.as_tensor(b)


def test_factors_of_a_laplacian_by_hand():
    """u = v·tanh(Wx + b) + c: Δu = v·(σ''(y) Σ_i (∂_i y)² + σ'(y) Δy), differentiated by the channels of y."""
    case = CATALOGUE["poisson_soft"]()
    layers = case.objective.linearize(case.theta).blocks[0][1]
    parts = case.network.layout.split(case.theta)
    weight, bias, v = (parts[name] for name in ("hidden1.weight", "hidden1.bias", "output.weight"))
    x = case.blocks[0].points.x[0]
    scale = 1.0 / np.sqrt(len(x))

    def pre(x):
        return weight @ (2.0 * x - 1.0) + bias

    def residual(y):
        t = torch.tanh(y[0])
        first, second = 1.0 - t**2, -2.0 * t * (1.0 - t**2)
        return scale * ((second * (y[1] ** 2 + y[2] ** 2) + first * y[3]) * v[0]).sum()

    one = torch.zeros(4, len(x), 1, dtype=torch.float64)
    one[0] = 1.0
    z = torch.cat([channels(lambda x: 2.0 * x - 1.0, x), one], dim=-1)
    g = vmap(jacrev(residual), in_dims=1, out_dims=1)(channels(pre, x))
    for found, expected in zip(layer_pair(layers[0]), moments(z, g), strict=True):
        assert close(found, expected, 1e-12)

    z = torch.cat([channels(lambda x: torch.tanh(pre(x)), x), one], dim=-1)
    g = torch.zeros(4, len(x), 1, dtype=torch.float64)
    g[3] = scale  # of the output, the residual takes the Laplacian alone
    for found, expected in zip(layer_pair(layers[1]), moments(z, g), strict=True):
        assert close(found, expected, 1e-12)


@pytest.mark.parametrize(("name", "part"), [("slopes", "hidden2.slope"), ("pirate", "block1.alpha")])
def test_the_block_of_a_scalar_is_exact(name, part):
    case = CATALOGUE[name]()
    linear, (_, jacobian) = case.objective.linearize(case.theta), naive(case)
    place = case.network.layout.slices[part]
    pairs = group_pairs(linear, range(len(linear.blocks)))[place.start]
    assert close(pairs.a, torch.ones(1, 1, dtype=torch.float64))
    assert close(pairs.b, jacobian[:, place].T @ jacobian[:, place])
    assert layer_places(linear)[place.start] == LayerPlace(place, None)


def test_uses_without_effect_combine_to_nothing():
    """As behind a gate that is shut: every B is zero, and A is the mean."""
    first, second = (Pair(factor @ factor.T, torch.zeros(2, 2)) for factor in (torch.eye(3), 3.0 * torch.eye(3)))
    pair = combine([first, second])
    assert torch.equal(pair.a, 5.0 * torch.eye(3))
    assert torch.equal(pair.b, torch.zeros(2, 2))


def test_the_uses_of_a_layer_share_a_pair():
    """Four stages of a Runge-Kutta step: the trace of the pair is that of the sum of theirs."""
    case = CATALOGUE["runge_kutta"]()
    linear = case.objective.linearize(case.theta)
    place = case.network.layout.slices["layer2.weight"]
    uses = [layer for layer in linear.blocks[0][1] if layer.weight == place]
    assert len(uses) == 4
    pair = group_pairs(linear, [0])[place.start]
    traces = [one.a.trace() * one.b.trace() for one in map(layer_pair, uses)]
    assert close(pair.a.trace() * pair.b.trace(), sum(traces))


def test_places_are_channels_with_a_bias_each():
    """A condition across an interface: u at one place less u at another, on the layer that sees the inputs."""
    case = CATALOGUE["poisson_boltzmann"]()
    linear = case.objective.linearize(case.theta)
    (layer, *_), values = linear.blocks[2][1], linear.blocks[2][0]
    assert layer.z.shape[0] == layer.places == 2
    a, b = layer_pair(layer)
    assert a[-1, -1] == 1.0, "the bias input is 1 at both places"
    assert close(b, sum(layer.g[s].T @ layer.g[s] for s in range(2)))
    flux = layer_pair(linear.blocks[3][1][0]).a
    assert flux[-1, -1] == pytest.approx(1.0 / 4.0), "value and three slopes: the bias is in one channel of four"
    assert len(values) == len(case.blocks[2].points)


def random_pair(inputs, outputs, seed):
    """Positive definite factors."""
    a, b = draw(inputs, inputs + 2, seed=seed), draw(outputs, outputs + 2, seed=seed + 1)
    return Pair(a @ a.T, b @ b.T)


def kron(pair):
    """A ⊗ B on an ``(out, in)`` matrix flattened row by row."""
    return torch.kron(pair.b, pair.a)


def test_one_product_for_many_by_partial_traces():
    pairs = [random_pair(3, 4, seed) for seed in (1, 5, 9)]
    total = sum(kron(pair) for pair in pairs).view(4, 3, 4, 3)
    inner, outer = torch.einsum("aiaj->ij", total), torch.einsum("aibi->ab", total)
    combined = combine(pairs)
    assert close(kron(combined), torch.kron(outer, inner) / inner.trace(), 1e-12)
    assert float(kron(combined).trace()) == pytest.approx(float(sum(kron(pair).trace() for pair in pairs)))


def test_it_is_exact_for_products_that_share_a_factor():
    first, second = random_pair(3, 4, 1), random_pair(3, 4, 7)
    for pairs in ([first, Pair(first.a, second.b)], [first, Pair(2.0 * second.a, first.b)]):
        assert close(kron(combine(pairs)), sum(kron(pair) for pair in pairs), 1e-12)
    assert combine([first]) is first


def test_blind_blocks_add_nothing():
    pair, nothing = random_pair(3, 2, 1), Pair(torch.zeros(3, 3).double(), torch.zeros(2, 2).double())
    assert close(kron(combine([pair, nothing])), kron(pair))
    assert not kron(combine([nothing, nothing])).any()


@pytest.mark.parametrize("count", [1, 2])
def test_the_inverse_is_the_dense_one(count):
    pairs = [random_pair(5, 3, 1), Pair(*(0.01 * factor for factor in random_pair(5, 3, 8)))][:count]
    x = draw(3, 5, seed=4)
    dense = sum(kron(pair) for pair in pairs)
    expected = torch.linalg.solve(dense, x.flatten()).view(3, 5)
    assert close(KroneckerInverse(pairs).apply(x), expected, 1e-10)


def test_the_inverse_of_singular_factors_with_little_damping():
    """Rank one beside rank two, 1e-8 added to each: the damped sum is all that makes it invertible."""

    def eye(size):
        return torch.eye(size, dtype=torch.float64)

    pairs = []
    for rank, seed in ((1, 3), (2, 6)):
        a, b = draw(4, rank, seed=seed), draw(3, rank, seed=seed + 1)
        pairs.append(Pair(a @ a.T + 1e-8 * eye(4), b @ b.T + 1e-8 * eye(3)))
    x = draw(3, 4, seed=4)
    found = KroneckerInverse(pairs).apply(x)
    back = sum(pair.b @ found @ pair.a for pair in pairs)
    assert close(back, x, 1e-6)


def test_a_layer_is_read_from_theta_and_written_back():
    case = CATALOGUE["poisson_soft"]()
    layer = case.objective.linearize(case.theta).blocks[0][1][0]
    parts = case.network.layout.split(case.theta)
    place = LayerPlace(layer.weight, layer.bias)
    matrix = place.read(case.theta, 4)
    assert torch.equal(matrix, torch.cat([parts["hidden1.weight"], parts["hidden1.bias"][:, None]], dim=1))
    out = torch.zeros_like(case.theta)
    place.write(out, matrix)
    assert torch.equal(out[: matrix.numel()], case.theta[: matrix.numel()]) and not out[matrix.numel() :].any()
