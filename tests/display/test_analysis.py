import io
import json
import math

import numpy as np
import pytest

from pinnrun.display import print_koopman
from pinnrun.display.modes import EXPLAINED
from pinnrun.koopman.forecast import forecast
from pinnrun.koopman.spectrum import SPURIOUS

GRID = np.geomspace(800, 4000, 41)
FORECAST = {
    "now": 800,
    "loss": 3e-3,
    "horizon": 4000,
    "target": 1e-5,
    "steps": GRID.tolist(),
    "median": (3e-3 * (GRID / 800) ** -1.5).tolist(),
    "low": (1e-3 * (GRID / 800) ** -2.0).tolist(),
    "high": (6e-3 * (GRID / 800) ** -1.0).tolist(),
    "regime": "steady",
    "probability": 0.0213,
    "reach": None,
    "eigenvalues": [1.0, 0.75],
    "half_lives": [None, 1928.0],
    "baselines": {"power_law": 2.9e-4, "last_value": 3e-3},
}
SPECTRUM = {
    "eigenvalues": [[0.998, 0.0], [0.97, 0.05], [0.97, -0.05], [0.4, 0.0], [1.0, 0.0]],
    "half_lives": [3462.3, 230.1, 230.1, 7.5649, None],
    "amplitudes": [1.0, 0.5, 0.5, 0.1, 0.03],
    "residuals": [0.01, 0.02, 0.02, 0.51, 0.001],
    "marks": ["", "", "", "spurious", "near 1"],
    "rank": 5,
    "interval": 10,
}
STAGE = {
    "width": 3,
    "depth": 1,
    "parameters": 13,
    "steps": 800,
    "loss": 3e-3,
    "merit": 4e-3,
    "forecast": FORECAST,
    "spectrum": SPECTRUM,
    "decisions": [
        {"step": 400, "action": "EXTEND", "evidence": "too early"},
        {"step": 800, "action": "WIDEN", "evidence": "out of reach [0.02]; " * 8},
    ],
}


