"""Natural gradient against dense formulae, and the projection theorem: halving the step quarters the defect."""

import numpy as np
import pytest
import torch
from cases import CATALOGUE, close, laplacian, naive
from scipy.linalg import lstsq
from torch.func import grad, jacrev, vmap

from pinnrun.architectures import Mlp
from pinnrun.calculus import Field
from pinnrun.optimizers import NaturalGradient, Outcome, Pace
from pinnrun.problems.poisson import EXACT
from pinnrun.problems.ritz import PoissonRitz

PACE = Pace(2, 2, 2, 1, 1)


def fixed(**settings):
    return NaturalGradient(PACE, halvings=0, **settings)


def plain_metric(case, metric):
    """G from the rows of u (and ∇u) at the first term's points, by differentiating the plain network."""
    block = case.blocks[0]
    x, data = block.points.x[0], {name: value[0] for name, value in block.points.data.items()}

    def rows(theta, x, data):
        def field(y):
            return case.ansatz(lambda z: case.network.value(theta, z), y, data)[0]

        return torch.cat([field(x)[None], grad(field)(x)]) if metric == "h1" else field(x)[None]

    jacobian = vmap(jacrev(rows), in_dims=(None, 0, 0))(case.theta, x, data)
    return torch.einsum("nip,niq->pq", jacobian, jacobian) / len(x)


@pytest.mark.parametrize("name", ["poisson_soft", "poisson_hard", "burgers"])
@pytest.mark.parametrize("metric", ["own", "l2", "h1"])
def test_one_step_is_the_dense_formula(name, metric):
    case = CATALOGUE[name]()
    r, jacobian = naive(case)
    gram = jacobian.T @ jacobian if metric == "own" else plain_metric(case, metric)
    damped = gram + 1e-3 * gram.diagonal().max() * torch.eye(len(gram), dtype=gram.dtype)
    expected = case.theta - 0.05 * torch.linalg.solve(damped, jacobian.T @ r)
    theta, info = fixed(metric=metric, learning_rate=0.05, regularization=1e-3).step(case.objective, case.theta)
    assert info.outcome is Outcome.ACCEPTED and info.length == 0.05
    assert close(theta, expected, 1e-10)


def test_a_cut_off_inverse_is_the_truncated_pseudo_inverse():
    case = CATALOGUE["poisson_soft"]()
    r, jacobian = naive(case)
    gram = (jacobian.T @ jacobian).numpy()
    expected = np.linalg.pinv(gram, rcond=1e-4, hermitian=True) @ (jacobian.T @ r).numpy()
    theta, _ = fixed(inverse="cutoff", regularization=1e-4, learning_rate=1.0).step(case.objective, case.theta)
    assert close(case.theta - theta, torch.as_tensor(expected), 1e-8)


def test_the_search_takes_the_best_of_the_grid():
    case = CATALOGUE["burgers"]()
    optimizer, objective = NaturalGradient(PACE, regularization=1e-6, halvings=6), case.objective
    _, info = optimizer.step(objective, case.theta)
    d = fixed(regularization=1e-6, learning_rate=1.0).step(case.objective, case.theta)[0] - case.theta
    losses = [0.5 * float(naive(case, case.theta + 0.5**k * d)[0].square().sum()) for k in range(7)]
    assert info.loss == pytest.approx(min(losses), rel=1e-9)
    assert info.length == 0.5 ** int(np.argmin(losses))
    assert info.evaluations == 8, "1, then 1 to 1/32, and the best one once more"
    assert sum(objective.shares().values()) == pytest.approx(info.loss, rel=1e-12), "of the new θ, not of a trial"


def poisson_tangents(case):
    """u − u*, the rows of L(u − u*) in the residual's norm, and the tangents, all by the plain network."""
    r, jacobian = naive(case)
    x = torch.rand((200, 2), generator=torch.Generator().manual_seed(11), dtype=torch.float64)

    def values(theta):
        return vmap(lambda y: case.ansatz(lambda z: case.network.value(theta, z), y, {})[0])(x)

    return r, jacobian, values


