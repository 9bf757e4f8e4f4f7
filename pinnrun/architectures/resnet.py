"""The residual network as a discretised flow: a lifting, D steps of a Runge-Kutta method, a projection.

    h_0 = W z + b,     h_l = φ_l(h_{l-1}),     output = V h_D + c

φ_l is one step of size Δt for ḣ = f_l(h) = B_l σ(A_l h + b_l), by one of

    euler   h + Δt k_1                                       k_1 = f(h)
    heun    h + Δt/2 (k_1 + k_2)                             k_2 = f(h + Δt k_1)
    rk4     h + Δt/6 (k_1 + 2 k_2 + 2 k_3 + k_4)             k_2 = f(h + Δt/2 k_1),  k_3 = f(h + Δt/2 k_2),
                                                             k_4 = f(h + Δt k_3)

With Euler and Δt = 1 these are the layers x + Bᵀσ(Ax + b) of He et al. (CVPR 2016) read as a flow: Weinan E, Commun.
Math. Stat. 5 (2017) 1; Haber & Ruthotto, Inverse Problems 34 (2018) 014004; other methods: Lu et al., ICML 2018, arXiv
1710.10121. The size of the step belongs to the network and stays when it deepens: a new layer starts with B = 0, a
field at rest, which every one of the methods maps to the identity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

from torch import Tensor

from pinnrun.architectures.activations import ACTIVATIONS, activate
from pinnrun.architectures.family import Family, FamilySettings
from pinnrun.architectures.layers import Layers, Shapes, dense_shapes, dense_value
from pinnrun.calculus import Jet, Tape
from pinnrun.settings import setting

State = TypeVar("State", Jet, Tensor)


def euler(f: Callable[[State], State], h: State, step: float) -> State:
    """Explicit Euler, order 1."""
    return h + step * f(h)


def heun(f: Callable[[State], State], h: State, step: float) -> State:
    """Heun's method (the explicit trapezoidal rule), order 2."""
    k1 = f(h)
    k2 = f(h + step * k1)
    return h + (0.5 * step) * (k1 + k2)


def rk4(f: Callable[[State], State], h: State, step: float) -> State:
    """The classical method of Runge and Kutta, order 4."""
    k1 = f(h)
    k2 = f(h + (0.5 * step) * k1)
    k3 = f(h + (0.5 * step) * k2)
    k4 = f(h + step * k3)
    return h + (step / 6.0) * (k1 + 2.0 * (k2 + k3) + k4)


SCHEMES: dict[str, Callable[..., Any]] = {"euler": euler, "heun": heun, "rk4": rk4}


@dataclass(frozen=True)
class ResNet(Family):
    """A residual network of one size.

    Attributes:
        scheme: a key of ``SCHEMES``.
        step: Δt.
    """

    scheme: str = "euler"
    step: float = 1.0

    type: ClassVar[str] = "resnet"

    def shapes(self) -> Shapes:
        shapes = dense_shapes("lifting", self.features, "stream")
        for layer in range(1, self.depth + 1):
            own = f"layer{layer}"
            shapes += dense_shapes(own, "stream", own)
            shapes.append((self.gate(layer), ("stream", own)))
        return shapes + dense_shapes("projection", "stream", self.outputs)

    def gate(self, layer: int) -> str:
        return f"layer{layer}.outgoing"

    def __call__(self, theta: Tensor, inputs: Jet, tape: Tape | None = None) -> Jet:
        """The output's jet, channels ``(S, M, N, outputs)``; every layer goes onto the tape, once for each stage."""
        layers = Layers(self.layout, theta, tape)

        def field(layer: int) -> Callable[[Jet], Jet]:
            return lambda h: layers.matrix(
                self.gate(layer), activate(self.activation, layers.dense(f"layer{layer}", h))
            )

        hidden = layers.dense("lifting", self.embedding(inputs))
        for layer in range(1, self.depth + 1):
            hidden = SCHEMES[self.scheme](field(layer), hidden, self.step)
        return layers.dense("projection", hidden)

    def value(self, theta: Tensor, inputs: Tensor) -> Tensor:
        """The output at plain inputs ``(..., inputs)``, without jets."""
        parts = self.layout.split(theta)

        def field(layer: int) -> Callable[[Tensor], Tensor]:
            def f(h: Tensor) -> Tensor:
                return (
                    ACTIVATIONS[self.activation](dense_value(parts, f"layer{layer}", h))[0] @ parts[self.gate(layer)].T
                )

            return f

        hidden = dense_value(parts, "lifting", self.embedding.value(inputs))
        for layer in range(1, self.depth + 1):
            hidden = SCHEMES[self.scheme](field(layer), hidden, self.step)
        return dense_value(parts, "projection", hidden)


@dataclass(frozen=True)
class ResNetSettings(FamilySettings):
    """The residual network and the size at which a run starts."""

    scheme: Literal["euler", "heun", "rk4"] = setting("euler", help="the Runge-Kutta method of which a layer is a step")
    step: float | None = setting(None, above=0, help="its size Δt, which growth leaves as it is; null: 1/depth")

    network: ClassVar = ResNet

    def own(self, depth: int) -> dict[str, Any]:
        return {"scheme": self.scheme, "step": self.step or 1.0 / depth}
