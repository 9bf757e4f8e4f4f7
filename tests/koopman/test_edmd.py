"""Extended DMD on systems whose Koopman operator is known on a finite span, and residual DMD where it is not."""

import numpy as np
import pytest
from scipy import linalg

from pinnrun.koopman.edmd import edmd, residuals


def sorted_by(values):
    values = np.asarray(values, dtype=complex)
    return values[np.lexsort((values.imag.round(8), values.real.round(8)))]


def assert_same_values(found, expected, tolerance=1e-8):
    np.testing.assert_allclose(sorted_by(found), sorted_by(expected), atol=tolerance)


def test_a_linear_system_is_recovered_from_its_states():
    rng = np.random.default_rng(0)
    system = linalg.block_diag([[0.9, -0.3], [0.3, 0.9]], [[0.5]]) @ np.eye(3)
    basis = rng.normal(size=(3, 3))
    system = basis @ system @ np.linalg.inv(basis)
    states = rng.normal(size=(40, 3))
    found = edmd(states, states @ system.T)
    assert_same_values(found.eigenvalues, np.linalg.eigvals(system))
    assert np.all(found.residuals < 1e-12)
    start = rng.normal(size=3)
    later = [np.linalg.matrix_power(system, k) @ start for k in (0, 1, 7, 30)]
    np.testing.assert_allclose(found.predict(start, [0, 1, 7, 30]), later, atol=1e-10)


class SlowManifold:
    """dx1/dt = mu x1, dx2/dt = lambda (x2 - x1^2): {x1, x2, x1^2} spans an invariant subspace (Brunton et al. 2016).

    Its exact flow over dt, from the closed form of the linear equation of x2 with the forcing x1^2.
    """

    mu, slow, dt = -0.05, -1.0, 0.3

    def flow(self, x, time):
        ratio = self.slow / (self.slow - 2 * self.mu)  # x2 = ratio x1^2 is the manifold
        x1 = x[:, 0] * np.exp(self.mu * time)
        off = (x[:, 1] - ratio * x[:, 0] ** 2) * np.exp(self.slow * time)
        return np.column_stack([x1, ratio * x1**2 + off])

    def pairs(self, count=60):
        x = np.random.default_rng(1).uniform(-2, 2, size=(count, 2))
        return x, self.flow(x, self.dt)


def test_the_closed_form_of_the_slow_manifold_solves_its_equations():
    system, x, step = SlowManifold(), np.array([[0.7, -1.2]]), 1e-5
    slope = (system.flow(x, step) - system.flow(x, -step))[0] / (2 * step)
    expected = [system.mu * 0.7, system.slow * (-1.2 - 0.7**2)]
    np.testing.assert_allclose(slope, expected, rtol=1e-9)


def test_the_slow_manifold_has_the_eigenvalues_mu_lambda_and_twice_mu():
    system = SlowManifold()
    x, y = system.pairs()

    def psi(z):
        return np.column_stack([z, z[:, 0] ** 2])

    found = edmd(psi(x), psi(y))
    rates = np.log(found.eigenvalues) / system.dt
    assert_same_values(rates, [system.mu, system.slow, 2 * system.mu])
    assert np.all(found.residuals < 1e-10)
    # the eigenfunction of lambda is the distance from the manifold, x2 - ratio x1^2
    g = found.functions[:, np.argmin(abs(rates - system.slow))]
    ratio = system.slow / (system.slow - 2 * system.mu)
    np.testing.assert_allclose(g / g[1], [0.0, 1.0, -ratio], atol=1e-9)
    start = np.array([[1.1, 0.4]])
    far = psi(system.flow(start, 5 * system.dt))
    np.testing.assert_allclose(found.predict(psi(start)[0], [5]), far, atol=1e-10)


def test_one_observable_too_many_gives_one_spurious_eigenvalue():
    """x2^2 leaves the span {1, x1, x2, x1^2, x2^2}: four eigenpairs stay exact, only the fifth has a residual."""
    system = SlowManifold()
    x, y = system.pairs(400)

    def psi(z):
        return np.column_stack([np.ones(len(z)), z, z**2])

    found = edmd(psi(x), psi(y))
    exact = np.exp(system.dt * np.array([0.0, system.mu, 2 * system.mu, system.slow]))
    for value in exact:
        assert found.residuals[np.argmin(abs(found.eigenvalues - value))] < 1e-9
    assert np.sum(found.residuals > 1e-3) == 1


def fourier(x, most):
    return np.column_stack([f(2 * np.pi * k * x) for k in range(1, most + 1) for f in (np.cos, np.sin)])


