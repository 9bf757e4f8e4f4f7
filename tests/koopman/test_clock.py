import numpy as np
import pytest

from pinnrun.koopman import Clock


def cosine(step, total=4000, floor=0.01):
    return floor + (1 - floor) * 0.5 * (1 + np.cos(np.pi * min((step - 1) / total, 1.0)))


def test_steps_are_their_own_time():
    steps = np.array([1.0, 17.0, 1e9, np.inf])
    np.testing.assert_array_equal(Clock().at(steps), steps)
    np.testing.assert_array_equal(Clock().step_at(steps), steps)


def test_time_is_the_sum_of_the_rates_past_and_to_come():
    """Against a loop over every step of a cosine, in units in which the present is at its own step."""
    rates = np.array([cosine(step) for step in range(1, 6001)])
    now = 1500
    clock = Clock.by_rate(np.arange(1, now + 1), rates[:now], lambda ahead: rates[now + ahead - 1], limit=6000)
    exact = np.cumsum(rates) * now / rates[:now].sum()
    np.testing.assert_allclose(clock.at(np.arange(1, now + 1)), exact[:now], rtol=1e-12)
    np.testing.assert_allclose(clock.at(np.arange(now, 6001)), exact[now - 1 :], rtol=3e-5)


def test_a_constant_rate_is_the_steps():
    steps = np.arange(1, 501)
    clock = Clock.by_rate(steps, np.full(500, 3e-3), lambda ahead: 3e-3, limit=5000)
    future = np.array([1.0, 250.0, 500.0, 501.0, 4999.0, 1e6])
    np.testing.assert_allclose(clock.at(future), future, rtol=1e-9)


def test_where_nobody_knows_the_rates_ahead_the_last_one_is_held():
    clock = Clock.by_rate([1, 2, 3, 4], [2.0, 2.0, 1.0, 1.0], None, limit=100)
    np.testing.assert_allclose(clock.at([1, 4, 5, 14]), np.array([2.0, 6.0, 7.0, 16.0]) * 4 / 6)


def test_after_the_limit_the_last_rate_is_held():
    clock = Clock.by_rate([1, 2], [1.0, 1.0], lambda ahead: 0.5 if ahead >= 10 else 1.0, limit=40)
    slope = clock.at(60.0) - clock.at(50.0)
    assert slope == pytest.approx(10 * 0.5)


@pytest.mark.parametrize("gap", [1, 7])
def test_gaps_are_filled_with_the_rate_that_ends_them(gap):
    steps = np.arange(gap, 50 * gap + 1, gap)
    clock = Clock.by_rate(steps, 1.0 / steps, None, limit=10)
    exact = np.cumsum(gap / steps)
    np.testing.assert_allclose(clock.at(steps), exact * steps[-1] / exact[-1])


def test_evaluations_to_come_cost_what_they_cost_lately():
    price = np.concatenate([np.full(100, 9), np.full(50, 1), np.full(50, 3)])
    clock = Clock.by_evaluations(np.arange(1, 201), price)
    total = price.sum()
    assert clock.at(200) == pytest.approx(200)
    assert clock.at(150) == pytest.approx(200 * price[:150].sum() / total)
    assert clock.at(300) == pytest.approx(200 * (total + 100 * 2) / total)  # the mean of the last half


@pytest.mark.parametrize("name", ["rate", "evaluations"])
def test_steps_and_time_are_inverse_to_each_other(name):
    steps = np.arange(1, 301)
    prices = np.random.default_rng(0).integers(1, 9, 300)
    clock = (
        Clock.by_rate(steps, prices, lambda ahead: 2.0 / ahead, limit=3000)
        if name == "rate"
        else Clock.by_evaluations(steps, prices)
    )
    asked = np.array([0.5, 1.0, 20.3, 299.0, 300.0, 301.0, 2500.0, 3000.0, 50000.0])
    times = clock.at(asked)
    assert np.all(np.diff(times) > 0)
    np.testing.assert_allclose(clock.step_at(times), asked, rtol=1e-9)
    assert clock.step_at(np.inf) == np.inf


def test_a_rate_of_zero_does_not_stop_the_clock():
    clock = Clock.by_rate([1, 2, 3], [1.0, 0.0, 1.0], lambda ahead: 0.0, limit=30)
    assert np.all(np.diff(clock.at(np.arange(1, 40))) > 0)
