"""Black-Scholes: the formula solves the equation, residuals by torch.func, the payoff holds, prices known elsewhere."""

from math import exp, log, pi, sqrt

import numpy as np
import pytest
import torch
from cases import close
from problems.residuals import check_residuals, exact_jet, generator, network_of, residual_of
from scipy.integrate import quad
from torch.func import hessian, jacrev

from pinnrun.calculus import Derivatives, Field, Points
from pinnrun.errors import UserError
from pinnrun.problems.black_scholes import BlackScholes

CASES = [{}, {"strike": 50.0, "expiry": 0.5, "rate": 0.02, "volatility": 0.35, "width": 1.4}]


def problem(**more) -> BlackScholes:
    return BlackScholes("case", "black_scholes", **more)


def call(strike=100.0, expiry=1.0, rate=0.05, volatility=0.2, **_):
    """The formula in torch, by the error function."""

    def at(x):
        spot, tau = x[0], expiry - x[1]
        deviation = volatility * torch.sqrt(tau)
        d = (torch.log(spot / strike) + rate * tau) / deviation
        n = [0.5 * (1 + torch.erf((d + sign * 0.5 * deviation) / sqrt(2))) for sign in (1, -1)]
        return (spot * n[0] - strike * torch.exp(-rate * tau) * n[1])[None]

    return at


@pytest.mark.parametrize("case", CASES)
def test_the_formula_leaves_no_residual(case):
    """On the boundary it leaves what the price there differs from its limits."""
    left = residual_of(call(**case), problem(**case))
    assert float(left["equation"].abs().max()) < 1e-9
    assert float(left["boundary"].abs().max()) < 1e-6


def test_another_volatility_leaves_one():
    left = residual_of(call(volatility=0.25), problem())
    assert float(left["equation"].abs().max()) > 0.05


@pytest.mark.parametrize("case", CASES)
def test_residuals_are_those_of_torch_func(case):
    set_up = problem(**case)
    strike, expiry, rate, sigma, width = (
        getattr(set_up, name) for name in ("strike", "expiry", "rate", "volatility", "width")
    )

    def field(network, x):
        tau = expiry - x[1]
        m = x[0] / strike - torch.exp(-rate * tau)
        root = torch.sqrt(m**2 + 2 * sigma**2 / pi * tau)
        raw = network(torch.stack([torch.log(x[0] / strike) / width, 2 * torch.sqrt(tau / expiry) - 1, m / root]))
        return strike * (0.5 * (m + root) + 2 * sigma**2 / pi * tau / root * raw)

    def equation(u, x, data):
        value, slope, bend = u(x)[0], jacrev(u)(x)[0], hessian(u)(x)[0]
        left = slope[1] + 0.5 * sigma**2 * x[0] ** 2 * bend[0, 0] + rate * x[0] * slope[0] - rate * value
        return torch.sqrt((expiry - x[1]) / expiry) * left / (0.5 * sigma**2 * strike)

    def boundary(u, x, data):
        worth = torch.where(x[0] > strike, x[0] - strike * torch.exp(-rate * (expiry - x[1])), torch.zeros_like(x[0]))
        return (u(x)[0] - worth) / strike

    check_residuals(set_up, field, [equation, boundary], tolerance=1e-9)


def test_the_payoff_holds_whatever_the_network():
    case = problem()
    network, theta = network_of(case)
    spot = torch.cat([torch.linspace(25, 400, 200, dtype=torch.float64), torch.tensor([100.0], dtype=torch.float64)])
    points = Points(torch.stack([spot, torch.ones_like(spot)], -1))
    value = Field(network, case.inputs, case.ansatz).jet(theta, points, Derivatives(gradient=True)).value[0, :, 0]
    assert float((value - (spot - 100).clamp(min=0)).abs().max()) < 1e-10 * 100, "at the strike up to rounding"
    away = (spot - 100).abs() > 1
    assert float((value - (spot - 100).clamp(min=0))[away].abs().max()) < 1e-13 * 400


def test_at_expiry_everything_is_finite_even_at_the_strike():
    case = problem()
    network, theta = network_of(case)
    points = Points(torch.tensor([[100.0, 1.0], [90.0, 1.0], [110.0, 1.0]], dtype=torch.float64))
    jet = Field(network, case.inputs, case.ansatz).jet(theta, points, Derivatives(gradient=True, pairs=((0, 0),)))
    assert torch.isfinite(jet.channels).all()
    assert close(jet.d(0)[0, 1:, 0], torch.tensor([0.0, 1.0], dtype=torch.float64)), "the slope of the payoff"


