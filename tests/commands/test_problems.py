"""`pinnrun problems`: one line for each problem that can be solved, without importing what solves it."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import pinnrun as package
from pinnrun.registry import PROBLEMS

CONF = Path(package.__file__).parents[1] / "conf/problem"


def test_every_problem_with_its_summary(pinnrun):
    ran = pinnrun("problems")
    assert (ran.code, ran.err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in ran.out.splitlines())
    assert sorted(lines) == sorted(path.stem for path in CONF.glob("*.yaml"))
    for name, summary in lines.items():
        entry = yaml.safe_load((CONF / f"{name}.yaml").read_text())["problem"]
        assert summary == entry["summary"] and entry["name"] == name and entry["type"] in PROBLEMS


def test_my_own_are_listed_too(pinnrun, workplace, monkeypatch):
    (workplace / "mine/problem").mkdir(parents=True)
    (workplace / "mine/problem/decay.yaml").write_text('type: decay\nname: decay\nsummary: "u\' = -u"\n')
    for words, variable in ((("--config-dir", "mine"), ""), ((), "mine")):
        monkeypatch.setenv("PINNRUN_CONFIG_DIR", variable)
        assert "decay" in pinnrun("problems", *words).out
        assert "u' = -u" in pinnrun("problems", *words).out
    monkeypatch.setenv("PINNRUN_CONFIG_DIR", "")
    assert "decay" not in pinnrun("problems").out


@pytest.mark.parametrize("words", [("poisson",), ("--config-dir",), ("--verbose", "mine")])
def test_mistakes(pinnrun, words):
    refused = pinnrun("problems", *words)
    assert refused.code == 2 and words[0] in refused.err and refused.out == ""


def test_a_broken_file_is_named(pinnrun, workplace):
    (workplace / "mine/problem").mkdir(parents=True)
    (workplace / "mine/problem/broken.yaml").write_text("a: [1\n")
    refused = pinnrun("problems", "--config-dir", "mine")
    assert refused.code == 2 and "broken.yaml" in refused.err and len(refused.err.splitlines()) <= 6


def test_a_folder_that_is_not_there_is_told(pinnrun, workplace):
    refused = pinnrun("problems", "--config-dir", "nowhere")
    assert refused.code == 2 and "nowhere" in refused.err


def test_it_imports_neither_torch_nor_hydra():
    script = "import sys; sys.argv = ['pinnrun', 'problems']; from pinnrun import cli; cli.main()\n"
    script += "assert not {'torch', 'hydra', 'numpy'} & sys.modules.keys()"
    root = str(Path(package.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": root}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
