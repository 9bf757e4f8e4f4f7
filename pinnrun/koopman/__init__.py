"""Koopman analysis of training: forecast the loss, judge the network, look at the spectrum of its weights.

`forecast` models the loss curve by one of FORECASTERS, mostly in log-time, and says how likely a target is reached;
`forecast_stage` does so for what was recorded of a stage, by its clock and observable; `verdict` turns that into REACH,
SCALE or EXTEND. `weight_spectrum` and `layer_spectra` decompose stored weights into modes, `loss_spectrum` and
`observable_spectrum` the loss and a dictionary of observables; `prospects` says what the loss is at forecast weights.
`koopman.compare` asks which trainings are alike; it takes scipy, and so is imported by who needs it.

Arrays in, dataclasses out; numpy alone.
"""

from pinnrun.koopman.clock import Clock
from pinnrun.koopman.curve import Snapshots
from pinnrun.koopman.dictionaries import lift, loss_spectrum, observable_spectrum
from pinnrun.koopman.forecast import Forecast, forecast
from pinnrun.koopman.forecasters import FORECASTERS
from pinnrun.koopman.prospects import Prospects, prospects
from pinnrun.koopman.regime import Regime
from pinnrun.koopman.spectrum import Spectrum, layer_spectra, weight_spectrum
from pinnrun.koopman.stage import History, forecast_stage
from pinnrun.koopman.verdict import Judgement, Verdict, by_promise, verdict
from pinnrun.koopman.weights import forecast_weights

__all__ = [
    "FORECASTERS",
    "Clock",
    "Forecast",
    "History",
    "Judgement",
    "Prospects",
    "Regime",
    "Snapshots",
    "Spectrum",
    "Verdict",
    "by_promise",
    "forecast",
    "forecast_stage",
    "forecast_weights",
    "layer_spectra",
    "lift",
    "loss_spectrum",
    "observable_spectrum",
    "prospects",
    "verdict",
    "weight_spectrum",
]
