"""Small cases (field, terms, points) that tests and benchmarks share, with every residual written twice.

Once as pinnrun takes it, on jets; once in plain tensors, with derivatives by `torch.func` of the plain network, nested
as deep as the order is. `naive` linearizes the second form: it shares neither jets nor tape with what it judges.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import sqrt

import torch
from torch import Tensor
from torch.func import hessian, jacrev, jvp, vmap

from pinnrun.architectures import Mlp
from pinnrun.calculus import Derivatives, Field, Jet, Objective, Points, Term
from pinnrun.problems.heat import Heat
from pinnrun.problems.npbe.formulation import stretched_sinh
from pinnrun.problems.npbe.molecule import Npbe
from pinnrun.problems.poisson import EXACT, Poisson

Plain = Callable[[Tensor], Tensor]
"""A field or network at one point, `(d,)` to `(k,)`."""


@dataclass(frozen=True)
class Block:
    """A term with its points, and its residual at one row in plain tensors.

    `plain` takes the field at each of the M places (a list of `Plain`), the coordinates `(M, d)`, the data.
    """

    term: Term
    points: Points
    plain: Callable[[list[Plain], Tensor, dict[str, Tensor]], Tensor]


@dataclass(frozen=True)
class Case:
    """A trial solution with its objective; `ansatz` is the field once more, in plain tensors."""

    name: str
    field: Field
    theta: Tensor
    blocks: tuple[Block, ...]
    ansatz: Callable[[Plain, Tensor, dict[str, Tensor]], Tensor]

    @property
    def objective(self) -> Objective:
        return Objective(self.field, [(block.term, block.points) for block in self.blocks])

    @property
    def network(self):
        return self.field.network


def naive(case: Case, theta: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """r `(N,)` and J `(N, P)` row by row, by `vmap(jacrev)` over derivatives of the plain network."""
    theta = case.theta if theta is None else theta
    residuals, jacobians = [], []
    for block in case.blocks:
        x, data = block.points.tensors()
        scale = sqrt(block.term.weight / x.shape[1])

        def row(theta: Tensor, x: Tensor, data: dict[str, Tensor], block: Block = block) -> tuple[Tensor, Tensor]:
            def at(place: int) -> Plain:
                here = {name: value[place] for name, value in data.items()}
                return lambda y: case.ansatz(lambda z: case.network.value(theta, z), y, here)

            r = block.plain([at(place) for place in range(x.shape[0])], x, data)
            return r, r

        jacobian, r = vmap(jacrev(row, has_aux=True), in_dims=(None, 1, 1))(theta, x, data)
        residuals.append(scale * r)
        jacobians.append(scale * jacobian)
    return torch.cat(residuals), torch.cat(jacobians)


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, float64."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def parameters(network, seed: int = 0) -> Tensor:
    """A θ with nothing in it zero, gates neither."""
    return 0.6 * draw(network.size, seed=seed)


def laplacian(u: Plain, x: Tensor) -> Tensor:
    """Δu `(k,)`."""
    return hessian(u)(x).diagonal(dim1=-2, dim2=-1).sum(-1)


def partial(u: Plain, *index: int) -> Plain:
    """The derivative of u by these coordinates, one after the other: forward mode within forward mode."""
    for i in index:
        u = _slope(u, i)
    return u


def _slope(u: Plain, i: int) -> Plain:
    return lambda y: jvp(u, (y,), (torch.eye(len(y), dtype=y.dtype)[i],))[1]


def cube(dimension: int, seed: int, **data: Callable[[Tensor], Tensor]) -> Callable[..., Points]:
    """A sampler of the unit cube that ignores the generator it is given: the points of a case are fixed."""

    def sample(generator: torch.Generator, count: int) -> Points:
        x = torch.rand((count, dimension), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        return Points(x, **{name: function(x) for name, function in data.items()})

    return sample


def make(
    name: str, network, terms: Sequence[tuple[Term, Callable]], inputs=None, ansatz=None, plain=None, seed=1
) -> Case:
    """A case from its network, its (term, plain residual) pairs and its field in both forms."""
    generator = torch.Generator().manual_seed(seed)
    blocks = tuple(Block(term, term.sample(generator, term.count), residual) for term, residual in terms)
    field = Field(network, inputs or Points.coordinates, ansatz or (lambda points, raw: raw))
    return Case(name, field, parameters(network, seed), blocks, plain or (lambda network, x, data: network(x)))


# -- the catalogue -------------------------------------------------------------------------------------------


def fit() -> Case:
    """Values alone: three tanh to be fitted to a curve with a ripple that they cannot follow."""
    term = Term(
        "data",
        cube(1, 3, data=lambda x: torch.sin(5.0 * x[:, 0]) + 0.3 * torch.cos(40.0 * x[:, 0])),
        lambda points, u: u.value[..., 0] - points["data"],
        Derivatives(),
        20,
    )
    return make("fit", Mlp(1, 1, 3, 1), [(term, lambda u, x, data: u[0](x[0])[0] - data["data"][0])])


def _poisson_terms(problem: Poisson) -> list[tuple[Term, Callable]]:
    f = EXACT[problem.solution].f

    def equation(u, x, data):
        return laplacian(u[0], x[0])[0] + f(x[0])

    def boundary(u, x, data):
        return u[0](x[0])[0] - data["data"][0]

    return list(zip(problem.terms(), (equation, boundary), strict=False))


def poisson_soft(network=None) -> Case:
    """A Laplacian inside, values on the boundary."""
    problem = Poisson("case", "poisson", points=8, boundary_points=5, dimension=2, solution="sine")
    return make(
        "poisson_soft",
        network or Mlp(2, 1, 4, 1),
        _poisson_terms(problem),
        problem.inputs,
        problem.ansatz,
        lambda network, x, data: network(2.0 * x - 1.0),
    )


def poisson_hard() -> Case:
    """The boundary built into the field as a factor; sines, one residual block, three dimensions."""
    problem = Poisson("case", "poisson", points=8, dimension=3, solution="sine", boundary="hard")
    return make(
        "poisson_hard",
        Mlp(3, 1, 4, 2, "sin", residual=(2,)),
        _poisson_terms(problem),
        problem.inputs,
        problem.ansatz,
        lambda network, x, data: (4.0 * x * (1.0 - x)).prod() * network(2.0 * x - 1.0),
    )


def burgers() -> Case:
    """u_t + u u_x − ν u_xx: field times slope, one second derivative alone; two residual blocks."""
    nu = 0.07
    equation = Term(
        "equation",
        cube(2, 5),
        lambda points, u: (u.d(0) + u.value * u.d(1) - nu * u.dd(1, 1))[..., 0],
        Derivatives(gradient=True, pairs=((1, 1),)),
        9,
        weight=2.5,
    )
    start = Term(
        "start",
        cube(2, 6, data=lambda x: torch.sin(x[:, 1])),
        lambda points, u: u.value[..., 0] - points["data"],
        Derivatives(),
        4,
        weight=0.3,
    )

    def plain_equation(u, x, data):
        du, ddu = jacrev(u[0])(x[0])[0], hessian(u[0])(x[0])[0]
        return du[0] + u[0](x[0])[0] * du[1] - nu * ddu[1, 1]

    def plain_start(u, x, data):
        return u[0](x[0])[0] - data["data"][0]

    network = Mlp(2, 1, 4, 3, "tanh", residual=(2, 3))
    return make("burgers", network, [(equation, plain_equation), (start, plain_start)])


def heat() -> Case:
    """u_t − κ Δu with Δ over the two space coordinates alone; data at time zero and on the sides in one term."""
    problem = Heat("case", "heat", points=9, condition_points=6, dimension=2, diffusivity=0.3, solution="sine_sum")

    def equation(u, x, data):
        return jacrev(u[0])(x[0])[0, 0] - 0.3 * hessian(u[0])(x[0])[0].diagonal()[1:].sum()

    def conditions(u, x, data):
        return u[0](x[0])[0] - data["data"][0]

    terms = list(zip(problem.terms(), (equation, conditions), strict=True))
    plain = lambda network, x, data: network(2.0 * x - 1.0)  # noqa: E731
    return make("heat", Mlp(3, 1, 4, 2), terms, problem.inputs, problem.ansatz, plain)


def monge_ampere() -> Case:
    """det D²u − f: quadratic in second derivatives; a feature made of the coordinates beside them."""

    def inputs(points: Points, derivatives: Derivatives) -> Jet:
        x = points.coordinates(derivatives)
        return Jet.cat([x, (x[0] * x[1]).sin()])

    equation = Term(
        "equation",
        cube(2, 7),
        lambda points, u: (u.dd(0, 0) * u.dd(1, 1) - u.dd(1, 0) * u.dd(0, 1))[..., 0] - 1.0,
        Derivatives(pairs=((0, 0), (0, 1), (1, 1))),
        8,
    )
    return make(
        "monge_ampere",
        Mlp(3, 1, 5, 2, "softplus"),
        [(equation, lambda u, x, data: torch.linalg.det(hessian(u[0])(x[0])[0]) - 1.0)],
        inputs,
        plain=lambda network, x, data: network(torch.cat([x, torch.sin(x[:1] * x[1:])])),
    )


def flow() -> Case:
    """Two components: a divergence, and a term that mixes a Laplacian with the other component's value."""
    divergence = Term("divergence", cube(2, 8), lambda points, u: u[0].d(0) + u[1].d(1), Derivatives(gradient=True), 6)
    momentum = Term(
        "momentum",
        cube(2, 9),
        lambda points, u: u[0].laplacian * u[1].value + u[1].d(0) ** 2,
        Derivatives(laplacian=True),
        7,
        weight=4.0,
    )

    def plain_divergence(u, x, data):
        return jacrev(u[0])(x[0]).trace()

    def plain_momentum(u, x, data):
        return laplacian(u[0], x[0])[0] * u[0](x[0])[1] + jacrev(u[0])(x[0])[1, 0] ** 2

    terms = [(divergence, plain_divergence), (momentum, plain_momentum)]
    return make("flow", Mlp(2, 2, 4, 2, "gelu"), terms)