def test_the_doubling_map_has_only_spurious_eigenvalues_on_waves():
    """U e_k = e_2k is an isometry without eigenvalues but the constant's: EDMD still finds some, with residual 1."""
    x = (np.arange(512) + 0.5) / 512  # the trapezoidal rule is exact for all products
    found = edmd(fourier(x, 7), fourier(2 * x % 1, 7))
    assert np.abs(found.eigenvalues).max() < 1e-3  # the chains 1, 2, 4 and 3, 6 end: a nilpotent matrix
    np.testing.assert_allclose(found.residuals, 1.0, atol=1e-5)


@pytest.mark.parametrize("most", [3, 8])
def test_under_a_map_that_preserves_the_measure_the_residual_is_known(most):
    """|U g - lambda g|^2 = |g|^2 (1 - |lambda|^2) for every Galerkin eigenpair of an isometry."""
    rng = np.random.default_rng(2)
    # a rotation of the circle seen through a dictionary of random mixtures that no rotation leaves invariant
    x = (np.arange(1024) + 0.5) / 1024
    mix = rng.normal(size=(24, most))
    found = edmd(fourier(x, 12) @ mix, fourier((x + 127 / 1024) % 1, 12) @ mix)
    expected = np.sqrt(1 - np.abs(found.eigenvalues) ** 2)
    assert np.all(expected > 0.05)
    np.testing.assert_allclose(found.residuals, expected, atol=1e-8)


def test_the_residual_is_the_papers_quadratic_form():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(50, 6)), rng.normal(size=(50, 6))
    found = edmd(x, y)
    gram, cross, later = x.T @ x, x.T @ y, y.T @ y
    for value, g, residual in zip(found.eigenvalues, found.functions.T, found.residuals, strict=True):
        form = later - value * cross.conj().T - np.conj(value) * cross + abs(value) ** 2 * gram
        expected = np.sqrt((g.conj() @ form @ g).real / (g.conj() @ gram @ g).real)
        assert residual == pytest.approx(expected, rel=1e-10)
    # and K = X^+ Y has these eigenpairs
    operator = np.linalg.pinv(x) @ y
    np.testing.assert_allclose(operator @ found.functions, found.functions * found.eigenvalues, atol=1e-10)


def test_noise_has_residuals_of_order_one_and_a_rotation_of_none():
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(400, 8))
    assert np.all(edmd(noise[:-1], noise[1:]).residuals > 0.8)
    angle = 0.3 * np.arange(400)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    assert np.all(edmd(circle[:-1], circle[1:]).residuals < 1e-12)


def test_as_many_functions_as_pairs_deceive_every_residual():
    """Why modes are bounded by the pairs: pure noise passes for eight exact eigenpairs."""
    noise = np.random.default_rng(5).normal(size=(9, 8))
    assert np.all(edmd(noise[:-1], noise[1:]).residuals < 1e-10)


def test_the_dictionary_is_rebuilt_from_functions_and_modes():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(30, 5))
    found = edmd(x, rng.normal(size=(30, 5)))
    np.testing.assert_allclose((x @ found.functions @ found.modes).real, x, atol=1e-10)


def test_repeated_observables_are_cut():
    x = np.random.default_rng(7).normal(size=(30, 3))
    found = edmd(np.hstack([x, x]), np.hstack([0.5 * x, 0.5 * x]))
    assert found.rank == 3
    np.testing.assert_allclose(found.eigenvalues, 0.5, atol=1e-12)
    assert edmd(x, x, max_rank=2).rank == 2
    assert edmd(np.zeros((4, 2)), np.zeros((4, 2))).rank == 0


def test_growing_modes_can_be_held():
    x = np.geomspace(1, 2.0**9, 10)[:, None]
    found = edmd(x[:-1], x[1:])
    np.testing.assert_allclose(found.predict([1.0], [0, 3]), [[1.0], [8.0]])
    np.testing.assert_allclose(found.predict([1.0], [0, 3], clip=True), [[1.0], [1.0]])


def test_residuals_of_functions_that_are_given():
    now = np.array([[1.0, 0.0], [2.0, 0.0]])
    np.testing.assert_allclose(residuals(now, 2 * now, [1.0, 5.0]), [1.0, 0.0])


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (np.ones((3, 2)), np.ones((4, 2)), "one shape"),
        (np.ones(3), np.ones(3), "one shape"),
        (np.ones((0, 2)), np.ones((0, 2)), "one shape"),
        (np.array([[np.nan]]), np.ones((1, 1)), "finite"),
    ],
)
def test_unusable_input_is_refused(before, after, words):
    with pytest.raises(ValueError, match=words):
        edmd(before, after)
