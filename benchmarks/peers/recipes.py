"""The peers' recipes: what their own examples and documentation say, and the best that can be made of their parts.

Three a peer and case:

documented      network, precision, conditions and optimizer of the peer's own example, or of its nearest one;
best            float64, hard conditions, 200 steps of Adam, then L-BFGS (DeepXDE: then NysNewton-CG), on our points;
best, our size  the same with the network of pinnrun's fixed command, one layer of 32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WARM = 200  # steps of Adam before L-BFGS: with 1000, most of the time to 1e-4 is Adam's
OURS = [32]  # hidden layers of pinnrun's fixed command


@dataclass(frozen=True)
class Recipe:
    """What one peer does on one case.

    Attributes:
        program: the file in ``programs/`` that runs it.
        settings: what that program is told.
        source: where it is documented, and what was changed.
    """

    program: str
    settings: Mapping[str, Any]
    source: str

    @property
    def precision(self) -> str:
        """float32 or float64."""
        return self.settings["dtype"]


BEST = "parts of its documentation, put together here"
DOUBLE: dict[str, Any] = {"dtype": "float64", "points": "given"}


def _named(peer: str, program: str, documented: Mapping[str, Any], source: str, best: Mapping[str, Any]) -> dict:
    return {
        f"{peer}, documented": Recipe(program, documented, source),
        f"{peer}, best": Recipe(program, best, BEST),
        f"{peer}, best, our size": Recipe(program, {**best, "layers": OURS}, BEST),
    }


# -- DeepXDE ---------------------------------------------------------------------------------------------------

_ADAM: dict[str, Any] = {
    "dtype": "float32",
    "activation": "tanh",
    "rate": 1e-3,
    "lbfgs": False,
    "gtol": 1e-8,
    "nncg": 0,
}
_ADAM_LBFGS = {**_ADAM, "initializer": "Glorot normal", "hard": False, "lbfgs": True}
_HARD = {**_ADAM, **DOUBLE, "initializer": "Glorot normal", "hard": True}
_NNCG = {**_HARD, "adam": WARM, "lbfgs": True, "gtol": 0.0, "nncg": 1000}
_FIRST = {**_ADAM, "layers": [50] * 3, "initializer": "Glorot uniform", "hard": False}
_SQUARE = {**_ADAM, "layers": [150] * 3, "activation": "sin", "initializer": "Glorot uniform", "hard": True}


def _deepxde(documented: Mapping[str, Any], source: str, layers: list[int]) -> dict[str, Recipe]:
    return _named("DeepXDE", "with_deepxde", documented, source, {**_NNCG, "layers": layers})


DEEPXDE = {
    "poisson1d": _deepxde(
        {**_FIRST, "points": [16, 2, 0], "adam": 10_000},
        "examples/pinn_forward/Poisson_Dirichlet_1d.py",
        [50] * 3,
    ),
    "poisson2d": _deepxde(
        {**_SQUARE, "points": [900, 120, 0], "adam": 5000},
        "examples/pinn_forward/Helmholtz_Dirichlet_2d.py, with this equation and 900 points",
        [50] * 3,
    ),
    "burgers": _deepxde(
        {**_ADAM_LBFGS, "layers": [20] * 3, "points": [2540, 80, 160], "adam": 15_000, "nncg": 1000},
        "examples/pinn_forward/Burgers_NNCG.py",
        [20] * 3,
    ),
    "oscillator": _deepxde(
        {**_FIRST, "points": [35, 2, 0], "adam": 20_000},
        "examples/pinn_forward/ode_system.py, with this system",
        [50] * 3,
    ),
    "helmholtz2d": _deepxde(
        {**_SQUARE, "points": [900, 120, 0], "adam": 5000},
        "examples/pinn_forward/Helmholtz_Dirichlet_2d.py, with these numbers",
        [50] * 3,
    ),
    "heat1d": _deepxde(
        {**_ADAM_LBFGS, "layers": [20] * 3, "points": [2540, 80, 160], "adam": 15_000},
        "examples/pinn_forward/heat.py",
        [20] * 3,
    ),
}

# -- PINA ------------------------------------------------------------------------------------------------------

_PINN = {"dtype": "float32", "activation": "Tanh", "hard": False, "lbfgs": 0}
_SWITCH = {**_PINN, **DOUBLE, "layers": [20, 20], "hard": True, "rate": 6e-3, "adam": WARM, "lbfgs": 100_000}
_TUTORIAL = {**_PINN, "layers": [10, 10], "activation": "Softplus", "rate": 6e-3, "adam": 1000}

_WAVE = {**_PINN, "layers": [40, 40], "hard": True, "rate": 1e-3, "adam": 1000}
_LIKE_WAVE = "tutorial 3 (wave 2+1-D, hard conditions), with this equation and tanh instead of ReLU"


def _pina(documented: Mapping[str, Any], source: str) -> dict[str, Recipe]:
    return _named("PINA", "with_pina", documented, source, _SWITCH)


PINA = {
    "poisson1d": _pina({**_TUTORIAL, "points": ["grid", 64, 1]}, "tutorial 2 (Poisson 2-D), with this equation"),
    "poisson2d": _pina({**_TUTORIAL, "points": ["grid", 30, 30]}, "tutorial 2, with 30 x 30 points instead of 25 x 25"),
    "helmholtz2d": _pina({**_TUTORIAL, "points": ["grid", 30, 30]}, "tutorial 2 (Poisson 2-D), with this equation"),
    "heat1d": _pina({**_WAVE, "points": ["random", 900, 30]}, _LIKE_WAVE),
    "burgers": _pina({**_WAVE, "points": ["random", 2540, 80]}, _LIKE_WAVE),
    "oscillator": _pina({**_WAVE, "points": ["random", 200, 1]}, _LIKE_WAVE),
}

# -- neurodiffeq -----------------------------------------------------------------------------------------------

_FIT = {"dtype": "float32", "layers": [32, 32], "rate": 1e-3, "adam": 100_000, "lbfgs": 0}
_LBFGS = {**_FIT, **DOUBLE, "adam": WARM, "lbfgs": 100_000}


def _neurodiffeq(side: int) -> dict[str, Recipe]:
    source = "its solvers' defaults: two layers of 32, Adam, a noisy grid; no validation; as long as it may"
    return _named("neurodiffeq", "with_neurodiffeq", {**_FIT, "points": side}, source, _LBFGS)


SIDES = {"poisson1d": 64, "poisson2d": 30, "heat1d": 30, "burgers": 32, "helmholtz2d": 30, "oscillator": 200}
NEURODIFFEQ = {case: _neurodiffeq(side) for case, side in SIDES.items()}
