import struct
import subprocess
import sys

import numpy as np
import pytest

from pinnrun.display.canvas import column, empty_figure, write_png
from pinnrun.display.figures import growth_figure, loss_figure
from pinnrun.display.spectra import spectrum_figure
from pinnrun.errors import UserError

STAGE = {"width": 3, "depth": 1, "parameters": 13, "seconds": 1.0, "step": [1, 2], "loss": [1.0, 0.5]}


def test_a_png_of_the_size_that_was_asked_for(tmp_path):
    path = write_png(empty_figure(4.0, 3.0), tmp_path / "new folder" / "figure.png")
    header = path.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", header[16:24]) == (600, 450)


def test_a_failed_write_leaves_the_old_figure_and_nothing_else(tmp_path, monkeypatch):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    path = tmp_path / "figure.png"
    path.write_bytes(b"the old one")

    def fail(self, file):
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(FigureCanvasAgg, "print_png", fail)
    with pytest.raises(OSError, match="no space"):
        write_png(empty_figure(4.0, 3.0), path)
    assert path.read_bytes() == b"the old one"
    assert [entry.name for entry in tmp_path.iterdir()] == ["figure.png"]


def test_others_may_read_the_figure_as_the_umask_says(tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    path = write_png(empty_figure(1.0, 1.0), tmp_path / "figure.png")
    assert path.stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize(
    "write",
    [
        lambda path: loss_figure([STAGE], path),
        lambda path: growth_figure([STAGE], path),
        lambda path: spectrum_figure([{"eigenvalues": [[0.9, 0.0]]}], path),
    ],
)
def test_without_matplotlib_the_cure_is_named(tmp_path, monkeypatch, write):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UserError, match=r"pip install 'pinnrun\[plot\]'"):
        write(tmp_path / "figure.png")
    assert list(tmp_path.iterdir()) == []


def test_matplotlib_is_imported_with_the_first_figure_and_pyplot_never(tmp_path):
    code = (
        "import sys\nimport pinnrun.display, pinnrun.display.figures as figures\n"
        "assert 'matplotlib' not in sys.modules\n"
        f"figures.loss_figure([{STAGE!r}], {str(tmp_path / 'loss.png')!r})\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_column_fills_in_what_is_missing():
    np.testing.assert_array_equal(column({"merit": [1, None, 3]}, "merit", 3), [1.0, np.nan, 3.0])
    np.testing.assert_array_equal(column({}, "merit", 2), [np.nan, np.nan])
    np.testing.assert_array_equal(column({}, "residuals", 2, missing=0.0), [0.0, 0.0])
