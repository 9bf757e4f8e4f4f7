"""Which trainings are alike: distances between their Koopman spectra, clusters, and what the distances go by.

Two trainings with conjugate dynamics have the same Koopman eigenvalues, so a large distance between their spectra says
that they are not conjugate (Redman et al., NeurIPS 2024, arXiv 2302.09160); a small one, that nothing in this
trajectory tells them apart. Imported by the command that needs it, since it takes scipy.

What the distances go by is asked of one factor at a time (the activation, say), by Anderson's permutational analysis of
variance (2001, Austral Ecology 26, 32): with N trainings in a groups, n_l in the l-th,

    SS_T = 1/N sum_{i<j} d_ij^2,    SS_W = sum_l 1/n_l sum_{i<j in l} d_ij^2,    R^2 = 1 - SS_W / SS_T
    F = (SS_T - SS_W) / (a - 1) / (SS_W / (N - a))

R^2 is the factor's share of the squared distances. p is the share of permutations of the labels with an F as large,
the given labelling counted among them; labels change places only within strata, where all other factors agree.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform

from pinnrun.koopman.curve import Array
from pinnrun.koopman.delays import Complex
from pinnrun.koopman.transport import ROUNDING, shuffle_control, wasserstein

STRUCTURE = 0.25  # least mean silhouette of clusters that are there at all (Kaufman & Rousseeuw 1990, table 4)
PERMUTATIONS = 1999

Pairs = Iterable[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Comparison:
    """The distances between N spectra and the clusters that they fall into.

    Attributes:
        distances: (N, N) Wasserstein distances, symmetric, zero on the diagonal.
        controls: (N, N) shares of the shuffle control, small where two spectra differ as wholes; 1 on the diagonal,
            NaN where two spectra are not of one size.
        tree: (N - 1, 4) average-linkage hierarchy, as scipy draws it.
        order: (N,) the trainings as the leaves of the tree stand.
        clusters: (N,) numbers from 1, in the order of the trainings.
        silhouette: mean silhouette of the clusters, in [-1, 1]; None where there is one cluster.
    """

    distances: Array
    controls: Array
    tree: Array
    order: NDArray[np.intp]
    clusters: NDArray[np.intp]
    silhouette: float | None


@dataclass(frozen=True)
class Factor:
    """What one factor explains of the distances.

    Attributes:
        same: mean distance of two trainings that agree in it, None where no two do.
        different: mean distance of two that do not.
        share: R^2, in [0, 1].
        p: of the permutation test; None where nothing can be permuted, or no group has two members.
    """

    same: float | None
    different: float
    share: float
    p: float | None


def compare(
    spectra: Sequence[Complex],
    *,
    clusters: int | None = None,
    shuffles: int = 200,
    seed: int = 0,
    track: Callable[[Sequence[tuple[int, int]]], Pairs] = iter,
) -> Comparison:
    """Compare the eigenvalues of N >= 2 trainings, all per the same interval of steps.

    Args:
        spectra: sets of eigenvalues.
        clusters: how many to make, 1 to N; None: the number of largest silhouette, 1 if that is below 0.25.
        shuffles: relabellings of the shuffle control.
        seed: of the shuffles.
        track: passes the pairs on one by one, and may show how far they are.

    Raises:
        ValueError: fewer than two spectra, an empty one, or more clusters than spectra.
    """
    count = len(spectra)
    if count < 2 or (clusters is not None and not 1 <= clusters <= count):
        raise ValueError(f"cannot compare {count} spectra in {clusters} clusters")
    generator = np.random.default_rng(seed)
    distances, controls = np.zeros((count, count)), np.eye(count)
    for i, j in track(list(combinations(range(count), 2))):
        distances[i, j] = distances[j, i] = wasserstein(spectra[i], spectra[j])
        alike = len(spectra[i]) == len(spectra[j])
        share = shuffle_control(spectra[i], spectra[j], shuffles=shuffles, generator=generator) if alike else np.nan
        controls[i, j] = controls[j, i] = share
    tree = linkage(squareform(distances), "average", optimal_ordering=True)
    labels, quality = cut(tree, distances, clusters)
    return Comparison(distances, controls, tree, leaves_list(tree), labels, quality)


def cut(tree: Array, distances: Array, clusters: int | None) -> tuple[NDArray[np.intp], float | None]:
    """The clusters of a tree, numbered as they come up among the trainings, and their mean silhouette."""
    count = len(distances)
    numbers = range(2, count) if clusters is None else [clusters]
    found = [fcluster(tree, number, "maxclust") for number in numbers]
    rated = [(silhouette(distances, labels), labels) for labels in found if 1 < len(set(labels)) < count]
    if not rated:
        labels = found[0] if clusters is not None else np.ones(count)
        return _numbered(labels), None
    quality, labels = max(rated, key=lambda pair: pair[0])
    if clusters is None and quality < STRUCTURE:
        return _numbered(np.ones(count)), None
    return _numbered(labels), quality


def silhouette(distances: Array, labels: ArrayLike) -> float:
    """Mean of (b - a) / max(a, b): a the mean distance to one's own cluster, b that to the nearest other (Rousseeuw
    1987, J. Comput. Appl. Math. 20, 53); 0 for one that is alone in its cluster.
    """
    labels = np.asarray(labels)
    names = np.unique(labels)
    members = np.array([labels == name for name in names])
    sizes = members.sum(axis=1)
    totals = distances @ members.T  # (N, clusters)
    own = labels[:, None] == names
    inside = totals[own] / np.maximum(sizes[np.argmax(own, axis=1)] - 1, 1)
    nearest = np.where(own, np.inf, totals / sizes).min(axis=1)
    larger = np.maximum(inside, nearest)
    alone = sizes[np.argmax(own, axis=1)] == 1
    return float(np.mean(np.where(alone | (larger == 0), 0.0, (nearest - inside) / np.where(larger == 0, 1.0, larger))))


def factor(
    distances: Array,
    labels: Sequence[Hashable],
    strata: Sequence[Hashable] | None = None,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Factor:
    """What the labels (N,), at least two different ones, explain of the distances (N, N); see the top of this file.

    Labels change places where the `strata` (N,) agree; without strata, everywhere.

    Raises:
        ValueError: there is only one label.
    """
    codes, blocks = _codes(labels), _codes(strata if strata is not None else [0] * len(labels))
    groups = int(codes.max()) + 1
    if groups < 2:
        raise ValueError("a factor needs two different labels at least")
    upper = np.triu_indices(len(codes), 1)
    alike = (codes[:, None] == codes)[upper]
    apart = distances[upper]
    squares = distances**2
    whole = squares[upper].sum() / len(codes)
    within = _within(squares, codes, groups)
    share = 1.0 - within / whole if whole > 0 else 0.0
    p = None
    movable = any(len(set(codes[blocks == block])) > 1 for block in set(blocks))
    if alike.any() and movable and whole > 0:
        generator = np.random.default_rng(seed)
        # F falls where SS_W rises, so SS_W is all that needs to be compared
        drawn = (_within(squares, _permuted(codes, blocks, generator), groups) for _ in range(permutations))
        p = (1 + sum(value <= within + ROUNDING * whole for value in drawn)) / (1 + permutations)
    return Factor(float(apart[alike].mean()) if alike.any() else None, float(apart[~alike].mean()), float(share), p)


def _within(squares: Array, codes: NDArray[np.intp], groups: int) -> float:
    """SS_W: each unordered pair stands twice in the matrix of squares."""
    members = np.eye(groups)[codes]
    return float(np.sum(np.einsum("il,ij,jl->l", members, squares, members) / (2.0 * members.sum(axis=0))))


def _permuted(codes: NDArray[np.intp], blocks: NDArray[np.intp], generator: np.random.Generator) -> NDArray[np.intp]:
    """The labels in another order within every block."""
    moved = codes.copy()
    for block in range(int(blocks.max()) + 1):
        places = np.flatnonzero(blocks == block)
        moved[places] = codes[generator.permutation(places)]
    return moved


def _codes(labels: Sequence[Hashable]) -> NDArray[np.intp]:
    """Numbers from 0 for labels, in the order in which they come up."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.intp)


def _numbered(labels: ArrayLike) -> NDArray[np.intp]:
    return _codes([int(label) for label in np.asarray(labels)]) + 1
