"""R-functions: logic on functions whose sign says inside or outside (Rvachev 1963; Shapiro, Acta Numerica 16, 2007).

    a ∧ b = a + b − √(a² + b²)        positive where both are; zero on the boundary of the intersection

Where a = 0 and b > 0 the gradient of a ∧ b is that of a: functions normalised to first order stay so (Sukumar &
Srivastava, CMAME 389, 2022, arXiv 2104.08426, § 3). Only where both vanish is the result not differentiable.
"""

from __future__ import annotations

from pinnrun.calculus import Jet


def conjunction(a: Jet, b: Jet) -> Jet:
    """The R-function a ∧ b, "and"."""
    return a + b - (a * a + b * b).sqrt()
