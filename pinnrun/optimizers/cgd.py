"""Competitive gradient descent on the game between the network and a critic of its residuals.

The critic d_ω bets on the residuals, and the network takes its bets (Zeng, Kothari, Bryngelson & Schäfer, ICLR 2023,
arXiv 2204.11144):

    min over θ, max over ω of  f = Σ_m w_m/N_m Σ_n d_m(x_n) residual_m(x_n) = rᵀd

with the rows of r and of d scaled by √(w/N). Nothing is squared, so neither is a condition number. With J = ∂r/∂θ and
K = ∂d/∂ω the derivatives are ∇_θ f = Jᵀd, ∇_ω f = Kᵀr and D = ∂²f/∂θ∂ω = JᵀK, and both players move to the equilibrium
of the bilinear game at hand (Schäfer & Anandkumar, NeurIPS 2019, arXiv 1905.12103), with step sizes A and B:

    Δθ = −(A⁻¹ + D B Dᵀ)⁻¹ (∇_θ f + D B ∇_ω f)
    Δω = B (∇_ω f + Dᵀ Δθ)

A = B = η are those of CGD; ``adaptive`` takes them parameter by parameter, A = η/(√v̂ + ε) with the running mean v̂ of
the squared gradient, and B likewise (ACGD: Schäfer, Zheng & Anandkumar, ICML 2020, arXiv 1910.05852, as in CPINN). The
system is solved by conjugate gradients in √A⁻¹Δθ, by products with J and K alone. The loss reported is ½‖r‖².
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

import torch
from torch import Tensor

from pinnrun.architectures import Mlp
from pinnrun.calculus import Derivatives, Field, Jet, Objective, Points, Term
from pinnrun.optimizers.base import Outcome, Pace, StepInfo
from pinnrun.settings import setting

Product = Callable[[Tensor], Tensor]


@dataclass
class CompetitiveGradientDescent:
    """Steps of two players, each foreseeing the other's."""

    pace: Pace
    type: str = setting("cgd", help="the optimizer's registered name")
    learning_rate: float = setting(0.02, above=0, help="step size of both players")
    adaptive: bool = setting(True, help="step sizes parameter by parameter, by the size of their gradients")
    decay: float = setting(0.99, min=0, below=1, help="decay of the squared gradients' running mean")
    epsilon: float = setting(1e-8, above=0, help="added to the root of that mean")
    tolerance: float = setting(0.01, above=0, below=1, help="relative residual at which the inner system is solved")
    iterations: int = setting(100, min=1, help="conjugate gradient steps at most, for one step")
    critic_width: int = setting(32, min=1, help="neurons per hidden layer of the critic")
    critic_depth: int = setting(2, min=1, help="hidden layers of the critic")
    critic_activation: Literal["tanh", "sin", "softplus", "gelu"] = setting("tanh", help="the critic's activation")
    critic_seed: int = setting(0, min=0, help="of the critic's first weights")
    _players: dict[str, Player] = field(default_factory=dict, init=False, repr=False)  # "network" and "critic"
    _shape: Mlp | None = field(default=None, init=False, repr=False)
    _omega: Tensor | None = field(default=None, init=False, repr=False)
    _solution: Tensor | None = field(default=None, init=False, repr=False)  # of the latest inner system
    _generator: torch.Generator | None = field(default=None, init=False, repr=False)
    _game: tuple[Objective, Objective] | None = field(default=None, init=False, repr=False)

    needs_rows = True

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """One move of each player."""
        linear = objective.linearize(theta)
        loss, norm = torch.stack([linear.value, linear.gradient.norm()]).tolist()
        if not (loss < inf and norm < inf):
            return theta, StepInfo(loss, Outcome.NOT_FINITE, self.learning_rate, norm, 1)
        critic, omega = self._critic(objective, theta)
        bets = critic.linearize(omega)
        slope, gain = linear.rmv(bets.r), bets.rmv(linear.r)
        move, counter, self._solution = competitive_step(
            slope,
            gain,
            lambda v: linear.rmv(bets.mv(v)),
            lambda v: bets.rmv(linear.mv(v)),
            self._step_sizes("network", slope),
            self._step_sizes("critic", gain),
            start=self._solution,
            tolerance=self.tolerance,
            iterations=self.iterations,
        )
        self._omega, new = omega + counter, theta + move
        value = float(objective.value(new))
        return new, StepInfo(value, Outcome.ACCEPTED, self.learning_rate, norm, 2, rate=self.learning_rate)

    def _step_sizes(self, player: str, gradient: Tensor) -> Tensor:
        if not self.adaptive:
            return gradient.new_tensor(self.learning_rate)
        known = self._players.get(player) or Player(torch.zeros_like(gradient), torch.zeros_like(gradient))
        square = self.decay * known.square + (1.0 - self.decay) * gradient.square()
        self._players[player] = Player(square, known.age + 1.0)
        unbiased = square / (1.0 - self.decay ** (known.age + 1.0))
        return self.learning_rate / (unbiased.sqrt() + self.epsilon)

    # -- the critic ------------------------------------------------------------------------------------------

    def _critic(self, objective: Objective, theta: Tensor) -> tuple[Objective, Tensor]:
        """The critic's rows as an objective of its own, and ω; a critic that does not fit is started anew."""
        if self._game is None or self._game[0] is not objective:
            _, points, _ = objective.blocks[0]
            inputs = objective.field.inputs(points, Derivatives()).channels.shape[-1]
            outputs = sum(term.rows for term, *_ in objective.blocks)
            shape = Mlp(inputs, outputs, self.critic_width, self.critic_depth, self.critic_activation)
            if self._shape != shape or self._omega is None:
                if self._generator is None:
                    self._generator = torch.Generator().manual_seed(self.critic_seed)
                self._shape, self._omega, self._solution = shape, shape.initial(self._generator), None
                self._players.pop("critic", None)
            self._game = (objective, critic_of(objective, shape))
        assert self._omega is not None
        return self._game[1], self._omega.to(theta)

    # -- what the trainer asks for ---------------------------------------------------------------------------

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Keep the critic, and what is known of the parameters that live on; after a start afresh nothing."""
        self._game = None
        if old_to_new is None:
            self._players, self._shape, self._omega, self._solution = {}, None, None, None
            return
        if self._solution is not None:
            self._solution = _placed(self._solution, old_to_new, size)
        if (player := self._players.get("network")) is not None:
            parts = (_placed(part, old_to_new, size) for part in (player.square, player.age))
            self._players["network"] = Player(*parts)

    def soften(self) -> None:
        """Half the learning rate."""
        self.learning_rate *= 0.5

    def state(self) -> dict[str, Any]:
        """A copy of the critic, of both players' squared gradients, and of the latest inner solution."""
        return {
            "critic": None if self._shape is None else self._shape.describe(),
            "omega": None if self._omega is None else self._omega.clone(),
            "solution": None if self._solution is None else self._solution.clone(),
            "players": {name: [known.square.clone(), known.age.clone()] for name, known in self._players.items()},
            "generator": None if self._generator is None else self._generator.get_state(),
            "learning_rate": self.learning_rate,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved game."""
        self._game, self._generator = None, None
        self._shape = None if state["critic"] is None else Mlp.from_description(state["critic"])
        self._omega = None if state["omega"] is None else state["omega"].clone()
        self._solution = None if state["solution"] is None else state["solution"].clone()
        self._players = {name: Player(*(part.clone() for part in parts)) for name, parts in state["players"].items()}
        if state["generator"] is not None:
            self._generator = torch.Generator()
            self._generator.set_state(state["generator"].cpu())
        self.learning_rate = state["learning_rate"]


@dataclass(frozen=True)
class Player:
    """What a player remembers of each parameter: the running mean of its squared gradient, and over how many steps."""

    square: Tensor
    age: Tensor


def critic_of(objective: Objective, shape: Mlp) -> Objective:
    """An objective whose rows are the critic's bets: one output for each row of a term, at the term's first place."""

    def inputs(points: Points, derivatives: Derivatives) -> Jet:
        jet = objective.field.inputs(points, derivatives)
        return Jet(jet.channels[:, :1], jet.dimension, jet.derivatives)

    blocks, output = [], 0
    for term, points, _ in objective.blocks:
        mine = slice(output, output + term.rows)

        def bet(points: Points, jet: Jet, mine: slice = mine) -> Tensor:
            return jet.value[0, :, mine]

        blocks.append((Term(term.name, term.sample, bet, Derivatives(), term.count, term.weight, term.rows), points))
        output = mine.stop
    return Objective(Field(shape, inputs, lambda points, raw: raw), blocks)


def competitive_step(
    slope: Tensor,
    gain: Tensor,
    mixed: Product,
    mixed_transposed: Product,
    down: Tensor,
    up: Tensor,
    *,
    start: Tensor | None,
    tolerance: float,
    iterations: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """The moves of both players, and the inner solution to start the next one from.

    Args:
        slope: ∇_θ f ``(P,)``.
        gain: ∇_ω f ``(Q,)``.
        mixed: the product with D = ∂²f/∂θ∂ω.
        mixed_transposed: that with Dᵀ.
        down: the step size A, a number or one for each parameter.
        up: the step size B, likewise.
        start: a guess at −√A⁻¹Δθ.
        tolerance: relative residual at which the conjugate gradients end.
        iterations: how many of them there may be.
    """
    root = down.sqrt()
    right = root * (slope + mixed(up * gain))
    solution = conjugate_gradients(
        lambda v: v + root * mixed(up * mixed_transposed(root * v)), right, start, tolerance, iterations
    )
    move = -root * solution
    return move, up * (gain + mixed_transposed(move)), solution


def conjugate_gradients(
    product: Product, right: Tensor, start: Tensor | None, tolerance: float, iterations: int
) -> Tensor:
    """Solve a symmetric positive definite system to ‖residual‖ ≤ tolerance ‖right‖ (Hestenes & Stiefel 1952)."""
    x = torch.zeros_like(right) if start is None else start.to(right)
    residual = right if start is None else right - product(x)
    direction, square = residual, float(residual.dot(residual))
    enough = tolerance**2 * float(right.dot(right))
    for _ in range(iterations):
        if not square > enough:
            break
        image = product(direction)
        length = square / float(direction.dot(image))
        x, residual = x + length * direction, residual - length * image
        square, before = float(residual.dot(residual)), square
        direction = residual + (square / before) * direction
    return x


def _placed(values: Tensor, old_to_new: Tensor, size: int) -> Tensor:
    larger = values.new_zeros(size)
    larger[old_to_new] = values
    return larger
