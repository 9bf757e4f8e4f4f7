"""Widen until widening alone slows the device down, then deepen: the closing remark of Dogra, "A blueprint for building
efficient neural network differential equation solvers".

"α could be roughly determined during the initial rounds of scaling up, by not scaling up by depth until scaling up by
width alone also leads to substantially slower computations on the GPU - thus having saturated the GPU's ability to
parallelize across the NN width."
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pinnrun.scaleup.koopman import KoopmanPolicy
from pinnrun.scaleup.view import Action, Decision, StageView
from pinnrun.settings import setting


@dataclass(frozen=True)
class WidthFirstPolicy(KoopmanPolicy):
    """The Koopman policy in another order: W → αW while that is nearly free, then in turns, D → D + 1 first."""

    slower: float = setting(
        1.5, above=1, help="a widening that makes a step this many times slower is not free any more"
    )

    def grow(self, view: StageView, evidence: str) -> Decision:
        """Widen where a step of the wider network costs less than ``slower`` times as much, else take turns."""
        found = self.possible(view, evidence)
        if len(found) < 2:
            return super().grow(view, evidence)
        wider, deeper = found[Action.WIDEN], found[Action.DEEPEN]
        ratio = self.ratio(view, wider)
        told = f"{evidence}; a step {self.leads_to(view, wider)[0]} wide takes {ratio:.2g} times as long"
        if ratio < self.slower:
            return replace(wider, evidence=f"{told}: width is free")
        if Action.DEEPEN not in view.growths:
            return replace(deeper, evidence=f"{told}: width is used up")
        return super().grow(view, told)
