"""How large a network must be, as far as theory says: the statements that Dogra's blueprint starts from.

Each is a statement about *some* network with ReLU activations that approximates a function on a compact K of n_in
coordinates to within ε; none says that training finds it. Written O(·) in the theorems, the constants are not known,
so all are taken as 1 and the numbers are orders of magnitude. K is taken as [−1, 1]^n_in, the range that problems scale
their inputs to, and the modulus of continuity as ω(δ) = δ (Lipschitz with constant 1), so that ω⁻¹(ε) = ε.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, log, log2, sqrt
from typing import Any, Literal

Start = Literal["theory", "integrable", "continuous", "sobolev"]
"""Which statement a run starts by."""


@dataclass(frozen=True)
class Bound:
    """What one statement asks for.

    Attributes:
        start: the value of ``scaleup.start`` that goes by it.
        solution: what it supposes of the solution, in ASCII as all texts, since a terminal may know no more.
        formula: the statement.
        source: who proved it.
        width: neurons per layer W; None where the number of parameters settles it.
        depth: layers D, a whole number, which may be beyond any budget (inf: beyond what a float can hold).
        parameters: number of parameters M; None where W and D settle it.
    """

    start: Start
    solution: str
    formula: str
    source: str
    width: int | None
    depth: float
    parameters: float | None = None


def bounds(inputs: int, accuracy: float, regularity: float = 1.0) -> tuple[Bound, ...]:
    """What theory asks for on ``inputs`` coordinates n_in, to reach ``accuracy`` ε.

    Args:
        inputs: n_in >= 1.
        accuracy: ε in (0, 1).
        regularity: d > 0, the order of the Sobolev space W^(d,∞) that the solution lies in.

    Raises:
        ValueError: a number outside its range.
    """
    if inputs < 1 or not 0 < accuracy < 1 or not 0 < regularity < inf:
        raise ValueError(f"no bound for n_in = {inputs}, eps = {accuracy}, d = {regularity}")
    diameter = 2.0 * sqrt(inputs)
    digits = log(1.0 / accuracy)
    return (
        Bound("theory", "smooth", "W = n_in + 1, D = 1", "Dogra's blueprint, step 1", inputs + 1, 1),
        Bound(
            "integrable",
            "integrable (error in L1)",
            "W >= n_in + 4 with D enough; D >= log2(n_in + 1) with W enough",
            "Lu et al. 2017; Arora et al. 2018",
            inputs + 4,
            ceil(log2(inputs + 1)),
        ),
        Bound(
            "sobolev",
            f"in W^(d,inf), d = {regularity:g}",
            "M = O(ln(1/eps) eps^(-n_in/d)), D = O(ln(1/eps))",
            "Yarotsky 2017",
            None,
            ceil(digits),
            digits * _power(1.0 / accuracy, inputs / regularity),
        ),
        Bound(
            "continuous",
            "Lipschitz",
            "W = n_in + 1, D = O(diam(K)/omega^-1(eps))^n_in",
            "Hanin & Sellke 2018",
            inputs + 1,
            _whole(_power(diameter / accuracy, inputs)),
        ),
    )


def width_for(parameters: float, inputs: int, depth: int) -> int:
    """The least W of a perceptron n_in - W - … - W - 1 of that depth with so many parameters, weights and biases."""
    square, linear = depth - 1, inputs + 1 + depth  # as in parameters_of
    missing = max(parameters - 1.0, 0.0)
    width = missing / linear if not square else 2.0 * missing / (linear + sqrt(linear**2 + 4.0 * square * missing))
    return max(1, ceil(width * (1.0 - 1e-12)))


def parameters_of(width: int, inputs: int, depth: int) -> int:
    """Weights and biases of a perceptron n_in - W - … - W - 1 of that depth."""
    return (depth - 1) * width**2 + (inputs + 1 + depth) * width + 1


def first_size(
    start: Start,
    inputs: int,
    accuracy: float,
    regularity: float,
    *,
    max_width: int,
    max_depth: int,
    max_parameters: int,
) -> tuple[int, int, Bound]:
    """W and D that a run starts with where none are given, and the bound behind them.

    The bounds by regularity are cut to what the run may grow to; the smallest size is what it is.

    Raises:
        ValueError: as ``bounds``.
    """
    bound = next(bound for bound in bounds(inputs, accuracy, regularity) if bound.start == start)
    if start == "theory":
        return inputs + 1, 1, bound
    depth = int(min(bound.depth, max_depth))
    largest = width_for(max_parameters, inputs, depth)
    largest -= largest > 1 and parameters_of(largest, inputs, depth) > max_parameters
    asked = bound.width or (max_width if bound.parameters == inf else width_for(bound.parameters or 1.0, inputs, depth))
    return min(asked, max_width, largest), depth, bound


def accuracy_for(loss: float) -> float:
    """ε of a target: √(2 L_min), the root mean square of the residual that is allowed, as if errors were its size."""
    return min(sqrt(2.0 * loss), 0.5)


def start_text(bound: Bound, network: Any) -> str:
    """Where a run starts, and by which statement."""
    size = f"{size_text(bound.width)} x {size_text(bound.depth)}"
    asked = size if bound.parameters is None else f"{size_text(bound.parameters)} parameters at depth {bound.depth}"
    return (
        f"starts at {network.width} x {network.depth}: a solution that is {bound.solution} asks for {asked} "
        f"({bound.source}; constants taken as 1)"
    )


def size_text(value: float | None) -> str:
    """A bound in a table: whole numbers in full while they can be read."""
    return (
        "-" if value is None else f"{value:.0f}" if value < 1e5 else "beyond 1e300" if value == inf else f"{value:.1e}"
    )


def _power(base: float, exponent: float) -> float:
    try:
        return base**exponent
    except OverflowError:
        return inf


def _whole(value: float) -> float:
    return value if value == inf else ceil(value)
