"""Learning rates at the places where their formulas are known by heart, and along a run that grows and is resumed."""

from math import sqrt

import pytest
from cases import CATALOGUE

from pinnrun.optimizers import Adam, Pace
from pinnrun.optimizers.schedule import rate_factor


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("cosine", [1.0, 0.01 + 0.99 * (0.5 + sqrt(0.125)), 0.505, 0.01 + 0.99 * (0.5 - sqrt(0.125)), 0.01, 0.01]),
        ("exponential", [1.0, 0.01**0.25, 0.1, 0.01**0.75, 0.01, 1e-4]),
        ("warmup", [1 / 8, 3 / 8, 5 / 8, 7 / 8, 1.0, 1.0]),
    ],
)
def test_the_shape_of_each_schedule(schedule, expected):
    factors = [rate_factor(schedule, step, 8, 0.01) for step in (0, 2, 4, 6, 8, 16)]
    assert factors == pytest.approx(expected, rel=1e-14)


def rates(optimizer, case, steps):
    """The learning rates of so many steps from one θ."""
    return [optimizer.step(case.objective, case.theta)[1].rate for _ in range(steps)]


def test_a_stage_runs_through_its_schedule_and_a_growth_begins_anew():
    case = CATALOGUE["fit"]()
    optimizer = Adam(Pace(2, 2, 4, 1, 1), learning_rate=0.1, schedule="exponential", decay_to=1e-4)
    expected = [0.1, 0.01, 1e-3, 1e-4, 1e-5]  # over a horizon of four steps
    assert rates(optimizer, case, 3) == pytest.approx(expected[:3])
    again = Adam(Pace(2, 2, 4, 1, 1), learning_rate=0.1, schedule="exponential", decay_to=1e-4)
    again.load(optimizer.state())
    assert rates(again, case, 2) == pytest.approx(expected[3:])
    again.soften()
    assert rates(again, case, 1) == pytest.approx([0.5e-6])
    again.grow(None, case.network.size)
    assert rates(again, case, 2) == pytest.approx([0.05, 0.005])


def test_the_rate_that_is_said_is_the_length_of_the_step():
    """The first step of Adam moves every parameter by the learning rate, whatever its gradient."""
    case = CATALOGUE["fit"]()
    for schedule, decay_steps in (("warmup", 5), ("constant", 5), ("cosine", 3)):
        settings = {"schedule": schedule, "decay_steps": decay_steps, "epsilon": 1e-30}
        optimizer = Adam(Pace(2, 2, 2, 1, 1), learning_rate=0.2, **settings)
        for step in range(3):
            optimizer.load({**optimizer.state(), "moments": None})
            theta, info = optimizer.step(case.objective, case.theta)
            moved = (theta - case.theta).abs()
            assert moved.min() == pytest.approx(info.rate) == moved.max()
            assert info.rate == info.damping == pytest.approx(0.2 * rate_factor(schedule, step, decay_steps, 0.01))


def test_a_gradient_that_is_not_finite_does_not_advance_the_clock():
    case = CATALOGUE["fit"]()
    optimizer = Adam(Pace(2, 2, 2, 1, 1), schedule="warmup", decay_steps=10)
    optimizer.step(case.objective, case.theta * float("nan"))
    assert optimizer.state()["clock"] == 0
