"""SOAP against the package's own on a module, bit for bit, and against its formula in numpy."""

import builtins

import numpy as np
import pytest
import torch
from cases import CATALOGUE, draw
from pytorch_optimizer import SOAP
from torch import nn

from pinnrun.calculus import Objective
from pinnrun.errors import UserError
from pinnrun.optimizers import Pace, Soap, soap

PACE = Pace(2, 2, 2, 1, 1)


def by_name(case, theta):
    return {name: part.clone() for name, part in case.network.layout.split(theta).items()}


def test_it_is_the_package_s_with_its_first_gradient_seen_twice():
    case = CATALOGUE["burgers"]()
    weights = {name: nn.Parameter(part) for name, part in by_name(case, case.theta).items()}
    settings = {"lr": 0.02, "betas": (0.8, 0.9), "eps": 1e-6, "weight_decay": 0.1}
    reference = SOAP(list(weights.values()), **settings, shampoo_beta=0.7, precondition_frequency=3)
    mine = {"learning_rate": 0.02, "betas": (0.8, 0.9), "epsilon": 1e-6, "weight_decay": 0.1}
    optimizer, theta = Soap(PACE, **mine, decay=0.7, frequency=3), case.theta
    for step in range(25):
        flat = torch.cat([weight.detach().flatten() for weight in weights.values()])
        for name, piece in by_name(case, case.objective.gradient(flat)[1]).items():
            weights[name].grad = piece
        reference.step()
        if step > 0:
            theta, info = optimizer.step(case.objective, theta)
            assert info.accepted
        assert torch.equal(theta, torch.cat([weight.detach().flatten() for weight in weights.values()]))


class Sloping(Objective):
    """Its gradients are random matrices, whose eigenvectors are well defined."""

    calls = 0

    def gradient(self, theta):
        self.calls += 1
        return torch.ones((), dtype=torch.float64), draw(theta.numel(), seed=self.calls)


class Weight:
    """One square matrix as the paper's algorithm 3 updates it, in double precision."""

    def __init__(self, gradient, beta):
        self.left, self.right = (1 - beta) * gradient @ gradient.T, (1 - beta) * gradient.T @ gradient
        self.bases = [np.linalg.eigh(matrix)[1][:, ::-1] for matrix in (self.left, self.right)]
        self.m, self.v = np.zeros_like(gradient), np.zeros_like(gradient)

    def update(self, gradient, t, betas, beta, epsilon, frequency):
        q_left, q_right = self.bases
        self.m = betas[0] * self.m + (1 - betas[0]) * gradient
        self.v = betas[1] * self.v + (1 - betas[1]) * (q_left.T @ gradient @ q_right) ** 2
        m, v = self.m / (1 - betas[0] ** t), self.v / (1 - betas[1] ** t)
        turned = q_left.T @ m @ q_right / (np.sqrt(v) + epsilon / np.sqrt(1 - betas[1] ** t))
        self.left = beta * self.left + (1 - beta) * gradient @ gradient.T
        self.right = beta * self.right + (1 - beta) * gradient.T @ gradient
        if t % frequency == 0:
            for axis, matrix in enumerate((self.left, self.right)):
                basis = self.bases[axis]
                order = np.argsort(-np.diag(basis.T @ matrix @ basis))
                self.v = np.take(self.v, order, axis)
                self.bases[axis] = np.linalg.qr(matrix @ basis[:, order])[0]
        return q_left @ turned @ q_right.T


def test_it_is_the_published_formula():
    """Eight steps with three turns of the basis, whose QR the package takes in single precision; biases by Adam."""
    case = CATALOGUE["burgers"]()
    objective = Sloping(case.field, [(block.term, block.points) for block in case.blocks])
    rate, betas, beta, epsilon, frequency = 0.02, (0.9, 0.95), 0.8, 1e-3, 3
    settings = {"learning_rate": rate, "betas": betas, "epsilon": epsilon}
    optimizer, theta, weights = Soap(PACE, **settings, decay=beta, frequency=frequency), case.theta, {}
    bias = np.zeros((2, 4))
    for t in range(1, 9):
        before, gradients = by_name(case, theta), by_name(case, draw(case.network.size, seed=t))
        theta, _ = optimizer.step(objective, theta)
        moved = {name: (before[name] - part).numpy() / rate for name, part in by_name(case, theta).items()}
        for name in ("hidden2.weight", "hidden2.gate", "hidden3.weight"):
            gradient = gradients[name].numpy()
            weight = weights.setdefault(name, Weight(gradient, beta))
            update = weight.update(gradient, t, betas, beta, epsilon, frequency)
            assert np.abs(moved[name] - update).max() < 1e-5
        g = gradients["hidden1.bias"].numpy()
        bias = np.stack([betas[0] * bias[0] + (1 - betas[0]) * g, betas[1] * bias[1] + (1 - betas[1]) * g**2])
        root = np.sqrt(1 - betas[1] ** t)
        adam = bias[0] / (1 - betas[0] ** t) / (np.sqrt(bias[1]) / root + epsilon / root)
        assert np.allclose(moved["hidden1.bias"], adam, rtol=0, atol=1e-10)


def test_a_growth_begins_afresh():
    case = CATALOGUE["fit"]()
    optimizer = Soap(PACE)
    optimizer.step(case.objective, case.theta)
    optimizer.grow(torch.arange(10), 10)
    assert optimizer.state()["moments"] is None
    assert torch.equal(optimizer.step(case.objective, case.theta)[0], Soap(PACE).step(case.objective, case.theta)[0])


def test_a_network_without_layout_is_refused():
    case = CATALOGUE["without_jets"]()
    with pytest.raises(UserError, match=r"soap treats weight matrices on their own.*no layout"):
        Soap(PACE).step(case.objective, case.theta)


def test_a_missing_package_is_named(monkeypatch):
    assert list(Soap(PACE).problems()) == []
    monkeypatch.setattr(soap, "find_spec", lambda name: None)
    [line] = Soap(PACE).problems()
    assert line.startswith("type: soap needs the package pytorch_optimizer")

    def absent(name, *args, original=builtins.__import__, **more):
        if name == "pytorch_optimizer":
            raise ImportError(name)
        return original(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    case = CATALOGUE["fit"]()
    with pytest.raises(UserError, match=r'pip install "pinnrun\[soap\]"'):
        Soap(PACE).step(case.objective, case.theta)
