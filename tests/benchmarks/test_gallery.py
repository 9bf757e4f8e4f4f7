"""The gallery: slices lie where they should, pictures are written, the error drawn is that of the run."""

import numpy as np
import pytest
import torch
from matplotlib import image

from benchmarks.gallery.__main__ import main
from benchmarks.gallery.picture import Slice
from pinnrun.problems.helmholtz import Helmholtz
from pinnrun.problems.lshape import PoissonLshape
from pinnrun.problems.poisson import Poisson


def test_a_slice_of_three_dimensions():
    at = Slice.through(Poisson("case", "poisson", dimension=3), {"y": 0.25}, 11)
    assert at.names == ("x", "z")
    assert at.fixed == {"y": 0.25}
    assert at.x.shape == (121, 3)
    assert (at.x[:, 1] == 0.25).all()
    assert np.array_equal(at.grid(at.x[:, 0])[:, 3], at.axes[0])
    assert np.array_equal(at.grid(at.x[:, 2])[3], at.axes[1])


def test_what_is_outside_stays_empty():
    at = Slice.through(PoissonLshape("case", "poisson_lshape"), {}, 21)
    values = at.grid(at.x[at.inside, 0])
    assert np.isnan(values[15, 5])
    assert not np.isnan(values[5, 5])
    assert at.inside.mean() == pytest.approx(0.75, abs=0.05)


def test_a_coordinate_that_is_not_there():
    with pytest.raises(SystemExit, match="no coordinate w"):
        Slice.through(Helmholtz("case", "helmholtz"), {"w": 1.0}, 5)


def test_the_reference_is_drawn(tmp_path, capsys):
    assert main(["helmholtz", "--reference", "--out", str(tmp_path), "--resolution", "21", "--name", "here"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "here.png")
    pixels = image.imread(tmp_path / "here.png")
    assert pixels.std() > 0.05


def test_a_run_is_trained_and_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    words = ["poisson", "problem.points=60", "target.loss=1e-2", "--out", str(tmp_path), "--resolution", "21"]
    assert main(words) == 0
    height, width, _ = image.imread(tmp_path / "poisson.png").shape
    assert width > 1.8 * height, "the field, and its error beside it"
