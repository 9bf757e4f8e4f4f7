"""r, J and the products with J, held to `vmap(jacrev)` over hessians of the plain network (`cases.naive`)."""

import pytest
import torch
from cases import CATALOGUE, FACTORED, close, draw, naive

from pinnrun.calculus import DenseLinearization, FactoredLinearization
from pinnrun.calculus.gram import gram
from pinnrun.calculus.linearization import Tape


@pytest.fixture(scope="module", params=list(CATALOGUE))
def pair(request):
    """A case's linearization, and r and J by the oracle."""
    case = CATALOGUE[request.param]()
    return case, case.objective.linearize(case.theta), naive(case)


def test_residual(pair):
    case, linear, (r, _) = pair
    assert close(linear.r, r)
    assert close(case.objective.residual(case.theta), r)


def test_jacobian(pair):
    case, linear, (_, jacobian) = pair
    assert close(linear.J(), jacobian)
    idle = set(torch.nonzero(jacobian.abs().sum(0) == 0).flatten().tolist())
    constants = range(case.network.size)[-case.network.layout.shapes[-1][1][0] :] if case.network.has_jets else ()
    assert idle <= set(constants), "a case in which a weight does nothing proves little"


def test_products(pair):
    case, linear, (r, jacobian) = pair
    v, y = draw(case.network.size, seed=4), draw(len(r), seed=5)
    assert close(linear.mv(v), jacobian @ v)
    assert close(linear.rmv(y), jacobian.T @ y)
    assert close(linear.gram(), jacobian.T @ jacobian)
    assert close(linear.kernel(), jacobian @ jacobian.T)
    assert close(linear.gram_diagonal(), (jacobian * jacobian).sum(0))


def test_a_product_column_by_column(pair):
    case, linear, (_, jacobian) = pair
    if not case.network.has_jets:
        return
    v = draw(case.network.size, seed=6)
    dense = DenseLinearization(linear.r, jacobian)
    for name, shape in case.network.layout.shapes:
        if len(shape) == 2:
            part = case.network.layout.slices[name]
            block = jacobian[:, part].reshape(-1, *shape)
            expected = torch.stack([block[:, :, j] @ v[part].view(shape)[:, j] for j in range(shape[1])], 1)
            assert close(linear.mv_by_column(v, part, shape[1]), expected)
            assert close(dense.mv_by_column(v, part, shape[1]), expected)


def test_signals_are_the_values_that_weights_are_applied_to(pair):
    """The first layer sees the inputs, the embedded ones where there is an embedding, of every term and place."""
    case, linear, _ = pair
    if not case.network.has_jets:
        assert linear.signals() == {}
        return
    name, shape = case.network.layout.shapes[0]
    seen = [case.field.inputs(block.points, block.term.derivatives).value.flatten(0, 1) for block in case.blocks]
    expected = torch.cat([case.network.embedding.value(z) for z in seen])
    rows = [block.term.rows for block in case.blocks]
    assert rows == [1] * len(rows) and expected.shape[1] == shape[1]
    assert close(linear.signals()[case.network.layout.slices[name].start], expected)


def test_value_and_gradient(pair):
    case, linear, (r, jacobian) = pair
    assert float(linear.value) == pytest.approx(0.5 * float(r @ r), rel=1e-13)
    value, gradient = case.objective.gradient(case.theta)
    assert float(value) == pytest.approx(0.5 * float(r @ r), rel=1e-13)
    assert close(gradient, jacobian.T @ r)
    assert close(linear.rmv(linear.r), jacobian.T @ r)


def test_rowwise_form_agrees(pair):
    case, _, (r, jacobian) = pair
    linear = case.objective.linearize_rowwise(case.theta)
    assert isinstance(linear, DenseLinearization)
    assert close(linear.r, r)
    assert close(linear.J(), jacobian)


@pytest.mark.parametrize("name", FACTORED)
def test_networks_with_jets_are_factored(name):
    case = CATALOGUE[name]()
    assert isinstance(case.objective.linearize(case.theta), FactoredLinearization)


