"""Stages as policies see them."""

import numpy as np

from pinnrun.architectures import Mlp
from pinnrun.scaleup import Action, StageView


def stage(loss=None, **more) -> StageView:
    """Forty steps of a network of width 4 and depth 1, unless said otherwise."""
    loss = np.geomspace(1.0, 0.5, 40) if loss is None else np.asarray(loss, dtype=float)
    settings = {
        "steps": np.arange(1, len(loss) + 1),
        "loss": loss,
        "width": 4,
        "depth": 1,
        "growths": (),
        "window": 10,
        "minimum": 20,
        "horizon": 200,
        "size_of": lambda width, depth: Mlp(2, 1, width, depth).size,
        "stalled": None,
    }
    return StageView(**{**settings, **more})


def grown(policy, growths: int, **more) -> list[tuple[int, int]]:
    """The sizes that a policy goes through when every stage ends in a growth."""
    sizes, so_far = [(more.pop("width", 4), more.pop("depth", 1))], []
    for _ in range(growths):
        (width, depth) = sizes[-1]
        last = policy.grow(stage(width=width, depth=depth, growths=so_far, **more), "enough").action
        if not last.grows:
            break
        so_far.append(last)
        sizes.append((policy.wider(width), depth) if last is Action.WIDEN else (width, depth + 1))
    return sizes
