"""What every forecaster returns: a trend of log10(loss) over the clock, and the modes that it is made of."""

from __future__ import annotations

from typing import Protocol

from numpy.typing import ArrayLike

from pinnrun.koopman.curve import Array


class Trend(Protocol):
    """A fitted forecaster. Time is what the curve's clock shows: steps, or what stands for them."""

    def predict(self, steps: ArrayLike) -> Array:
        """Log10 of the loss at `steps` (m,), none before the last point of the fit."""
        ...

    def eigenvalues(self) -> Array:
        """Moduli (k,) in [0, ∞), largest first: what is left of each mode when the clock has doubled."""
        ...

    def half_lives(self) -> Array:
        """Time from now until each mode has halved, (k,); inf where it does not decay."""
        ...
