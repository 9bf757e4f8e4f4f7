"""The Poisson-Boltzmann residuals: solutions found without a network, or written down, leave none."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.polynomial import Chebyshev
from problems.npbe.probes import LAPLACIAN, born, made_of, molecule, residual, sampled

from pinnrun.calculus import Derivatives, Jet, Points
from pinnrun.problems.npbe.born import NpbeBorn
from pinnrun.problems.npbe.radial import solve_ion

IONS = [
    {},
    {"charge": -1.0, "ionic_strength": 1.0},
    {"charge": 4.0, "radius": 1.5, "ion_radius": 1.0},
    {"ion_radius": 0.0},
    {"ion_window": 0.0},
    {"ionic_strength": 0.0},
    {"solute_permittivity": 4.0, "temperature": 350.0, "radius": 3.0, "domain_radius": 20.0},
]


def radial_field(problem: NpbeBorn, **changed):
    """The radial reference as a field; its derivatives by Chebyshev polynomials through its values."""
    settings = {
        "charge": problem.charge,
        "radius": problem.radius,
        "ion_radius": problem.ion_radius,
        "window": problem.ion_window,
        "solute_permittivity": problem.solute_permittivity,
        "solvent_permittivity": problem.solvent_permittivity,
        "ionic_strength": problem.ionic_strength,
        "temperature": problem.temperature,
        "domain_radius": problem.domain_radius,
    }
    exact = solve_ion(**{**settings, **changed})
    a, b, w, R = problem.radius, problem.radius + problem.ion_radius, problem.ion_window, problem.domain_radius
    edges = sorted({a, *(r for r in (b - w, b + w) if a < r < R), *np.linspace(b + w + 0.5, R, 6).tolist()})
    pieces = [Chebyshev.interpolate(exact.potential, 24, domain=[low, high]) for low, high in pairwise(edges)]

    def solvent(r: np.ndarray, order: int) -> np.ndarray:
        which = np.clip(np.searchsorted(edges, r, side="right") - 1, 0, len(pieces) - 1)
        return np.select([which == i for i in range(len(pieces))], [p.deriv(order)(r) for p in pieces])

    def field(points: Points, wanted: Derivatives) -> Jet:
        x = points.x
        r = x.norm(dim=-1)
        inside = points["region"] < 0
        value, slope, curvature = (
            torch.where(inside, 0.0, torch.as_tensor(solvent(r.clamp(a, R).numpy(), order))) for order in range(3)
        )
        value = torch.where(inside, exact.reaction_potential, value)
        return made_of(points, wanted, value, slope * (x / r[..., None]).movedim(-1, 0), curvature + 2 * slope / r)

    return field


@pytest.mark.parametrize("ion", IONS, ids=repr)
@pytest.mark.parametrize("name", ["solute", "solvent", "potential", "flux"])
def test_the_radial_solution_leaves_no_residual(ion, name):
    problem = born(**ion)
    rows = residual(problem, name, radial_field(problem))
    assert float(rows.abs().max()) < (1e-7 if name == "solvent" else 1e-9)


@pytest.mark.parametrize(
    ("changed", "terms"),
    [
        ({"charge": 1.2}, ["potential", "flux"]),
        ({"solute_permittivity": 2.5}, ["potential"]),
        ({"ionic_strength": 0.5}, ["solvent"]),
        ({"linear": True}, ["solvent"]),
        ({"window": 0.2}, ["solvent"]),
    ],
)
def test_the_solution_of_another_problem_leaves_one(changed, terms):
    problem = born(charge=3.0, ion_radius=1.0)
    for name in terms:
        assert float(residual(problem, name, radial_field(problem, **changed)).abs().max()) > 1e-3


def test_an_off_centre_charge_in_pure_water_is_kirkwood_s_series():
    """κ = 0, infinite solvent: Legendre series whose coefficients the two jump conditions fix (Kirkwood 1934)."""
    a, c, eps_in, eps_w = 3.0, 0.3, 2.0, 80.0
    problem = molecule(
        radius=a,
        charges=(1.0,),
        positions=((0.0, 0.0, c),),
        ionic_strength=0.0,
        solute_permittivity=eps_in,
        solvent_permittivity=eps_w,
    )
    inner, outer = [], []  # reaction Σ A r^l P_l inside, φ = Σ C P_l / r^(l+1) outside
    for l in range(16):
        coulomb = problem.bjerrum / eps_in * c**l
        rows = [[a**l, -(a ** -(l + 1))], [eps_in * l * a ** (l - 1), eps_w * (l + 1) * a ** -(l + 2)]]
        right = [-coulomb * a ** -(l + 1), eps_in * (l + 1) * coulomb * a ** -(l + 2)]
        coefficients = np.linalg.solve(rows, right)
        inner.append(float(coefficients[0]))
        outer.append(float(coefficients[1]))

    def field(points: Points, wanted: Derivatives) -> Jet:
        x = points.coordinates(wanted)
        r2 = x.squared_norm()
        before, solid = x.constant(0.0), x.constant(1.0)  # r^l P_l by Legendre's recursion
        shrink = r2.sqrt().reciprocal()
        inside = outside = x.constant(0.0)
        for l in range(16):
            inside, outside = inside + inner[l] * solid, outside + outer[l] * (solid * shrink)
            before, solid = solid, ((2 * l + 1) * (x[2] * solid) - l * (r2 * before)) / (l + 1)
            shrink = shrink / r2
        return Jet(torch.where(points["region"][..., None] < 0, inside.channels, outside.channels), 3, wanted)

    for name in ("solute", "solvent", "potential", "flux"):
        assert float(residual(problem, name, field).abs().max()) < 1e-9


def test_the_spectral_solution_leaves_no_residual():
    """Four charges off the centre; derivatives by finite differences of the reference, of fourth order."""
    problem, h = molecule(), 0.02
    exact = problem.exact
    central = {-2: -1 / 12, -1: 4 / 3, 0: -5 / 2, 1: 4 / 3, 2: -1 / 12}
    forward = [-25 / 12, 4.0, -3.0, 4 / 3, -1 / 4]

    def laplacian(function, x: np.ndarray) -> np.ndarray:
        shifts = [(w, step * h * axis) for axis in np.eye(3) for step, w in central.items()]
        return sum(w * function(x + shift) for w, shift in shifts) / h**2

    term, points = sampled(problem, "solvent")
    radius = points.x[0].norm(dim=-1)
    clear = (radius > problem.radius + 2 * h) & (radius < problem.domain_radius - 2 * h)
    kept = Points(points.x[0][clear], **{name: value[0][clear] for name, value in points.data.items()})
    x = kept.x[0].numpy()
    value, curvature = (torch.as_tensor(f)[None] for f in (exact.potential(x), laplacian(exact.potential, x)))
    nothing = torch.zeros((3, *value.shape), dtype=torch.float64)
    rows = term.residual(kept, made_of(kept, LAPLACIAN, value, nothing, curvature))
    assert float(rows.abs().max()) < 1e-4
    assert float(rows.abs().max()) < 1e-3 * float((kept["weight"] * kept["screening"] * value.sinh()).abs().max())

    _, points = sampled(problem, "potential")
    x, normal = points.x[0].numpy(), points["normal"][0].numpy()
    value = torch.stack([torch.as_tensor(f(x)) for f in (exact.reaction, exact.potential)])
    slopes = [
        sum(w * function(x + side * k * h * normal) for k, w in enumerate(forward)) / (side * h)
        for side, function in ((-1, exact.reaction), (1, exact.potential))
    ]
    gradient = torch.as_tensor(np.stack(slopes)) * points["normal"].movedim(-1, 0)
    assert float(residual(problem, "potential", lambda p, d: made_of(p, d, value, gradient, value)).abs().max()) < 1e-6
    assert float(residual(problem, "flux", lambda p, d: made_of(p, d, value, gradient, value)).abs().max()) < 1e-4
