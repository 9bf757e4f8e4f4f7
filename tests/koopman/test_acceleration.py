"""Every reading of a path against what it should lead to: closed forms, dense algebra, numpy's own regressions."""

import numpy as np
import pytest
from scipy import linalg

from pinnrun.koopman import acceleration as module
from pinnrun.koopman.acceleration import Path, averages, directions, forecasts, least_squares, trends, velocities


def linear_system(values, size=60, count=41, interval=1, seed=0):
    """Snapshots of w(t+1) = w* + A (w(t) - w*), A with these real eigenvalues, where it will be, and w*."""
    rng = np.random.default_rng(seed)
    fixed, modes = rng.normal(size=size), rng.normal(size=(size, len(values)))
    amplitudes = rng.uniform(1, 2, size=len(values))

    def at(t):
        return fixed + modes @ (amplitudes * np.array(values) ** t)

    return np.array([at(interval * k) for k in range(count)]), at, fixed


def noisy(size=30, count=24, seed=3):
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.normal(size=(count, size)), axis=0) + rng.normal(size=size)


SYSTEMS = [[0.9], [0.97, 0.8], [0.99, 0.9, -0.7, 0.5]]


@pytest.mark.parametrize("interval", [1, 5])
@pytest.mark.parametrize("values", SYSTEMS)
def test_modes_of_a_linear_system_lead_to_its_fixed_point(values, interval):
    count = 12 if interval == 5 else 30
    weights, at, fixed = linear_system(values, count=count, interval=interval)
    found = forecasts(Path.through(weights, interval), (10.0, 100.0, np.inf), energy=1.0)
    path, last = Path.through(weights, interval), interval * (count - 1)
    landed = path.weights(found.points)
    scale = np.abs(weights[0] - fixed).max()
    np.testing.assert_allclose(landed[0], at(last + 10), atol=1e-8 * scale)
    np.testing.assert_allclose(landed[1], at(last + 100), atol=1e-8 * scale)
    np.testing.assert_allclose(landed[2], fixed, atol=1e-8 * scale)


def test_modes_are_those_of_dense_dynamic_mode_decomposition():
    """Noisy, truncated, eigenvalues clipped: exact DMD with the (P, P) operator, advanced one step at a time."""
    weights, rank = noisy(), 3
    increments = np.diff(weights, axis=0).T
    u, s, vt = np.linalg.svd(increments[:, :-1], full_matrices=False)
    operator = u[:, :rank] @ u[:, :rank].T @ increments[:, 1:] @ vt[:rank].T @ np.diag(1 / s[:rank]) @ u[:, :rank].T
    values, vectors = linalg.eig(operator)
    kept = np.argsort(-np.abs(values))[:rank]
    values, vectors = values[kept], vectors[:, kept]
    b = np.linalg.lstsq(vectors, u[:, :rank] @ u[:, :rank].T @ increments[:, -1], rcond=None)[0]
    clipped = values / np.maximum(1.0, np.abs(values))
    place = weights[-1].astype(complex)
    for step in range(1, 8):
        place = place + vectors @ (b * clipped**step)
    found = forecasts(Path.through(weights, 1), (7.0,), energy=1.0, rank=rank)
    np.testing.assert_allclose(Path.through(weights, 1).weights(found.points)[0], place.real, atol=1e-9)


def test_a_fixed_point_is_not_claimed_where_a_mode_does_not_die_out():
    weights, _, _ = linear_system([1.0, 0.5])
    path = Path.through(weights + np.arange(41)[:, None] * 1e-3, 1)
    assert np.isfinite(path.weights(forecasts(path).points)).all()
    grows, _, _ = linear_system([1.05])
    found = forecasts(Path.through(grows, 1), (10.0, np.inf))
    assert len(found) == 1
    last = np.diff(grows, axis=0)[-1]
    np.testing.assert_allclose(Path.through(grows, 1).weights(found.points)[0], grows[-1] + 10 * last, rtol=1e-9)


@pytest.mark.parametrize("interval", [1, 5])
def test_the_velocity_is_numpys_regression(interval):
    weights = noisy()
    times = interval * np.arange(len(weights))
    slope, level = np.polyfit(times, weights, 1)
    path = Path.through(weights, interval)
    now = times[-1]
    np.testing.assert_allclose(path.weights(velocities(path, [30.0]).points)[0], weights[-1] + 30 * slope, rtol=1e-9)
    np.testing.assert_allclose(
        path.weights(trends(path, [0.0, 30.0]).points), [level + slope * now, level + slope * (now + 30)], rtol=1e-9
    )


def test_weights_that_stand_still_have_no_velocity():
    """A slope centred at half a step off would be a part of the weights themselves, and every jump a decay of them."""
    still = np.tile(np.random.default_rng(0).normal(size=20) + 100.0, (10, 1))
    path = Path.through(still, 5)
    for found in (velocities(path), trends(path), averages(path), forecasts(path)):
        np.testing.assert_allclose(path.weights(found.points), np.tile(still[-1], (len(found), 1)), rtol=1e-13)
    moving = still + np.arange(10.0)[:, None] * 0.25
    path = Path.through(moving, 5)
    np.testing.assert_allclose(path.weights(path.velocity) - path.now, 0.05, rtol=1e-9)
    np.testing.assert_allclose(path.horizon(velocities(path, [10.0, 300.0]).points), [10.0, 300.0], rtol=1e-9)


def test_averages_are_means_of_the_last_snapshots():
    weights = noisy()
    path = Path.through(weights, 2)
    landed = path.weights(averages(path, (0.25, 1.0)).points)
    np.testing.assert_allclose(landed, [weights[-6:].mean(axis=0), weights.mean(axis=0)], atol=1e-12)


