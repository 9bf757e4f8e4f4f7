"""Muon against `torch.optim.Muon` and `torch.optim.AdamW` on a module, and against its formula in numpy."""

import numpy as np
import pytest
import torch
from cases import CATALOGUE, cube, draw, make
from torch import nn

from pinnrun.architectures import Mlp
from pinnrun.architectures.growth.plain import places
from pinnrun.calculus import Derivatives, Objective, Term
from pinnrun.errors import UserError
from pinnrun.optimizers import Muon, Outcome, Pace, muon

PACE = Pace(2, 2, 2, 1, 1)


def by_name(case, theta):
    return {name: part.clone() for name, part in case.network.layout.split(theta).items()}


@pytest.mark.parametrize(("name", "matrices"), [("burgers", "all"), ("burgers", "hidden"), ("fit", "hidden")])
def test_it_is_torch_s_muon_and_torch_s_adamw(name, matrices):
    case = CATALOGUE[name]()
    weights = {name: nn.Parameter(part) for name, part in by_name(case, case.theta).items()}
    outer = () if matrices == "all" else ("hidden1.weight", "output.weight")
    of_muon = [name for name in weights if not name.endswith(".bias") and name not in outer]
    common = {"lr": 0.02, "weight_decay": 0.1}
    rest = [weight for name, weight in weights.items() if name not in of_muon]
    references = [torch.optim.AdamW(rest, betas=(0.8, 0.9), eps=1e-6, **common)]
    if of_muon:
        chosen = [weights[name] for name in of_muon]
        references.append(torch.optim.Muon(chosen, momentum=0.9, adjust_lr_fn="match_rms_adamw", **common))
    settings = {"learning_rate": 0.02, "weight_decay": 0.1, "betas": (0.8, 0.9), "epsilon": 1e-6}
    optimizer, theta = Muon(PACE, matrices=matrices, momentum=0.9, **settings), case.theta
    for _ in range(25):
        flat = torch.cat([weight.detach().flatten() for weight in weights.values()])
        assert torch.equal(theta, flat)
        for name, piece in by_name(case, case.objective.gradient(flat)[1]).items():
            weights[name].grad = piece
        for reference in references:
            reference.step()
        theta, info = optimizer.step(case.objective, theta)
        assert info.outcome is Outcome.ACCEPTED


def orthogonalised(matrix):
    """Jordan's quintic iteration p(S) = aS + bS³ + cS⁵ on the singular values, in double precision."""
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    s = s / np.linalg.norm(matrix)
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return u * s @ vt


class Sloping(Objective):
    """Its gradients are random matrices: those of a network have directions that are lost in bfloat16."""

    calls = 0

    def gradient(self, theta):
        self.calls += 1
        return torch.ones((), dtype=torch.float64), draw(theta.numel(), seed=self.calls)


def test_it_is_the_published_formula():
    """Three steps in numpy; torch orthogonalises in bfloat16, which has three digits."""
    case = CATALOGUE["burgers"]()
    objective = Sloping(case.field, [(block.term, block.points) for block in case.blocks])
    rate, mu, decay = 0.02, 0.9, 0.3
    optimizer = Muon(PACE, learning_rate=rate, momentum=mu, weight_decay=decay)
    theta, momenta = case.theta, {}
    for step in (1, 2, 3):
        before, gradients = by_name(case, theta), by_name(case, draw(case.network.size, seed=step))
        theta, _ = optimizer.step(objective, theta)
        after = by_name(case, theta)
        for name in (name for name, gradient in gradients.items() if gradient.dim() == 2):
            g = gradients[name].numpy()
            momenta[name] = mu * momenta.get(name, 0.0) + (1 - mu) * g
            update = orthogonalised((1 - mu) * g + mu * momenta[name])
            moved = ((1 - rate * decay) * before[name] - after[name]).numpy() / (rate * 0.2 * np.sqrt(max(g.shape)))
            assert np.abs(moved - update).max() < 0.06


def test_the_momentum_of_a_matrix_follows_it_through_a_growth():
    case = CATALOGUE["fit"]()
    optimizer, theta = Muon(PACE), case.theta
    for _ in range(4):
        theta, _ = optimizer.step(case.objective, theta)
    old = optimizer.state()["moments"]
    biases = [3, 4, 5, 9]  # of 1-3-1: three weights, three biases, three weights, one bias
    assert torch.count_nonzero(old["momentum_buffer"]) == torch.count_nonzero(old["exp_avg"]) + 2 == 6
    assert torch.count_nonzero(old["momentum_buffer"][biases]) == 0
    kept = torch.tensor([0, 1, 2, 5, 6, 7, 10, 11, 12, 15])
    optimizer.grow(kept, 16)
    new = optimizer.state()["moments"]
    for name in ("momentum_buffer", "exp_avg", "exp_avg_sq"):
        assert torch.equal(new[name][kept], old[name])
    for name in ("momentum_buffer", "exp_avg"):
        assert new[name].abs().sum() == old[name].abs().sum()


def test_a_network_without_layout_is_refused():
    case = CATALOGUE["without_jets"]()
    with pytest.raises(UserError, match=r"muon treats weight matrices on their own.*no layout"):
        Muon(PACE).step(case.objective, case.theta)


def test_an_older_torch_is_told_of(monkeypatch):
    assert list(Muon(PACE).problems()) == []
    monkeypatch.setattr(muon, "TorchMuon", None)
    [line] = Muon(PACE).problems()
    assert line.startswith("type: muon needs torch 2.9 or newer")
    case = CATALOGUE["fit"]()
    with pytest.raises(UserError, match=r"optimizer: muon needs torch 2\.9"):
        Muon(PACE).step(case.objective, case.theta)


def test_a_matrix_that_becomes_a_hidden_one_starts_without_momentum():
    """`hidden` leaves Muon nothing to do at depth 1, so there is no momentum to be taken up when a layer is added."""
    shallow = Mlp(2, 1, 3, 1)
    deep = shallow.deeper()
    term = Term("data", cube(2, 1), lambda at, u: u.value[..., 0] - 1.0, Derivatives(), 12)

    def objective(network):
        return make("data", network, [(term, lambda u, x, data: u[0](x[0])[0] - 1.0)]).objective

    optimizer, theta = Muon(PACE, matrices="hidden"), 0.5 * draw(shallow.size)
    theta, _ = optimizer.step(objective(shallow), theta)
    assert "momentum_buffer" not in optimizer.state()["moments"]
    optimizer.grow(places(shallow, deep), deep.size)
    theta, info = optimizer.step(objective(deep), 0.5 * draw(deep.size))
    assert info.accepted
    assert torch.count_nonzero(optimizer.state()["moments"]["momentum_buffer"]) > 0
