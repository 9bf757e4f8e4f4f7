"""Trust-region steps against scipy's minimisers, and the choice of a radius against its definition."""

import numpy as np
import pytest
import torch
from cases import close, draw
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq, minimize

from pinnrun.optimizers import trust_region
from pinnrun.optimizers.sketches import ColumnSketch
from pinnrun.optimizers.trust_region import TrustRegion, largest_radius

SHAPES = [(12, 5), (4, 7), (6, 6)]


def system(rows, size):
    jacobian, r = draw(rows, size, seed=1) * torch.logspace(0, -3, size, dtype=torch.float64), draw(rows, seed=2)
    return jacobian, r, jacobian.T @ r


def longest(jacobian, gradient):
    """The length of the undamped step of least norm."""
    return float((torch.linalg.pinv(jacobian.T @ jacobian, rtol=1e-12, hermitian=True) @ gradient).norm())


@pytest.mark.parametrize("with_rows", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_step_minimises_the_model_within_its_radius(shape, with_rows):
    """Found again by a minimiser for constrained problems, and by the secular equation in λ."""
    jacobian, r, gradient = system(*shape)
    region = TrustRegion(jacobian, r if with_rows else None, gradient)
    radii = torch.tensor([0.01, 0.3, 2.0], dtype=torch.float64)
    steps, predicted, dampings = region.steps(radii)
    gram, g = (jacobian.T @ jacobian).numpy(), gradient.numpy()
    for radius, p, decrease, damping in zip(radii.tolist(), steps, predicted.tolist(), dampings.tolist(), strict=True):
        assert float(p.norm()) == pytest.approx(radius, rel=1e-9)
        assert close(
            p,
            -torch.linalg.solve(jacobian.T @ jacobian + damping * torch.eye(shape[1], dtype=torch.float64), gradient),
            1e-8,
        )
        secular = brentq(
            lambda x, radius=radius: np.linalg.norm(np.linalg.solve(gram + x * np.eye(len(g)), g)) - radius, 1e-9, 1e4
        )
        assert damping == pytest.approx(secular, rel=1e-5)
        assert decrease == pytest.approx(float(-(gradient @ p + 0.5 * (jacobian @ p).square().sum())), rel=1e-8)
        best = minimize(
            lambda p: g @ p + 0.5 * p @ gram @ p,
            np.zeros(len(g)),
            jac=lambda p: g + gram @ p,
            constraints={
                "type": "ineq",
                "fun": lambda p, radius=radius: radius**2 - p @ p,
                "jac": lambda p: -2.0 * p,
            },
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        assert decrease == pytest.approx(-best.fun, rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_large_radius_leaves_the_undamped_step(shape):
    jacobian, r, gradient = system(*shape)
    length = longest(jacobian, gradient)
    (p,), (decrease,), (damping,) = TrustRegion(jacobian, r, gradient).steps(
        torch.tensor([10.0 * length], dtype=torch.float64)
    )
    expected = -torch.linalg.pinv(jacobian) @ r
    assert close(p, expected, 1e-6)
    assert float(damping) < 1e-20
    assert float(decrease) == pytest.approx(float(0.5 * (r @ r - (r + jacobian @ expected).square().sum())), rel=1e-9)


def test_singular_directions_do_no_harm():
    jacobian = torch.zeros(6, 4, dtype=torch.float64)
    jacobian[:, 0] = draw(6, seed=3)
    r = draw(6, seed=4)
    steps, predicted, _ = TrustRegion(jacobian, r, jacobian.T @ r).steps(
        torch.tensor([1e-3, 10.0], dtype=torch.float64)
    )
    assert torch.isfinite(steps).all() and torch.isfinite(predicted).all()
    assert float(steps[0].norm()) == pytest.approx(1e-3, rel=1e-9)
    assert close(steps[1], torch.linalg.pinv(jacobian) @ -r, 1e-8)


def test_badly_conditioned_systems():
    """Singular values from 1 to 1e-14; the equation for λ is solved on the scale of each radius."""
    u, v = (torch.linalg.qr(draw(n, 20, seed=n))[0] for n in (30, 20))
    jacobian = u * torch.logspace(0, -14, 20, dtype=torch.float64) @ v.T
    r = draw(30, seed=6)
    radii = torch.logspace(-6, 6, 13, dtype=torch.float64)
    steps, _, dampings = TrustRegion(jacobian, r, jacobian.T @ r).steps(radii)
    assert close(steps.norm(dim=1) / radii, torch.ones(13, dtype=torch.float64), 1e-8)
    assert dampings.tolist() == sorted(dampings.tolist(), reverse=True)


def test_single_precision(monkeypatch):
    """As good as its rounding allows, and no iterations spent on more."""
    jacobian, r, gradient = system(12, 5)
    radii = torch.tensor([0.01, 0.3, 2.0])
    monkeypatch.setattr(trust_region, "ITERATIONS", 15)
    steps, predicted, _ = TrustRegion(jacobian.float(), r.float(), gradient.float()).steps(radii)
    expected = TrustRegion(jacobian, r, gradient).steps(radii.double())
    assert steps.dtype == predicted.dtype == torch.float32
    assert close(steps.double(), expected[0], 1e-4) and close(predicted.double(), expected[1], 1e-4)


def test_steps_of_a_sketch_come_back_to_the_whole_space():
    jacobian, r, gradient = system(15, 9)
    omega = ColumnSketch.draw(9, 4, gradient, torch.Generator().manual_seed(0))
    small = omega.project(jacobian)
    within = TrustRegion(small, r, small.T @ r).steps(torch.tensor([0.2], dtype=torch.float64))
    lifted = TrustRegion(small, r, small.T @ r, omega).steps(torch.tensor([0.2], dtype=torch.float64))
    assert close(lifted[0], omega.lift(within[0])) and lifted[0].shape == (1, 9)
    assert float(lifted[0].norm()) == pytest.approx(0.2, rel=1e-9)
    assert torch.equal(lifted[1], within[1])


# -- the choice of a radius ----------------------------------------------------------------------------------

RADII = np.geomspace(0.1, 10.0, 9)


@pytest.mark.parametrize("wanted", [0.1, 0.5, 0.8])
def test_the_largest_radius_with_the_wanted_ratio(wanted):
    """The root of the interpolating curve, to a grid step."""
    ratios = 1.0 / (1.0 + RADII**2)
    root = brentq(lambda x: PchipInterpolator(np.log(RADII), ratios)(x) - wanted, np.log(0.1), np.log(10.0))
    assert np.log(largest_radius(RADII, ratios, wanted)) == pytest.approx(root, abs=np.log(100.0) / 511.0)


def test_what_lies_beyond_a_dip_is_not_trusted():
    ratios = np.array([0.9, 0.9, 0.8, 0.05, 0.9, 0.9, 0.9, 0.9, 0.9])
    assert RADII[2] < largest_radius(RADII, ratios, 0.5) < RADII[3]


def test_a_ratio_that_recovers_counts_as_what_it_was_before():
    ratios = np.array([0.9, 0.6, 0.95, 0.95, 0.2, 0.2, 0.2, 0.2, 0.2])
    lower = np.array([0.9, 0.6, 0.6, 0.6, 0.2, 0.2, 0.2, 0.2, 0.2])
    root = brentq(lambda x: PchipInterpolator(np.log(RADII), lower)(x) - 0.4, np.log(0.1), np.log(10.0))
    assert np.log(largest_radius(RADII, ratios, 0.4)) == pytest.approx(root, abs=np.log(100.0) / 1022.0)


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ([0.9] * 9, 10.0),
        ([50.0] * 9, 10.0),
        ([0.1] * 9, 0.1),
        ([float("nan")] * 9, 0.1),
        ([-float("inf")] + [1.0] * 8, 0.1),
    ],
)
def test_the_ends_of_the_window(ratios, expected):
    assert largest_radius(RADII, ratios, 0.5) == pytest.approx(expected)


@pytest.mark.parametrize("bad", [float("nan"), -float("inf")])
def test_trial_steps_that_have_no_loss_are_too_long(bad):
    assert RADII[4] < largest_radius(RADII, [1.0] * 5 + [bad] * 4, 0.5) < RADII[5]
