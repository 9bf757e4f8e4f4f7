import math

import pytest
import torch

from pinnrun.problems.npbe.sampling import ChargedSphereSampler

A, R = 4.0, 15.0


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def sampler(*positions: tuple[float, float, float]) -> ChargedSphereSampler:
    return ChargedSphereSampler(A, R, torch.tensor(positions, dtype=torch.float64))


def even(direction: torch.Tensor) -> bool:
    """Whether unit vectors `(N, 3)` have the moments of the uniform distribution."""
    second = direction.T @ direction / len(direction)
    third = torch.eye(3, dtype=torch.float64) / 3
    return float(direction.mean(0).abs().max()) < 0.01 and float((second - third).abs().max()) < 0.01


@pytest.mark.parametrize("count", [1, 2, 7, 400])
def test_points_are_as_many_as_asked_for_and_where_they_should_be(count):
    some = sampler((1.0, 0.0, 3.3), (-2.0, 0.5, 0.0))
    on, within, beyond, shells = (
        draw(generator(), count).norm(dim=-1) for draw in (some.surface, some.solute, some.solvent, some.shells)
    )
    assert len(on) == len(within) == len(beyond) == len(shells) == count
    assert float((on - A).abs().max()) < 1e-13
    assert float(within.max()) <= A * (1 + 1e-14)
    for r in (beyond, shells):
        assert A * (1 - 1e-14) <= float(r.min()) <= float(r.max()) <= R * (1 + 1e-14)


def test_the_first_half_is_even():
    some = sampler((0.0, 0.0, 3.5))
    assert even(some.surface(generator(), 4000)[:2000] / A)
    x = some.solute(generator(), 4000)[:2000]
    assert float((x.norm(dim=-1) / A).pow(3).mean()) == pytest.approx(0.5, abs=0.005)
    assert even(x / x.norm(dim=-1, keepdim=True))
    for x in (some.solvent(generator(), 4000)[:2000], some.shells(generator(), 2000)):
        assert float(x.norm(dim=-1).mean()) == pytest.approx((A + R) / 2, rel=0.002)
        assert even(x / x.norm(dim=-1, keepdim=True))


def test_rays_leave_every_charge_in_all_directions_alike():
    """Half from each of two charges: the part with the first's direction sums up to a flux through every cap."""
    place = torch.tensor([0.0, 0.0, 3.0], dtype=torch.float64)
    x = sampler((0.0, 0.0, 3.0)).surface(generator(), 8000)[4000:]
    assert even((x - place) / (x - place).norm(dim=-1, keepdim=True))
    # The share of hits nearer than the plane z = 3: half the sphere of directions.
    assert float((x[:, 2] > 3.0).double().mean()) == pytest.approx(0.5, abs=0.005)
    both = sampler((0.0, 0.0, 3.0), (0.0, 0.0, -3.0)).surface(generator(), 8000)[4000:]
    # From the far charge, directions within atan(√7 / 6) of the axis get above z = 3.
    cap = 0.5 * (1 - math.cos(math.atan(math.sqrt(7) / 6)))
    assert float((both[:, 2] > 3.0).double().mean()) == pytest.approx(0.5 * (0.5 + cap), abs=0.005)
    within = sampler((0.0, 0.0, 3.0)).solute(generator(), 8000)[4000:]
    assert even((within - place) / (within - place).norm(dim=-1, keepdim=True))
    middle = sampler((0.0, 0.0, 0.0)).solute(generator(), 8000)[4000:].norm(dim=-1)
    assert float((middle / A).pow(3).mean()) == pytest.approx(0.5, abs=0.005)
    beyond = sampler((0.0, 0.0, 0.0)).solvent(generator(), 8000)[4000:]
    assert float(beyond.norm(dim=-1).log().mean()) == pytest.approx(0.5 * math.log(A * R), abs=0.005)
