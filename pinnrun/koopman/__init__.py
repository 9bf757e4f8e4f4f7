"""Koopman analysis of training: forecast the loss, judge the network, look at the spectrum of its weights.

`forecast` models the loss curve by one of FORECASTERS, mostly in log-time, and says how likely a target is reached;
`forecast_stage` does so for what was recorded of a stage, by its clock and observable; `verdict` turns that into REACH,
SCALE or EXTEND; `weight_spectrum` decomposes stored weights into modes.
Arrays in, dataclasses out; numpy alone.
"""

from pinnrun.koopman.clock import Clock
from pinnrun.koopman.forecast import Forecast, forecast
from pinnrun.koopman.forecasters import FORECASTERS
from pinnrun.koopman.regime import Regime
from pinnrun.koopman.spectrum import Spectrum, weight_spectrum
from pinnrun.koopman.stage import History, forecast_stage
from pinnrun.koopman.verdict import Judgement, Verdict, verdict
from pinnrun.koopman.weight_trend import Snapshots

__all__ = [
    "FORECASTERS",
    "Clock",
    "Forecast",
    "History",
    "Judgement",
    "Regime",
    "Snapshots",
    "Spectrum",
    "Verdict",
    "forecast",
    "forecast_stage",
    "verdict",
    "weight_spectrum",
]
