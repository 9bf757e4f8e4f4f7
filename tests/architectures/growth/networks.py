"""Growing networks of every family, and an objective that sees them."""

import torch
from cases import cube, draw

from pinnrun.architectures import Embedding, Mlp, PirateNet, ResNet
from pinnrun.calculus import Derivatives, Field, Objective, Term

POINTS = draw(400, 2, seed=9)
WAVES = Embedding((None, 2.0), frequencies=3, sigma=2.0, seed=7)
SIZES = [
    Mlp(2, 1, 3, 1),
    Mlp(2, 2, 4, 3, "sin"),
    Mlp(2, 1, 4, 2, "gelu", residual=(2,)),
    Mlp(2, 1, 3, 2, "tanh", WAVES, adaptive_slope=True),
    ResNet(2, 1, 3, 1, "tanh"),
    ResNet(2, 2, 3, 2, "sin", WAVES, scheme="heun", step=0.5),
    ResNet(2, 1, 4, 2, "tanh", scheme="rk4", step=0.5),
    PirateNet(2, 1, 3, 1),
    PirateNet(2, 2, 4, 2, "sin", WAVES),
]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def objective(network, count: int = 60) -> Objective:
    """A second-order equation whose residual no small network brings to zero, with every component in it."""
    term = Term(
        "equation",
        cube(2, 3, data=lambda x: torch.sin(5 * x[:, 0]) * x[:, 1]),
        lambda points, u: u.laplacian[..., 0] + u.value.sum(-1) - points["data"],
        Derivatives(laplacian=True),
        count,
        weight=2.0,
    )
    field = Field(network, lambda points, wanted: points.coordinates(wanted), lambda points, raw: raw)
    return Objective(field, [(term, term.sample(generator(), count))])


def probe(network, theta):
    """The objective, linearized for that network."""
    return objective(network).linearize(theta)


def minimum(r, J, columns, damping) -> float:
    """min ½‖r + J δ + C a‖² + ½ λ (‖δ‖² + ‖a‖²), by a least-squares solver."""
    A = torch.cat([J, *(column[:, None] for column in columns)], 1)
    stacked = torch.cat([A, damping**0.5 * torch.eye(A.shape[1], dtype=A.dtype)])
    target = torch.cat([-r, r.new_zeros(A.shape[1])])
    solution = torch.linalg.lstsq(stacked, target[:, None]).solution[:, 0]
    return 0.5 * float((stacked @ solution - target).square().sum())


def brute_force(r, J, pools, quotas, damping):
    """Forward selection: try every candidate of every pool that is not full, keep the best, begin again."""
    taken = [[] for _ in pools]
    kept = []
    while any(len(mine) < quota for mine, quota in zip(taken, quotas, strict=True)):
        trials = [
            (minimum(r, J, [*kept, pool[:, j]], damping), index, j)
            for index, pool in enumerate(pools)
            if len(taken[index]) < quotas[index]
            for j in range(pool.shape[1])
            if j not in taken[index]
        ]
        _, index, j = min(trials)
        taken[index].append(j)
        kept.append(pools[index][:, j])
    return taken