def poisson_boltzmann() -> Case:
    """Four terms, two of them at two places at once: a jump of values and a jump of fluxes."""
    a, outer = 3.0, 9.0
    places = ((1.0, 0.2, 0.0), (-0.5, 0.1, 1.2))
    molecule = {"charges": (1.0, -2.0), "positions": places}
    problem = Npbe("case", "npbe", points=30, radius=a, domain_radius=outer, **molecule)
    eps_in, eps_w = problem.solute_permittivity, problem.solvent_permittivity
    scale = problem.bjerrum / eps_w / a
    closest, half = a + problem.ion_radius, problem.ion_window
    charges, positions = problem.charge_tensors

    def coulomb(x: Tensor, permittivity: float, kappa: float) -> Tensor:
        r = (x - positions).square().sum(-1).sqrt()
        return problem.bjerrum / permittivity * (charges * torch.exp(-kappa * r) / r).sum()[None]

    def image(x: Tensor) -> Tensor:
        """Kelvin's image charges."""
        distance = positions.norm(dim=-1, keepdim=True)
        r = (x - positions * (a / distance) ** 2).square().sum(-1).sqrt()
        return -problem.bjerrum / eps_in * (charges * a / distance[:, 0] / r).sum()[None]

    def ramp(r: Tensor) -> Tensor:
        """∫∫ λ in the variable t of the window, 35 t⁴ − 84 t⁵ + 70 t⁶ − 20 t⁷, and the parabola beyond it."""
        t = ((r - closest + half) / (2 * half)).clamp(0.0, 1.0)
        powers = zip((35.0, -84.0, 70.0, -20.0), (4, 5, 6, 7), strict=True)
        within = (2 * half) ** 2 * sum(c * t ** (n + 2) / ((n + 1) * (n + 2)) for c, n in powers)
        return torch.where(r > closest + half, 0.5 * (r - closest) ** 2 + (within - 0.5 * half**2), within)

    def ansatz(network: Plain, x: Tensor, data: dict[str, Tensor]) -> Tensor:
        s = data["region"][None]
        zero, r2 = torch.zeros_like(s), x.square().sum()[None]
        g, h, r = coulomb(x, eps_w, problem.kappa), image(x), torch.where(s > 0, r2, torch.ones_like(r2)).sqrt()
        inside = h + scale * network(torch.cat([x / a, s, -eps_in / eps_w * h / scale, zero, zero]))
        seen = torch.cat([x / a, s, g / scale, r / a, ramp(r) / (a**2 + ramp(r))])
        return torch.where(s > 0, g + scale * (1.0 - r2 / outer**2) * network(seen), inside)

    def on_jets(name: str) -> Callable[[Points, Jet], Tensor]:
        """The residuals with no weights of their own, which are the problem's to choose."""

        def flux(points: Points, u: Jet) -> Tensor:
            slope = (u.gradient[..., 0] * points["normal"].movedim(-1, 0)).sum(0)
            return eps_in / eps_w * (slope[0] + points["coulomb_flux"][0]) - slope[1]

        residuals: dict[str, Callable[[Points, Jet], Tensor]] = {
            "solute": lambda points, u: u.laplacian,
            "solvent": lambda points, u: u.laplacian[..., 0] - points["screening"] * stretched_sinh(u.value[..., 0]),
            "potential": lambda points, u: u.value[0] - u.value[1] + points["coulomb"][0][:, None],
            "flux": flux,
        }
        return residuals[name]

    def solvent(u, x, data):
        return laplacian(u[0], x[0])[0] - data["screening"][0] * torch.sinh(u[0](x[0])[0])

    def potential(u, x, data):
        return (u[0](x[0]) + coulomb(x[0], eps_in, 0.0) - u[1](x[1]))[0]

    def flux(u, x, data):
        inside = jacrev(lambda y: u[0](y) + coulomb(y, eps_in, 0.0))(x[0])[0] @ x[0] / a
        return eps_in / eps_w * inside - jacrev(u[1])(x[1])[0] @ x[1] / a

    plain = {
        "solute": lambda u, x, data: laplacian(u[0], x[0])[0],
        "solvent": solvent,
        "potential": potential,
        "flux": flux,
    }
    terms = [(replace(term, residual=on_jets(term.name)), plain[term.name]) for term in problem.terms()]
    network = Mlp(7, 1, 4, 2, "tanh", residual=(2,))
    return make("poisson_boltzmann", network, terms, problem.inputs, problem.ansatz, ansatz)


