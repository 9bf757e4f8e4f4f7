"""What theory says of sizes, against the formulas as the papers state them, and sizes counted on networks."""

from math import ceil, exp, inf, log, log2, sqrt
from pathlib import Path

import pytest
from runs import lookup, start

from pinnrun.architectures import Mlp
from pinnrun.theory import accuracy_for, bounds, first_size, parameters_of, size_text, width_for

LIMITS = {"max_width": 128, "max_depth": 6, "max_parameters": 3000}


def named(inputs, accuracy, regularity=1.0):
    return {bound.start: bound for bound in bounds(inputs, accuracy, regularity)}


def test_the_blueprint_starts_nine_coordinates_at_ten_neurons():
    """Step 1: d = ∞ implies W = n_in + 1, D = 1; in the paper's case (10, 1)."""
    smooth = named(9, 1e-3)["theory"]
    assert (smooth.width, smooth.depth) == (10, 1)
    assert first_size("theory", 9, 1e-3, 1.0, **LIMITS)[:2] == (10, 1)


@pytest.mark.parametrize("inputs", [1, 2, 3, 7, 8, 100])
def test_integrable_functions(inputs):
    """Lu et al. 2017: W ≥ n_in + 4; Arora et al. 2018: D ≥ log₂(n_in + 1), the least whole number of layers."""
    bound = named(inputs, 1e-2)["integrable"]
    assert bound.width == inputs + 4
    assert bound.depth >= log2(inputs + 1) > bound.depth - 1


def test_depth_of_a_power_of_two_is_no_layer_too_many():
    assert [named(n, 0.1)["integrable"].depth for n in (1, 3, 7, 15)] == [1, 2, 3, 4]


@pytest.mark.parametrize(("inputs", "accuracy"), [(1, 0.1), (2, 0.1), (3, 0.25)])
def test_continuous_functions_of_minimal_width(inputs, accuracy):
    """Hanin & Sellke 2018: D = (diam(K)/ω⁻¹(ε))^n_in; the diagonal of [−1, 1]^n is the distance of its corners."""
    diagonal = sqrt(sum((1 - -1) ** 2 for _ in range(inputs)))
    bound = named(inputs, accuracy)["continuous"]
    assert bound.width == inputs + 1
    assert bound.depth == ceil((diagonal / accuracy) ** inputs)


@pytest.mark.parametrize(("inputs", "d"), [(1, 1.0), (2, 1.0), (3, 2.0), (3, 0.5)])
def test_sobolev_functions(inputs, d):
    """Yarotsky 2017: M = ln(1/ε) ε^(−n_in/d), D = ln(1/ε)."""
    accuracy = exp(-3.0)
    bound = named(inputs, accuracy, d)["sobolev"]
    assert bound.parameters == pytest.approx(3.0 * exp(3.0 * inputs / d))
    assert bound.depth == ceil(-log(accuracy)) == 3


def test_what_no_float_can_hold_is_beyond_and_still_starts_somewhere():
    bound = named(100, 1e-5)
    assert bound["continuous"].depth == inf and bound["sobolev"].parameters == inf
    for name in ("continuous", "sobolev", "integrable"):
        width, depth, _ = first_size(name, 100, 1e-5, 1.0, **LIMITS)
        assert 1 <= parameters_of(width, 100, depth) <= 3000
    assert size_text(inf) == "beyond 1e300" and size_text(123456.0) == "1.2e+05" and size_text(7) == "7"


@pytest.mark.parametrize(("width", "inputs", "depth"), [(1, 1, 1), (5, 2, 1), (8, 3, 2), (20, 10, 4)])
def test_parameters_are_those_of_a_network(width, inputs, depth):
    size = Mlp(inputs, 1, width, depth).size
    assert parameters_of(width, inputs, depth) == size
    assert width_for(size, inputs, depth) == width
    assert width_for(size + 1, inputs, depth) == width + 1


def test_a_bound_is_cut_to_what_the_run_may_grow_to():
    width, depth, bound = first_size("sobolev", 3, 1e-3, 1.0, **LIMITS)
    assert bound.parameters is not None and bound.parameters > 1e9
    assert depth == 6 and parameters_of(width, 3, depth) <= 3000 < parameters_of(width + 1, 3, depth)
    narrow = {**LIMITS, "max_width": 9}
    assert first_size("sobolev", 3, 1e-3, 1.0, **narrow)[:2] == (9, 6)
    assert first_size("sobolev", 2, 0.2, 2.0, **LIMITS)[:2] == (2, 2)  # 1.6 · 5 parameters
    assert first_size("continuous", 2, 0.4, 1.0, **LIMITS)[:2] == (3, 6)
    assert first_size("integrable", 3, 0.1, 1.0, **LIMITS)[:2] == (7, 2)


def test_the_smallest_size_is_not_cut():
    assert first_size("theory", 200, 0.1, 1.0, **LIMITS)[:2] == (201, 1)


def test_the_accuracy_of_a_target_is_the_residual_that_it_allows():
    assert accuracy_for(0.5e-6) == pytest.approx(1e-3)  # ½ r² = L
    assert accuracy_for(10.0) == 0.5


@pytest.mark.parametrize("words", [(0, 0.1, 1), (1, 0.0, 1), (1, 1.0, 1), (1, 0.1, 0), (1, 0.1, inf)])
def test_numbers_out_of_range(words):
    with pytest.raises(ValueError, match="no bound"):
        bounds(*words)


def sizes(folder):
    architecture = lookup(folder).stages[0].architecture
    return architecture["width"], architecture["depth"]


def test_a_run_starts_where_it_is_told(workplace):
    """Two coordinates; what the architecture gives goes before what theory says."""
    plain = start(Path("theory"), "scaleup.start=theory", "budget.steps=2")
    assert sizes(Path("theory")) == (3, 1) and not any("starts at" in event for event in plain["events"])
    told = start(Path("integrable"), "scaleup.start=integrable", "budget.steps=2")
    assert sizes(Path("integrable")) == (6, 2)
    [event] = [event for event in told["events"] if event.startswith("starts at 6 x 2")]
    assert "Lu et al. 2017" in event and "6 x 2" in event.partition(":")[2]
    start(Path("given"), "scaleup.start=integrable", "architecture.depth=1", "budget.steps=2")
    assert sizes(Path("given")) == (6, 1)
    start(Path("both"), "scaleup.start=sobolev", "architecture.depth=1", "architecture.width=5", "budget.steps=2")
    assert sizes(Path("both")) == (5, 1)
