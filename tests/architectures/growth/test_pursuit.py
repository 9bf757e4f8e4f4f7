"""The pursuit against a greedy selection that solves a damped least-squares problem for every trial."""

import pytest
import torch
from architectures.growth.networks import brute_force
from cases import close, draw

from pinnrun.architectures.growth.pursuit import Candidates, Tangent, pursue
from pinnrun.calculus import DenseLinearization

N, P = 40, 7


@pytest.mark.parametrize("project", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_it_takes_what_trying_all_would_take(project, seed):
    r, J = draw(N, seed=seed), draw(N, P, seed=seed + 100)
    pools = [draw(N, 9, seed=seed + 200), draw(N, 6, seed=seed + 300) * 3.0]
    pools[0][:, 4] = pools[0][:, 2] + 0.01 * pools[0][:, 4]  # two that say nearly the same
    pools[1][:, 5] = J @ draw(P, seed=seed)  # one that the network has already
    tangent = Tangent(DenseLinearization(r, J), use=project)
    after = r + tangent.rows
    chosen = pursue([Candidates(pool, pool.T @ after, 3) for pool in pools], tangent)
    seen = J if project else J[:, :0]
    assert chosen == brute_force(r, seen, pools, [3, 3], tangent.damping)
    if project:
        assert 5 not in chosen[1]


def test_the_step_of_the_tangent_is_the_damped_one():
    r, J = draw(N), draw(N, P, seed=1)
    tangent = Tangent(DenseLinearization(r, J))
    gram = J.T @ J
    assert tangent.damping == pytest.approx(1e-6 * float(gram.diagonal().max()))
    step = torch.linalg.solve(gram + tangent.damping * torch.eye(P, dtype=gram.dtype), -J.T @ r)
    assert close(tangent.rows, J @ step)
    assert not Tangent(DenseLinearization(r, J), use=False).rows.any()


def test_candidates_that_do_nothing_are_no_reason_to_fail():
    """As many as are wanted are taken, and each once."""
    r, J = draw(N), draw(N, P, seed=1)
    dead = torch.zeros(N, 4, dtype=r.dtype)
    chosen = pursue([Candidates(dead, torch.zeros(4, dtype=r.dtype), 3)], Tangent(DenseLinearization(r, J)))
    assert len(set(chosen[0])) == 3
