import numpy as np
import pytest
from linear import orbit, system
from scipy.optimize import linear_sum_assignment

from pinnrun.koopman import delays as module
from pinnrun.koopman.delays import coordinates, delay_eigenvalues, embed, fewest_samples

SYSTEMS = [[1.0, 0.9], [0.99, 0.8, 0.5], [1.0, 0.9 + 0.3j], [0.95, 0.7 + 0.5j, -0.6]]


def apart(one, other):
    """Largest distance between two sets of one size, matched."""
    costs = np.abs(np.asarray(one)[:, None] - np.asarray(other)[None, :])
    return costs[linear_sum_assignment(costs)].max()


@pytest.mark.parametrize("values", SYSTEMS)
@pytest.mark.parametrize("delays", [0, 1, 5])
def test_the_eigenvalues_of_a_linear_system_are_found(values, delays):
    matrix, rank = system(values, 7)
    found = delay_eigenvalues(orbit(matrix, 40), delays=delays, rank=rank)
    assert apart(found, np.linalg.eigvals(matrix)[np.abs(np.linalg.eigvals(matrix)) > 1e-6]) < 1e-9


def test_one_number_with_delays_shows_the_whole_system():
    """Takens: a single observable, delayed often enough."""
    values = [0.97, 0.9, 0.6]
    series = sum(c * np.array(values)[i] ** np.arange(30) for i, c in enumerate((1.0, -2.0, 0.5)))
    assert apart(delay_eigenvalues(series[:, None], delays=4, rank=3), values) < 1e-7
    with pytest.raises(ValueError, match="samples of shape"):
        delay_eigenvalues(series, delays=4, rank=3)


@pytest.mark.parametrize("rank", [1, 4, 9])
@pytest.mark.parametrize("delays", [0, 3])
def test_truncated_and_noisy_it_is_the_formula_on_the_weights_themselves(rank, delays):
    """No coordinates: the stacked weights, their singular value decomposition, U^T Y V S^-1."""
    rng = np.random.default_rng(3)
    samples = np.cumsum(rng.normal(size=(25, 60)), axis=0) + 5.0
    stacked = np.array([samples[t : t + delays + 1].ravel() for t in range(25 - delays)]).T
    u, s, vt = np.linalg.svd(stacked[:, :-1], full_matrices=False)
    naive = np.linalg.eigvals(u[:, :rank].T @ stacked[:, 1:] @ vt[:rank].T @ np.diag(1 / s[:rank]))
    found = delay_eigenvalues(samples, delays=delays, rank=rank)
    assert apart(found, naive) < 1e-10
    assert np.all(np.diff(np.abs(found)) <= 1e-10)


def test_a_permutation_and_a_rotation_of_the_weights_change_nothing():
    rng = np.random.default_rng(5)
    samples = np.cumsum(rng.normal(size=(40, 30)), axis=0)
    plain = delay_eigenvalues(samples, delays=6, rank=8)
    turned = samples @ np.linalg.qr(rng.normal(size=(30, 30)))[0]
    assert apart(plain, delay_eigenvalues(samples[:, rng.permutation(30)], delays=6, rank=8)) < 1e-10
    assert apart(plain, delay_eigenvalues(turned, delays=6, rank=8)) < 1e-10
    assert apart(plain, delay_eigenvalues(samples * np.linspace(1, 9, 30), delays=6, rank=8)) > 1e-3


def test_a_network_may_be_wider():
    """More weights that move with the others, as of a larger network with the same dynamics: a linear embedding."""
    matrix, rank = system([0.98, 0.9, 0.7], 5)
    small = orbit(matrix, 30)
    large = small @ np.random.default_rng(0).normal(size=(5, 200))
    assert apart(*(delay_eigenvalues(w, delays=3, rank=rank) for w in (small, large))) < 1e-8


def test_fewer_eigenvalues_where_there_is_less_to_see():
    matrix, _ = system([0.9, 0.5], 6)
    assert len(delay_eigenvalues(orbit(matrix, 30), delays=2, rank=10)) == 2
    assert len(delay_eigenvalues(np.ones((30, 4)), delays=2, rank=10)) == 1
    assert len(delay_eigenvalues(np.zeros((30, 4)), delays=2, rank=10)) == 0


def test_coordinates_keep_every_inner_product_whatever_the_chunk(monkeypatch):
    samples = np.random.default_rng(0).normal(size=(12, 50))
    for chunk in (65536, 7, 50, 49):
        monkeypatch.setattr(module, "CHUNK", chunk)
        found = coordinates(samples)
        assert found.shape == (12, 12)
        np.testing.assert_allclose(found @ found.T, samples @ samples.T, atol=1e-12)
    assert coordinates(samples[:, :3]).shape == (12, 3)
    assert coordinates(samples.astype(np.float32)).dtype == np.float64


def test_rows_of_the_embedding():
    rows = embed(np.arange(5.0)[:, None], 2)
    np.testing.assert_array_equal(rows, [[0, 1, 2], [1, 2, 3], [2, 3, 4]])
    two = embed(np.arange(8.0).reshape(4, 2), 1)
    assert [set(row) for row in two] == [{0, 1, 2, 3}, {2, 3, 4, 5}, {4, 5, 6, 7}]


def test_the_fewest_samples_are_enough_and_one_less_is_not():
    samples = np.random.default_rng(0).normal(size=(fewest_samples(4, 6), 20))
    assert len(delay_eigenvalues(samples, delays=4, rank=6)) == 6
    with pytest.raises(ValueError, match=r"T >= 11, P\), not \(10, 20\)"):
        delay_eigenvalues(samples[1:], delays=4, rank=6)


@pytest.mark.parametrize("words", [{"delays": -1, "rank": 2}, {"delays": 1, "rank": 0}])
def test_arguments_out_of_range(words):
    with pytest.raises(ValueError, match="out of its range"):
        delay_eigenvalues(np.ones((30, 2)), **words)


def test_weights_that_diverged_are_refused():
    with pytest.raises(ValueError, match="finite"):
        delay_eigenvalues(np.full((30, 2), np.nan), delays=1, rank=2)
