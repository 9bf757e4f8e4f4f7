"""The registries: which class stands behind ``type: …`` in each config group. The one place that knows every name.

An entry is a class, or the text "module:Class", imported only when it is asked for: naming the problems must not
import torch. A user's plugin adds to them:

    from pinnrun.registry import PROBLEMS

    @PROBLEMS.register("decay")
    class Decay(Problem): ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pinnrun.architectures import Network

T = TypeVar("T", bound=type)


class Registry(Mapping[str, type]):
    """Classes by name, imported on demand."""

    def __init__(self, entries: dict[str, str]) -> None:
        self._entries: dict[str, str | type] = dict(entries)

    def register(self, name: str) -> Callable[[T], T]:
        """Class decorator that adds an entry; a name that is taken is replaced only by the same class reloaded."""

        def add(cls: T) -> T:
            known = self._entries.get(name)
            if isinstance(known, str) or (known is not None and known.__qualname__ != cls.__qualname__):
                raise ValueError(f"the name {name!r} is taken; register {cls.__name__} under another")
            self._entries[name] = cls
            return cls

        return add

    def __getitem__(self, name: str) -> type:
        entry = self._entries[name]
        if isinstance(entry, str):
            module, _, attribute = entry.partition(":")
            return getattr(import_module(module), attribute)
        return entry

    def __contains__(self, name: object) -> bool:
        return name in self._entries  # Mapping's own would import the class to find out

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


PROBLEMS = Registry(
    {
        "advection": "pinnrun.problems.advection:Advection",
        "allen_cahn": "pinnrun.problems.allen_cahn:AllenCahn",
        "black_scholes": "pinnrun.problems.black_scholes:BlackScholes",
        "burgers": "pinnrun.problems.burgers:Burgers",
        "cavity": "pinnrun.problems.cavity:Cavity",
        "eigenvalue": "pinnrun.problems.eigenvalue:Eigenvalue",
        "elasticity": "pinnrun.problems.elasticity:Elasticity",
        "ginzburg_landau": "pinnrun.problems.ginzburg_landau:GinzburgLandau",
        "heat": "pinnrun.problems.heat:Heat",
        "helmholtz": "pinnrun.problems.helmholtz:Helmholtz",
        "inverse_burgers": "pinnrun.problems.inverse_burgers:InverseBurgers",
        "kdv": "pinnrun.problems.kdv:Kdv",
        "kovasznay": "pinnrun.problems.kovasznay:Kovasznay",
        "kuramoto_sivashinsky": "pinnrun.problems.kuramoto_sivashinsky:KuramotoSivashinsky",
        "lorenz": "pinnrun.problems.ode:Lorenz",
        "lotka_volterra": "pinnrun.problems.ode:LotkaVolterra",
        "npbe": "pinnrun.problems.npbe.molecule:Npbe",
        "npbe_born": "pinnrun.problems.npbe.born:NpbeBorn",
        "oscillator": "pinnrun.problems.ode:Oscillator",
        "pinnacle_poisson2d": "pinnrun.problems.pinnacle.poisson2d:PinnaclePoisson2d",
        "pinnacle_boltzmann2d": "pinnrun.problems.pinnacle.boltzmann2d:PinnaclePoissonBoltzmann2d",
        "plate": "pinnrun.problems.plate:Plate",
        "poisson": "pinnrun.problems.poisson:Poisson",
        "poisson_exponential": "pinnrun.problems.exponential:PoissonExponential",
        "poisson_lshape": "pinnrun.problems.lshape:PoissonLshape",
        "poisson_ritz": "pinnrun.problems.ritz:PoissonRitz",
        "wave": "pinnrun.problems.wave:Wave",
    }
)
ARCHITECTURES = Registry(
    {
        "mlp": "pinnrun.architectures.mlp:MlpSettings",
        "pirate": "pinnrun.architectures.pirate:PirateSettings",
        "resnet": "pinnrun.architectures.resnet:ResNetSettings",
    }
)
OPTIMIZERS = Registry(
    {
        "auto": "pinnrun.optimizers.auto:Auto",
        "lm": "pinnrun.optimizers.lm:LevenbergMarquardt",
        "multistart": "pinnrun.optimizers.multistart:Multistart",
        "ssbroyden": "pinnrun.optimizers.ssbroyden:SelfScaledBroyden",
        "natural_gradient": "pinnrun.optimizers.natural_gradient:NaturalGradient",
        "engd": "pinnrun.optimizers.engd:EnergyNaturalGradient",
        "engd_w": "pinnrun.optimizers.engd_w:WoodburyNaturalGradient",
        "spring": "pinnrun.optimizers.spring:Spring",
        "adam": "pinnrun.optimizers.adam:Adam",
        "adamw": "pinnrun.optimizers.adam:AdamW",
        "muon": "pinnrun.optimizers.muon:Muon",
        "soap": "pinnrun.optimizers.soap:Soap",
        "cgd": "pinnrun.optimizers.cgd:CompetitiveGradientDescent",
        "lbfgs": "pinnrun.optimizers.lbfgs:Lbfgs",
        "cg": "pinnrun.optimizers.cg:GaussNewtonCg",
        "kfac": "pinnrun.optimizers.kfac:Kfac",
        "dsgnar": "pinnrun.optimizers.dsgnar:Dsgnar",
    }
)
FIRST_ORDER, QUASI_NEWTON, GAUSS_NEWTON = "first_order", "quasi_newton", "gauss_newton"
FAMILIES: Mapping[str, str] = {
    **dict.fromkeys(("adam", "adamw", "muon", "soap", "cgd"), FIRST_ORDER),
    **dict.fromkeys(("lbfgs", "ssbroyden"), QUASI_NEWTON),
}
"""Whose loss curves look alike to a forecast; an optimizer that is not here is of the third kind."""
WEIGHTINGS = Registry(
    {
        "fixed": "pinnrun.weighting.fixed:Fixed",
        "grad_norm": "pinnrun.weighting.grad_norm:GradNorm",
        "ntk": "pinnrun.weighting.ntk:Ntk",
        "causal": "pinnrun.weighting.causal:Causal",
    }
)
SAMPLINGS = Registry(
    {
        "fixed": "pinnrun.sampling.fixed:Fixed",
        "resample": "pinnrun.sampling.resample:Resample",
        "sobol": "pinnrun.sampling.sobol:Sobol",
        "rad": "pinnrun.sampling.rad:Rad",
    }
)
POLICIES = Registry(
    {
        "koopman": "pinnrun.scaleup.koopman:KoopmanPolicy",
        "plateau": "pinnrun.scaleup.plateau:PlateauPolicy",
        "fixed": "pinnrun.scaleup.fixed:FixedPolicy",
    }
)


def family_of(optimizer: str) -> str:
    """The family of the optimizer registered under that name."""
    return FAMILIES.get(optimizer, GAUSS_NEWTON)


def network_of(description: Mapping[str, Any]) -> Network:
    """The network that has described itself so, with whatever unknown coefficients stand behind it."""
    coefficients = import_module("pinnrun.architectures.coefficients")
    return coefficients.from_description(
        description, lambda plain: ARCHITECTURES[plain["type"]].network.from_description(plain)
    )
