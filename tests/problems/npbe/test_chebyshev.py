import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import spherical_in, spherical_kn

from pinnrun.problems.npbe.chebyshev import (
    RadialMesh,
    graded_edges,
    interpolation_matrix,
    lobatto,
    solve_rows,
)

MESH = RadialMesh(np.array([1.0, 1.5, 2.5, 4.0]), order=20)


@pytest.mark.parametrize("order", [1, 4, 9, 16])
def test_differentiation_is_exact_for_polynomials(order):
    points, derivative = lobatto(order)
    coefficients = np.random.default_rng(order).normal(size=order + 1)
    values = np.polynomial.polynomial.polyval(points, coefficients)
    slopes = np.polynomial.polynomial.polyval(points, np.polynomial.polynomial.polyder(coefficients))
    assert derivative @ values == pytest.approx(slopes, abs=1e-11)


def test_points_are_the_extrema_of_the_chebyshev_polynomial():
    points, _ = lobatto(7)
    assert points == pytest.approx(-np.cos(np.pi * np.arange(8) / 7), abs=1e-15)


def test_interpolation_is_exact_for_polynomials_and_at_the_points():
    points, _ = lobatto(6)
    x = np.concatenate([points, np.linspace(-1, 1, 9)])
    assert interpolation_matrix(6, x) @ points**6 == pytest.approx(x**6, abs=1e-14)


@pytest.mark.parametrize("l", [0, 1, 5])
@pytest.mark.parametrize("infinite", [False, True])
def test_operator_reproduces_modified_bessel_functions(l, infinite):
    # k_l and i_l(kappa r) solve u'' + (2/r) u' - (l (l + 1) / r^2 + kappa^2) u = 0.
    kappa, r = 0.7, MESH.nodes

    def decaying(x, derivative=False):
        return spherical_kn(l, kappa * x, derivative=derivative) * (kappa if derivative else 1)

    def exact(x, derivative=False):
        growing = spherical_in(l, kappa * x, derivative=derivative) * (kappa if derivative else 1)
        return decaying(x, derivative) + (0 if infinite else 0.3 * growing)

    inner = -0.4
    outer = -decaying(4.0, True) / decaying(4.0) if infinite else None
    matrix = MESH.operator(l * (l + 1) / r**2 + kappa**2, inner, outer)
    rows = np.zeros((len(r), 1))
    rows[0] = exact(1.0, True) - inner * exact(1.0)
    rows[-1] = 0.0 if infinite else exact(4.0)
    assert solve_rows(matrix, rows)[:, 0] == pytest.approx(exact(r), rel=1e-10)


def test_operators_come_in_batches():
    absorption = np.stack([np.full(len(MESH.nodes), a) for a in (0.0, 1.0, 2.0)])
    batch = MESH.operator(absorption, np.array([0.0, 0.1, 0.2]), np.array([1.0, 2.0, 3.0]))
    for i in range(3):
        single = MESH.operator(absorption[i], 0.1 * i, 1.0 + i)
        assert np.array_equal(batch[i], single)


def test_interpolation_in_elements():
    r = np.linspace(1, 4, 50)
    values = np.stack([np.exp(-MESH.nodes), 1 / MESH.nodes])
    assert MESH.interpolate(values, r) == pytest.approx(np.stack([np.exp(-r), 1 / r]), abs=1e-11)


def test_quadrature():
    r, weights = MESH.quadrature()
    assert weights @ (np.sin(3 * r) * r**2) == pytest.approx(quad(lambda x: np.sin(3 * x) * x**2, 1, 4)[0])


def test_tails_tell_resolved_elements_from_others():
    smooth = np.exp(-MESH.nodes)
    kinked = np.abs(MESH.nodes - 2.0)
    assert (MESH.tails(smooth) < 1e-12).all()
    assert (MESH.tails(kinked) > 1e-3).tolist() == [False, True, False]


def test_splitting_halves_the_marked_elements():
    assert MESH.split(np.array([False, True, False])).edges.tolist() == [1.0, 1.5, 2.0, 2.5, 4.0]


def test_clip_refuses_what_lies_outside():
    assert MESH.clip(np.array([1 - 1e-12, 2.0]), infinite=False).tolist() == [1.0, 2.0]
    assert MESH.clip(np.array([9.0]), infinite=True).tolist() == [4.0]
    for r, infinite in ((0.9, True), (4.1, False)):
        with pytest.raises(ValueError, match="from r = 1 to 4"):
            MESH.clip(np.array([r]), infinite=infinite)


def test_edges_pass_through_breakpoints_and_grow():
    edges = graded_edges(2.0, 30.0, breakpoints=(3.5, 4.5, 99.0), first=1.0, growth=1.5, longest=6.0)
    lengths = np.diff(edges)
    assert edges[0] == 2.0
    assert edges[-1] == 30.0
    assert {3.5, 4.5} <= set(edges)
    assert lengths.min() > 0.1
    assert lengths.max() <= 8.0


def test_edges_of_a_domain_shorter_than_an_element():
    assert graded_edges(2.0, 2.1, first=1.0, longest=5.0).tolist() == [2.0, 2.1]
