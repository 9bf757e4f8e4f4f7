"""A plugin: the Poisson problem with a fault in its equation wherever |u| exceeds a bound."""

import sys
import time
from dataclasses import dataclass, replace
from typing import Literal

import torch

from pinnrun.problems.poisson import Poisson
from pinnrun.registry import PROBLEMS
from pinnrun.settings import setting


@PROBLEMS.register("faulty")
@dataclass(frozen=True)
class Faulty(Poisson):
    """−Δu = f, undefined, huge, refused or very slow outside |u| <= bound."""

    fault: Literal["undefined", "huge", "raises", "slow"] = setting("undefined", help="what happens there")
    bound: float = setting(1e300, min=0, help="where it begins")

    def terms(self):
        equation, *others = super().terms()

        def residual(points, u):
            value = u.value[..., 0]
            outside = value.abs() > self.bound
            if self.fault == "raises" and bool(outside.any()):
                raise RuntimeError("the equation is broken")
            if self.fault == "slow":
                print("asleep", file=sys.stderr, flush=True)
                time.sleep(60)
            factor = torch.where(outside, torch.nan if self.fault == "undefined" else 1e6, 1.0)
            return factor * equation.residual(points, u)

        return (replace(equation, residual=residual), *others)
