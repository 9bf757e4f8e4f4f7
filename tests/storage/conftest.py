"""Windows to store, and scripts that run in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pinnrun
from pinnrun.storage import Window

LAYOUT = (("weight_0", (3, 2)), ("bias_0", (3,)), ("scale", ()))  # 10 parameters


@pytest.fixture
def make_window():
    """A window of n steps with k snapshots; its arrays depend on the arguments alone."""

    def make(number: int = 0, *, stage: int = 0, n: int = 8, k: int = 4, layout=LAYOUT, terms=("residual", "edge")):
        draw = np.random.default_rng(number)
        steps = np.arange(1, n + 1) + n * number
        columns = {
            "step": steps,
            "loss": draw.lognormal(size=n),
            "merit": np.where(steps % 2, np.nan, draw.lognormal(size=n)),
            "gradient_norm": draw.lognormal(size=n),
            "damping": draw.lognormal(size=n),
            "accepted": draw.integers(0, 2, n).astype("i1"),
            "evaluations": draw.integers(1, 5, n),
            "seconds": np.cumsum(draw.random(n)),
            **{f"term/{name}": draw.lognormal(size=n) for name in terms},
        }
        size = sum(int(np.prod(shape)) for _, shape in layout)
        return Window(
            stage=stage,
            number=number,
            first_step=int(steps[0]),
            columns=columns,
            weights=draw.normal(size=(k, size)),
            weight_steps=steps[:k],
            layout=layout,
            architecture={"width": 3, "depth": 1, "parameters": size, "activation": "tanh", "scale": 0.5},
        )

    return make


@pytest.fixture
def assert_same_window():
    """Compare two windows, value for value and type for type."""

    def check(found: Window, expected: Window) -> None:
        for name in ("stage", "number", "first_step", "layout"):
            assert getattr(found, name) == getattr(expected, name)
        assert dict(found.architecture) == dict(expected.architecture)
        assert found.columns.keys() == expected.columns.keys()
        for name, column in expected.columns.items():
            np.testing.assert_array_equal(found.columns[name], column)
            assert found.columns[name].dtype == column.dtype
        np.testing.assert_array_equal(found.weights, expected.weights)
        assert found.weights.dtype == expected.weights.dtype
        np.testing.assert_array_equal(found.weight_steps, expected.weight_steps)

    return check


@pytest.fixture
def python():
    """Run a script, given as text or as a file, in a fresh Python; returns what it printed."""

    def run(script: str | Path, *arguments: object) -> str:
        command = [sys.executable, *([str(script)] if isinstance(script, Path) else ["-c", script])]
        root = str(Path(pinnrun.__file__).parents[1])
        environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*command, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=500
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
