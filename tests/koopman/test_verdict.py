import re
from dataclasses import replace

import numpy as np
import pytest

from pinnrun.koopman import Regime, Verdict, forecast, verdict

PROMISED = {"family": "gauss_newton", "forecaster": "promised_trend"}


def outlook(now=2000, horizon=10000, regime=Regime.STEADY, probability=0.04, trend=1e-2, target=1e-6, **more):
    """A forecast with the fields the rules read set by hand."""
    steps = np.arange(1, now + 1)
    base = forecast(steps, 1.0 / steps, target=target, horizon=horizon)
    since = 120 if regime is Regime.PLATEAU else None
    return replace(base, regime=regime, probability=probability, trend=trend, since=since, **more)


@pytest.mark.parametrize(
    ("fields", "minimum", "expected"),
    [
        ({"probability": 0.61}, 2000, Verdict.REACH),
        ({"probability": 0.61}, 9000, Verdict.REACH),
        ({"probability": 0.60}, 2000, Verdict.EXTEND),
        # hopeless, from half the minimum on
        ({"probability": 0.009}, 4000, Verdict.SCALE),
        ({"probability": 0.009}, 4001, Verdict.EXTEND),
        ({"probability": 0.009, "horizon": 20000}, 4000, Verdict.SCALE),
        ({"probability": 0.009, "horizon": 20001}, 4000, Verdict.EXTEND),
        ({"probability": 0.009, "regime": Regime.PLATEAU}, 4000, Verdict.SCALE),
        ({"probability": 0.009, "regime": Regime.PLATEAU}, 4001, Verdict.EXTEND),
        # but not before and in the first drop, where every forecast is too high, before the minimum
        ({"probability": 0.009, "regime": Regime.EARLY, "now": 1000}, 1001, Verdict.EXTEND),
        ({"probability": 0.009, "regime": Regime.ACCELERATING, "now": 1000}, 1001, Verdict.EXTEND),
        ({"probability": 0.009, "regime": Regime.EARLY, "now": 1000}, 1000, Verdict.SCALE),
        ({"probability": 0.009, "regime": Regime.ACCELERATING, "now": 1000}, 1000, Verdict.SCALE),
        ({"probability": 0.011, "regime": Regime.EARLY, "now": 1000}, 1000, Verdict.EXTEND),
        ({"probability": 0.009, "regime": Regime.PLATEAU, "fallen": 0.9}, 2001, Verdict.EXTEND),
        ({"probability": 0.009, "regime": Regime.PLATEAU, "fallen": 0.9}, 2000, Verdict.SCALE),
        # unlikely, from the minimum on
        ({}, 2000, Verdict.SCALE),
        ({}, 2001, Verdict.EXTEND),
        ({"probability": 0.05}, 2000, Verdict.EXTEND),
        ({"regime": Regime.PLATEAU}, 2000, Verdict.SCALE),
        ({"regime": Regime.PLATEAU}, 2001, Verdict.EXTEND),
        # while the first drop may be yet to come, from 0.5 T on
        ({"regime": Regime.EARLY, "horizon": 4001}, 1000, Verdict.EXTEND),
        ({"regime": Regime.EARLY, "horizon": 4000}, 1000, Verdict.SCALE),
        ({"regime": Regime.ACCELERATING, "horizon": 4000}, 1000, Verdict.SCALE),
        ({"regime": Regime.ACCELERATING, "horizon": 4001}, 1000, Verdict.EXTEND),
        # methods with curvature, whose probabilities are seldom small
        ({"family": "first_order", "probability": 0.06}, 2000, Verdict.EXTEND),
        ({"family": "quasi_newton", "probability": 0.29}, 2000, Verdict.SCALE),
        ({"family": "quasi_newton", "probability": 0.30}, 2000, Verdict.EXTEND),
        ({"family": "gauss_newton", "probability": 0.39}, 2000, Verdict.SCALE),
        ({"family": "gauss_newton", "probability": 0.40}, 2000, Verdict.EXTEND),
        ({"family": "gauss_newton", "probability": 0.39}, 2001, Verdict.EXTEND),
        ({"family": "gauss_newton", "probability": 0.049}, 4000, Verdict.SCALE),
        ({"family": "quasi_newton", "probability": 0.011}, 4000, Verdict.EXTEND),
        ({"family": "gauss_newton", "probability": 0.2, "regime": Regime.EARLY, "now": 2999}, 80, Verdict.EXTEND),
        # what goes by a promise has bounds of its own
        ({**PROMISED, "probability": 0.29}, 2000, Verdict.SCALE),
        ({**PROMISED, "probability": 0.31}, 2000, Verdict.EXTEND),
        ({**PROMISED, "probability": 0.14}, 8000, Verdict.SCALE),
        ({**PROMISED, "probability": 0.14}, 8001, Verdict.EXTEND),
        ({**PROMISED, "probability": 0.16}, 8000, Verdict.EXTEND),
        ({**PROMISED, "probability": 0.14, "regime": Regime.EARLY, "now": 1000}, 1001, Verdict.EXTEND),
        ({"family": "gauss_newton", "probability": 0.2, "regime": Regime.EARLY, "now": 3000}, 80, Verdict.SCALE),
    ],
)
def test_rules(fields, minimum, expected):
    judged = verdict(outlook(**fields), minimum=minimum)
    assert judged.verdict is expected
    assert judged[0] is expected


