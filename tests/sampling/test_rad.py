"""RAD: the density against numpy, the draw against the density, and which terms are drawn so."""

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from pinnrun.calculus import Derivatives, Points, Term
from pinnrun.sampling.rad import Rad

EQUATION = Derivatives(laplacian=True)


def line(generator, count):
    """Points in [0, 1) and a number for each, by which a test knows them again."""
    return Points(torch.rand((count, 1), generator=generator, dtype=torch.float64), number=torch.arange(count))


def term(name="equation", derivatives=EQUATION, count=40, sample=line, role="square"):
    return Term(name, sample, lambda points, u: u.value[..., 0], derivatives, count, role=role)


def bump(term, points):
    """A residual with a peak at 0.7, of two rows."""
    r = torch.exp(-50.0 * (points.x[0, :, 0] - 0.7).square())
    return torch.stack([0.6 * r, -0.8 * r], 1)


TERM = term()


def draw(rad, terms=(TERM,), factor=1.0, seed=0, residual=bump, kept=None):
    return rad.draw(terms, factor, torch.Generator().manual_seed(seed), residual, kept)


@pytest.mark.parametrize(("k", "c"), [(1.0, 1.0), (2.0, 0.0), (0.5, 3.0), (0.0, 1.0)])
def test_the_density_of_the_paper(k, c):
    sizes = np.random.default_rng(0).lognormal(size=50)
    expected = sizes**k / np.mean(sizes**k) + c
    p = Rad(k=k, c=c).density(torch.as_tensor(sizes))
    np.testing.assert_allclose(p, expected / expected.sum(), rtol=1e-12)


def test_a_residual_that_is_zero_or_no_number_leaves_a_density():
    rad = Rad(c=0.0)
    assert rad.density(torch.zeros(4)).tolist() == [0.25] * 4
    p = rad.density(torch.tensor([1.0, float("nan"), float("inf"), 3.0], dtype=torch.float64))
    np.testing.assert_allclose(p, [0.25, 0.0, 0.0, 0.75], atol=1e-300)
    assert torch.multinomial(p, 4).sort().values.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("k", "c"), [(1.0, 1.0), (2.0, 0.0)])
def test_points_are_drawn_by_the_density(k, c):
    """Counts in ten bins of [0, 1] against the density there: chi-square, with so many candidates that each is rare."""
    rad, count = Rad(k=k, c=c, candidates=200), 4000
    (_, points), *_ = draw(rad, [term(count=count)]).blocks
    x = points.x[0, :, 0].numpy()
    fine = (np.arange(100_000) + 0.5) / 100_000
    density = np.exp(-50.0 * (fine - 0.7) ** 2) ** k
    density = density / density.mean() + c
    expected = density.reshape(10, -1).sum(1) / density.sum() * count
    counts = np.histogram(x, bins=10, range=(0, 1))[0]
    seen = expected > 5
    statistic = ((counts - expected)[seen] ** 2 / expected[seen]).sum()
    assert statistic < chi2.ppf(0.999, seen.sum() - 1)
    uniform = ((counts - count / 10) ** 2 / (count / 10)).sum()
    assert uniform > chi2.ppf(0.999, 9), "and not at all uniform"


def test_points_are_taken_from_the_candidates_without_repetition_with_all_that_is_known_there():
    (_, points), *_ = draw(Rad(candidates=3), factor=1.5).blocks
    numbers = points["number"][0]
    assert len(points) == len(set(numbers.tolist())) == 60
    generator = torch.Generator().manual_seed(0)
    line(generator, 60)
    assert torch.equal(points.x[0], line(generator, 180).x[0][numbers])


def two_places(generator, count):
    x = torch.rand((count, 1), generator=generator, dtype=torch.float64)
    return Points(x.expand(2, count, 1))


@pytest.mark.parametrize(
    "other",
    [
        term("values", Derivatives()),
        term("interface", Derivatives(gradient=True), sample=two_places),
        term("load", EQUATION, role="load"),
    ],
    ids=lambda other: other.name,
)
def test_other_terms_keep_points_of_their_own(other):
    blocks, kept = draw(Rad(), [term(), other])
    assert list(kept) == ["equation"] and len(kept["equation"]) == 40
    generator = torch.Generator().manual_seed(0)
    line(generator, 40)
    assert torch.equal(blocks[1][1].x, other.sample(generator, 40).x)


def test_a_stage_begins_with_plain_points():
    blocks, kept = draw(Rad(), residual=None)
    assert kept == {}
    assert torch.equal(blocks[0][1].x[0], line(torch.Generator().manual_seed(0), 40).x[0])


def test_a_draw_is_repeated_without_the_network():
    terms = [term(), term("second", count=15), term("values", Derivatives())]
    first = draw(Rad(), terms, seed=3)
    again = draw(Rad(), terms, seed=3, residual=None, kept=first.kept)
    for (_, one), (_, other) in zip(first.blocks, again.blocks, strict=True):
        assert torch.equal(one.x, other.x) and torch.equal(one["number"], other["number"])
