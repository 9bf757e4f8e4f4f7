import json
import time
import tracemalloc

import numpy as np
import pytest
from linear_systems import block, trajectory

from pinnrun.koopman import layer_spectra, modes, weight_spectrum


def with_pairs(eigenvalues):
    return np.linalg.eigvals(block(eigenvalues))


def assert_same_set(found, expected, tolerance):
    assert len(found) == len(expected)
    left = list(expected)
    for value in found:
        nearest = min(left, key=lambda other: abs(other - value))
        assert abs(nearest - value) < tolerance
        left.remove(nearest)


SYSTEMS = [
    [0.9],
    [0.97, 0.8, 0.5],
    [0.9 + 0.3j],
    [0.95, 0.7 + 0.5j, -0.6],
    [0.99, 0.9, 0.85 + 0.2j, 0.6],
]


@pytest.mark.parametrize("system", SYSTEMS)
def test_eigenvalues_and_fixed_point_of_a_linear_system_are_recovered(system):
    weights, fixed = trajectory(system)
    spectrum = weight_spectrum(weights, 10, energy=1.0)
    assert_same_set(spectrum.eigenvalues, with_pairs(system), 1e-5)
    assert np.all(spectrum.residuals < 1e-5)
    assert spectrum.fixed_point is not None
    np.testing.assert_allclose(spectrum.fixed_point, fixed, atol=1e-4 * np.abs(weights[0] - fixed).max())


@pytest.mark.parametrize("system", SYSTEMS)
def test_gram_route_equals_a_naive_dense_one(system):
    """Exact DMD of the increments with the (P, P) matrix Y X^+, as defined, at full rank."""
    weights, _ = trajectory(system, size=40, count=25, seed=4)
    increments = np.diff(weights, axis=0).T
    naive = np.linalg.eigvals(increments[:, 1:] @ np.linalg.pinv(increments[:, :-1], rcond=1e-6))
    naive = naive[np.abs(naive) > 1e-3]
    assert_same_set(weight_spectrum(weights, 1, energy=1.0).eigenvalues, naive, 1e-5)


@pytest.mark.parametrize("rank", [1, 3, 6])
def test_truncated_noisy_case_equals_a_naive_dense_one(rank):
    """Nothing is exact here: every output against a thin SVD and dense algebra."""
    rng = np.random.default_rng(8)
    weights = trajectory([0.97, 0.9, 0.8 + 0.3j], size=50, count=40, noise=0.05)[0] + rng.normal(size=50)
    d = np.diff(weights, axis=0).T
    u, s, vt = np.linalg.svd(d[:, :-1], full_matrices=False)
    u, s, vt = u[:, :rank], s[:rank], vt[:rank]
    reduced = u.T @ d[:, 1:] @ vt.T / s
    values, modes = np.linalg.eig(reduced)
    spectrum = weight_spectrum(weights, 5, energy=1.0, max_rank=rank)
    assert_same_set(spectrum.eigenvalues, values, 1e-8)

    # amplitudes: one big least-squares problem over all entries of all increments
    dense = np.vstack([(u @ modes) * values**k for k in range(d.shape[1])])
    first = np.linalg.lstsq(dense, d.T.reshape(-1).astype(complex), rcond=None)[0]
    last = first * values ** (d.shape[1] - 1)
    np.testing.assert_allclose(np.sort(spectrum.amplitudes), np.sort(np.abs(last)), rtol=1e-6)

    # residuals: left eigenvectors by the inverse of the right ones
    psi = np.linalg.inv(modes) @ u.T @ d
    expected = [
        np.linalg.norm(p[1:] - value * p[:-1]) / np.linalg.norm(p[:-1]) for p, value in zip(psi, values, strict=True)
    ]
    np.testing.assert_allclose(np.sort(spectrum.residuals), np.sort(expected), rtol=1e-6)

    # the fixed point: the modes summed one increment after the other
    future = sum((u @ modes @ (last * values**k)).real for k in range(1, 4000))
    assert spectrum.fixed_point is not None
    np.testing.assert_allclose(spectrum.fixed_point, weights[-1] + future, atol=1e-6)


def test_eigenvalues_survive_noise():
    weights, _ = trajectory([0.98, 0.7], size=2000, count=100, noise=1e-3)
    spectrum = weight_spectrum(weights, 1, energy=0.999, max_rank=2)
    assert_same_set(spectrum.eigenvalues, [0.98, 0.7], 0.01)
    assert np.all(spectrum.residuals < 0.1)


