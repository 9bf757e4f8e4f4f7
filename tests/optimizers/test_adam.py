"""Adam and AdamW against `torch.optim` on a module, bit for bit, and against the papers' formulas."""

import numpy as np
import pytest
import torch
from cases import CATALOGUE, draw
from torch import nn

from pinnrun.optimizers import Adam, AdamW, Outcome, Pace

PACE = Pace(2, 2, 2, 1, 1)
SETTINGS = [
    {},
    {"learning_rate": 0.05, "betas": (0.5, 0.9), "epsilon": 1e-3},
]


class Weights(nn.Module):
    """The parameters of a case's network as a module has them: one tensor a weight."""

    def __init__(self, case) -> None:
        super().__init__()
        parts = case.network.layout.split(case.theta.clone())
        self.parts = nn.ParameterList([nn.Parameter(part.clone()) for part in parts.values()])

    def flat(self) -> torch.Tensor:
        return torch.cat([part.detach().flatten() for part in self.parts])


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize(("kind", "torch_kind"), [(Adam, torch.optim.Adam), (AdamW, torch.optim.AdamW)])
def test_it_is_torch_s(kind, torch_kind, settings):
    case = CATALOGUE["burgers"]()
    module, optimizer, theta = Weights(case), kind(PACE, **settings), case.theta
    names = {"learning_rate": "lr", "betas": "betas", "epsilon": "eps"}
    defaults = {"lr": 3e-3, "betas": (0.9, 0.999), "eps": 1e-8}
    torch_adam = torch_kind(
        module.parameters(), **{**defaults, **{names[name]: value for name, value in settings.items()}}
    )
    for _ in range(60):
        _, gradient = case.objective.gradient(module.flat())
        for part, piece in zip(module.parts, case.network.layout.split(gradient).values(), strict=True):
            part.grad = piece.clone()
        torch_adam.step()
        theta, info = optimizer.step(case.objective, theta)
        assert info.outcome is Outcome.ACCEPTED
        assert torch.equal(theta, module.flat())


@pytest.mark.parametrize("decay", [0.0, 0.7])
def test_it_is_the_paper_s_formula(decay):
    """Kingma & Ba 2015, algorithm 1; with a decay Loshchilov & Hutter 2019, algorithm 2."""
    case = CATALOGUE["fit"]()
    rate, beta1, beta2, epsilon = 0.02, 0.8, 0.95, 1e-4
    settings = {"learning_rate": rate, "betas": (beta1, beta2), "epsilon": epsilon}
    optimizer = AdamW(PACE, weight_decay=decay, **settings) if decay else Adam(PACE, **settings)
    theta, by_hand = case.theta, case.theta.numpy().copy()
    m, v = np.zeros_like(by_hand), np.zeros_like(by_hand)
    for t in range(1, 31):
        loss, g = (part.numpy() for part in case.objective.gradient(torch.as_tensor(by_hand)))
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        update = (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
        by_hand = by_hand - rate * decay * by_hand - rate * update
        theta, info = optimizer.step(case.objective, theta)
        assert info.loss == pytest.approx(float(loss), rel=1e-11)
        assert np.allclose(theta.numpy(), by_hand, rtol=0, atol=1e-12)


@pytest.mark.parametrize("places", [[0, 1, 2, 5, 6, 9, 12, 13, 20, 21], list(range(10))])
def test_moments_follow_their_parameters_through_a_growth(places):
    case = CATALOGUE["fit"]()
    optimizer, theta = Adam(PACE), case.theta
    for _ in range(5):
        theta, _ = optimizer.step(case.objective, theta)
    old = optimizer.state()["moments"]
    optimizer.grow(torch.tensor(places), 23)
    new = optimizer.state()["moments"]
    assert float(new["step"]) == float(old["step"]) == 5.0
    elsewhere = [index for index in range(23) if index not in places]
    for name, first in (("exp_avg", 0.0), ("exp_avg_sq", float(old["exp_avg_sq"].mean()))):
        assert torch.equal(new[name][places], old[name])
        assert torch.count_nonzero(old[name]) == 10
        assert new[name][elsewhere].tolist() == pytest.approx([first] * 13, rel=1e-12)


def test_old_parameters_move_after_a_growth_as_if_nothing_had_happened():
    """With the same gradient in their places, whatever the new parameters do."""
    small, places, size = CATALOGUE["fit"](), torch.tensor([0, 3, 4, 7, 8, 9, 10, 15, 16, 17]), 18

    class Padded:
        """The small objective, seen from a larger θ."""

        def gradient(self, theta):
            value, gradient = small.objective.gradient(theta[places])
            padded = draw(size, seed=3)
            padded[places] = gradient
            return value, padded

    grown, kept, theta = Adam(PACE), Adam(PACE), small.theta
    for _ in range(4):
        kept.step(small.objective, theta)
        theta, _ = grown.step(small.objective, theta)
    grown.grow(places, size)
    larger = torch.zeros(size, dtype=torch.float64)
    larger[places] = theta
    for _ in range(4):
        theta, _ = kept.step(small.objective, theta)
        larger, _ = grown.step(Padded(), larger)
        assert torch.equal(larger[places], theta)


def test_nothing_is_carried_into_a_network_started_afresh():
    case = CATALOGUE["fit"]()
    optimizer = Adam(PACE)
    optimizer.step(case.objective, case.theta)
    optimizer.grow(None, 30)
    assert optimizer.state() == {"moments": None, "learning_rate": 3e-3, "clock": 0}


def test_softening_halves_the_rate_and_keeps_the_moments():
    case = CATALOGUE["fit"]()
    optimizer = Adam(PACE, learning_rate=0.08)
    optimizer.step(case.objective, case.theta)
    moments = optimizer.state()["moments"]
    optimizer.soften()
    optimizer.soften()
    assert optimizer.state()["learning_rate"] == 0.02
    assert all(torch.equal(optimizer.state()["moments"][name], value) for name, value in moments.items())
    _, info = optimizer.step(case.objective, case.theta)
    assert info.damping == 0.02


def test_a_poisoned_gradient_leaves_the_moments_clean():
    case = CATALOGUE["fit"]()
    optimizer = Adam(PACE)
    theta, _ = optimizer.step(case.objective, case.theta)
    before = optimizer.state()["moments"]
    _, info = optimizer.step(case.objective, torch.full_like(theta, float("nan")))
    assert info.outcome is Outcome.NOT_FINITE
    assert all(torch.equal(optimizer.state()["moments"][name], value) for name, value in before.items())


def test_a_new_parameter_begins_with_steps_below_the_learning_rate():
    """From zero moments, by the steps counted before, they would be three to six times as long."""

    class Slope:
        """L = sum of θ, so every gradient is 1."""

        def gradient(self, theta):
            return theta.sum(), torch.ones_like(theta)

    optimizer, theta = Adam(PACE, learning_rate=1e-3, capture=False), torch.zeros(3, dtype=torch.float64)
    for _ in range(1000):
        theta, _ = optimizer.step(Slope(), theta)
    optimizer.grow(torch.tensor([0, 2, 4]), 5)
    theta, steps = torch.zeros(5, dtype=torch.float64), []
    for _ in range(30):
        new, _ = optimizer.step(Slope(), theta)
        steps.append((theta - new)[1].item())
        theta = new
    assert steps[0] == pytest.approx(1e-4, rel=0.01), "(1 - 0.9) of the rate"
    assert max(steps) <= 1.001e-3