def test_directions_are_the_principal_components():
    weights = noisy()
    path = Path.through(weights, 1)
    span, spread = directions(path, 4)
    values, vectors = np.linalg.eigh(np.cov(weights.T, bias=True))
    np.testing.assert_allclose(spread**2, values[::-1][:4], rtol=1e-9)
    np.testing.assert_allclose(np.abs((path.basis @ span.T).T @ vectors[:, ::-1][:, :4]), np.eye(4), atol=1e-6)


def test_the_subspace_step_is_the_damped_normal_equations():
    rng = np.random.default_rng(1)
    residual, slopes = rng.normal(size=50), rng.normal(size=(5, 50)) * 10.0 ** np.arange(-2, 3)[:, None]
    for damping, step in zip((0.0, 1e-2, 3.0), least_squares(residual, slopes, (0.0, 1e-2, 3.0)), strict=True):
        gram = slopes @ slopes.T
        expected = -np.linalg.solve(gram + damping * np.diag(np.diag(gram)), slopes @ residual)
        np.testing.assert_allclose(step, expected, rtol=1e-8)


def test_the_subspace_step_solves_a_linear_least_squares_problem_that_the_path_has_seen():
    rng = np.random.default_rng(2)
    matrix, solution = rng.normal(size=(30, 6)), rng.normal(size=6)
    place, snapshots = np.zeros(6), []
    for _ in range(12):
        snapshots.append(place)
        place = place - 0.002 * matrix.T @ (matrix @ (place - solution))
    path = Path.through(snapshots, 1)
    span, _ = directions(path, 6)
    slopes = (matrix @ (path.basis @ span.T)).T
    step = least_squares(matrix @ (path.now - solution), slopes, (0.0,))
    np.testing.assert_allclose(path.weights(step @ span)[0], solution, atol=1e-5)


def test_a_velocity_jump_lowers_the_loss_of_gradient_descent_on_a_quadratic():
    curvature = np.geomspace(1e-2, 1.0, 10)
    place, snapshots = np.ones(10), []
    for _ in range(400):
        place = place - 0.5 * curvature * place
        snapshots.append(place)

    def loss(w):
        return 0.5 * np.sum(curvature * w**2, axis=-1)

    path = Path.through(snapshots[-100::5], 5)
    losses = loss(path.weights(velocities(path).points))
    assert losses.min() < 0.7 * loss(path.now)
    assert losses[0] == pytest.approx(loss(path.now - 10 * 0.5 * curvature * path.now), rel=0.05)


def test_horizons_of_log_time_fill_the_ladder():
    assert module.log_time(10**9) == list(module.HORIZONS)
    ladder = module.log_time(200)
    assert set(module.HORIZONS) < set(ladder) and ladder == sorted(ladder)
    assert 200 * np.log1p(300 / 200) in ladder
    assert len(ladder) <= module.EVALUATIONS["velocity"]


@pytest.mark.parametrize("kind", ["auto", *module.READINGS])
def test_an_attempt_asks_for_no_more_evaluations_than_it_says(kind):
    path = Path.through(noisy(size=80, count=40), 5)
    found = module.extrapolations(path, kind, 400)
    span, _ = directions(path)
    subspace = 1 + len(span) + len(module.dampings(1.0)) if kind in ("auto", "subspace") else 0
    assert subspace < len(found) + subspace <= module.EVALUATIONS[kind] or kind == "subspace"
    assert set(found.kinds) == {"auto": {"trend"}, "subspace": set()}.get(kind, {kind})
    assert subspace in (0, 10)


def test_auto_looks_ahead_on_the_line_beside_the_subspace():
    """Thirty steps on from the end of a straight path, and nowhere behind it as a mean would be."""
    steps = 5.0 * np.arange(40)
    path = Path.through(np.outer(steps, [1.0, -2.0, 0.5]), 5)
    landed = path.weights(module.extrapolations(path, "auto", 400).points)
    np.testing.assert_allclose(landed, [(steps[-1] + 30.0) * np.array([1.0, -2.0, 0.5])], rtol=1e-12)


def test_dampings_stay_in_their_range():
    assert module.dampings(1.0) == [0.1, 1.0, 10.0]
    assert module.dampings(1e-6)[0] == 1e-6 and module.dampings(1e3)[-1] == 1e3


@pytest.mark.parametrize(("before", "after", "worth"), [(1, 0.97, True), (1, 0.99, False), (1, 2, False)])
def test_only_a_loss_that_falls_is_accepted(before, after, worth):
    assert module.falls(before, after) is worth


@pytest.mark.parametrize("after", [np.nan, np.inf])
def test_no_jump_to_a_loss_that_is_no_number(after):
    assert not module.falls(1.0, after)


def test_a_jump_is_regretted_above_its_trend():
    steps = np.arange(1, 401)
    expected = module.expectation(list(zip(steps, 100.0 / steps, strict=True)), 500)
    assert expected == pytest.approx(np.log10(100 / 500), abs=0.03)
    assert not module.regretted([0.2, 0.21, 50.0], expected)
    assert module.regretted([0.3, 0.31, 0.01], expected)
    assert module.regretted([np.nan, np.nan], expected)


@pytest.mark.parametrize("snapshots", [np.ones((3, 5)), np.ones(8), np.full((5, 2), np.nan)])
def test_paths_that_are_none(snapshots):
    with pytest.raises(ValueError):
        Path.through(snapshots, 1)