def test_evidence_says_what_a_person_needs():
    look = outlook(
        horizon=4000,
        regime=Regime.PLATEAU,
        probability=0.04,
        trend=3e-4,
        low=np.array([1e-4]),
        median=np.array([3e-4]),
        high=np.array([9.3e-4]),
    )
    evidence = verdict(look, minimum=500).evidence
    assert (
        "promised" not in evidence
        and "; 2.4 decades promised; " in verdict(replace(look, promise=2.42), minimum=500)[1]
    )
    assert evidence.startswith(
        "forecast 3e-4 at step 4000 (band 1e-4 .. 9.3e-4) against target 1e-6; "
        "P(reach) 0.04; regime plateau since step 120; "
    )
    assert "odds are below 0.05" in evidence


@pytest.mark.parametrize(
    ("fields", "minimum", "words"),
    [
        ({}, 3000, "step 2000 of at least 3000"),
        ({"probability": 0.001}, 3000, "out of reach"),
        ({"regime": Regime.EARLY, "now": 1800}, 1500, "wait until step 5000"),
        ({"probability": 0.3}, 1500, "may yet be met"),
        ({"probability": 0.9, "reach": 2340}, 1500, "at step 2340, 340 from now"),
        ({"probability": 0.9, "reach": None}, 1500, "within the band"),
        ({"probability": 1.0, "loss": 1e-7}, 1500, "target met: loss 1e-7 at step 2000"),
    ],
)
def test_evidence_gives_the_reason(fields, minimum, words):
    evidence = verdict(outlook(**fields), minimum=minimum).evidence
    assert words in evidence
    assert "\n" not in evidence


def test_a_tiny_network_at_its_floor_is_scaled_up_and_a_falling_one_is_not():
    steps = np.arange(1, 5001)
    floor = 1e-2 + np.exp(-steps / 200)
    stuck = verdict(forecast(steps, floor, target=1e-6, horizon=20000), minimum=2000)
    assert stuck.verdict is Verdict.SCALE
    assert re.search(r"regime plateau since step \d+", stuck.evidence)
    falling = verdict(forecast(steps, steps**-1.5, target=1e-6, horizon=20000), minimum=2000)
    assert falling.verdict is Verdict.REACH


def test_asked_before_the_first_drop_it_never_scales():
    # 1000 flat steps say nothing: the loss of many networks falls only after them
    steps = np.arange(1, 1001)
    looks = [np.full(1000, 30.0), 30.0 * steps**-0.05, 30.0 * steps**-0.2]
    for loss in looks:
        judged = verdict(forecast(steps, loss, target=1e-5, horizon=20000), minimum=2000)
        assert judged.verdict is Verdict.EXTEND


def test_levenberg_marquardt_stage_of_a_few_dozen_steps():
    steps = np.arange(1, 61)
    converging = np.maximum(10.0 ** (2 - 0.1 * steps), 1e-12)
    stuck = np.maximum(converging, 3e-2)
    looks = [
        forecast(steps, loss, target=target, horizon=100, family="gauss_newton")
        for loss, target in ((converging, 1e-5), (stuck, 1e-6))
    ]
    assert [verdict(look, minimum=20).verdict for look in looks] == [Verdict.REACH, Verdict.SCALE]