def test_the_lift_meets_the_price_at_the_money_before_expiry():
    """V ≈ K σ √(τ/2π): what c is chosen for."""
    case = problem(rate=0.0)
    x = torch.tensor([[100.0, 1.0 - 1e-6]], dtype=torch.float64)
    lift = float(case._lift(Points(x), Derivatives()).value)
    assert lift == pytest.approx(100 * 0.2 * sqrt(1e-6 / (2 * pi)), rel=1e-6)
    assert lift == pytest.approx(float(call(rate=0.0)(x[0])), rel=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_the_reference_is_the_discounted_expectation(case):
    """E[max(S_T − K, 0)] of a log-normal share, by scipy's quadrature; the Greeks by central differences of it."""
    set_up = problem(**case)

    def expected(spot: float) -> float:
        tau = set_up.expiry - 0.2
        drift, deviation = (set_up.rate - 0.5 * set_up.volatility**2) * tau, set_up.volatility * sqrt(tau)
        start = (log(set_up.strike / spot) - drift) / deviation

        def payoff(z: float) -> float:
            return (spot * exp(drift + deviation * z) - set_up.strike) * exp(-0.5 * z * z) / sqrt(2 * pi)

        return exp(-set_up.rate * tau) * quad(payoff, start, start + 20, epsabs=1e-12, epsrel=1e-12, limit=200)[0]

    for spot in (0.8 * set_up.strike, set_up.strike, 1.3 * set_up.strike):
        found = {name: float(value[0]) for name, value in set_up.greeks(np.array([[spot, 0.2]])).items()}
        h = 1e-3 * spot
        below, here, above = expected(spot - h), expected(spot), expected(spot + h)
        assert found["price"] == pytest.approx(here, rel=1e-9)
        assert found["delta"] == pytest.approx((above - below) / (2 * h), rel=1e-4)
        assert found["gamma"] == pytest.approx((above - 2 * here + below) / h**2, rel=1e-3)
        assert float(set_up.reference().field(np.array([[spot, 0.2]]))[0]) == found["price"]


def test_prices_of_a_textbook():
    """Hull, Options, Futures, and Other Derivatives, example 15.6: a call at 42 with strike 40 costs 4.76."""
    case = problem(strike=40.0, expiry=0.5, rate=0.1, volatility=0.2)
    assert float(case.greeks(np.array([[42.0, 0.0]]))["price"][0]) == pytest.approx(4.76, abs=0.005)


def test_what_is_reported_of_the_formula():
    case = problem()
    found = case.observables(lambda points, wanted: exact_jet(call(), points.x[0], wanted))
    assert set(found) == {"price", "delta", "gamma"}
    assert all(item.error is not None and item.error < 1e-10 for item in found.values())
    assert found["price"].value == pytest.approx(10.4506, abs=1e-4)


def test_samplers():
    equation, boundary = problem().terms()
    points = equation.sample(generator(), 20_000)
    spot, t = points.x[0].unbind(-1)
    assert ((t >= 0) & (t <= 1)).all()
    assert close((t > 0.75).double().mean(), torch.tensor(0.5, dtype=torch.float64), 0.02)
    place = torch.log(spot / 100)
    assert float(place.abs().max()) <= 1 + 1e-12
    assert float(place[0::2].var()) == pytest.approx(1 / 3, abs=0.01)
    deviations = (place[1::2] + 0.05 * (1 - t[1::2])) / (0.2 * torch.sqrt(1 - t[1::2]))
    assert float(deviations.abs().max()) <= 4 + 1e-9
    assert float(deviations.var()) == pytest.approx(16 / 3, abs=0.1)
    assert close(points["root_time"][0], torch.sqrt(1 - t), 1e-12)
    ends = boundary.sample(generator(), 11)
    low = ends.x[0, 0::2, 0]
    assert close(low, torch.full_like(low, 100 * exp(-1.0)))
    assert float(ends["price"][0, 0::2].abs().max()) == 0.0
    high = ends.x[0, 1::2]
    assert close(ends["price"][0, 1::2], 100 * exp(1.0) - 100 * torch.exp(-0.05 * (1 - high[:, 1])))


def test_settings_and_places_that_will_not_do():
    assert list(problem().problems()) == []
    [told] = problem(volatility=0.4).problems()
    assert told.startswith("width: 1 is less than 5 σ√T = 2")
    with pytest.raises(UserError, match=r"S from 36\.79 to 271\.8, t from 0 to 1"):
        problem().locate(torch.tensor([[500.0, 0.5]]))
    assert (problem().components, problem().coordinates, problem().features) == (("V",), ("S", "t"), 3)
    x = problem().test_points(generator()).x[0]
    assert float(x[:, 0].min()) >= 50 and float(x[:, 0].max()) <= 200
