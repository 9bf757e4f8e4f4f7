"""The five cases: the best published error, our aim, and the recipe."""

from __future__ import annotations

from benchmarks.records.rows import Row
from benchmarks.records.table import Suite

TABLE = "PINNacle's table (Hao et al., NeurIPS 2024)"
LATER = "a later entry for the same case"

CASES = (
    Row(
        "burgers",
        "Burgers 1d-C",
        "pinnacle_burgers",
        "lm",
        1.33e-2,
        f"L-BFGS, 5 x 100 neurons; {TABLE}",
        1e-4,
        300.0,
    ),
    Row(
        "poisson2d_c",
        "Poisson 2d-C",
        "pinnacle_poisson2d",
        "lm",
        8.15e-3,
        f"AdaBGDA, 5 x 100 neurons; {LATER}",
        1e-3,
        60.0,
    ),
    Row(
        "poisson2d_cg",
        "Poisson 2d-CG",
        "pinnacle_boltzmann2d",
        "lm",
        4.11e-3,
        f"PELINE; {LATER}",
        1e-3,
        60.0,
    ),
    Row("wave", "Wave 1d-C", "pinnacle_wave", "lm", 1.63e-2, f"AdaBGDA, 5 x 100 neurons; {LATER}", 1e-4, 300.0),
    Row(
        "poisson5d", "PNd (5-D)", "pinnacle_poisson5d", "lm", 1.31e-4, f"AdaBGDA, 5 x 100 neurons; {LATER}", 1e-6, 300.0
    ),
)

HEAD = """# Beside PINNacle

Five cases of the PINNacle benchmark (Hao et al., NeurIPS 2024, arXiv 2306.08827), each by one recipe on **one thread of
a CPU**. This page is written by `python -m benchmarks.pinnacle`, from `benchmarks/results/pinnacle.csv`; a recipe is
repeated by `pinnrun train experiment=pinnacle_burgers seed=1` and its siblings.

![Error against CPU seconds](../benchmarks/results/pinnacle.png)

"""
NOTES = """
The published entries are quoted, not run again: PINNacle trains 5 x 100 tanh neurons by 20 000 steps of Adam in single
precision (its best variant is quoted, or a later entry for the same case where that is better). Errors are relative L²:
for Poisson 2d-C and 2d-CG at the nodes of PINNacle's own finite-element tables; for Wave and PNd against the closed
form; for Burgers against the Cole-Hopf solution, since PINNacle's table lies 1.3e-2 from it
([why](problems/burgers.md)), which is as far as any entry of its column came. The recipes see more than the
coordinates: the logarithm of the distance from each disc (2d-C), the source and the screening of each disc (2d-CG),
hard initial and boundary values and an odd field (Burgers), hard initial values (Wave). What each of these brings is
said on the problem's page. "To the aim" is the time of the first look at the error that found it at the aim or below.
"""
PINNACLE = Suite("pinnacle", {case.name: case for case in CASES}, HEAD, NOTES)
