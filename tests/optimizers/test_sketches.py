"""Sketches against scipy's cosine transform and their dense matrices, and what they are to preserve."""

import numpy as np
import pytest
import torch
from cases import close, draw
from scipy.fft import dct, idct

from pinnrun.optimizers.sketches import ColumnSketch, RowSketch, cosine_transform, inverse_cosine_transform


def generator(seed=5):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [1, 2, 7, 8, 33])
def test_the_cosine_transform_is_scipy_s(size):
    x = draw(3, size, seed=size)
    assert close(cosine_transform(x), torch.as_tensor(dct(x.numpy(), norm="ortho")))
    assert close(inverse_cosine_transform(x), torch.as_tensor(idct(x.numpy(), norm="ortho")))


def test_columns():
    """x Ω with Ω = D Π F_s as a dense matrix; the draw is the generator's, and Ωᵀ lifts."""
    like = draw(9)
    omega = ColumnSketch.draw(9, 4, like, generator())
    signs, order, kept = omega.signs.numpy(), omega.order.numpy(), omega.kept.numpy()
    assert set(signs) <= {-1.0, 1.0} and sorted(order) == list(range(9)) and len(set(kept)) == 4
    dense = np.diag(signs)[:, order] @ dct(np.eye(9), norm="ortho")[:, kept]
    x, y = draw(5, 9, seed=2), draw(5, 4, seed=3)
    assert close(omega.project(x), x @ torch.as_tensor(dense))
    assert close(omega.lift(y), y @ torch.as_tensor(dense).T)
    assert close(omega.project(omega.lift(y)), y)
    again, other = ColumnSketch.draw(9, 4, like, generator()), ColumnSketch.draw(9, 4, like, generator(6))
    assert torch.equal(again.project(x), omega.project(x)) and not torch.equal(other.project(x), omega.project(x))


def test_columns_in_single_precision():
    omega = ColumnSketch.draw(20, 6, draw(20).float(), generator())
    y = draw(2, 6).float()
    assert omega.lift(y).dtype == torch.float32
    assert close(omega.project(omega.lift(y)), y, 1e-6)


def test_rows_are_added_four_times_with_signs():
    eye = torch.eye(50, dtype=torch.float64)
    rows = RowSketch.draw(50, 30, eye, generator())
    sketch = rows.apply(eye)
    dense = np.zeros((30, 50))
    for targets, positive in zip(rows.targets.tolist(), rows.positive.tolist(), strict=True):
        for n, (target, plus) in enumerate(zip(targets, positive, strict=True)):
            dense[target, n] += 0.5 if plus else -0.5
    assert torch.equal(sketch, torch.as_tensor(dense))
    assert (
        len({float(x) for x in sketch.flatten()}) > 3
        and {len(t) for t in rows.targets} == {50}
        and len(rows.targets) == 4
    )
    x = draw(50, seed=7)
    assert close(rows.apply(x), torch.as_tensor(dense) @ x)
    assert torch.equal(sketch, RowSketch.draw(50, 30, eye, generator()).apply(eye))


def test_norms_are_kept_on_average():
    x = draw(200, seed=8)
    source = generator()
    norms = [float(RowSketch.draw(200, 60, x, source).apply(x).square().sum() / x.square().sum()) for _ in range(300)]
    assert np.mean(norms) == pytest.approx(1.0, abs=4.0 * np.std(norms) / np.sqrt(300))
    assert np.std(norms) == pytest.approx(np.sqrt(2.0 / 60.0), rel=0.2)