def test_noise_alone_is_shown_as_spurious():
    weights = np.cumsum(np.random.default_rng(0).normal(size=(60, 500)), axis=0)
    assert np.all(weight_spectrum(weights, 1).residuals > 0.5)


@pytest.mark.parametrize("shift", [0.0, 5.0, 1000.0])
def test_where_the_origin_lies_does_not_matter(shift):
    """Increments know no origin: no decay towards zero is read into weights that are merely large."""
    weights, fixed = trajectory([0.9, 0.5])
    spectrum = weight_spectrum(weights + shift, 1, energy=1.0)
    assert_same_set(spectrum.eigenvalues, [0.9, 0.5], 1e-5)
    np.testing.assert_allclose(spectrum.fixed_point, fixed + shift, atol=1e-4)


def test_half_lives_in_closed_form():
    weights, _ = trajectory([0.5, 0.25**0.5 * np.exp(0.7j), 0.8])
    spectrum = weight_spectrum(weights, 20, energy=1.0)
    for value, half in zip(spectrum.eigenvalues, spectrum.half_lives, strict=True):
        assert abs(value) ** (half / 20) == pytest.approx(0.5, rel=1e-9)
    assert np.sort(spectrum.half_lives)[:3] == pytest.approx([20.0, 20.0, 20.0], rel=1e-3)


def test_amplitudes_are_the_shares_in_the_last_increment_in_order():
    size, count = 30, 20
    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(size, 2)))[0]
    k = np.arange(count)[:, None]
    weights = 3.0 * 0.9**k * basis[:, 0] + 7.0 * 0.6**k * basis[:, 1]
    spectrum = weight_spectrum(weights, 1, energy=1.0)
    np.testing.assert_allclose(spectrum.eigenvalues.real, [0.9, 0.6], atol=1e-6)
    expected = [3.0 * 0.1 * 0.9 ** (count - 2), 7.0 * 0.4 * 0.6 ** (count - 2)]
    np.testing.assert_allclose(spectrum.amplitudes, expected, rtol=1e-4)


@pytest.mark.parametrize(("slow", "given"), [(0.995, True), (0.9995, False), (1.0, False), (1.02, False)])
def test_no_fixed_point_where_a_mode_does_not_die_out(slow, given):
    # drift: at eigenvalue 1 the increments of that mode are constant
    rng = np.random.default_rng(2)
    basis = rng.normal(size=(40, 2))
    k = np.arange(100)[:, None]
    drift = np.cumsum(slow**k, axis=0)
    spectrum = weight_spectrum(drift * basis[:, 0] + 5 * 0.8**k * basis[:, 1], 3, energy=1.0)
    assert_same_set(spectrum.eigenvalues, [slow, 0.8], 1e-5)
    assert (spectrum.fixed_point is not None) is given
    assert spectrum.near_one == (0.5 if slow != 1.02 else 0.0)
    if slow > 1.001:
        assert np.isinf(spectrum.half_lives).sum() == 1


def test_growing_modes_do_not_overflow():
    weights, _ = trajectory([30.0, 0.5], count=90)
    spectrum = weight_spectrum(weights, 1)
    assert np.isfinite(spectrum.amplitudes).all()
    assert spectrum.fixed_point is None


def test_rank_follows_the_energy_and_its_bounds():
    weights, _ = trajectory([0.95, 0.9, 0.8, 0.7], size=300, count=150, noise=0.01)
    squares = np.linalg.svd(np.diff(weights, axis=0)[:-1], compute_uv=False) ** 2
    held = np.cumsum(squares) / squares.sum()
    for energy in (0.5, 0.9, 0.98):
        rank = weight_spectrum(weights, 1, energy=energy, max_rank=148).rank
        assert held[rank - 1] >= energy
        assert rank == 1 or held[rank - 2] < energy
    assert weight_spectrum(weights, 1, energy=1.0).rank == 10
    assert weight_spectrum(weights, 1, energy=1.0, max_rank=148).rank == 148 // 3


def test_hard_thresholding_finds_the_planted_rank_in_noise():
    rng = np.random.default_rng(9)
    for size, count in ((400, 102), (60, 152)):
        planted = 3
        increments = rng.normal(size=(count - 1, planted)) @ rng.normal(size=(planted, size))
        weights = np.cumsum(increments + 0.3 * rng.normal(size=increments.shape), axis=0)
        assert weight_spectrum(weights, 1, cut="svht", max_rank=30).rank == planted


