"""The ion-accessibility window λ of a sphere in torch, and a function whose second derivative it is.

Where λ rises the potential bends: φ'' = κ² λ sinh φ + …, within a window of 1 Å. The ramp h with h'' = λ bends in the
same place and in the same way, so that a network which sees it need not make the bend from smooth neurons.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class IonRamp:
    """λ(r) and h(r) = ∫∫ λ, zero before the window.

    Attributes:
        closest: b, radius of the solute and of an ion, where λ is one half.
        half_width: w of the step; 0 makes it sharp.
    """

    closest: float
    half_width: float

    def __call__(self, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """h, h' and h'' = λ = S((r − b + w)/2w), S(t) = 35t⁴ − 84t⁵ + 70t⁶ − 20t⁷ (APBS's spl4)."""
        width = 2.0 * self.half_width
        if width == 0.0:
            beyond = (r - self.closest).clamp(min=0.0)
            return 0.5 * beyond**2, beyond, (r >= self.closest).to(r.dtype)
        t = ((r - self.closest) / width + 0.5).clamp(0.0, 1.0)
        beyond = (r - self.closest - self.half_width).clamp(min=0.0)  # where λ = 1: h goes on as a parabola
        step = t**4 * (35.0 + t * (-84.0 + t * (70.0 - 20.0 * t)))
        slope = width * t**5 * (7.0 + t * (-14.0 + t * (10.0 - 2.5 * t)))
        ramp = width**2 * t**6 * (7.0 / 6.0 + t * (-2.0 + t * (1.25 - 2.5 / 9.0 * t)))
        return ramp + (self.half_width + 0.5 * beyond) * beyond, slope + beyond, step
