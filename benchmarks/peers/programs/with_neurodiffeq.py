"""neurodiffeq on one case: its solvers, with the conditions built into the solution: Adam, then L-BFGS.

Keys of a recipe: ``layers`` (one tanh network a function), ``dtype``, ``points`` ("given": the benchmark's own
coordinates, or a number a side: neurodiffeq's noisy grid, drawn anew in every epoch), ``adam`` (epochs at ``rate``),
``lbfgs`` (epochs of 20 iterations).
"""

import warnings
from contextlib import suppress
from importlib.metadata import version

import numpy as np
import torch
from neurodiffeq import diff
from neurodiffeq.conditions import IBVP1D, IVP, DirichletBVP, DirichletBVP2D
from neurodiffeq.generators import Generator1D, Generator2D, PredefinedGenerator
from neurodiffeq.networks import FCNN
from neurodiffeq.solvers import Solver1D, Solver2D
from neurodiffeq.utils import set_tensor_type
from observe import Enough, Observer, Task, begin, parameters_of, watch_lbfgs

pi = np.pi


def zero(x):
    """Nothing."""
    return torch.zeros_like(x)


EQUATIONS = {
    "poisson1d": lambda u, x: [-diff(u, x, order=2) - pi**2 * torch.sin(pi * x)],
    "poisson2d": lambda u, x, y: [
        -diff(u, x, order=2) - diff(u, y, order=2) - 2 * pi**2 * torch.sin(pi * x) * torch.sin(pi * y)
    ],
    "helmholtz2d": lambda u, x, y: [
        -diff(u, x, order=2) - diff(u, y, order=2) - u - (17 * pi**2 - 1) * torch.sin(pi * x) * torch.sin(4 * pi * y)
    ],
    "heat1d": lambda u, x, t: [diff(u, t) - 0.25 * diff(u, x, order=2)],
    "burgers": lambda u, x, t: [diff(u, t) + u * diff(u, x) - 0.01 / pi * diff(u, x, order=2)],
    "oscillator": lambda x, v, t: [diff(x, t) - v, diff(v, t) + 1.2 * v + 36.0 * x],
}

CONDITIONS = {
    "poisson1d": [DirichletBVP(-1.0, 0.0, 1.0, 0.0)],
    "poisson2d": [DirichletBVP2D(0.0, zero, 1.0, zero, 0.0, zero, 1.0, zero)],
    "helmholtz2d": [DirichletBVP2D(-1.0, zero, 1.0, zero, -1.0, zero, 1.0, zero)],
    "heat1d": [IBVP1D(0.0, 1.0, 0.0, lambda x: torch.sin(pi * x), x_min_val=zero, x_max_val=zero)],
    "burgers": [IBVP1D(-1.0, 1.0, 0.0, lambda x: -torch.sin(pi * x), x_min_val=zero, x_max_val=zero)],
    "oscillator": [IVP(0.0, 1.0), IVP(0.0, 0.0)],
}
RANGES = {
    "poisson1d": ((-1.0,), (1.0,)),
    "poisson2d": ((0.0, 0.0), (1.0, 1.0)),
    "helmholtz2d": ((-1.0, -1.0), (1.0, 1.0)),
    "heat1d": ((0.0, 0.0), (1.0, 1.0)),
    "burgers": ((-1.0, 0.0), (1.0, 1.0)),
    "oscillator": ((0.0,), (2.0,)),
}


def generator(task: Task):
    """Where the equation is asked for."""
    low, high = RANGES[task.case]
    side = task.recipe["points"]
    if side == "given":
        return PredefinedGenerator(*torch.as_tensor(task.interior()).T)
    if len(low) == 1:
        return Generator1D(side, low[0], high[0], method="equally-spaced-noisy")
    return Generator2D((side, side), low, high, method="equally-spaced-noisy")


def main() -> None:
    """Train as the recipe says."""
    warnings.simplefilter("ignore")
    task = begin()
    recipe, conditions, low = task.recipe, CONDITIONS[task.case], RANGES[task.case][0]
    set_tensor_type("cpu", 64 if recipe["dtype"] == "float64" else 32)
    nets = [FCNN(len(low), 1, hidden_units=tuple(recipe["layers"])) for _ in conditions]
    parameters = [parameter for net in nets for parameter in net.parameters()]
    points = generator(task)
    make = Solver1D if len(low) == 1 else Solver2D
    solver = make(
        EQUATIONS[task.case],
        conditions,
        nets=nets,
        train_generator=points,
        valid_generator=points,
        n_batches_valid=0,
        optimizer=torch.optim.Adam(parameters, lr=recipe["rate"]),
    )

    def predict(x):
        columns = x.split(1, dim=1)
        return torch.cat([c.enforce(net, *columns) for net, c in zip(nets, conditions, strict=True)], 1)

    observer = Observer(task, predict, parameters_of(*nets))
    watch_lbfgs(observer.tick)
    callbacks = [lambda _: observer.tick()]
    with suppress(Enough):
        if recipe["adam"]:
            solver.fit(recipe["adam"], callbacks=callbacks, tqdm_file=None)
        if recipe["lbfgs"]:
            solver.optimizer = torch.optim.LBFGS(
                parameters, history_size=100, line_search_fn="strong_wolfe", tolerance_grad=0.0, tolerance_change=0.0
            )
            solver.fit(recipe["lbfgs"], callbacks=callbacks, tqdm_file=None)
    observer.write("neurodiffeq", version("neurodiffeq"))


if __name__ == "__main__":
    main()