@pytest.mark.parametrize("beta", [0.1, 0.5, 1.0])
def test_the_hard_threshold_is_that_of_the_marchenko_pastur_law(beta):
    """omega(beta) = lambda(beta) / sqrt(median of the law), both in closed form or by quadrature."""
    low, high = (1 - np.sqrt(beta)) ** 2, (1 + np.sqrt(beta)) ** 2
    t = np.linspace(low, high, 400_001)[1:-1]
    mass = np.cumsum(np.sqrt((high - t) * (t - low)) / (2 * np.pi * beta * t)) * (t[1] - t[0])
    median = t[np.searchsorted(mass, 0.5 * mass[-1])]
    optimal = np.sqrt(2 * (beta + 1) + 8 * beta / (beta + 1 + np.sqrt(beta**2 + 14 * beta + 1)))
    threshold = modes.hard_threshold(np.array([1.0, 1.0, 1.0]), int(1000 * beta), 1000)
    assert threshold == pytest.approx(optimal / np.sqrt(median), abs=0.02)


LAYERS = {"hidden1": slice(0, 30), "hidden2": slice(30, 150), "output": slice(150, 200)}


@pytest.mark.parametrize("precision", [np.float64, np.float32])
def test_layers_are_what_each_would_be_alone_and_the_whole_is_no_less(precision, monkeypatch):
    monkeypatch.setattr(modes, "CACHE", 30_000)  # several pieces a layer
    weights = trajectory([0.97, 0.8, 0.6 + 0.3j], noise=1e-3)[0].astype(precision)
    whole, layers = layer_spectra(weights, 10, LAYERS)
    alone = weight_spectrum(weights, 10)
    np.testing.assert_allclose(whole.eigenvalues, alone.eigenvalues, atol=1e-9)
    assert layers.keys() == LAYERS.keys()
    for name, part in LAYERS.items():
        expected = weight_spectrum(weights[:, part], 10)
        np.testing.assert_allclose(layers[name].eigenvalues, expected.eigenvalues, atol=1e-9)
        np.testing.assert_allclose(layers[name].residuals, expected.residuals, atol=1e-9)
        if expected.fixed_point is not None:
            np.testing.assert_allclose(layers[name].fixed_point, expected.fixed_point, atol=1e-9)


def test_layers_that_move_differently_are_told_apart():
    fast, slow = trajectory([0.5], size=40)[0], trajectory([0.99], size=60)[0]
    whole, layers = layer_spectra(np.hstack([fast, slow]), 1, {"a": slice(0, 40), "b": slice(40, 100)}, energy=1.0)
    assert_same_set(layers["a"].eigenvalues, [0.5], 1e-5)
    assert_same_set(layers["b"].eigenvalues, [0.99], 1e-5)
    assert_same_set(whole.eigenvalues, [0.5, 0.99], 1e-5)


def test_layers_that_leave_weights_out_are_refused():
    with pytest.raises(ValueError, match="do not make up the 200 weights"):
        layer_spectra(trajectory([0.9])[0], 1, {"hidden1": slice(0, 30)})


def test_marks_tell_noise_and_what_cannot_be_told_from_one():
    rng = np.random.default_rng(3)
    k = np.arange(200)[:, None]
    drift, decay = k * rng.normal(size=300), 50 * 0.9**k * rng.normal(size=300)
    spectrum = weight_spectrum(drift + decay + 0.02 * rng.normal(size=(200, 300)), 1, energy=1.0, max_rank=5)
    marks = dict(zip(spectrum.marks, spectrum.eigenvalues, strict=True))
    assert spectrum.marks.count("") == 1 and abs(marks[""] - 0.9) < 0.02
    assert spectrum.marks.count("near 1") == 1 and abs(marks["near 1"] - 1.0) < 0.05
    assert spectrum.marks.count("spurious") == 3
    for mark, residual in zip(spectrum.marks, spectrum.residuals, strict=True):
        assert (mark == "spurious") == (residual > 0.3)


@pytest.mark.parametrize("count", [6, 12, 30, 200])
@pytest.mark.parametrize("size", [5, 1000])
def test_noise_is_spurious_however_few_the_snapshots(count, size):
    believed, total = 0, 0
    for seed in range(20):
        walk = np.cumsum(np.random.default_rng(seed).normal(size=(count, size)), axis=0)
        marks = weight_spectrum(walk, 1, energy=1.0).marks
        believed += len(marks) - marks.count("spurious")
        total += len(marks)
    assert believed <= 0.1 * total  # two correlated steps out of four happen by chance


