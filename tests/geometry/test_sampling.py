"""Uniform numbers: torch's own where nothing is said, torch's Sobol engine where the generator asks for it."""

import pytest
import torch

from pinnrun.geometry.sampling import make_generator, uniform
from pinnrun.problems.heat import Heat
from pinnrun.problems.poisson import Poisson


def test_random_numbers_are_those_of_the_generator():
    expected = torch.rand((7, 3), generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    assert torch.equal(uniform(make_generator(5), 7, 3), expected)
    assert torch.equal(uniform(torch.Generator().manual_seed(5), 7, 3), expected)


@pytest.mark.parametrize("count", [1, 64, 100])
def test_sobol_points_are_those_of_the_engine(count):
    seed = int(torch.randint(2**31 - 1, (1,), generator=torch.Generator().manual_seed(5)))
    engine = torch.quasirandom.SobolEngine(3, scramble=True, seed=seed)
    generator = make_generator(5, "sobol")
    assert torch.equal(uniform(generator, count, 3), engine.draw(count, dtype=torch.float64))
    assert not torch.equal(uniform(generator, count, 3), engine.reset().draw(count, dtype=torch.float64))


def test_a_draw_is_repeated_from_the_generators_state():
    generator = make_generator(1, "sobol")
    state, first = generator.get_state(), uniform(generator, 9, 2)
    generator.set_state(state)
    assert torch.equal(uniform(generator, 9, 2), first)
    assert torch.equal(uniform(make_generator(1, "sobol"), 9, 2), first)


@pytest.mark.parametrize("problem", [Poisson("p", "poisson", dimension=3), Heat("h", "heat", dimension=2)])
def test_samplers_give_evenly_spread_points(problem):
    """Of 512 Sobol points every one of the 8 subcubes holds 64; random ones hardly ever do."""
    term = problem.terms()[0]
    for numbers, even in (("sobol", True), ("random", False)):
        x = term.sample(make_generator(0, numbers), 512).x[0]
        counts = torch.bincount(((x > 0.5) * torch.tensor([1, 2, 4])).sum(1), minlength=8)
        assert counts.tolist() == [64] * 8 if even else counts.tolist() != [64] * 8
