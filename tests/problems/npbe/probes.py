"""Problems, points and jets that several tests of the Poisson-Boltzmann residuals put to use."""

import torch

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.problems.npbe.born import NpbeBorn
from pinnrun.problems.npbe.molecule import Npbe

LAPLACIAN = Derivatives(laplacian=True)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def born(**more) -> NpbeBorn:
    return NpbeBorn("case", "npbe_born", **more)


def molecule(**more) -> Npbe:
    return Npbe("case", "npbe", **more)


def sampled(problem, name: str, count: int = 200):
    [term] = [term for term in problem.terms() if term.name == name]
    return term, term.sample(generator(), count)


def residual(problem, name: str, field, count: int = 200) -> torch.Tensor:
    """A term's rows for `field(points, derivatives) -> Jet`."""
    term, points = sampled(problem, name, count)
    return term.residual(points, field(points, term.derivatives)).reshape(count)


def made_of(points: Points, wanted: Derivatives, value, gradient, laplacian) -> Jet:
    """A jet from its parts: `(M, N)`, `(3, M, N)` and `(M, N)`."""
    parts = [value[None]]
    if wanted.first:
        parts.append(gradient)
    if wanted.laplacian:
        parts.append(laplacian[None])
    return Jet(torch.cat(parts)[..., None], 3, wanted)
