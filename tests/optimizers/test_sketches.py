"""Sketches against scipy's cosine transform and their dense matrices, and what they are to preserve."""

import numpy as np
import pytest
import torch
from cases import close, draw
from scipy.fft import dct, idct

from pinnrun.optimizers.sketches import ColumnSketch, cosine_transform, count_sketch, inverse_cosine_transform


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
    sketch = count_sketch(torch.eye(50, dtype=torch.float64), 30, generator())
    assert sketch.shape == (30, 50)
    halves = (2.0 * sketch).round()
    assert torch.equal(halves, 2.0 * sketch), "entries are multiples of 1/√4"
    assert set((halves.abs().sum(0)).tolist()) <= {0.0, 2.0, 4.0}, "some of the four meet in a row and add or cancel"
    assert float(halves.sum()) != float(halves.abs().sum())
    assert torch.equal(sketch, count_sketch(torch.eye(50, dtype=torch.float64), 30, generator()))


def test_norms_are_kept_on_average():
    x = draw(200, 1, seed=8)
    source = generator()
    norms = [float(count_sketch(x, 60, source).square().sum() / x.square().sum()) for _ in range(300)]
    assert np.mean(norms) == pytest.approx(1.0, abs=4.0 * np.std(norms) / np.sqrt(300))
    assert np.std(norms) == pytest.approx(np.sqrt(2.0 / 60.0), rel=0.2)
