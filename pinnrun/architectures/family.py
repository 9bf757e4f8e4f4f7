"""What all families have in common: their size, their embedding, how θ is drawn, how a network is described."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import sqrt
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor

from pinnrun.architectures.activations import ACTIVATIONS
from pinnrun.architectures.embedding import Embedding
from pinnrun.architectures.layers import Shapes
from pinnrun.architectures.layout import Layout
from pinnrun.settings import setting

if TYPE_CHECKING:
    from typing_extensions import Self

UNCHANGED = Embedding()


@dataclass(frozen=True)
class Family:
    """A network of one size. A family says its ``shapes``, its passes ``__call__`` and ``value``, and its ``gate``.

    Attributes:
        inputs: number of network inputs (coordinates and features).
        outputs: number of components.
        width: neurons per layer W.
        depth: layers, or blocks, D.
        activation: a key of ``ACTIVATIONS``.
        embedding: what is done to the inputs before the first layer.
    """

    inputs: int
    outputs: int
    width: int
    depth: int
    activation: str = "tanh"
    embedding: Embedding = UNCHANGED

    type: ClassVar[str]
    has_jets = True
    starts: ClassVar[Mapping[str, float]] = {}
    """Where parts start that are not drawn, by the last word of their name."""

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"unknown activation {self.activation!r}")

    def shapes(self) -> Shapes:
        """Names and shapes of the parameters in the order of θ.

        An axis along the W neurons of a layer is a name for that layer: axes of one name count the same neurons.
        """
        raise NotImplementedError

    def gate(self, layer: int) -> str:
        """The part of θ that, where it is zero, makes this layer the identity."""
        raise NotImplementedError

    @property
    def layout(self) -> Layout:
        """Names and shapes of the parameters in θ."""
        return self._layout

    @cached_property
    def _layout(self) -> Layout:
        return Layout(
            [
                (name, tuple(self.width if isinstance(axis, str) else axis for axis in axes))
                for name, axes in self.shapes()
            ]
        )

    @property
    def neurons(self) -> dict[str, tuple[str | None, ...]]:
        """By part: the layer whose neurons each of its axes counts, or None."""
        return {name: tuple(axis if isinstance(axis, str) else None for axis in axes) for name, axes in self.shapes()}

    @property
    def size(self) -> int:
        """Number of parameters P."""
        return self.layout.size

    @property
    def features(self) -> int:
        """Number of features that the first layer sees."""
        return self.embedding.features(self.inputs)

    def initial(self, generator: torch.Generator) -> Tensor:
        """A random θ (float64, CPU): weights and biases uniform in ±1/√fan_in, gates and slopes where they ``start``.

        Biases are drawn too, so that the neurons' hyperplanes do not all pass through the origin.
        """
        theta = torch.zeros(self.size, dtype=torch.float64)
        parts = self.layout.split(theta)
        for name, part in parts.items():
            layer, _, word = name.rpartition(".")
            if word in self.starts:
                part.fill_(self.starts[word])
                continue
            fan_in = parts[f"{layer}.weight" if word == "bias" else name].shape[1]
            part.copy_((2.0 * torch.rand(part.shape, generator=generator, dtype=torch.float64) - 1.0) / sqrt(fan_in))
        return theta

    def of_width(self, width: int) -> Self:
        """The same network with ``width`` neurons per layer."""
        return replace(self, width=width)

    def of_depth(self, depth: int) -> Self:
        """The network with ``depth`` layers as a run would start it."""
        return replace(self.plain(), depth=depth)

    def deeper(self) -> Self:
        """The same network with one layer more, before the output."""
        return replace(self, depth=self.depth + 1)

    def plain(self) -> Self:
        """The network of this size as a run would start it."""
        return self

    def describe(self) -> dict[str, Any]:
        """Plain values from which ``from_description`` makes the network again (tuples as text)."""
        own = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "embedding"}
        plain = {key: ",".join(map(str, value)) if isinstance(value, tuple) else value for key, value in own.items()}
        return {"type": self.type, **plain, **self.embedding.describe()}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """The inverse of ``describe``."""
        own = {item.name: description[item.name] for item in fields(cls) if item.name != "embedding"}
        return cls(**own, embedding=Embedding.from_description(description))


@dataclass(frozen=True)
class FamilySettings:
    """The size at which a run starts, and the embedding of its inputs: keys that every family has."""

    type: str = setting(help="the architecture's registered name")
    width: int | None = setting(None, min=1, help="neurons per layer W; null: as scaleup.start says")
    depth: int | None = setting(None, min=1, help="layers D; null: as scaleup.start says")
    activation: Literal["tanh", "sin", "softplus", "gelu"] = setting("tanh", help="the activation function")
    embedding: Literal["none", "fourier"] = setting("none", help="fourier: cos(Bz), sin(Bz) of the inputs, B random")
    frequencies: int = setting(16, min=1, help="rows of B: a cosine and a sine each")
    sigma: float = setting(1.0, above=0, help="standard deviation of B's entries: the wave numbers offered")
    periods: tuple[float | None, ...] = setting(
        (), above=0, help="period of each input, null: not periodic; in units of the network's inputs"
    )

    network: ClassVar[type[Any]]
    """The family's networks."""

    def problems(self) -> Iterator[str]:
        """Combinations that make no sense."""
        if self.periods and not any(self.periods):
            yield "periods: none of them is a number; give the period of a periodic input, or []"

    def own(self, depth: int) -> dict[str, Any]:
        """What the family's networks of that depth have beside size, activation and embedding."""
        return {}

    def start(
        self,
        coordinates: int,
        inputs: int,
        outputs: int,
        generator: torch.Generator | None = None,
        first: tuple[int, int] | None = None,
    ) -> Any:
        """The first network: W = n_in + 1 counts coordinates (Hanin & Sellke 2018), not the features built on them.

        Args:
            coordinates: of the problem.
            inputs: features of the problem.
            outputs: components of the problem.
            generator: draws what is random and not trained (a Fourier embedding's B); None: as from a seed of zero.
            first: W and D where the settings give none; None: n_in + 1 and 1.
        """
        smallest = first or (coordinates + 1, 1)
        width, depth = self.width or smallest[0], self.depth or smallest[1]
        return self.network(
            inputs, outputs, width, depth, self.activation, self._embedding(generator), **self.own(depth)
        )

    def _embedding(self, generator: torch.Generator | None) -> Embedding:
        if self.embedding == "none":
            return Embedding(self.periods)
        seed = 0 if generator is None else int(torch.randint(2**62, (), generator=generator))
        return Embedding(self.periods, self.frequencies, self.sigma, seed)
