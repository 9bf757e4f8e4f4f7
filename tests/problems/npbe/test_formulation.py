"""The Poisson-Boltzmann formulation: its terms, its samplers, its ansatz, its guard against overflow."""

from math import cosh, sinh

import numpy as np
import pytest
import torch
from cases import close, draw, parameters
from problems.npbe.probes import LAPLACIAN, born, generator, made_of, molecule, residual, sampled
from scipy.integrate import quad

from pinnrun.architectures import Mlp
from pinnrun.calculus import Derivatives, Field, Jet, Points
from pinnrun.errors import UserError
from pinnrun.problems.npbe.formulation import SINH_LIMIT, stretched_sinh
from pinnrun.problems.npbe.ion_window import IonWindow
from pinnrun.problems.npbe.radial import solve_ion

# -- the terms, one by one -----------------------------------------------------------------------------------


def test_jumps_are_those_of_the_potential_and_of_the_displacement():
    """Shifts p of φ and s of its slope, inside and outside, change the rows by p_in − p_out, ε_in s_in − ε_w s_out."""
    problem = molecule(solute_permittivity=3.0, solvent_permittivity=60.0)

    def base(points: Points, wanted: Derivatives) -> Jet:
        """φ = 0 up to Coulomb's part in the solute."""
        return points.coordinates(wanted)[0] * 0.0

    def shifted(p_in, p_out, s_in, s_out):
        def field(points: Points, wanted: Derivatives) -> Jet:
            jet = base(points, wanted)
            value = torch.tensor([[p_in], [p_out]], dtype=torch.float64).expand(2, len(points))
            slope = torch.tensor([[s_in], [s_out]], dtype=torch.float64) * points["normal"].movedim(-1, 0)
            return jet + made_of(points, wanted, value, slope, value)

        return field

    def change(name: str, *shift: float) -> torch.Tensor:
        return residual(problem, name, shifted(*shift)) - residual(problem, name, base)

    unit = change("potential", 1.0, 0.0, 0.0, 0.0)
    assert float(unit.std()) < 1e-12
    assert float(unit.mean()) > 0
    assert close(change("potential", 0.7, 0.2, 3.0, -5.0), 0.5 * unit)
    unit = change("flux", 0.0, 0.0, 1 / 3.0, 0.0)
    assert float(unit.std()) < 1e-12
    assert float(unit.mean()) > 0
    assert close(change("flux", 0.7, 0.2, 0.5, 0.01), (3.0 * 0.5 - 60.0 * 0.01) * unit)


def test_rows_are_shared_out_and_add_up():
    for points in (12, 1801, 2400):
        counts = {term.name: term.count for term in molecule(points=points).terms()}
        assert abs(sum(counts.values()) - points) <= 2
        assert min(counts.values()) >= 1


def test_points_say_where_they_are_and_how_many_ions_there_may_be():
    problem = molecule()
    _, solute = sampled(problem, "solute")
    assert (solute["region"] == -1).all()
    assert float(solute.x.norm(dim=-1).max()) <= problem.radius
    _, solvent = sampled(problem, "solvent")
    assert (solvent["region"] == 1).all()
    r = solvent.x[0].norm(dim=-1)
    assert float(r.min()) >= problem.radius * (1 - 1e-12)
    window = IonWindow(problem.radius, problem.ion_radius, problem.ion_window)
    assert np.allclose(solvent["screening"][0].numpy(), problem.kappa**2 * window(r.numpy()), atol=1e-14)


def test_interface_points_are_the_same_place_seen_from_both_sides():
    problem = molecule()
    _, points = sampled(problem, "flux", 300)
    inside, outside = points.x
    assert torch.equal(inside, outside)
    assert close(inside.norm(dim=-1), torch.full((300,), problem.radius, dtype=torch.float64))
    assert close(points["normal"][0], inside / problem.radius)
    assert (points["region"][0] == -1).all()
    assert (points["region"][1] == 1).all()


# -- the field -----------------------------------------------------------------------------------------------


def debye_hueckel(problem, x: torch.Tensor) -> torch.Tensor:
    """g(x) by a plain sum, `(..., 3)` to `(...)`."""
    charges, positions = problem.charge_tensors
    r = (x[..., None, :] - positions).norm(dim=-1)
    return problem.bjerrum / problem.solvent_permittivity * (charges * torch.exp(-problem.kappa * r) / r).sum(-1)


@pytest.mark.parametrize("problem", [molecule(), molecule(ionic_strength=2.0), born(charge=-2.0)], ids=repr)
def test_debye_hueckel_sum_solves_the_linear_equation(problem):
    _, points = sampled(problem, "solvent")
    g = problem.debye_hueckel(points, LAPLACIAN)
    assert close(g.value[..., 0], debye_hueckel(problem, points.x))
    assert float((g.laplacian - problem.kappa**2 * g.value).abs().max()) < 1e-12