def kdv() -> Case:
    """u_t + u u_x + u_xxx in coordinates (x, t): third order; and the values at time zero."""
    equation = Term(
        "equation",
        cube(2, 10),
        lambda points, u: (u.d(1) + u.value * u.d(0) + u.derivative(0, 0, 0))[..., 0],
        Derivatives(higher=((0, 0, 0),)),
        8,
    )
    start = Term(
        "start",
        cube(2, 11, data=lambda x: torch.cos(x[:, 0])),
        lambda points, u: u.value[..., 0] - points["data"],
        Derivatives(),
        4,
        weight=0.5,
    )

    def plain_equation(u, x, data):
        value, slope, third = u[0](x[0]), jacrev(u[0])(x[0])[0], partial(u[0], 0, 0, 0)(x[0])
        return slope[1] + value[0] * slope[0] + third[0]

    def plain_start(u, x, data):
        return u[0](x[0])[0] - data["data"][0]

    return make("kdv", Mlp(2, 1, 4, 2), [(equation, plain_equation), (start, plain_start)])


def kuramoto_sivashinsky() -> Case:
    """u_t + u u_x + u_xx + u_xxxx, periodic by its inputs (cos x, sin x, t): fourth order on curved coordinates."""

    def inputs(points: Points, derivatives: Derivatives) -> Jet:
        x = points.coordinates(derivatives)
        return Jet.cat([x[0].cos(), x[0].sin(), x[1]])

    def plain(u, x, data):
        fourth, second = partial(u[0], 0, 0, 0, 0)(x[0]), partial(u[0], 0, 0)(x[0])
        slope = jacrev(u[0])(x[0])[0]
        return slope[1] + u[0](x[0])[0] * slope[0] + second[0] + fourth[0]

    equation = Term(
        "equation",
        cube(2, 12),
        lambda points, u: (u.d(1) + u.value * u.d(0) + u.dd(0, 0) + u.derivative(0, 0, 0, 0))[..., 0],
        Derivatives(pairs=((0, 0),), higher=((0, 0, 0, 0),)),
        7,
    )
    return make(
        "kuramoto_sivashinsky",
        Mlp(3, 1, 4, 2, "sin", residual=(2,)),
        [(equation, plain)],
        inputs,
        plain=lambda network, x, data: network(torch.stack([torch.cos(x[0]), torch.sin(x[0]), x[1]])),
    )


