"""The ion-accessibility window around a sphere: where the salt may be, how softly it begins.

lambda(r) = S((r - b + w) / 2w),  b = radius + ion_radius,  S(t) = 35 t^4 - 84 t^5 + 70 t^6 - 20 t^7 on [0, 1]

the seventh-degree spline window of APBS (`srfm spl4`; Schnieders et al., J. Chem. Phys. 126, 124114, 2007),
which has three continuous derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pinnrun.errors import UserError
from pinnrun.problems.npbe.medium import require_nonnegative, require_positive

_NARROWEST = 1e-3  # angstrom; a mesh that resolves a narrower window loses its digits to rounding


def smoothstep7(t: ArrayLike) -> np.ndarray:
    """The polynomial S7 from 0 at t <= 0 to 1 at t >= 1, with three vanishing derivatives at both ends."""
    s = np.clip(np.asarray(t, dtype=float), 0.0, 1.0)
    return s**4 * (35 + s * (-84 + s * (70 - 20 * s)))


@dataclass(frozen=True)
class IonWindow:
    """The window lambda(r) of a spherical solute.

    Two limits have a meaning of their own: `ion_radius = 0` lets the salt reach the solute's surface, so that
    lambda = 1 in all the solvent whatever the width; `half_width = 0` makes the window a sharp step at b.
    A window wide enough to begin inside the solute is cut off at its surface.

    Attributes:
        radius: of the solute, angstrom.
        ion_radius: of the mobile ions, angstrom.
        half_width: w, angstrom; 0, or 0.001 at least.

    Raises:
        UserError: a value is out of range.
    """

    radius: float
    ion_radius: float = 2.0
    half_width: float = 0.5

    def __post_init__(self) -> None:
        require_positive(radius=self.radius)
        require_nonnegative(ion_radius=self.ion_radius, window=self.half_width)
        if 0 < self.half_width < _NARROWEST:
            raise UserError(
                f"window = {self.half_width:g} angstrom is too narrow to be told from a sharp one.\n"
                f"Take 0 for a sharp window, or {_NARROWEST:g} at least."
            )

    def __call__(self, r: ArrayLike) -> np.ndarray:
        """The window, from 0 to 1, at distances r from the centre (any shape, angstrom); 0 in the solute."""
        distance = np.asarray(r, dtype=float)
        outside = distance >= self.radius
        if self.ion_radius == 0:
            return outside.astype(float)
        centre = self.radius + self.ion_radius
        if self.half_width == 0:
            return (distance >= centre).astype(float)
        rise = smoothstep7((distance - centre + self.half_width) / (2 * self.half_width))
        return np.where(outside, rise, 0.0)

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """Radii outside the solute between which the window is one polynomial, ascending."""
        if self.ion_radius == 0:
            return ()
        centre = self.radius + self.ion_radius
        if self.half_width == 0:
            return (centre,)
        # S7 starts as 35 t^4: a breakpoint within a thousandth of the width of the surface resolves nothing.
        closest = self.radius + 1e-3 * self.half_width
        return tuple(r for r in (centre - self.half_width, centre + self.half_width) if r > closest)