def test_debye_hueckel_sum_is_left_out_of_the_solute_where_it_has_poles():
    problem = molecule()
    g = problem.debye_hueckel(problem.at_charges(), LAPLACIAN)
    assert torch.count_nonzero(g.channels) == 0


@pytest.mark.parametrize("problem", [molecule(), born(domain_radius=30.0)], ids=repr)
def test_ansatz_takes_the_boundary_value_on_the_outer_sphere(problem):
    network = Mlp(problem.features, 1, 5, 2)
    field = Field(network, problem.inputs, problem.ansatz)
    direction = draw(100, 3)
    x = problem.domain_radius * direction / direction.norm(dim=-1, keepdim=True)
    points = problem.locate(x)
    value = field.jet(parameters(network), points, Derivatives()).value[0, :, 0]
    assert close(value, debye_hueckel(problem, x), 1e-14)
    inner = problem.locate(0.999 * x)
    value = field.jet(parameters(network), inner, Derivatives()).value[0, :, 0]
    assert float((value - debye_hueckel(problem, 0.999 * x)).abs().min()) > 1e-7


def test_amplitude_is_the_potential_at_the_surface_of_an_ion_in_pure_water():
    problem = born(charge=-3.0)
    in_water = solve_ion(charge=-3.0, radius=2.0, ionic_strength=0.0, domain_radius=None)
    assert problem.amplitude == pytest.approx(abs(float(in_water.potential(2.0))), rel=1e-9)


def test_rows_do_not_grow_with_the_charge():
    """Without salt the equation is linear, and its rows grow with the potential: divided by A, they stay."""
    few, many = (born(charge=q, ionic_strength=0.0) for q in (1.0, 7.0))
    network = Mlp(few.features, 1, 5, 2)
    for name in ("solute", "solvent", "potential", "flux"):
        a, b = (
            residual(
                p, name, lambda at, wanted, p=p: Field(network, p.inputs, p.ansatz).jet(parameters(network), at, wanted)
            )
            for p in (few, many)
        )
        assert float(a.abs().max()) > 1e-3
        assert close(a, b, 1e-12)


# -- what the network sees -----------------------------------------------------------------------------------


def test_inputs_are_the_quantities_they_are_named_after():
    problem = molecule()
    x = torch.cat([sampled(problem, name, 30)[1].x[0] for name in ("solute", "solvent")])
    seen = problem.inputs(problem.locate(x), LAPLACIAN).value[0]
    r, a, A = x.norm(dim=-1), problem.radius, problem.bjerrum / problem.solvent_permittivity * 2.0 / problem.radius
    window = IonWindow(a, problem.ion_radius, problem.ion_window)
    ramp = np.array([quad(lambda s, r=r: (r - s) * window(s), a, r, points=[5.5, 6.5])[0] for r in r[30:].tolist()])
    zero, label = torch.zeros(30, dtype=torch.float64), torch.ones(30, dtype=torch.float64)
    assert close(seen[:, :3], x / a)
    assert close(seen[:, 3], torch.cat([-label, label]))
    assert close(seen[30:, 4], debye_hueckel(problem, x[30:]) / A)
    assert close(seen[:, 5], torch.cat([zero, r[30:] / a]))
    assert close(seen[:, 6], torch.cat([zero, torch.as_tensor(ramp / (a**2 + ramp))]), 1e-9)
    rim = problem.locate(0.999999999 * a * x[:30] / r[:30, None])
    charges, positions = problem.charge_tensors
    coulomb = (charges / (rim.x[0][:, None] - positions).norm(dim=-1)).sum(-1)
    bare = problem.bjerrum / problem.solvent_permittivity * coulomb
    assert close(problem.inputs(rim, LAPLACIAN).value[0][:, 4], bare / A, 1e-7), "H mirrors the Coulomb sum at the rim"


@pytest.mark.parametrize("problem", [molecule(), born(ion_radius=0.0), born(ion_window=0.0)], ids=repr)
def test_inputs_and_lift_are_finite_with_their_derivatives_everywhere(problem):
    radii = [0.0, 0.5, 1.0 - 1e-12, 1.0, 1.3, problem.domain_radius / problem.radius]
    x = problem.radius * torch.tensor([[0.0, 0.0, r] for r in radii], dtype=torch.float64)
    mirrored = problem.radius**2 * torch.tensor([[1.5, 0.5, 0.3]], dtype=torch.float64) / 2.59  # of the first of four
    for points in (problem.locate(x), problem.at_charges(), problem.locate(mirrored)):
        network = Mlp(problem.features, 1, 4, 1)
        assert torch.isfinite(problem.inputs(points, LAPLACIAN).channels).all()
        jet = Field(network, problem.inputs, problem.ansatz).jet(parameters(network), points, LAPLACIAN)
        assert torch.isfinite(jet.channels).all()


