import math

import pytest
import torch

from pinnrun.geometry.sobol import on_sphere, sobol


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_points_integrate_a_smooth_function_better_than_random_ones():
    def misses(draw) -> float:
        """Root mean square error of the mean of Π 2x_i, which is 1, over eight draws of 500 points."""
        errors = [float((2.0 * draw(generator(seed))).prod(-1).mean()) - 1.0 for seed in range(8)]
        return math.hypot(*errors) / math.sqrt(8)

    quasi = misses(lambda g: sobol(g, 500, 3))
    assert quasi < 0.2 * misses(lambda g: torch.rand((500, 3), generator=g, dtype=torch.float64))
    assert quasi < 0.006


def test_points_depend_on_the_generator_alone_and_differ_from_draw_to_draw():
    first = generator()
    a, b = sobol(first, 40, 2), sobol(first, 40, 2)
    second = generator()
    state = torch.get_rng_state()
    assert torch.equal(sobol(second, 40, 2), a)
    assert torch.equal(sobol(second, 40, 2), b)
    assert torch.equal(torch.get_rng_state(), state), "torch's global generator is left alone"
    assert not torch.equal(a, b)
    assert a.dtype == torch.float64
    assert ((a >= 0) & (a < 1)).all()


def test_directions_are_even_on_the_sphere():
    x = on_sphere(sobol(generator(), 2000, 2))
    assert float((x.norm(dim=-1) - 1).abs().max()) < 1e-14
    assert float(x.mean(0).abs().max()) < 2e-3
    second = x.T @ x / len(x)
    assert float((second - torch.eye(3, dtype=torch.float64) / 3).abs().max()) < 2e-3
    inside_cap = (x @ torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64) > 0.5).double().mean()
    assert float(inside_cap) == pytest.approx(0.25, abs=0.01), "a cap's area is proportional to its height"
    edges = torch.tensor([[0.0, 0.0], [1.0 - 1e-16, 0.5]], dtype=torch.float64)
    assert torch.isfinite(on_sphere(edges)).all()
