"""PINA on one case: its PINN solver with Adam, then L-BFGS by its SwitchOptimizer callback if the recipe asks for it.

Keys of a recipe: ``layers`` and ``activation``, ``dtype``, ``hard`` (a model that fulfils the conditions) or soft
conditions, ``points`` ("given": the benchmark's own coordinates, or [mode, domain, each condition]: what PINA samples),
``adam`` (epochs at ``rate``), ``lbfgs`` (epochs of 20 iterations).
"""

import logging
import warnings
from contextlib import suppress
from importlib.metadata import version

import torch
from lightning.pytorch.callbacks import Callback
from observe import Enough, Observer, Task, begin, parameters_of, watch_lbfgs
from pina import Condition, LabelTensor, Trainer
from pina.callback import SwitchOptimizer
from pina.domain import CartesianDomain
from pina.equation import Equation, FixedValue
from pina.model import FeedForward
from pina.operator import grad, laplacian
from pina.optim import TorchOptimizer
from pina.problem import SpatialProblem, TimeDependentProblem
from pina.solver import PINN

pi = torch.pi


def sines(x):
    """Π sin πx_i."""
    return torch.sin(x["x"] * pi) * torch.sin(x["y"] * pi)


def poisson1d(x, u):
    """−u'' = π² sin πx."""
    return -laplacian(u, x, components=["u"], d=["x"]) - pi**2 * torch.sin(pi * x["x"])


def poisson2d(x, u):
    """−Δu = 2π² sin πx sin πy."""
    return -laplacian(u, x, components=["u"], d=["x", "y"]) - 2 * pi**2 * sines(x)


def helmholtz2d(x, u):
    """−Δu − u = (17π² − 1) sin πx sin 4πy."""
    source = (17 * pi**2 - 1) * torch.sin(pi * x["x"]) * torch.sin(4 * pi * x["y"])
    return -laplacian(u, x, components=["u"], d=["x", "y"]) - u - source


def heat1d(x, u):
    """u_t = u_xx / 4."""
    return grad(u, x, components=["u"], d=["t"]) - 0.25 * laplacian(u, x, components=["u"], d=["x"])


def burgers(x, u):
    """u_t + u u_x = (0.01/π) u_xx."""
    first = grad(u, x, components=["u"], d=["x", "t"])
    return first["dudt"] + u * first["dudx"] - 0.01 / pi * laplacian(u, x, components=["u"], d=["x"])


def oscillator(t, u):
    """X' = v, v' = −2ζω v − ω² x with ω = 6, ζ = 0.1."""
    rates = grad(u, t, components=["x", "v"], d=["t"])
    x, v = u["x"], u["v"]
    return torch.cat([rates["dxdt"] - v, rates["dvdt"] + 1.2 * v + 36.0 * x], dim=1)


EQUATIONS = {f.__name__: f for f in (poisson1d, poisson2d, helmholtz2d, heat1d, burgers, oscillator)}
OUTPUTS = {"oscillator": ["x", "v"]}  # the others have u alone
STARTS = {
    "heat1d": lambda x: torch.sin(pi * x["x"]),
    "burgers": lambda x: -torch.sin(pi * x["x"]),
    "oscillator": lambda t: torch.tensor([[1.0, 0.0]]),
}
BOXES = {
    "poisson1d": {"x": [-1, 1]},
    "poisson2d": {"x": [0, 1], "y": [0, 1]},
    "helmholtz2d": {"x": [-1, 1], "y": [-1, 1]},
    "heat1d": {"x": [0, 1], "t": [0, 1]},
    "burgers": {"x": [-1, 1], "t": [0, 1]},
    "oscillator": {"t": [0, 2]},
}


class Hard(torch.nn.Module):
    """A model that fulfils the conditions, as in PINA's tutorial on the wave equation."""

    def __init__(self, case, net):
        super().__init__()
        self.case, self.net = case, net

    def forward(self, x):
        u, factor = self.net(x), 1.0
        for name, (low, high) in BOXES[self.case].items():
            factor = factor * (x["t"] if name == "t" else (x[name] - low) * (high - x[name]))
        return factor * u + (STARTS[self.case](x) if self.case in STARTS else 0.0)


def problem(task: Task):
    """The problem with its points."""
    box, recipe = BOXES[task.case], task.recipe
    equation = Equation(EQUATIONS[task.case])
    space = {name: sides for name, sides in box.items() if name != "t"}
    whole = CartesianDomain(box)
    domains, conditions = {"D": whole}, {"D": Condition(domain="D", equation=equation)}
    if not recipe["hard"]:
        for name, sides in space.items():
            for side in sides:
                domains[f"{name}{side}"] = CartesianDomain({**box, name: float(side)})
                conditions[f"{name}{side}"] = Condition(domain=f"{name}{side}", equation=FixedValue(0.0))
        if "t" in box:
            start = STARTS[task.case]
            domains["start"] = CartesianDomain({**box, "t": 0.0})
            conditions["start"] = Condition(domain="start", equation=Equation(lambda x, u: u - start(x)))
    if recipe["points"] == "given":
        points = LabelTensor(torch.as_tensor(task.interior()), list(box))
        domains, conditions = {}, {"D": Condition(input=points, equation=equation)}
    contents = {"output_variables": OUTPUTS.get(task.case, ["u"]), "domains": domains}
    bases = ()
    if "t" in box:
        contents["temporal_domain"] = CartesianDomain({"t": box["t"]})
        bases = (TimeDependentProblem,)
    if space:
        contents["spatial_domain"] = CartesianDomain(space)
        bases = (*bases, SpatialProblem)
    made = type("Case", bases, {**contents, "conditions": conditions})()
    if recipe["points"] != "given":
        mode, inside, each = recipe["points"]
        made.discretise_domain(inside, mode, domains=["D"])
        if len(domains) > 1:
            made.discretise_domain(each, mode, domains=[name for name in domains if name != "D"])
    return made


class Tick(Callback):
    """Tells the observer of every epoch."""

    def __init__(self, observer):
        self.observer = observer

    def on_train_batch_end(self, *_):
        self.observer.tick()


def main() -> None:
    """Train as the recipe says."""
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    task = begin()
    recipe, box = task.recipe, BOXES[task.case]
    torch.set_default_dtype(task.dtype)
    activation = getattr(torch.nn, recipe["activation"])
    net = FeedForward(len(box), len(OUTPUTS.get(task.case, "u")), layers=list(recipe["layers"]), func=activation)
    model = Hard(task.case, net) if recipe["hard"] else net
    solver = PINN(problem(task), model, optimizer=TorchOptimizer(torch.optim.Adam, lr=recipe["rate"]))
    observer = Observer(task, lambda x: model(LabelTensor(x, list(box))).as_subclass(torch.Tensor), parameters_of(net))
    watch_lbfgs(observer.tick)
    callbacks = [Tick(observer)]
    if recipe["lbfgs"]:
        second = TorchOptimizer(
            torch.optim.LBFGS,
            lr=1.0,
            history_size=100,
            line_search_fn="strong_wolfe",
            tolerance_grad=0.0,
            tolerance_change=0.0,
        )
        callbacks.append(SwitchOptimizer(second, epoch_switch=recipe["adam"]))
    quiet = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_checkpointing": False,
        "enable_model_summary": False,
    }
    trainer = Trainer(
        solver, max_epochs=recipe["adam"] + recipe["lbfgs"], accelerator="cpu", callbacks=callbacks, **quiet
    )
    with suppress(Enough):
        trainer.train()
    observer.write("pina-mathlab", version("pina-mathlab"))


if __name__ == "__main__":
    main()
