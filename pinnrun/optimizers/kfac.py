"""K-FAC for physics-informed networks, with a line search (KFAC) or step and momentum from the exact model (KFAC*).

    G ≈ blockdiag over layers of A ⊗ B + C ⊗ D,   Δ = −Ĝ⁻¹ ∇L         one Kronecker pair a term
    A ← βA + (1 − β)A_new, from A = I;  every factor then damped by λI

    KFAC    v ← μv + Δ;  θ ← θ + αv with the best α of {1, ½, ¼, …}
    KFAC*   θ ← θ + δ,  δ = αΔ + μδ_before, with (α, μ) the minimum of the quadratic model with G = JᵀJ itself:
            [ΔᵀGΔ + λΔᵀΔ   ΔᵀGδ + λΔᵀδ] [α]     [gᵀΔ]
            [ΔᵀGδ + λΔᵀδ   δᵀGδ + λδᵀδ] [μ] = − [gᵀδ]            (α alone in the first step)

Dangel, Müller & Zeinhofer, NeurIPS 2024, arXiv 2405.15603; factored damping, and the rule of KFAC*: Martens & Grosse,
ICML 2015, arXiv 1503.05671, sections 6.3 and 7. The paper's two pairs are those of the differential operator and of
the boundary values. With one term there is one pair; with three or more, two pairs remain: one of all terms that take
derivatives, one of those that take values alone (boundary and initial data), or, where there are not both kinds, the
first term's and one of all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, nan
from typing import Any, Literal

import torch
from torch import Tensor

from pinnrun.calculus import Linearization, Objective
from pinnrun.calculus.linearization import FactoredLinearization
from pinnrun.errors import UserError
from pinnrun.optimizers.base import Outcome, Pace, StepInfo
from pinnrun.optimizers.kronecker import KroneckerInverse, LayerPlace, Pair, combine, layer_pair
from pinnrun.settings import setting

HALVINGS = 30  # of the line search's first length


@dataclass
class Kfac:
    """Natural gradient with a Kronecker-factored metric: layers of width W cost W³, whatever the number of rows."""

    pace: Pace
    type: str = setting("kfac", help="the optimizer's registered name")
    step_rule: Literal["auto", "grid"] = setting("auto", help="auto: KFAC*, from the exact model; grid: KFAC's search")
    damping: float = setting(1e-12, above=0, help="λ, added to each factor")
    split: Literal["same", "trace"] = setting("same", help="same: λ on either factor; trace: √λ by their mean traces")
    average: float = setting(0.6, min=0, below=1, help="β, what the factors keep of their past")
    momentum: float = setting(0.0, min=0, below=1, help="μ of the grid search; auto finds its own")
    learning_rate: float = setting(1.0, above=0, help="first length of the grid; of auto, what is taken of its step")
    _pairs: list[dict[int, Pair]] | None = field(default=None, init=False, repr=False)
    _previous: Tensor | None = field(default=None, init=False, repr=False)

    def step(self, objective: Objective, theta: Tensor) -> tuple[Tensor, StepInfo]:
        """Renew the factors, take the direction, find its length."""
        linear = objective.linearize(theta)
        if not isinstance(linear, FactoredLinearization):
            raise UserError(
                "optimizer: kfac needs the factors of every linear layer, and this objective gives none\n"
                "(its network offers no jets, or it is a quotient); use optimizer=cg, lm or lbfgs"
            )
        loss, gradient = float(linear.value), linear.gradient
        norm = float(gradient.norm())
        if not (abs(loss) < inf and norm < inf):
            return theta, StepInfo(loss, Outcome.NOT_FINITE, self.damping, norm, 1)
        if norm == 0.0:
            return theta, StepInfo(loss, Outcome.CONVERGED, self.damping, norm, 1)
        self._renew(linear, term_groups(objective, linear))
        direction = -self._precondition(linear, gradient)
        if not bool(torch.isfinite(direction).all()):
            return theta, StepInfo(loss, Outcome.SINGULAR, self.damping, norm, 1)
        if self.step_rule == "auto":
            return self._model_step(objective, linear, theta, direction, norm)
        return self._search(objective, theta, direction, loss, norm)

    # -- the metric ------------------------------------------------------------------------------------------

    def _renew(self, linear: FactoredLinearization, groups: Sequence[Sequence[int]]) -> None:
        """Average the factors of every group of blocks with their past."""
        fresh = [group_pairs(linear, group) for group in groups]
        if self._pairs is None:
            self._pairs = [{key: _identity(pair) for key, pair in pairs.items()} for pairs in fresh]
        for pairs, new in zip(self._pairs, fresh, strict=True):
            for key, pair in new.items():
                old = pairs[key]
                pairs[key] = Pair(*(torch.lerp(n, o, self.average) for n, o in zip(pair, old, strict=True)))

    def _precondition(self, linear: FactoredLinearization, v: Tensor) -> Tensor:
        """Ĝ⁻¹ v, ``(P,)``."""
        assert self._pairs is not None
        out = torch.zeros_like(v)
        for key, place in layer_places(linear).items():
            damped = [damp(pairs[key], self.damping, self.split) for pairs in self._pairs if key in pairs]
            x = place.read(v, damped[0].b.shape[0])
            place.write(out, KroneckerInverse(damped).apply(x))
        return out

    # -- the length ------------------------------------------------------------------------------------------

    def _model_step(
        self, objective: Objective, linear: Linearization, theta: Tensor, direction: Tensor, norm: float
    ) -> tuple[Tensor, StepInfo]:
        """KFAC*: the model's minimum over the direction and the step before."""
        loss = float(linear.value)
        span = [direction] if self._previous is None else [direction, self._previous]
        coefficients, predicted = model_minimum(linear, span, self.damping)
        step = self.learning_rate * torch.stack(span, dim=1) @ coefficients
        new = theta + step
        value = float(objective.value(new))
        ratio = (loss - value) / predicted if predicted > 0 else nan
        length = self.learning_rate * float(coefficients[0])
        if not abs(value) < inf:
            self._previous = None
            return theta, StepInfo(loss, Outcome.REJECTED, self.damping, norm, 2, ratio, length)
        self._previous = step
        return new, StepInfo(value, Outcome.ACCEPTED, self.damping, norm, 2, ratio, length)

    def _search(
        self, objective: Objective, theta: Tensor, direction: Tensor, loss: float, norm: float
    ) -> tuple[Tensor, StepInfo]:
        """KFAC: the best length on the grid, along the direction with its momentum."""
        if self._previous is not None:
            direction = direction + self.momentum * self._previous
        lengths = [self.learning_rate * 0.5**k for k in range(HALVINGS + 1)]
        values = torch.stack([objective.value(theta + length * direction) for length in lengths])
        values = torch.where(torch.isfinite(values), values, torch.inf)
        best = int(values.argmin())
        value, length, evaluations = float(values[best]), lengths[best], 1 + len(lengths)
        if not value < loss:
            self._previous = None
            return theta, StepInfo(loss, Outcome.SEARCH_FAILED, self.damping, norm, evaluations, length=length)
        self._previous = direction if self.momentum else None
        new = theta + length * direction
        objective.value(new)  # so that the terms' shares recorded are those of the new θ
        return new, StepInfo(value, Outcome.ACCEPTED, self.damping, norm, evaluations + 1, length=length)

    # -- memory ----------------------------------------------------------------------------------------------

    def grow(self, old_to_new: Tensor | None, size: int) -> None:
        """Start anew from the identity: the factors have other sizes."""
        self._pairs = self._previous = None

    def soften(self) -> None:
        """Half the step, ten times the damping, and no momentum from before."""
        self.learning_rate *= 0.5
        self.damping *= 10.0
        self._previous = None

    def state(self) -> dict[str, Any]:
        """A copy of the factors and of the last step."""
        pairs = self._pairs
        return {
            "damping": self.damping,
            "learning_rate": self.learning_rate,
            "pairs": None
            if pairs is None
            else [{k: [f.clone() for f in p] for k, p in part.items()} for part in pairs],
            "previous": None if self._previous is None else self._previous.clone(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take up a saved memory."""
        self.damping, self.learning_rate = state["damping"], state["learning_rate"]
        pairs, previous = state["pairs"], state["previous"]
        self._pairs = pairs and [{k: Pair(*(f.clone() for f in p)) for k, p in part.items()} for part in pairs]
        self._previous = None if previous is None else previous.clone()


def term_groups(objective: Objective, linear: FactoredLinearization) -> list[list[int]]:
    """The blocks of the linearization that share a Kronecker pair, one or two groups (see the head of this file)."""
    terms: list[list[int]] = []
    first = 0
    for term, *_ in objective.blocks:
        terms.append(list(range(first, first + term.rows)))
        first += term.rows
    if len(terms) <= 2:
        return terms
    operators, values = [], []
    for blocks in terms:
        layer = linear.blocks[blocks[0]][1][0]
        (operators if layer.z.shape[0] > layer.places else values).extend(blocks)
    return [operators, values] if values and operators else [terms[0], [i for blocks in terms[1:] for i in blocks]]


def group_pairs(linear: FactoredLinearization, group: Sequence[int]) -> dict[int, Pair]:
    """The pair of every layer over some blocks, by where the layer's weight begins in θ."""
    found: dict[int, list[Pair]] = {}
    for index in group:
        for layer in linear.blocks[index][1]:
            found.setdefault(layer.weight.start, []).append(layer_pair(layer))
    return {key: combine(pairs) for key, pairs in found.items()}


def layer_places(linear: FactoredLinearization) -> dict[int, LayerPlace]:
    """Where every layer lies in θ, by where its weight begins."""
    layers = [layer for _, layers in linear.blocks for layer in layers]
    return {layer.weight.start: LayerPlace(layer.weight, layer.bias) for layer in layers}


def damp(pair: Pair, damping: float, split: str) -> Pair:
    """(A + λI, B + λI), or √λ on either with the ratio π of their mean traces: (A + π√λ I, B + √λ/π I)."""
    on_a = on_b = torch.full_like(pair.a[0, 0], damping)
    if split == "trace":
        smallest = torch.finfo(pair.a.dtype).tiny
        ratio = (pair.a.diagonal().mean() / pair.b.diagonal().mean().clamp(min=smallest)).sqrt()
        on_a, on_b = damping**0.5 * ratio, damping**0.5 / ratio
    damped = []
    for factor, amount in zip(pair, (on_a, on_b), strict=True):
        factor = factor.clone()
        factor.diagonal().add_(amount)
        damped.append(factor)
    return Pair(*damped)


def model_minimum(linear: Linearization, span: Sequence[Tensor], damping: float) -> tuple[Tensor, float]:
    """The coefficients that minimise gᵀd + ½‖Jd‖² + ½λ‖d‖² over d in the span, and −(gᵀd + ½‖Jd‖²) there."""
    directions = torch.stack(list(span), dim=1)
    images = torch.stack([linear.mv(d) for d in span], dim=1)
    curvature, slope = images.T @ images, directions.T @ linear.gradient
    size = directions.norm(dim=0)
    scaled = (curvature + damping * directions.T @ directions) / size / size[:, None]
    coefficients = -torch.linalg.lstsq(scaled, (slope / size)[:, None]).solution[:, 0] / size
    return coefficients, -float(slope.dot(coefficients) + 0.5 * coefficients.dot(curvature @ coefficients))


def _identity(pair: Pair) -> Pair:
    return Pair(*(torch.eye(len(factor), dtype=factor.dtype, device=factor.device) for factor in pair))