def biharmonic() -> Case:
    """ΔΔu − 1 on a clamped plate: a mixed fourth derivative, and u = u_n = 0 built in as a squared factor."""

    def ansatz(points: Points, raw: Jet) -> Jet:
        x = points.coordinates(raw.derivatives)
        return (16.0 * x[0] * (1.0 - x[0]) * x[1] * (1.0 - x[1])) ** 2 * raw

    def residual(points, u):
        return (u.derivative(0, 0, 0, 0) + 2.0 * u.derivative(0, 0, 1, 1) + u.derivative(1, 1, 1, 1))[..., 0] - 1.0

    def plain(u, x, data):
        fourth = [partial(u[0], *index)(x[0])[0] for index in ((0, 0, 0, 0), (0, 0, 1, 1), (1, 1, 1, 1))]
        return fourth[0] + 2.0 * fourth[1] + fourth[2] - 1.0

    wanted = Derivatives(higher=((0, 0, 0, 0), (0, 0, 1, 1), (1, 1, 1, 1)))
    return make(
        "biharmonic",
        Mlp(2, 1, 4, 1, "gelu"),
        [(Term("equation", cube(2, 13), residual, wanted, 8, weight=0.01), plain)],
        ansatz=ansatz,
        plain=lambda network, x, data: (16.0 * (x * (1.0 - x)).prod()) ** 2 * network(x),
    )


