"""How the learning rate of a first-order method changes within a stage.

    constant      η_t = η
    cosine        η_t = η (f + (1 − f) ½ (1 + cos πx)),   x = min(t/T, 1)
    exponential   η_t = η f^(t/T)
    warmup        η_t = η min((t + 1)/T, 1)

t counts the steps of the stage; a growth begins a new one. Cosine: Loshchilov & Hutter, ICLR 2017, arXiv 1608.03983.
"""

from __future__ import annotations

from math import cos, pi
from typing import Literal

Schedule = Literal["constant", "cosine", "exponential", "warmup"]


def rate_factor(schedule: Schedule, step: int, decay_steps: int, decay_to: float) -> float:
    """η_t/η at step t = 0, 1, …, with T = ``decay_steps`` and f = ``decay_to``."""
    passed = step / decay_steps
    if schedule == "cosine":
        return decay_to + (1.0 - decay_to) * 0.5 * (1.0 + cos(pi * min(passed, 1.0)))
    if schedule == "exponential":
        return decay_to**passed
    if schedule == "warmup":
        return min((step + 1) / decay_steps, 1.0)
    return 1.0