@pytest.mark.parametrize("name", ["poisson_soft"])
def test_projection_theorem_for_newton_in_function_space(name):
    """Newton's step for Poisson is u* − u wherever one stands; its projection is a least-squares fit of tangents.

    The defect of u(θ − η G†∇L) − u(θ) against η times that projection must fall by four when η is halved.
    """
    case = CATALOGUE[name]()
    r, jacobian, values = poisson_tangents(case)
    # L u* = f and u* = g, so the rows of L(u* − u) are −r: the projection minimises ‖J v + r‖
    coefficients = torch.as_tensor(lstsq(jacobian.numpy(), -r.numpy(), cond=1e-5)[0])
    start, tangents = values(case.theta), jacrev(values)(case.theta)
    projected = tangents @ coefficients
    defects = []
    for eta in (0.02, 0.01, 0.005, 0.0025):
        optimizer = fixed(inverse="cutoff", regularization=1e-10, learning_rate=eta)
        theta, _ = optimizer.step(case.objective, case.theta)
        defects.append(float((values(theta) - start - eta * projected).norm()))
    ratios = np.array(defects[:-1]) / np.array(defects[1:])
    assert ratios == pytest.approx(4.0, rel=0.15)


def test_projection_theorem_for_the_ritz_energy():
    """In the energy's own metric the function-space step is u* − u again; Π is orthogonal in ∫∇v·∇w."""
    problem = PoissonRitz("ritz", "poisson_ritz", points=400)
    network = Mlp(2, 1, 4, 1)
    theta = network.initial(torch.Generator().manual_seed(2))
    field = Field(network, problem.inputs, problem.ansatz)
    blocks = [(term, term.sample(torch.Generator(), term.count)) for term in problem.terms()]
    objective = problem.objective(field, blocks)
    points = blocks[0][1]
    x, weight = points.x[0], points["root_weight"][0]

    def u(theta, y):
        return 16.0 * (y * (1.0 - y)).prod() * network.value(theta, 2.0 * y - 1.0)[0]

    def slopes(theta):
        return weight[:, None] * vmap(grad(u, argnums=1), in_dims=(None, 0))(theta, x)

    exact = weight[:, None] * vmap(grad(lambda y: torch.sin(np.pi * y).prod()))(x)
    jacobian = jacrev(slopes)(theta).flatten(0, 1)
    target = (exact - slopes(theta)).flatten()
    coefficients = torch.as_tensor(lstsq(jacobian.numpy(), target.numpy(), cond=1e-3)[0])

    def values(theta):
        return vmap(u, in_dims=(None, 0))(theta, x)

    start, projected = values(theta), jacrev(values)(theta) @ coefficients
    defects = []
    for eta in (0.02, 0.01, 0.005):
        new, info = fixed(inverse="cutoff", regularization=1e-6, learning_rate=eta).step(objective, theta)
        assert info.loss < float(objective.value(theta))
        defects.append(float((values(new) - start - eta * projected).norm()))
    assert np.array(defects[:-1]) / np.array(defects[1:]) == pytest.approx(4.0, rel=0.15)
    assert EXACT["sine"].f(x[:1]) == pytest.approx(
        -float(laplacian(lambda y: torch.sin(np.pi * y).prod()[None], x[0])[0])
    )


def test_one_full_step_solves_what_is_linear_in_theta():
    """A network whose hidden layer does not move is a linear model: in its tangents Newton needs one step."""
    case = CATALOGUE["poisson_soft"]()
    r, jacobian = naive(case)
    optimum = r - jacobian @ torch.linalg.lstsq(jacobian, r[:, None]).solution[:, 0]

    class Tangent:
        def linearize(self, theta):
            return case.objective.linearize(case.theta)

        def value(self, theta):
            return 0.5 * (r + jacobian @ (theta - case.theta)).square().sum()

    _, info = fixed(inverse="cutoff", regularization=1e-13, learning_rate=1.0).step(Tangent(), case.theta)
    assert info.loss == pytest.approx(0.5 * float(optimum.square().sum()), rel=1e-6)