def anisotropic() -> Case:
    """Σ a_ij u_ij as one channel, mixed terms among them, with a slope beside it; values on the boundary."""
    matrix = torch.tensor([[1.3, -0.7, 0.0], [0.0, 0.9, 0.5], [0.0, 0.0, 0.4]], dtype=torch.float64)
    operator = tuple((i, j, float(matrix[i, j])) for i in range(3) for j in range(i, 3) if matrix[i, j])
    equation = Term(
        "equation",
        cube(3, 14),
        lambda points, u: (u.operator + u.value * u.d(2))[..., 0] - 1.0,
        Derivatives(operator=operator),
        7,
    )
    boundary = Term("boundary", cube(3, 15), lambda points, u: u.value[..., 0], Derivatives(), 5)

    def plain_equation(u, x, data):
        return (matrix * hessian(u[0])(x[0])[0]).sum() + u[0](x[0])[0] * jacrev(u[0])(x[0])[0, 2] - 1.0

    terms = [(equation, plain_equation), (boundary, lambda u, x, data: u[0](x[0])[0])]
    return make("anisotropic", Mlp(3, 1, 4, 2, "softplus"), terms)


class Waves:
    """Σ a_k sin(w_k·z + c_k): a network that offers no jets."""

    has_jets = False

    def __init__(self, inputs: int, width: int) -> None:
        self.inputs, self.width = inputs, width
        self.size = width * (inputs + 2)

    def value(self, theta: Tensor, inputs: Tensor) -> Tensor:
        weights, phases, amplitudes = theta.split([self.width * self.inputs, self.width, self.width])
        return torch.sin(inputs @ weights.view(self.width, -1).T + phases) @ amplitudes[:, None]


def without_jets() -> Case:
    """The fallback: derivatives in space by nested forward mode."""
    return replace(poisson_soft(Waves(2, 4)), name="without_jets")


CATALOGUE: dict[str, Callable[[], Case]] = {
    builder.__name__: builder
    for builder in (
        fit,
        poisson_soft,
        poisson_hard,
        burgers,
        heat,
        monge_ampere,
        flow,
        poisson_boltzmann,
        kdv,
        kuramoto_sivashinsky,
        biharmonic,
        anisotropic,
        without_jets,
    )
}
FACTORED = [name for name in CATALOGUE if name != "without_jets"]


def close(a: Tensor, b: Tensor, tolerance: float = 1e-12) -> bool:
    """Whether two tensors of one shape agree relative to the largest entry of the second."""
    assert a.shape == b.shape, f"{tuple(a.shape)} is not {tuple(b.shape)}"
    return float((a - b).abs().max()) <= tolerance * max(1.0, float(b.abs().max()))
