"""On a GPU: the same numbers as on the CPU, steps that wait for the device once, runs that resume bit for bit."""

import warnings

import pytest
import torch
from cases import CATALOGUE, close, naive
from runs import assert_same, interrupt, resume, start
from test_resume import OPTIMIZERS as RESUMED

from pinnrun.calculus import Objective
from pinnrun.optimizers import Adam, LevenbergMarquardt, Pace
from pinnrun.optimizers.capture import FIRST_USES, CapturedGradient

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")
GPU = torch.device("cuda")
PACE = Pace(2, 2, 2, 1, 1)
NAMES = ["fit", "poisson_soft", "poisson_hard", "burgers", "poisson_boltzmann"]


def on_gpu(case) -> tuple[Objective, torch.Tensor]:
    blocks = [(block.term, block.points.to(GPU, torch.float64)) for block in case.blocks]
    return Objective(case.field, blocks), case.theta.to(GPU)


@pytest.mark.parametrize("name", NAMES)
def test_the_linearization_is_the_cpu_s(name):
    case = CATALOGUE[name]()
    objective, theta = on_gpu(case)
    linear = objective.linearize(theta)
    r, jacobian = naive(case)
    assert linear.J().is_cuda
    assert close(linear.r.cpu(), r) and close(linear.J().cpu(), jacobian)
    assert close(objective.linearize(theta).kernel().cpu(), jacobian @ jacobian.T)
    assert close(linear.gram().cpu(), jacobian.T @ jacobian)


@pytest.mark.parametrize("make", [lambda: LevenbergMarquardt(PACE), lambda: Adam(PACE, learning_rate=0.01)])
@pytest.mark.parametrize("name", NAMES)
def test_steps_are_the_cpu_s(name, make):
    case = CATALOGUE[name]()
    objective, theta = on_gpu(case)
    there, here, expected = make(), make(), case.theta
    for _ in range(4):
        theta, info = there.step(objective, theta)
        expected, expected_info = here.step(case.objective, expected)
        assert info.outcome is expected_info.outcome
    assert theta.is_cuda and close(theta.cpu(), expected, 1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_replayed_gradient_is_the_eager_one(name):
    """At a θ that was not recorded; and the terms' shares are those of the replay."""
    objective, theta = on_gpu(CATALOGUE[name]())
    captured = CapturedGradient()
    for _ in range(FIRST_USES + 2):
        captured(objective, theta)
    assert captured._replay is not None and not captured.take_event()
    elsewhere = 0.9 * theta
    value, gradient = captured(objective, elsewhere)
    shares = objective.shares()
    expected_value, expected = objective.gradient(elsewhere)
    assert torch.equal(value, expected_value) or close(value[None], expected_value[None], 1e-14)
    assert close(gradient, expected, 1e-12)
    assert sum(shares.values()) == pytest.approx(float(expected_value), rel=1e-12)


@pytest.mark.parametrize("capture", [True, False])
def test_a_first_order_step_waits_for_the_device_once(capture):
    """To read the loss and the norm of the gradient; the rest is queued."""
    objective, theta = on_gpu(CATALOGUE["burgers"]())
    optimizer = Adam(PACE, learning_rate=1e-3, capture=capture)
    for _ in range(FIRST_USES + 3):
        theta, _ = optimizer.step(objective, theta)
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            for _ in range(5):
                theta, _ = optimizer.step(objective, theta)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    waits = [entry for entry in seen if "synchroniz" in str(entry.message)]
    assert len(waits) == 5


@pytest.mark.parametrize("optimizer", RESUMED)
def test_a_resumed_run_is_bit_equal(tmp_path, optimizer):
    if optimizer == "soap":
        pytest.importorskip("pytorch_optimizer")
    words = (*RESUMED[optimizer], "device=cuda", "sampling.every=4")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = start(whole, *words)
    assert expected["status"] == "budget"
    assert start(parts, *words, at={6: interrupt})["status"] == "interrupted"
    assert resume(parts)["status"] == "budget"
    assert_same(whole, parts)
