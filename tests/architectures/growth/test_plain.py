"""Shrink and perturb: a weighted mean of what was and of a start afresh."""

import pytest
import torch
from architectures.growth.networks import SIZES, generator
from cases import close, parameters

from pinnrun.architectures import deepen, widen
from pinnrun.architectures.growth.plain import PERTURB, SHRINK


@pytest.mark.parametrize("network", SIZES, ids=repr)
@pytest.mark.parametrize("kind", ["widen", "deepen"])
def test_old_weights_are_shrunk_and_perturbed(network, kind):
    """What is left after λ θ is taken off is σ times numbers within ±1/√fan_in, and zero in the gates."""
    theta = 10.0 + parameters(network)
    if kind == "widen":
        growth = widen(network, theta, 2 * network.width, "shrink_perturb", generator(3))
        kept = widen(network, theta, 2 * network.width, "zero_out", generator(3))
    else:
        growth = deepen(network, theta, "shrink_perturb", generator(3))
        kept = deepen(network, theta, "zero_out", generator(3))
    assert growth.old_to_new is None and growth.architecture == kept.architecture
    parts = growth.architecture.layout.split((growth.theta - SHRINK * kept.theta) / PERTURB)
    for name, part in parts.items():
        layer, _, word = name.rpartition(".")
        if word in growth.architecture.starts:
            assert close(part, torch.full_like(part, growth.architecture.starts[word]))
            continue
        fan_in = parts[f"{layer}.weight" if word == "bias" else name].shape[1]
        assert float(part.abs().max()) <= fan_in**-0.5 + 1e-12
        assert len(part.unique()) == part.numel()


def test_the_two_weights_leave_what_starts_at_a_number_where_it_is():
    assert SHRINK + PERTURB == 1.0
