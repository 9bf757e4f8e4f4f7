"""An empty matplotlib figure, its way to a PNG file, and the colours that all figures share.

matplotlib is imported when a figure is asked for. The colours are those of Okabe & Ito (2008), which people
with any common kind of colour blindness can tell apart; every colour is doubled by a shape or a line style.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinnrun.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
GREY, SHADE = "#555555", "#F0F2F5"
DPI = 150


def empty_figure(width: float, height: float) -> Figure:
    """An empty figure that no window system knows of (`Figure` rather than pyplot); size in inches.

    Raises:
        UserError: matplotlib is not installed.
    """
    try:
        module = importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise UserError("figures need matplotlib; install it with: pip install 'pinnrun[plot]'") from error
    return module.Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def write_png(figure: Figure, path: str | Path) -> Path:
    """Write the figure as PNG and return its path, which holds the whole figure or none at any time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as file:
            FigureCanvasAgg(figure).print_png(file)
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return path


def column(record: Mapping[str, Any], key: str, length: int, missing: float = np.nan) -> Any:
    """A column of a record as (length,) floats; None and a column that is not there become `missing`."""
    values = record.get(key)
    if values is None:
        return np.full(length, missing)
    return np.array([missing if value is None else value for value in values], dtype=float)