def test_field_is_finite_at_the_charges_with_its_gradient():
    problem = molecule()
    network = Mlp(problem.features, 1, 4, 1)
    jet = Field(network, problem.inputs, problem.ansatz).jet(parameters(network), problem.at_charges(), LAPLACIAN)
    assert jet.value.shape == (1, 4, 1)
    assert torch.isfinite(jet.channels).all()


def test_physical_potential_has_coulomb_s_part_back_in_the_solute_alone():
    problem = molecule()
    x = torch.cat([sampled(problem, name, 40)[1].x[0] for name in ("solute", "solvent")])
    points = problem.locate(x)
    zero = Jet(torch.zeros((5, 1, 80, 1), dtype=torch.float64), 3, LAPLACIAN)
    whole = problem.physical(points, zero)
    charges, positions = problem.charge_tensors
    distance = (x[:40, None] - positions).norm(dim=-1)
    coulomb = problem.bjerrum / problem.solute_permittivity * (charges / distance).sum(-1)
    assert close(whole.value[0, :40, 0], coulomb)
    assert float(whole.laplacian[0, :40].abs().max()) < 1e-9 * float(whole.gradient.abs().max())
    assert torch.count_nonzero(whole.channels[:, :, 40:]) == 0
    steep = problem.bjerrum / problem.solute_permittivity * charges[:, None]
    field = -(steep * (x[:40, None] - positions) / distance[..., None] ** 3).sum(1)
    assert close(whole.gradient[:, 0, :40, 0].T, field)


@pytest.mark.parametrize("ion_radius", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("ion_window", [0.0, 0.5])
def test_ions_are_where_the_reference_has_them(ion_radius, ion_window):
    problem = born(ion_radius=ion_radius, ion_window=ion_window)
    r = torch.linspace(problem.radius, problem.domain_radius, 2001, dtype=torch.float64)
    expected = IonWindow(problem.radius, ion_radius, ion_window)(r.numpy())
    assert np.abs(problem.ramp(r)[2].numpy() - expected).max() < 1e-13
    assert 0 < expected.mean() <= 1


def test_sinh_is_stretched_only_where_no_solution_goes():
    inside = torch.linspace(-SINH_LIMIT, SINH_LIMIT, 999, dtype=torch.float64)
    assert torch.equal(stretched_sinh(inside), torch.sinh(inside))
    beyond = torch.tensor([-1e6, -SINH_LIMIT - 2.0, SINH_LIMIT + 2.0, 1e6], dtype=torch.float64)
    excess = beyond.abs() - SINH_LIMIT
    expected = beyond.sign() * (sinh(SINH_LIMIT) + excess * cosh(SINH_LIMIT))
    assert close(stretched_sinh(beyond) / expected, torch.ones(4, dtype=torch.float64), 1e-15)


def test_sinh_s_slope_keeps_all_its_digits():
    """cosh within the limit, constant beyond it, without a step between."""
    phi = torch.linspace(-SINH_LIMIT, SINH_LIMIT, 999, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(stretched_sinh(phi).sum(), phi)
    assert close(slope / torch.cosh(phi.detach()), torch.ones_like(slope), 1e-14)
    outside = torch.tensor([-1e5, -SINH_LIMIT - 1e-9, SINH_LIMIT + 1e-9, 1e5], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(stretched_sinh(outside).sum(), outside)
    assert torch.equal(slope, torch.full_like(slope, cosh(SINH_LIMIT)))


# -- questions from outside ----------------------------------------------------------------------------------


def test_points_are_located_by_region():
    problem = molecule()
    x = torch.tensor([[0.0, 0.0, 0.0], [0.0, 3.9, 0.0], [0.0, 0.0, 4.0], [15.0, 0.0, 0.0]], dtype=torch.float64)
    assert problem.locate(x)["region"].tolist() == [[-1.0, -1.0, 1.0, 1.0]]


def test_points_beyond_the_domain_are_named():
    x = torch.tensor([[0.0, 0.0, 0.0], [0.0, 15.001, 0.0]], dtype=torch.float64)
    with pytest.raises(UserError, match=r"1 of 2 points .* \(the ball \|x\| <= 15 Å\): rows 1\."):
        molecule().locate(x)


def test_the_error_is_measured_in_the_solvent():
    points = molecule().test_points(generator())
    assert len(points) >= 1000
    assert (points["region"] == 1).all()


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"domain_radius": 6.5}, "domain_radius:"),
        ({"domain_radius": 6.6}, ""),
        ({"solute_permittivity": 78.54}, "solvent_permittivity:"),
    ],
)
def test_combinations_that_make_no_sense(more, key):
    assert " ".join(line.split()[0] for line in molecule(**more).problems()) == key
