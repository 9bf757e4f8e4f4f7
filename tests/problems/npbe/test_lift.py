"""The closed-form potentials: against image charges, plain sums, and the reference solver's perfect conductor."""

import numpy as np
import pytest
import torch
from cases import close
from problems.npbe.probes import LAPLACIAN

from pinnrun.calculus import Jet
from pinnrun.problems.npbe.lift import conductor_image, debye_hueckel_sum
from pinnrun.problems.npbe.spectral import solve_sphere

RADIUS = 3.0
CHARGES = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
POSITIONS = torch.tensor([[1.0, 0.2, -0.4], [-0.3, 2.5, 0.8], [0.0, 0.0, 0.0]], dtype=torch.float64)


def places(count: int, low: float, high: float) -> torch.Tensor:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, 3))
    return torch.as_tensor(x * (rng.uniform(low, high, count) / np.linalg.norm(x, axis=1))[:, None])


def image(x: torch.Tensor, strength: float = 1.0) -> Jet:
    return conductor_image(Jet.coordinates(x, LAPLACIAN), CHARGES, POSITIONS, strength, RADIUS)


def test_image_is_that_of_kelvin_s_charges():
    """−q a/|x_n| at a² x_n/|x_n|²; for a charge at the centre a shell at −q/a."""
    x = places(100, 0.0, RADIUS)
    expected = -CHARGES[2] / RADIUS * torch.ones(100, dtype=torch.float64)
    for q, position in zip(CHARGES[:2], POSITIONS[:2], strict=True):
        distance = position.norm()
        mirrored = RADIUS**2 / distance**2 * position
        expected = expected - q * RADIUS / distance / (x - mirrored).norm(dim=-1)
    assert close(image(x).value[:, 0], expected, 1e-13)
    assert close(image(x, 7.0).value[:, 0], 7.0 * expected, 1e-13)


def test_image_cancels_the_coulomb_sum_on_the_surface_and_is_harmonic():
    x = places(100, RADIUS, RADIUS)
    coulomb = debye_hueckel_sum(Jet.coordinates(x, LAPLACIAN), CHARGES, POSITIONS, 1.0)
    assert close(image(x).value, -coulomb.value, 1e-13)
    within = image(places(100, 0.0, RADIUS))
    assert float(within.laplacian.abs().max()) < 1e-12 * float(within.gradient.abs().max())


def test_image_is_what_a_perfectly_polarisable_solvent_answers():
    exact = solve_sphere(
        CHARGES.tolist(),
        POSITIONS.tolist(),
        radius=RADIUS,
        ion_radius=2.0,
        window=0.5,
        solute_permittivity=2.0,
        solvent_permittivity=1e9,
        ionic_strength=0.0,
        temperature=298.15,
        domain_radius=12.0,
    )
    strength = 560.4593221475 / 2.0  # the Bjerrum length in the solute at 298.15 K, Å
    assert image(POSITIONS, strength).value[:, 0].numpy() == pytest.approx(exact.reaction_potentials, rel=1e-7)


@pytest.mark.parametrize("kappa", [0.0, 0.3])
def test_debye_hueckel_sum_is_the_plain_sum_and_solves_the_linear_equation(kappa):
    x = places(50, RADIUS, 10.0)
    jet = debye_hueckel_sum(Jet.coordinates(x, LAPLACIAN), CHARGES, POSITIONS, 2.0, kappa)
    r = (x[:, None] - POSITIONS).norm(dim=-1)
    assert close(jet.value[:, 0], 2.0 * (CHARGES * torch.exp(-kappa * r) / r).sum(-1), 1e-14)
    assert float((jet.laplacian - kappa**2 * jet.value).abs().max()) < 1e-12
