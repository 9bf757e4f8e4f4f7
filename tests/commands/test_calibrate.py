"""`pinnrun calibrate`: what it measures, where the files go, and that a run takes α from there."""

import csv
import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from runs import TINY

from pinnrun import storage

PNG = b"\x89PNG\r\n\x1a\n"
RUN = tuple(word for word in TINY if not word.startswith("display"))
QUICK = (
    "calibration.widths=[3,6,12]",
    "calibration.depths=[1,2]",
    "calibration.points=[30,60]",
    "calibration.seconds=0.01",
)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The user's cache folder."""
    monkeypatch.setenv("PINNRUN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache/calibrations"


def test_curves_are_printed_and_written_and_alpha_is_used(pinnrun, workplace, kept):
    ran = pinnrun("calibrate", *RUN, *QUICK, "calibration.out=curves")
    assert (ran.code, ran.err) == (0, "")
    [path] = kept.iterdir()
    record = json.loads(path.read_text())
    assert f"implies alpha = {record['alpha']:g}" in " ".join(ran.out.split())
    assert ran.out.startswith("poisson, lm, mlp, float64 on cpu: ")
    assert {path.suffix for path in Path("curves").iterdir()} == {".csv", ".png"}
    assert next(Path("curves").glob("*.png")).read_bytes().startswith(PNG)
    with next(Path("curves").glob("*.csv")).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["along"], row["width"]) for row in rows][:3] == [("width", "3"), ("width", "6"), ("width", "12")]
    assert len(rows) == 7 and all(float(row["seconds"]) > 0 for row in rows)
    assert sorted(path.name for path in workplace.iterdir()) == ["curves"]

    trained = pinnrun("train", *TINY, "scaleup.alpha=auto", "hydra.run.dir=run")
    assert trained.code == 4 and f"scaleup.alpha: {record['alpha']:g}, as calibrated ({path})" in trained.err
    config = OmegaConf.create(storage.open_run("run").provenance["config"])
    assert config.scaleup.alpha == record["alpha"]
    assert [stage.architecture["width"] for stage in storage.open_run("run").stages][:1] == [3]


def test_without_a_folder_all_lies_in_the_cache(pinnrun, workplace, kept):
    assert pinnrun("calibrate", *RUN, *QUICK, "calibration.figures=false").code == 0
    assert sorted(path.suffix for path in kept.iterdir()) == [".csv", ".json"]
    assert list(workplace.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("calibration.widths=[4,8]",), "calibration.widths: three different ones at least"),
        (("calibration.width=[4,8,16]",), "calibration.widths"),
        (("optimizer.dampin=1",), "optimizer.damping"),
        (("calibration.slower=1",), "calibration.slower: must be above 1"),
        (("scaleup.max_width=4",), "calibration: only 2 widths from 3 on"),
        (("scaleup.alpha=fast",), "scaleup.alpha: expected a number or 'auto'"),
        (("resume=last",), "resume: a calibration measures a run that begins"),
    ],
)
def test_mistakes(pinnrun, workplace, kept, words, told):
    refused = pinnrun("calibrate", *RUN, *words)
    assert refused.code == 2 and refused.out == ""
    assert told in refused.err and len(refused.err.splitlines()) <= 6
    assert list(workplace.iterdir()) == [] and not kept.exists()


def test_a_cache_that_cannot_be_written_names_the_cure(pinnrun, workplace, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PINNRUN_CACHE_DIR", str(tmp_path / "file"))
    refused = pinnrun("calibrate", *RUN, *QUICK)
    assert refused.code == 2 and "PINNRUN_CACHE_DIR" in refused.err
    told = pinnrun("calibrate", *RUN, *QUICK, "calibration.out=curves", "calibration.figures=false")
    assert told.code == 0 and "scaleup.alpha=auto will not find it" in told.err
    assert [path.suffix for path in Path("curves").iterdir()] == [".csv"]