def test_weights_that_stand_still_are_their_own_fixed_point():
    weights = np.tile(np.arange(7.0), (5, 1))
    spectrum = weight_spectrum(weights, 10)
    assert spectrum.rank == 0
    np.testing.assert_array_equal(spectrum.fixed_point, weights[0])
    json.dumps(spectrum.as_dict(), allow_nan=False)


def test_chunks_of_the_weights_leave_none_out(monkeypatch):
    weights, _ = trajectory([0.9, 0.6], size=500, count=30, noise=0.1)
    whole = weight_spectrum(weights, 10)
    monkeypatch.setattr(modes, "CACHE", 8 * 30 * 64)  # pieces of 64 of the weights
    chunked = weight_spectrum(weights, 10)
    np.testing.assert_allclose(chunked.eigenvalues, whole.eigenvalues, rtol=1e-9)
    np.testing.assert_allclose(chunked.fixed_point, whole.fixed_point, rtol=1e-9)


def test_single_precision_snapshots_and_many_chunks():
    weights, fixed = trajectory([0.9, 0.6], size=150_000, count=30)
    spectrum = weight_spectrum(weights.astype(np.float32), 10)
    assert_same_set(spectrum.eigenvalues, [0.9, 0.6], 1e-3)
    np.testing.assert_allclose(spectrum.fixed_point, fixed, atol=2e-2)
    assert spectrum.fixed_point.dtype == np.float64


def test_fewest_snapshots():
    weights, fixed = trajectory([0.5], count=4)
    spectrum = weight_spectrum(weights, 1)
    assert spectrum.rank == 1
    assert spectrum.eigenvalues[0] == pytest.approx(0.5)
    np.testing.assert_allclose(spectrum.fixed_point, fixed, atol=1e-8)


def test_plain_values_for_json():
    weights, _ = trajectory([1.0, 0.7 + 0.5j])
    plain = json.loads(json.dumps(weight_spectrum(weights + np.arange(60)[:, None], 10).as_dict(), allow_nan=False))
    assert plain["rank"] == len(plain["eigenvalues"]) == len(plain["half_lives"])
    assert all(len(pair) == 2 for pair in plain["eigenvalues"])


@pytest.mark.parametrize(
    ("weights", "arguments", "words"),
    [
        (np.ones((3, 5)), {}, "T >= 4"),
        (np.ones(5), {}, "T >= 4"),
        (np.full((5, 5), np.nan), {}, "finite"),
        (np.geomspace(1, 1e300, 25).reshape(5, 5), {}, "too large"),
        (np.array([[0.0], [np.inf], [np.inf], [0.0]]), {}, "finite"),
        (np.ones((5, 5)), {"interval": 0}, "range"),
        (np.ones((5, 5)), {"energy": 0.0}, "range"),
        (np.ones((5, 5)), {"max_rank": 0}, "range"),
    ],
)
def test_unusable_input_is_refused(weights, arguments, words):
    with pytest.raises(ValueError, match=words):
        weight_spectrum(weights, **{"interval": 1, **arguments})


def test_every_weight_is_read_twice_whatever_the_number_of_layers(monkeypatch):
    """One pass for the Gram matrices of all layers and of the network, one for the fixed point; no float64 copy."""
    weights = trajectory([0.9, 0.5], size=40_000, count=50)[0].astype(np.float32)
    read: list[slice] = []
    cut = modes.pieces

    def counted(history, part):
        for piece in cut(history, part):
            read.append(piece)
            yield piece

    monkeypatch.setattr(modes, "pieces", counted)
    tracemalloc.start()
    layer_spectra(weights, 10, {"a": slice(0, 10_000), "b": slice(10_000, 40_000)})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    visits = np.zeros(40_000, dtype=int)
    for piece in read:
        visits[piece] += 1
    # the layers' fixed points read their own weights once more; all of it is pieces of a megabyte
    assert visits.min() == visits.max() <= 3
    assert peak < 4 * modes.CACHE < weights.nbytes


def test_an_analysis_costs_a_few_products_of_the_increments():
    """T^2 P operations: beside the bare product D D^T, whatever the machine (measured: 2.5 times, 3.5 with layers)."""
    weights = np.cumsum(np.random.default_rng(0).normal(size=(200, 10_000)), axis=0)
    increments = np.diff(weights, axis=0)
    layers = {f"layer{i}": slice(2500 * i, 2500 * (i + 1)) for i in range(4)}

    def spent(work):
        start = time.thread_time()
        work()
        return time.thread_time() - start

    ratios = [
        spent(lambda: layer_spectra(weights, 10, layers)) / spent(lambda: increments @ increments.T) for _ in range(7)
    ]
    assert np.median(ratios) < 10
