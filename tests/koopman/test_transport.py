from itertools import permutations, product

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from pinnrun.koopman.transport import shuffle_control, wasserstein


def cloud(seed, size):
    rng = np.random.default_rng(seed)
    return rng.normal(size=size) + 1j * rng.normal(size=size)


@pytest.mark.parametrize("seed", range(4))
def test_sets_of_one_size_against_all_permutations(seed):
    one, other = cloud(seed, 6), cloud(seed + 10, 6)
    best = min(np.abs(one - other[list(order)]).mean() for order in permutations(range(6)))
    assert wasserstein(one, other) == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(3, 3), (2, 7), (5, 3)])
def test_weighted_sets_on_the_line_against_scipys_closed_form(n, m):
    rng = np.random.default_rng(n + m)
    one, other, p, q = rng.normal(size=n), rng.normal(size=m), rng.uniform(size=n), rng.uniform(size=m)
    assert wasserstein(one, other, p, q) == pytest.approx(wasserstein_distance(one, other, p, q), rel=1e-9)
    assert wasserstein(one, other) == pytest.approx(wasserstein_distance(one, other), rel=1e-9)


def test_sets_of_two_sizes_in_the_plane_are_sets_of_one_size_with_repetitions():
    one, other = cloud(1, 4), cloud(2, 6)
    repeated = wasserstein(np.repeat(one, 3), np.repeat(other, 2))
    assert wasserstein(one, other) == pytest.approx(repeated, rel=1e-9)


def test_weights_are_shares():
    one, other = cloud(1, 4), cloud(2, 5)
    assert wasserstein(one, other, np.full(4, 7.0)) == pytest.approx(wasserstein(one, other), rel=1e-9)
    assert wasserstein([0, 5], [3j], [1, 0]) == pytest.approx(3.0)


def test_it_is_a_metric():
    sets = [cloud(seed, size) for seed, size in enumerate((4, 4, 5, 3, 6))]
    table = np.array([[wasserstein(a, b) for b in sets] for a in sets])
    np.testing.assert_allclose(table, table.T, atol=1e-12)
    np.testing.assert_allclose(np.diag(table), 0.0, atol=1e-15)
    assert (table + np.eye(5) > 0.05).all()
    for i, j, k in product(range(5), repeat=3):
        assert table[i, k] <= table[i, j] + table[j, k] + 1e-12


def test_order_does_not_matter_and_a_shift_costs_its_length():
    one = cloud(3, 8)
    assert wasserstein(one, one[::-1]) == 0.0
    assert wasserstein(one, one + (3 - 4j)) == pytest.approx(5.0)


@pytest.mark.parametrize(
    "words", [([], [1]), ([[1, 2]], [1]), ([1, 2], [1], [1, -1]), ([1, 2], [1], [0, 0]), ([1, 2], [1], [1, 2, 3])]
)
def test_what_is_no_measure_is_refused(words):
    with pytest.raises(ValueError, match="points"):
        wasserstein(*words)


def test_the_control_is_the_share_over_all_tosses_of_the_coins():
    one, other = cloud(1, 7), cloud(2, 7)
    best = min(permutations(range(7)), key=lambda order: np.abs(one - other[list(order)]).mean())
    other = other[list(best)]
    far = wasserstein(one, other) * (1 - 1e-12)
    tosses = [np.array(toss) for toss in product([False, True], repeat=7)]
    exact = np.mean([wasserstein(np.where(t, other, one), np.where(t, one, other)) >= far for t in tosses])
    assert 0.05 < exact < 0.95
    found = shuffle_control(one, other, shuffles=4000, generator=np.random.default_rng(0))
    assert found == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 4000))


def test_one_spectrum_passes_the_control_and_two_that_are_apart_do_not():
    near = 0.9 * np.exp(1j * np.linspace(-1, 1, 10))
    generator = np.random.default_rng(0)
    assert shuffle_control(near, near, shuffles=50, generator=generator) == 1.0
    assert shuffle_control(near, near + 1e-6, shuffles=50, generator=generator) == 1.0
    assert shuffle_control(near, near - 0.6, shuffles=500, generator=generator) < 0.05


def test_the_control_pairs_sets_of_one_size_alone():
    with pytest.raises(ValueError, match="one size"):
        shuffle_control([1, 2], [1], shuffles=5, generator=np.random.default_rng(0))
