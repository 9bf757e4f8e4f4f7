from itertools import permutations

import numpy as np
import pytest
from linear import orbit, system
from scipy.spatial.distance import cdist
from scipy.stats import f_oneway

from pinnrun.koopman.compare import compare, cut, factor, silhouette
from pinnrun.koopman.delays import delay_eigenvalues
from pinnrun.koopman.transport import wasserstein


def spectrum(samples, rank=3):
    return delay_eigenvalues(samples, delays=4, rank=rank)


@pytest.fixture(scope="module")
def trainings():
    """Two linear systems, each in three coordinates: its own, rotated, and skewed into a larger space."""
    rng = np.random.default_rng(0)
    found = []
    for values in ([0.99, 0.9, 0.6], [0.95, 0.8 + 0.4j]):
        samples = orbit(system(values, 5)[0], 40)
        rotated = samples @ np.linalg.qr(rng.normal(size=(5, 5)))[0]
        found += [spectrum(samples), spectrum(rotated), spectrum(samples @ rng.normal(size=(5, 12)))]
    return found


def test_conjugate_systems_are_at_no_distance_and_others_are(trainings):
    found = compare(trainings)
    same = np.kron(np.eye(2), np.ones((3, 3))).astype(bool)
    assert found.distances[same].max() < 1e-7
    expected = wasserstein([0.99, 0.9, 0.6], [0.95, 0.8 + 0.4j, 0.8 - 0.4j])
    np.testing.assert_allclose(found.distances[~same], expected, atol=1e-7)
    np.testing.assert_array_equal(found.distances, found.distances.T)
    assert found.clusters.tolist() == [1, 1, 1, 2, 2, 2]
    assert found.silhouette == pytest.approx(1.0, abs=1e-5)
    assert set(found.order[:3]) in ({0, 1, 2}, {3, 4, 5})
    assert (found.controls[same] > 0.99).all() and np.all(np.diag(found.controls) == 1.0)


def test_the_seed_decides_the_shuffles_and_progress_sees_every_pair(trainings):
    one, other = (compare(trainings, seed=seed, shuffles=50).controls for seed in (3, 3))
    np.testing.assert_array_equal(one, other)
    seen = []

    def track(pairs):
        for pair in pairs:
            seen.append(pair)
            yield pair

    compare(trainings, track=track)
    assert seen == [(i, j) for i in range(6) for j in range(i + 1, 6)]


def test_spectra_of_two_sizes_have_a_distance_and_no_control():
    found = compare([np.array([0.9 + 0j]), np.array([0.9 + 0j, 0.5 + 0j]), np.array([0.5 + 0j])])
    np.testing.assert_allclose(found.distances, [[0, 0.2, 0.4], [0.2, 0, 0.2], [0.4, 0.2, 0]], atol=1e-12)
    assert np.isnan(found.controls[0, 1]) and not np.isnan(found.controls[0, 2])


def test_one_cloud_is_one_cluster_unless_more_are_asked_for():
    rng = np.random.default_rng(1)
    spectra = list(rng.normal(size=(9, 12)) + 1j * rng.normal(size=(9, 12)))
    found = compare(spectra, shuffles=2)
    assert found.clusters.tolist() == [1] * 9 and found.silhouette is None
    assert len(set(compare(spectra, shuffles=2, clusters=4).clusters)) == 4
    assert len(set(compare(spectra, shuffles=2, clusters=9).clusters)) == 9


def test_the_cut_has_the_largest_silhouette():
    places = np.array([0.0, 0.1, 0.2, 5.0, 5.1, 9.0, 9.3])[:, None]
    distances = cdist(places, places)
    found = compare([place.astype(complex) for place in places], shuffles=2)
    np.testing.assert_allclose(found.distances, distances)
    assert found.clusters.tolist() == [1, 1, 1, 2, 2, 3, 3]
    rated = [cut(found.tree, distances, number)[1] for number in range(2, 7)]
    assert max(rated) == found.silhouette == rated[1]


