"""The Nyström approximation against its dense formula, and what it is for: a smaller condition number."""

import numpy as np
import pytest
import torch
from cases import close, draw

from pinnrun.optimizers.nystrom import sketch


def decaying(size, rate, seed=0):
    """A positive semidefinite matrix with eigenvalues rate^k in a random basis."""
    basis = torch.linalg.qr(draw(size, size, seed=seed))[0]
    return basis @ torch.diag(rate ** torch.arange(size, dtype=torch.float64)) @ basis.T


def generator(seed=3):
    return torch.Generator().manual_seed(seed)


def test_it_is_the_dense_formula():
    """Ĝ = Y (ΩᵀY)⁻¹ Yᵀ for the Ω that the generator draws; every column is multiplied once."""
    matrix, calls = decaying(30, 0.8), []
    found = sketch(lambda v: (calls.append(1), matrix @ v)[1], matrix[0], 6, generator())
    omega = np.linalg.qr(torch.randn((30, 6), generator=generator(), dtype=torch.float64).numpy())[0]
    image = matrix.numpy() @ omega
    expected = image @ np.linalg.inv(omega.T @ image) @ image.T
    assert close(found.vectors * found.eigenvalues @ found.vectors.T, torch.as_tensor(expected), 1e-10)
    assert close(found.vectors.T @ found.vectors, torch.eye(6, dtype=torch.float64))
    assert found.eigenvalues.tolist() == sorted(found.eigenvalues.tolist(), reverse=True)
    assert len(calls) == 6


def test_the_preconditioner_is_the_paper_s():
    """M⁻¹ = (λ_ℓ + λ) U (Λ + λ)⁻¹ Uᵀ + (1 − UUᵀ)."""
    matrix = decaying(12, 0.5)
    found = sketch(lambda v: matrix @ v, matrix[0], 4, generator())
    u, values = found.vectors, found.eigenvalues
    inverse = (
        (values[-1] + 0.01) * u @ torch.diag(1.0 / (values + 0.01)) @ u.T + torch.eye(12, dtype=torch.float64) - u @ u.T
    )
    v = draw(12, seed=9)
    assert close(found.apply_inverse(v, 0.01), inverse @ v)


def test_a_low_rank_is_met_exactly():
    factor = draw(20, 3, seed=4)
    matrix = factor @ factor.T
    found = sketch(lambda v: matrix @ v, matrix[0], 5, generator())
    assert close(found.eigenvalues[:3], torch.linalg.eigvalsh(matrix).flip(0)[:3], 1e-10)
    assert float(found.eigenvalues[3]) < 1e-10


def test_conditioning():
    """Of G + λI with eigenvalues from 1 to 1e-9, λ = 1e-7: 1e7 before, below the theorem's 28 with a rank that
    covers all eigenvalues above λ (arXiv 2110.02820, theorem 1.1).
    """
    matrix, damping = decaying(60, 0.7), 1e-7
    found = sketch(lambda v: matrix @ v, matrix[0], 50, generator())
    columns = torch.stack(
        [found.apply_inverse(v, damping) for v in matrix + damping * torch.eye(60, dtype=torch.float64)]
    )
    eigenvalues = torch.linalg.eigvals(columns.T).real
    assert float(torch.linalg.cond(matrix + damping * torch.eye(60, dtype=torch.float64))) > 5e6
    assert float(eigenvalues.max() / eigenvalues.min()) < 28.0


def test_no_more_directions_than_there_are():
    matrix = decaying(4, 0.1)
    found = sketch(lambda v: matrix @ v, matrix[0], 50, generator())
    assert close(found.vectors * found.eigenvalues @ found.vectors.T, matrix, 1e-10)


@pytest.mark.parametrize(
    "matrix", [torch.zeros(8, 8), -torch.eye(8, dtype=torch.float64), torch.full((8, 8), float("nan"))]
)
@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_products_that_tell_nothing_leave_a_vector_as_it_is(matrix, precision):
    matrix = matrix.to(precision)
    found = sketch(lambda v: matrix @ v, matrix[0], 3, generator())
    v = draw(8).to(precision)
    assert close(found.apply_inverse(v, 0.1), v, 1e-5)


def test_single_precision():
    """Rounding makes the core indefinite; the shift mends it."""
    matrix = decaying(40, 0.5).float()
    found = sketch(lambda v: matrix @ v, matrix[0], 30, generator())
    assert close(found.vectors * found.eigenvalues @ found.vectors.T, matrix, 1e-5)
