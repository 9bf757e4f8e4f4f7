"""DeepXDE on one case: Adam, then L-BFGS, then NysNewton-CG, each if the recipe asks for it.

Keys of a recipe: ``layers`` and ``activation``, ``initializer``, ``dtype``, ``hard`` (output transform) or soft
conditions, ``points`` ("given": the benchmark's own coordinates, or [domain, boundary, initial]: counts that DeepXDE
samples), ``adam`` (iterations at ``rate``), ``lbfgs`` (true or false) and its ``gtol``, ``nncg`` (iterations).
"""

import os
from contextlib import suppress

os.environ["DDE_BACKEND"] = "pytorch"

import deepxde as dde
import numpy as np
import torch
from observe import Enough, Observer, Task, begin, parameters_of, watch_lbfgs

pi = np.pi


def d(y, x, i, component=0):
    """∂y_component/∂x_i."""
    return dde.grad.jacobian(y, x, i=component, j=i)


def dd(y, x, i):
    """∂²y/∂x_i²."""
    return dde.grad.hessian(y, x, i=i, j=i)


def sines(x):
    """Π sin πx_i."""
    return torch.sin(pi * x).prod(1, keepdim=True)


def oscillator(t, u):
    """X' = v, v' = −2ζω v − ω² x with ω = 6, ζ = 0.1."""
    x, v = u[:, 0:1], u[:, 1:2]
    return [d(u, t, 0, 0) - v, d(u, t, 0, 1) + 1.2 * v + 36.0 * x]


def helmholtz_source(x):
    """−Δu − u for u = sin πx sin 4πy."""
    return (17 * pi**2 - 1) * torch.sin(pi * x[:, :1]) * torch.sin(4 * pi * x[:, 1:])


EQUATIONS = {
    "poisson1d": lambda x, y: -dd(y, x, 0) - pi**2 * torch.sin(pi * x),
    "poisson2d": lambda x, y: -dd(y, x, 0) - dd(y, x, 1) - 2 * pi**2 * sines(x),
    "heat1d": lambda x, y: d(y, x, 1) - 0.25 * dd(y, x, 0),
    "burgers": lambda x, y: d(y, x, 1) + y * d(y, x, 0) - 0.01 / pi * dd(y, x, 0),
    "helmholtz2d": lambda x, y: -dd(y, x, 0) - dd(y, x, 1) - y - helmholtz_source(x),
    "oscillator": oscillator,
}
"""Residuals; the last coordinate is time where there is one."""

TRANSFORMS = {
    "poisson1d": lambda x, y: (1 - x**2) * y,
    "poisson2d": lambda x, y: (x * (1 - x)).prod(1, keepdim=True) * y,
    "heat1d": lambda x, y: x[:, 1:] * x[:, :1] * (1 - x[:, :1]) * y + torch.sin(pi * x[:, :1]),
    "burgers": lambda x, y: x[:, 1:] * (1 - x[:, :1] ** 2) * y - torch.sin(pi * x[:, :1]),
    "helmholtz2d": lambda x, y: (1 - x**2).prod(1, keepdim=True) * y,
    "oscillator": lambda t, y: torch.cat([y[:, :1] * torch.tanh(t) + 1, y[:, 1:] * torch.tanh(t)], 1),
}
"""Hard conditions, in the form that DeepXDE's examples use."""

STARTS = {"heat1d": lambda x: np.sin(pi * x[:, :1]), "burgers": lambda x: -np.sin(pi * x[:, :1])}
"""u at time zero."""


def constant(value):
    """A function of points that is the same everywhere."""
    return lambda x: np.full((len(x), 1), value)


def domain(case):
    """The geometry."""
    if case == "poisson1d":
        return dde.geometry.Interval(-1, 1)
    if case == "poisson2d":
        return dde.geometry.Rectangle([0, 0], [1, 1])
    if case == "helmholtz2d":
        return dde.geometry.Rectangle([-1, -1], [1, 1])
    if case == "oscillator":
        return dde.geometry.TimeDomain(0, 2)
    space = dde.geometry.Interval(-1 if case == "burgers" else 0, 1)
    return dde.geometry.GeometryXTime(space, dde.geometry.TimeDomain(0, 1))


def data(task: Task):
    """Points and conditions."""
    geometry, recipe = domain(task.case), task.recipe
    timed = task.case in STARTS
    conditions = []
    if not recipe["hard"] and task.case == "oscillator":
        for component, value in enumerate((1.0, 0.0)):
            start = constant(value)
            conditions.append(dde.icbc.IC(geometry, start, lambda _, on_initial: on_initial, component=component))
    elif not recipe["hard"]:
        conditions.append(dde.icbc.DirichletBC(geometry, lambda x: 0, lambda _, on_boundary: on_boundary))
        if timed:
            conditions.append(dde.icbc.IC(geometry, STARTS[task.case], lambda _, on_initial: on_initial))
    make = dde.data.TimePDE if timed else dde.data.PDE
    if recipe["points"] == "given":
        return make(geometry, EQUATIONS[task.case], conditions, anchors=task.interior())
    inside, boundary, initial = recipe["points"]
    counts = {"num_domain": inside, "num_boundary": boundary, **({"num_initial": initial} if timed else {})}
    return make(geometry, EQUATIONS[task.case], conditions, **counts)


class Tick(dde.callbacks.Callback):
    """Tells the observer of every iteration."""

    def __init__(self, observer):
        super().__init__()
        self.observer = observer

    def on_epoch_end(self):
        self.observer.tick()


def main() -> None:
    """Train as the recipe says."""
    task = begin()
    recipe = task.recipe
    dde.config.set_default_float(recipe["dtype"])
    dde.config.set_random_seed(task.seed)
    points = data(task)
    sizes = [task.given("interior").shape[1], *recipe["layers"], task.given("exact").shape[1]]
    net = dde.nn.FNN(sizes, recipe["activation"], recipe["initializer"])
    if recipe["hard"]:
        net.apply_output_transform(TRANSFORMS[task.case])
    model = dde.Model(points, net)
    observer = Observer(task, net, parameters_of(net))
    callbacks = [Tick(observer)]
    watch_lbfgs(observer.tick)
    quiet = {"display_every": 10**9, "verbose": 0, "callbacks": callbacks}
    with suppress(Enough):
        if recipe["adam"]:
            model.compile("adam", lr=recipe["rate"], verbose=0)
            model.train(iterations=recipe["adam"], **quiet)
        if recipe["lbfgs"]:
            dde.optimizers.set_LBFGS_options(gtol=recipe["gtol"])
            model.compile("L-BFGS", verbose=0)
            model.train(**quiet)
        if recipe["nncg"]:
            dde.optimizers.set_NNCG_options(rank=50, mu=1e-1)
            model.compile("NNCG", verbose=0)
            try:
                model.train(iterations=recipe["nncg"], **quiet)
            except torch.linalg.LinAlgError:  # its preconditioner is not always positive definite
                observer.end = "failed"
    observer.write("deepxde", dde.__version__)


if __name__ == "__main__":
    main()