def test_networks_without_jets_fall_back_to_rows():
    case = CATALOGUE["without_jets"]()
    assert isinstance(case.objective.linearize(case.theta), DenseLinearization)


@pytest.mark.parametrize("name", ["burgers", "poisson_boltzmann"])
def test_jacobian_is_the_slope_of_the_residual(name):
    case = CATALOGUE[name]()
    objective, theta, step = case.objective, case.theta, 1e-5
    jacobian = objective.linearize(theta).J()
    for index in range(0, case.network.size, 3):
        shift = torch.zeros_like(theta)
        shift[index] = step
        slope = (objective.residual(theta + shift) - objective.residual(theta - shift)) / (2.0 * step)
        assert close(jacobian[:, index], slope, 1e-7)


def test_theta_is_neither_changed_nor_watched():
    case = CATALOGUE["flow"]()
    theta = case.theta.clone().requires_grad_(True)
    linear = case.objective.linearize(theta)
    for tensor in (linear.r, linear.J(), linear.gram(), linear.rmv(linear.r)):
        assert not tensor.requires_grad
    assert torch.equal(theta.detach(), case.theta)
    assert theta.grad is None


def test_linearizing_again_gives_the_same_bits():
    case = CATALOGUE["poisson_boltzmann"]()
    objective = case.objective
    first, second = objective.linearize(case.theta), objective.linearize(case.theta)
    assert torch.equal(first.r, second.r)
    assert torch.equal(first.J(), second.J())


def test_tape_notes_every_linear_layer_once():
    case = CATALOGUE["burgers"]()
    block, tape = case.blocks[0], Tape()
    case.field.jet(case.theta, block.points, block.term.derivatives, tape)
    noted = [slices for weight, bias, *_ in tape.entries for slices in (weight, bias) if slices is not None]
    covered = sorted(index for part in noted for index in range(part.start, part.stop))
    assert covered == list(range(case.network.size))


@pytest.mark.parametrize(("name", "uses"), [("runge_kutta", 4), ("slopes", 1), ("pirate", 1)])
def test_tape_notes_every_use(name, uses):
    """A layer of a Runge-Kutta step once for each of its stages, first and last layer once; scalars among them."""
    case = CATALOGUE[name]()
    block, tape = case.blocks[0], Tape()
    case.field.jet(case.theta, block.points, block.term.derivatives, tape)
    slices = case.network.layout.slices
    counts = {part: sum(part_slice in use[:2] for use in tape.entries) for part, part_slice in slices.items()}
    assert set(counts.values()) == {1, uses}
    assert {part for part, n in counts.items() if n == uses > 1} == {
        part for part in slices if uses > 1 and part.startswith("layer")
    }
    scalars = {use.weight.start for use in tape.entries if use.scalar}
    assert scalars == {part.start for name, part in slices.items() if name.endswith((".slope", ".alpha"))}


def test_a_scalar_s_factors_are_its_column_of_the_jacobian():
    case = CATALOGUE["slopes"]()
    linear, (_, jacobian) = case.objective.linearize(case.theta), naive(case)
    place = case.network.layout.slices["hidden1.slope"]
    (column,) = (layer.g for layer in linear.blocks[0][1] if layer.weight == place)
    assert close(column[0], jacobian[: column.shape[1], place])


def test_a_term_that_misses_a_layer_has_zeros_there():
    """The slope of u does not see the output's bias: its column of J is zero, not an error."""
    case = CATALOGUE["flow"]()
    linear = case.objective.linearize(case.theta)
    bias = case.network.layout.slices["output.bias"]
    divergence = slice(0, len(case.blocks[0].points))
    assert torch.count_nonzero(linear.J()[divergence, bias]) == 0
    assert torch.count_nonzero(linear.J()[divergence.stop :, bias]) > 0


@pytest.mark.parametrize("size", [1, 191, 192, 193, 500])
def test_gram_in_strips(size):
    """All of JᵀJ, symmetric to the last bit."""
    jacobian = draw(70, size, seed=size)
    product = gram(jacobian)
    assert close(product, torch.as_tensor(jacobian.numpy().T @ jacobian.numpy()))
    assert torch.equal(product, product.T) or size <= 192
