"""Each kind of sampling in a run: which points a trainer has, and when they change."""

import numpy as np
import pytest
import torch
from runs import composed, lookup, start

from pinnrun.build import checked_config
from pinnrun.run.growing import grow
from pinnrun.scaleup import Action
from pinnrun.training.trainer import Trainer


def trainer_of(*words: str) -> Trainer:
    return Trainer(checked_config(composed(*words)), torch.device("cpu"), torch.float64)


def points_of(trainer: Trainer) -> torch.Tensor:
    return trainer.points.blocks[0][1].x[0].clone()


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ((), []),
        (("sampling.every=3",), [3, 6]),
        (("sampling=resample",), [1, 2, 3, 4, 5, 6, 7]),
        (("sampling=resample", "sampling.every=4"), [4]),
        (("sampling=sobol",), []),
        (("sampling=sobol", "sampling.every=5"), [5]),
        (("sampling=rad", "sampling.every=3"), [3, 6]),
    ],
)
def test_points_change_when_they_are_due(words, changes):
    trainer, changed = trainer_of("optimizer=adam", *words), []
    for step in range(8):
        before = points_of(trainer)
        trainer.advance()
        if not torch.equal(points_of(trainer), before):
            changed.append(step)
    assert changed == changes
    before = points_of(trainer)
    grow(trainer, Action.WIDEN)
    assert not torch.equal(points_of(trainer)[: len(before)], before)


def test_the_evaluation_set_is_the_same_for_every_kind():
    """So that merits can be compared."""
    sets = [trainer_of(f"sampling={kind}").evaluation_points for kind in ("fixed", "resample", "sobol", "rad")]
    for others in sets[1:]:
        assert all(torch.equal(a.x, b.x) for (_, a), (_, b) in zip(sets[0], others, strict=True))


def test_sobol_points_fill_the_square():
    x = points_of(trainer_of("sampling=sobol", "problem.points=64", "sampling.rows_per_parameter=0"))
    counts = torch.bincount(((8 * x).long() * torch.tensor([1, 8])).sum(1), minlength=64)
    assert counts.tolist() == [1] * 64


def test_rad_goes_where_the_residual_is():
    """The mean residual of the points drawn is that of the density, Σ p |r|, here by a fine grid."""
    words = ("problem.points=400", "sampling=rad", "sampling.every=1", "sampling.k=2", "sampling.c=0")
    trainer = trainer_of("optimizer=adam", "sampling.candidates=50", *words)
    trainer.advance()
    theta = trainer.theta
    trainer.advance()
    term, points = trainer.points.blocks[0]
    grid = (torch.cartesian_prod(torch.arange(50), torch.arange(50)) + 0.5) / 50
    source = 2 * np.pi**2 * torch.sin(np.pi * grid).prod(-1)
    fine = type(points)(grid.double(), source=source.double())
    r = trainer.weighed.own.evaluate_rows(theta, term, fine)[0].detach().abs()
    drawn = trainer.weighed.own.evaluate_rows(theta, term, points)[0].detach().abs()
    expected = float((r**3).sum() / (r**2).sum())
    assert float(drawn.mean()) == pytest.approx(expected, rel=0.05)
    assert float(r.mean()) < 0.8 * expected


@pytest.mark.parametrize("kind", ["fixed", "resample", "sobol", "rad"])
def test_every_kind_trains(tmp_path, kind):
    start(
        tmp_path,
        "scaleup=fixed",
        "architecture.width=8",
        f"sampling={kind}",
        *(["sampling.every=5"] if kind == "rad" else []),
    )
    loss = lookup(tmp_path).stages[0].columns["loss"]
    assert len(loss) == 30 and loss[-1] < 0.1 * loss[0]


def test_a_state_from_before_there_were_kinds_is_taken_up():
    trainer = trainer_of("sampling.every=3")
    for _ in range(5):
        trainer.advance()
    state = {name: value for name, value in trainer.state().items() if name not in ("weighting", "points_kept")}
    points, following = points_of(trainer), trainer.advance()
    again = trainer_of("sampling.every=3")
    again.load(state)
    assert torch.equal(points_of(again), points)
    assert again.advance()["loss"] == following["loss"]
