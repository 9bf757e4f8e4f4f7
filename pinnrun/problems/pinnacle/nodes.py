"""Reference values that came as a table: coordinates of nodes and the solution there.

``pinnrun/problems/data/pinnacle_*.npz`` hold ``x`` (N, 2) and ``u`` (N,), float64, as PINNacle's repository publishes
them (MIT licence, in ``data/pinnacle_LICENSE.txt``); they come from the finite elements of COMSOL 6.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from scipy.spatial import KDTree

NEAR = 1e-9  # a point this close to a node is the node


@dataclass(frozen=True)
class Nodes:
    """A solution known at nodes.

    Attributes:
        x: ``(N, d)``.
        u: ``(N,)``.
    """

    x: np.ndarray
    u: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The values at nodes ``(M, d)``, ``(M,)``.

        Raises:
            ValueError: a point is no node.
        """
        away, index = KDTree(self.x).query(x)
        if not (away < NEAR).all():
            raise ValueError("the table has values at its nodes alone")
        return self.u[index]


@lru_cache
def load_nodes(name: str) -> Nodes:
    """The table ``name`` of this package, say "pinnacle_poisson2d"."""
    path = files("pinnrun.problems") / "data" / f"{name}.npz"
    with path.open("rb") as file, np.load(file) as table:
        return Nodes(table["x"], table["u"])
