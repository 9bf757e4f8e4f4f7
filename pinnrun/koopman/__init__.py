"""Koopman analysis of training: forecast the loss, judge the network, look at the spectrum of its weights.

`forecast` models the loss curve with a damped trend in log-time and says how likely a target is reached;
`verdict` turns that into REACH, SCALE or EXTEND; `weight_spectrum` decomposes stored weights into modes.
Arrays in, dataclasses out; numpy alone. `koopman.compare` asks which trainings are alike; it takes scipy, and so is
imported by who needs it.
"""

from pinnrun.koopman.forecast import FORECASTERS, Forecast, forecast
from pinnrun.koopman.regime import Regime
from pinnrun.koopman.spectrum import Spectrum, weight_spectrum
from pinnrun.koopman.verdict import Judgement, Verdict, verdict

__all__ = [
    "FORECASTERS",
    "Forecast",
    "Judgement",
    "Regime",
    "Spectrum",
    "Verdict",
    "forecast",
    "verdict",
    "weight_spectrum",
]