def test_silhouette_against_its_definition():
    rng = np.random.default_rng(2)
    points, labels = rng.normal(size=(9, 2)), np.array([0, 0, 0, 1, 1, 1, 1, 2, 3])
    distances, values = cdist(points, points), []
    for i in range(9):
        own = [distances[i, j] for j in range(9) if labels[j] == labels[i] and j != i]
        others = [distances[i, labels == name].mean() for name in set(labels) - {labels[i]}]
        values.append((min(others) - np.mean(own)) / max(min(others), np.mean(own)) if own else 0.0)
    assert silhouette(distances, labels) == pytest.approx(np.mean(values), rel=1e-12)
    assert silhouette(np.zeros((4, 4)), [0, 0, 1, 1]) == 0.0


def test_on_the_line_it_is_the_analysis_of_variance():
    rng = np.random.default_rng(3)
    groups = [rng.normal(size=size) + shift for size, shift in ((4, 0.0), (6, 0.5), (3, -1.0))]
    places = np.concatenate(groups)[:, None]
    found = factor(cdist(places, places), [0] * 4 + [1] * 6 + [2] * 3)
    f = float(f_oneway(*groups).statistic)
    assert found.share == pytest.approx(2 * f / (2 * f + 10), rel=1e-10)  # R^2 of F with (2, 10) degrees of freedom


def test_p_is_the_share_of_all_labellings():
    points = np.random.default_rng(4).normal(size=(6, 2)) + np.repeat([[0, 0], [0.9, 0.4]], 3, axis=0)
    distances, labels = cdist(points, points), np.array([0, 0, 0, 1, 1, 1])

    def between(order):
        groups = [points[order == group] for group in (0, 1)]
        return sum(len(g) * np.sum((g.mean(axis=0) - points.mean(axis=0)) ** 2) for g in groups)

    given = between(labels)
    exact = np.mean([between(labels[list(order)]) >= given - 1e-12 for order in permutations(range(6))])
    assert 0.05 < exact < 0.95
    assert factor(distances, labels.tolist(), permutations=8000).p == pytest.approx(exact, abs=0.02)


def test_a_factor_that_decides_all_and_one_that_decides_nothing():
    places = np.repeat([0.0, 10.0], 6)[:, None] + np.random.default_rng(5).normal(size=(12, 1))
    distances = cdist(places, places)
    deciding, idle = ["a"] * 6 + ["b"] * 6, [1, 2, 3] * 4
    found = factor(distances, deciding, idle)
    assert found.share > 0.9 and found.p is not None and found.p < 0.05
    assert found.same is not None and found.same < 2.0 < 8.0 < found.different
    other = factor(distances, idle, deciding)
    assert other.share < 0.3 and other.p is not None and other.p > 0.1


def test_labels_stay_within_their_strata():
    """Width decides all; within a width the activation decides what is left, which free permutations would not see."""
    width, activation = np.repeat([0, 1], 6), np.tile([0, 1], 6)
    places = (100.0 * width + activation + 0.1 * np.random.default_rng(6).normal(size=12))[:, None]
    distances = cdist(places, places)
    assert factor(distances, activation.tolist()).p > 0.1
    assert factor(distances, activation.tolist(), width.tolist()).p < 0.02


def test_no_test_where_nothing_can_be_permuted():
    places = np.arange(4.0)[:, None]
    distances = cdist(places, places)
    alone = factor(distances, [0, 1, 2, 3])
    assert alone.p is None and alone.same is None and alone.share == 1.0
    assert factor(distances, [0, 0, 1, 1], [0, 0, 1, 1]).p is None
    assert factor(np.zeros((4, 4)), [0, 0, 1, 1]).p is None
    with pytest.raises(ValueError, match="two different labels"):
        factor(distances, [0, 0, 0, 0])


@pytest.mark.parametrize(("count", "clusters"), [(1, None), (3, 4), (3, 0)])
def test_what_cannot_be_compared_is_refused(count, clusters):
    with pytest.raises(ValueError, match="cannot compare"):
        compare([np.array([0.5 + 0j])] * count, clusters=clusters)
