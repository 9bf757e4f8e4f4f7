"""What widening costs: the time of a step against the width, where it stops being free, and the α that follows.

A device computes the neurons of a layer side by side, so a step costs about the same for any width until its units are
busy; from there on the time grows with the operations. Measured times are fitted by

    t(W) = a + b W^p,    a, b ≥ 0

Dogra's blueprint ("GPU based Parallelization", and its last paragraph) has the widening factor α account for the
device, to be determined "by not scaling up by depth until scaling up by width alone also leads to substantially slower
computations". With "substantially" a factor s, the network that starts with W₀ neurons is saturated at

    t(W_sat) = s t(W₀),    α = W_sat / W₀

so that one widening takes it there. Widening by a factor stops being free where t(αW)/t(W) exceeds s, the *knee*.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar, nnls

SLOWER = 1.5
"""s: a step that takes so many times as long is substantially slower."""
SMALLEST, LARGEST = 1.25, 4.0
"""α lies between them: growth must come to something, and the network is to be the smallest that does."""
POWERS = (0.25, 4.0)
"""p lies between them."""


@dataclass(frozen=True)
class PowerLaw:
    """t(W) = a + b W^p, in seconds."""

    a: float
    b: float
    p: float

    def seconds(self, width: ArrayLike) -> np.ndarray:
        """The time of a step at these widths."""
        return self.a + self.b * np.asarray(width, dtype=float) ** self.p

    def knee(self, factor: float, slower: float = SLOWER) -> float:
        """The width from which widening by ``factor`` costs more than ``slower`` times: t(αW)/t(W) = s solved for W.

        inf where it never does, since even b W^p alone grows by less; 0 where nothing hides the growth.
        """
        excess = self.b * (factor**self.p - slower)
        if excess <= 0:
            return inf
        return (self.a * (slower - 1.0) / excess) ** (1.0 / self.p)

    def saturated(self, width: float, slower: float = SLOWER) -> float:
        """W_sat, the width of which a step takes ``slower`` times as long as of ``width``; inf on a flat curve."""
        if self.b == 0:
            return inf
        return float(((slower * self.seconds(width) - self.a) / self.b) ** (1.0 / self.p))

    def alpha(self, width: float, slower: float = SLOWER, bounds: tuple[float, float] = (SMALLEST, LARGEST)) -> float:
        """α = W_sat / W₀ for a network that starts with ``width`` neurons, within its bounds, to three digits."""
        return float(f"{np.clip(self.saturated(width, slower) / width, *bounds):.3g}")


def fit(widths: ArrayLike, seconds: ArrayLike) -> PowerLaw:
    """The law with the least squared relative errors.

    For a given p it is linear in a and b, which are found by non-negative least squares; p by a scan, and a bounded
    search around the best of it.

    Raises:
        ValueError: fewer than three different widths, or times that are not positive and finite.
    """
    w, t = np.asarray(widths, dtype=float), np.asarray(seconds, dtype=float)
    if w.shape != t.shape or len(np.unique(w)) < 3 or not (np.isfinite(t).all() and (t > 0).all() and (w > 0).all()):
        raise ValueError("a law of the step time needs three widths at least, with positive times")

    def solved(p: float) -> tuple[np.ndarray, float]:
        scale = w.max() ** p
        coefficients, error = nnls(np.column_stack([1.0 / t, w**p / scale / t]), np.ones_like(t))
        return np.array([coefficients[0], coefficients[1] / scale]), error

    scan = np.linspace(*POWERS, 61)
    best = int(np.argmin([solved(p)[1] for p in scan]))
    around = scan[max(best - 1, 0)], scan[min(best + 1, len(scan) - 1)]
    found: Any = minimize_scalar(lambda p: solved(p)[1], bounds=around, method="bounded", options={"xatol": 1e-6})
    p = min((scan[best], float(found.x)), key=lambda value: solved(value)[1])
    a, b = solved(p)[0]
    return PowerLaw(float(a), float(b), float(p))
