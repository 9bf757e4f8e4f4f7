"""Value and gradient of an objective, replayed as one CUDA graph.

A gradient of a small network is a hundred kernels that take a GPU less time than it takes the host to launch them. A
graph has them launched by one call: they are recorded once, from static memory into static memory, and replayed at
every new θ (docs.pytorch.org/docs/stable/notes/cuda.html, "CUDA Graphs"). On a CPU nothing is recorded.

A graph belongs to one objective: its points, their shapes, and whatever its residuals hold. New points are a new
objective, which is recorded anew, but only once it has been asked often enough to be worth it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from pinnrun.calculus import Objective

Gradient = Callable[[Tensor], tuple[Tensor, Tensor]]
FIRST_USES = 10  # gradients of an objective before it is recorded, which costs about as many
WARM_UP = 3  # runs before the recording, in which libraries take their workspaces and points fill their caches


class Recorder(Protocol):
    """What can record a gradient."""

    def serves(self, theta: Tensor) -> bool:
        """Whether gradients at this θ can be recorded."""
        ...

    def record(self, function: Gradient, theta: Tensor) -> Gradient:
        """The same function, replayed; raises RuntimeError where it cannot be."""
        ...


class CudaGraphs:
    """Records CUDA graphs."""

    def serves(self, theta: Tensor) -> bool:
        """Whether θ lies on a GPU."""
        return theta.is_cuda

    def record(self, function: Gradient, theta: Tensor) -> Gradient:
        """Warm up and record, both on one side stream."""
        with torch.cuda.device(theta.device):
            static = theta.clone()
            current, side = torch.cuda.current_stream(), torch.cuda.Stream()
            side.wait_stream(current)
            with torch.cuda.stream(side):
                for _ in range(WARM_UP):
                    function(static)
            current.wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            try:
                with torch.cuda.graph(graph, stream=side):
                    value, gradient = function(static)
            except RuntimeError:
                torch.cuda.set_stream(current)  # which a recording that fails does not do
                raise

        def replay(theta: Tensor) -> tuple[Tensor, Tensor]:
            static.copy_(theta)
            graph.replay()
            return value.clone(), gradient.clone()

        return replay


class CapturedGradient:
    """``objective.gradient(θ)``, by a recording where there is one.

    Args:
        recorder: what records.
    """

    def __init__(self, recorder: Recorder | None = None) -> None:
        self.recorder = recorder or CudaGraphs()
        self._broken = False
        self._blocks: object = None  # of the recorded objective: a copy of it with other weights shares them
        self._uses = 0
        self._replay: Gradient | None = None
        self._parts: dict[str, Tensor] = {}
        self._event = ""

    def __call__(self, objective: Objective, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Value and gradient at θ."""
        if self._broken or not self.recorder.serves(theta):
            return objective.gradient(theta)
        if objective.blocks is not self._blocks:
            self._blocks, self._uses, self._replay = objective.blocks, 0, None
        if self._replay is None:
            self._uses += 1
            if self._uses <= FIRST_USES or not self._record(objective, theta):
                return objective.gradient(theta)
        assert self._replay is not None
        objective._latest = self._parts  # a replay fills the tensors that the recording made, for `shares`
        return self._replay(theta)

    def _record(self, objective: Objective, theta: Tensor) -> bool:
        try:
            self._replay = self.recorder.record(objective.gradient, theta)
        except RuntimeError as error:
            self._broken = True
            reason = str(error).partition("\n")[0]
            self._event = f"gradients cannot be recorded as a CUDA graph ({reason}); steps are slower for it"
            return False
        self._parts = objective._latest
        return True

    def take_event(self) -> str:
        """What happened that a person may want to read; said once."""
        event, self._event = self._event, ""
        return event
