"""What is shipped of other trainings: complete, sound, and used as it stands in the file."""

import json

import pytest

from pinnrun.koopman import FORECASTERS, Regime, forecast
from pinnrun.koopman.prior import ANY, FILE, pooled, residual_quantiles, table
from pinnrun.koopman.promised_trend import Promise
from pinnrun.registry import OPTIMIZERS, family_of

FAMILIES = sorted({family_of(name) for name in OPTIMIZERS})


def test_the_file_says_which_command_made_it():
    assert table() == json.loads(FILE.read_text())
    assert table()["command"] == "python -m benchmarks.forecast calibrate"
    assert table()["trajectories"] >= 20


@pytest.mark.parametrize("forecaster", FORECASTERS)
@pytest.mark.parametrize("family", [*FAMILIES, None])
def test_every_forecaster_has_a_law_in_all_circumstances_and_families(forecaster, family):
    for circumstances in Promise if forecaster == "promised_trend" else Regime:
        low, median, high = residual_quantiles(forecaster, family, circumstances)
        assert -10 < low < median < high < 10


def test_a_family_that_is_unknown_has_the_law_of_all():
    assert residual_quantiles("hankel", "genetic", Regime.STEADY) == residual_quantiles("hankel", None, Regime.STEADY)
    assert tuple(table()["residuals"]["hankel"][ANY]["steady"]) == residual_quantiles("hankel", None, Regime.STEADY)


@pytest.mark.parametrize("family", [None, "gauss_newton"])
def test_the_pooled_constants_make_a_trend_that_falls_with_its_slopes(family):
    known = pooled(family)
    assert known.late + known.before > 0.3
    assert 0.3 < known.steepest < 10
    assert 0 <= known.damping < 1
    assert abs(known.intercept) < 0.3


def test_only_gauss_newton_methods_have_constants_of_their_own():
    assert pooled("first_order") == pooled("quasi_newton") == pooled() != pooled("gauss_newton")


def test_the_family_decides_band_and_trend():
    steps = range(1, 201)
    loss = [1.0 / step for step in steps]
    looks = {
        family: forecast(steps, loss, target=1e-9, horizon=1000, family=family, forecaster="pooled_trend")
        for family in FAMILIES
    }
    assert len({look.low[-1] for look in looks.values()}) == len(FAMILIES)
    assert looks["first_order"].trend == looks["quasi_newton"].trend != looks["gauss_newton"].trend