def printed(*stages) -> str:
    stream = io.StringIO()
    print_koopman(stages, stream)
    return stream.getvalue()


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the table below the line that starts with `heading`, header left out."""
    lines = text.splitlines()
    first = next(index for index, line in enumerate(lines) if line.strip().startswith(heading))
    table = lines[first + 1 :]
    end = table.index("") if "" in table else len(table)
    return [line.split() for line in table[1:end]]


def test_what_is_promised_stands_beside_the_regime():
    text = printed({**STAGE, "forecast": {**FORECAST, "promise": 2.4242}})
    assert "regime steady; the linearization promises 2.4 decades\n" in text


def test_the_forecast_with_its_band_can_be_read_back():
    text = printed(STAGE)
    assert "stage 0: 3 x 1, 13 parameters, 800 steps, loss 3.000e-03, merit 4.000e-03" in text
    assert "forecast at step 800 (loss 3.000e-03), regime steady\n" in text
    assert "P(loss <= 1e-05 by step 4000) = 0.0213" in text
    assert "the median does not meet the target" in text
    assert "baselines at step 4000: power_law 2.900e-04, last_value 3.000e-03" in text
    band = np.array([list(map(float, row)) for row in rows(text, "the median")[:5]])
    factor = band[:, 0] / 800
    assert band[-1, 0] == 4000
    np.testing.assert_allclose(band[:, 1], 3e-3 * factor**-1.5, rtol=2e-3)
    np.testing.assert_allclose(band[:, 2], 1e-3 * factor**-2.0, rtol=2e-3)
    np.testing.assert_allclose(band[:, 3], 6e-3 * factor**-1.0, rtol=2e-3)


def test_the_modes_of_the_weights_in_their_order_with_pairs_on_one_row():
    table = rows(printed(STAGE), "modes of the weights")
    assert table == [
        ["0.998000", "0.998000", "3462.3", "1", "0.01"],
        ["0.970000", "+-", "0.050000i", f"{math.hypot(0.97, 0.05):.6f}", "230.1", "0.5", "0.02"],
        ["0.400000", "0.400000", "7.5649", "0.1", "0.51", "spurious"],
        ["1.000000", "1.000000", "never", "0.03", "0.001", "near", "1"],
    ]
    assert "rank 5, a snapshot every 10 steps" in printed(STAGE)


def test_what_the_marks_mean_is_said_where_they_occur():
    text = " ".join(printed(STAGE).split())
    assert "spurious: residual above 0.3" in text and "near 1: not told from 1" in text
    assert f"above {SPURIOUS:g}," in EXPLAINED["spurious"]
    calm = STAGE | {"spectrum": SPECTRUM | {"marks": [""] * 5}}
    assert "spurious" not in printed(calm) and "near 1" not in printed(calm)


def test_layers_are_told_by_their_leading_modes():
    still = {"eigenvalues": [], "half_lives": [], "amplitudes": [], "residuals": [], "marks": [], "rank": 0}
    layers = {"hidden1": SPECTRUM | {"parameters": 9}, "output": still | {"parameters": 4}}
    assert rows(printed(STAGE | {"layers": layers}), "layer by layer") == [
        ["hidden1", "9", "5", "1", "0.998000", "3462.3", "0.01"],
        ["output", "4", "0", "0", "still"],
    ]
    assert "layer by layer" not in printed(STAGE | {"layers": {"all": SPECTRUM}})


LOOK = {
    "now": 400,
    "last": 2e-3,
    "fixed_point": 8e-2,
    "has_fixed_point": True,
    "horizons": [1.1, 2.0],
    "steps": [440, 800],
    "forecast": {"modes": [1.5e-3, 0.3], "velocity": [2.5e-3, None]},
    "reached": [1.6e-3, None],
}


def test_the_merit_at_forecast_weights_stands_beside_what_training_reached():
    text = printed(STAGE | {"prospects": [LOOK, LOOK | {"now": 800, "reached": [None, None]}]})
    assert "merit at weights forecast from step 400, where it is 2.000e-03" in text
    assert rows(text, "merit at weights forecast from step 400")[:2] == [
        ["440", "1.1", "x", "1.500e-03", "2.500e-03", "1.600e-03"],
        ["800", "2", "x", "3.000e-01", "overflow", "-"],
    ]
    assert "at the fixed point: 8.000e-02, 40 times that at step 400" in text
    later = rows(text, "merit at weights forecast from step 800")
    assert later[0] == ["440", "1.1", "x", "1.500e-03", "2.500e-03"]
    for words, look in (
        ("none, a mode does not die out", LOOK | {"has_fixed_point": False, "fixed_point": None}),
        ("not a finite number", LOOK | {"fixed_point": None}),
    ):
        assert f"at the fixed point: {words}" in printed(STAGE | {"prospects": [look]})


def test_spectra_of_the_loss_and_of_observables_name_their_clock():
    observed = SPECTRUM | {"names": ["log L", "log |g|"], "clock": "log", "rows": [310.2, 799.0]}
    text = printed(STAGE | {"loss_modes": observed, "edmd": observed | {"clock": "linear"}})
    assert "modes of log L and its delays: rank 5, rows even in ln(step)," in text
    assert "steps 310 to 799" in text and "decades a row" in text
    assert "modes of 2 observables and their squares: rank 5, rows even in steps," in text
    assert "log L, log |g|" in text
    assert max(map(len, text.splitlines())) <= 80


def test_spectra_that_were_not_asked_for_are_not_missed():
    stage = {key: value for key, value in STAGE.items() if key != "spectrum"}
    assert "of the weights" not in printed(stage)


def test_the_modes_of_the_forecast():
    assert rows(printed(STAGE), "modes of the forecast") == [
        ["1.000000", "1.000000", "never"],
        ["0.750000", "0.750000", "1928"],
    ]


def test_the_decisions_with_their_evidence():
    text = printed(STAGE)
    assert ["400", "extend"] in [line.split() for line in text.splitlines()]
    assert ["800", "widen"] in [line.split() for line in text.splitlines()]
    assert " ".join(["out of reach [0.02];"] * 8) in " ".join(text.split())


def test_everything_fits_80_columns():
    assert max(map(len, printed(STAGE, STAGE).splitlines())) <= 80


def test_a_stage_too_short_to_analyse_says_so():
    text = printed(STAGE | {"forecast": None, "spectrum": None, "decisions": [], "merit": None})
    assert "no forecast: too few steps" in text
    assert "no spectrum: too few snapshots of the weights" in text
    assert "None" not in text


def test_a_long_spectrum_says_what_it_leaves_out():
    angles = np.linspace(0.1, 3.0, 14)
    half = [[0.9 * math.cos(a), 0.9 * math.sin(a)] for a in angles]
    text = printed(STAGE | {"spectrum": {"eigenvalues": half + [[x, -y] for x, y in half], "rank": 28}})
    assert "and 4 more" in text


def test_it_takes_what_the_forecast_says_of_itself():
    steps = np.arange(1, 2001)
    plain = json.loads(json.dumps(forecast(steps, 100.0 * steps**-1.5, target=1e-4, horizon=20000).as_dict()))
    text = printed(STAGE | {"forecast": plain})
    band = rows(text, "the median")[:5]
    assert float(band[-1][0]) == 20000
    assert float(band[-1][1]) == pytest.approx(plain["median"][-1], rel=1e-3)
    assert f"= {plain['probability']:.3g}" in text


def test_standard_output_is_the_default(capsys):
    print_koopman([STAGE])
    assert capsys.readouterr() == (printed(STAGE), "")
