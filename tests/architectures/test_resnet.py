"""The residual network against Runge-Kutta steps from a library and by hand, and its order of convergence."""

import numpy as np
import pytest
import torch
from cases import close, draw, parameters
from scipy.integrate import solve_ivp

from pinnrun.architectures import ResNet, ResNetSettings
from pinnrun.architectures.resnet import SCHEMES

TABLEAUS = {  # A, b of Butcher's tableau
    "euler": ([[0.0]], [1.0]),
    "heun": ([[0.0, 0.0], [1.0, 0.0]], [0.5, 0.5]),
    "rk4": (
        [[0.0, 0.0, 0.0, 0.0], [0.5, 0.0, 0.0, 0.0], [0.0, 0.5, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]],
        [1 / 6, 1 / 3, 1 / 3, 1 / 6],
    ),
}
ORDERS = {"euler": 1, "heun": 2, "rk4": 4}


def test_every_scheme_has_its_tableau():
    assert set(SCHEMES) == set(TABLEAUS) == set(ORDERS)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_layers_are_runge_kutta_steps(scheme):
    """Weights are read off θ one after the other, stages combined by Butcher's tableau."""
    network = ResNet(2, 1, 3, 2, "tanh", scheme=scheme, step=0.3)
    theta, z = parameters(network), draw(7, 2)
    numbers, offset = theta.numpy(), 0

    def take(*shape: int) -> np.ndarray:
        nonlocal offset
        offset += int(np.prod(shape))
        return numbers[offset - int(np.prod(shape)) : offset].reshape(shape)

    h = z.numpy() @ take(3, 2).T + take(3)
    rows, weights = TABLEAUS[scheme]
    for _ in range(2):
        A, b, B = take(3, 3), take(3), take(3, 3)
        stages: list[np.ndarray] = []
        for row in rows:
            at = h + 0.3 * sum((a * k for a, k in zip(row, stages, strict=False)), np.zeros_like(h))
            stages.append(np.tanh(at @ A.T + b) @ B.T)
        h = h + 0.3 * sum(w * k for w, k in zip(weights, stages, strict=True))
    out = h @ take(1, 3).T + take(1)
    assert offset == network.size
    assert close(network.value(theta, z), torch.as_tensor(out), 1e-14)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_equal_layers_converge_to_the_flow_at_the_scheme_s_order(scheme):
    """D layers with the same weights and Δt = 1/D approach the flow of ḣ = Bσ(Ah + b) over unit time."""
    small = ResNet(2, 1, 3, 1, "tanh", scheme=scheme)
    theta, z = parameters(small, seed=2), draw(2, seed=3)
    parts = {name: part.numpy() for name, part in small.layout.split(theta).items()}

    def field(t: float, h: np.ndarray) -> np.ndarray:
        return parts["layer1.outgoing"] @ np.tanh(parts["layer1.weight"] @ h + parts["layer1.bias"])

    start = parts["lifting.weight"] @ z.numpy() + parts["lifting.bias"]
    end = solve_ivp(field, (0.0, 1.0), start, method="DOP853", rtol=1e-13, atol=1e-13).y[:, -1]
    exact = parts["projection.weight"] @ end + parts["projection.bias"]
    errors = []
    for depth in (4, 8, 16):
        network = ResNet(2, 1, 3, depth, "tanh", scheme=scheme, step=1.0 / depth)
        deep = network.layout.split(torch.zeros(network.size, dtype=torch.float64))
        for name, part in deep.items():
            word = name.rpartition(".")[2]
            part.copy_(torch.as_tensor(parts[f"layer1.{word}" if name.startswith("layer") else name]))
        whole = torch.cat([part.flatten() for part in deep.values()])
        errors.append(abs(float(network.value(whole, z)) - float(exact[0])))
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert orders[-1] == pytest.approx(ORDERS[scheme], abs=0.25)


def test_size():
    network = ResNet(5, 2, 4, 3)
    assert network.size == (5 * 4 + 4) + 3 * (4 * 4 + 4 + 4 * 4) + (2 * 4 + 2)


def test_the_step_is_the_network_s_and_growth_leaves_it():
    settings = ResNetSettings("resnet", width=4, depth=4, scheme="rk4")
    assert settings.start(2, 2, 1) == ResNet(2, 1, 4, 4, "tanh", scheme="rk4", step=0.25)
    assert settings.start(2, 2, 1).deeper().of_width(8) == ResNet(2, 1, 8, 5, "tanh", scheme="rk4", step=0.25)
    assert ResNetSettings("resnet").start(2, 2, 1).step == 1.0
    assert ResNetSettings("resnet", depth=4, step=0.1).start(2, 2, 1).step == 0.1
