"""The steady Navier-Stokes residuals against divergence and curl by torch.func, and the pressure's open constant."""

import numpy as np
import torch
from cases import close, draw
from problems.residuals import exact_jet
from torch.func import hessian, jacrev, vmap

from pinnrun.calculus import Points
from pinnrun.problems import navier_stokes


def flow(x):
    """No solution of anything: every term of the equations differs from zero."""
    a, b = x[0], x[1]
    return torch.stack([torch.sin(a + 2 * b), a * b**2 + torch.exp(0.3 * a), torch.cos(a * b) + a**2])


def test_residuals_are_the_equations():
    x = draw(15, 2)
    jet = exact_jet(flow, x, navier_stokes.DERIVATIVES)
    found = navier_stokes.steady(Points(x), jet, 7.0)

    def expected(x):
        velocity, slope, bend = flow(x)[:2], jacrev(flow)(x), hessian(flow)(x)
        momentum = slope[:2] @ velocity + slope[2] - bend[:2].diagonal(dim1=-2, dim2=-1).sum(-1) / 7.0
        return torch.cat([momentum, slope[:2].trace()[None]])

    assert found.shape == (15, navier_stokes.ROWS)
    assert close(found, vmap(expected)(x))


def test_poiseuille_flow_leaves_nothing():
    """u = y(1 − y), p = −2x/Re: transport vanishes, and friction is what the pressure drives."""
    x = draw(10, 2)
    exact = lambda x: torch.stack([x[1] * (1 - x[1]), 0 * x[0], -2 * x[0] / 30.0])  # noqa: E731
    left = navier_stokes.steady(Points(x), exact_jet(exact, x, navier_stokes.DERIVATIVES), 30.0)
    assert float(left.abs().max()) < 1e-15


def test_only_the_pressure_is_moved():
    reference = draw(20, 3).numpy()
    value = reference + np.array([0.0, 0.0, 5.0])
    assert np.allclose(navier_stokes.align_pressure(value, reference), reference, atol=1e-14)
    wrong = reference + np.array([1.0, 0.0, 0.0])
    assert np.allclose(navier_stokes.align_pressure(wrong, reference), wrong, atol=1e-14)
