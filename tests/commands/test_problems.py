"""`pinnrun problems`: what can be solved and all of one problem, without importing what solves it."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import pinnrun as package
from pinnrun.build import checked_config
from pinnrun.commands.problems import COLUMNS, coordinates_of, read, split
from pinnrun.composition.confdir import compose
from pinnrun.registry import PROBLEMS

CONF = Path(package.__file__).parents[1] / "conf/problem"
FILES = sorted(CONF.glob("*.yaml"), key=lambda path: path.stem)


def group(path: Path) -> dict:
    return yaml.safe_load(path.read_text())["problem"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_problem_says_what_it_is(path):
    entry, about = group(path), group(path)["about"]
    assert entry["name"] == path.stem and entry["type"] in PROBLEMS and entry["summary"]
    assert all(about[key] for key in ("family", "domain", *COLUMNS))
    assert path.read_text().isascii(), "a terminal may know no more"


def test_every_problem_is_listed_with_it(pinnrun):
    ran = pinnrun("problems")
    assert (ran.code, ran.err) == (0, "")
    assert max(map(len, ran.out.splitlines())) <= 100
    lines = ran.out.splitlines()
    rows = {line.split()[0]: line for line in lines if line.startswith("  ") and "equation" not in line}
    assert sorted(rows) == [path.stem for path in FILES]
    for path in FILES:
        about = group(path)["about"]
        assert all(str(about[key]) in rows[path.stem] for key in ("equation", "coordinates", "reference"))
        heading = lines.index(about["family"])
        between = lines[heading + 1 : lines.index(rows[path.stem])]
        assert all(line.startswith("  ") for line in between), "under its own heading"
    assert lines[1] == "Poisson-Boltzmann"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_page_tells_all_of_a_problem(pinnrun, path):
    entry = group(path)
    out = pinnrun("problems", path.stem).out
    assert f"$ pinnrun train problem={path.stem}" in out and max(map(len, out.splitlines())) <= 130
    words = " ".join(out.split())
    assert all(str(entry["about"][key]) in words for key in ("equation", "domain", "reference"))
    assert entry["summary"] in words
    shown = [line.strip() for line in out.splitlines()]
    for key in entry.keys() - {"type", "name", "summary", "about"}:
        assert sum(line.startswith(f"{key}:") for line in shown) == 1
    for key in ("type", "name", "summary", "about", "family"):
        assert not any(line.startswith(f"{key}:") for line in shown)


def test_keys_are_shown_as_the_file_has_them_and_what_else_it_sets():
    text = """\
# @package _global_
# About it.
problem:
  type: wave
  about:
    family: Waves
  speed: 3     # of sound
  places:      # of the microphones
    - [1, 2]
  # said of the next
  size: 1

target:
  loss: 1e-3   # small
"""
    keys, others = split(text)
    expected = "speed: 3     # of sound|places:      # of the microphones|  - [1, 2]|# said of the next|size: 1"
    assert "|".join(keys) == expected
    assert "|".join(others) == "target:|  loss: 1e-3   # small"
    assert split("type: wave\nspeed: 3  # of sound\n") == (["speed: 3  # of sound"], [])


@pytest.mark.parametrize(("name", "inputs"), [("npbe", 3), ("poisson", 2), ("heat4d", 5), ("wave", 2), ("lorenz", 1)])
def test_a_page_tells_what_theory_asks_for(pinnrun, name, inputs):
    target = float(yaml.safe_load((CONF / f"{name}.yaml").read_text())["target"]["loss"])
    accuracy = (2.0 * target) ** 0.5
    out = pinnrun("problems", name).out
    assert f"n_in = {inputs} and eps = sqrt(2 target.loss) = {accuracy:.2g}" in out
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line.startswith("  ") and line.split()}
    assert rows["theory"][2:4] == [str(inputs + 1), "1"]
    assert str(inputs + 4) in rows["integrable"]
    parameters = f"{math.log(1 / accuracy) * accuracy**-inputs:.0f}"
    wanted = parameters if len(parameters) < 6 else f"{float(parameters):.1e}"
    assert wanted in rows["sobolev"] and "Yarotsky" in rows["sobolev"]
    assert out.isascii()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_coordinates_are_read_from_the_page_as_the_problem_has_them(path):
    config = checked_config(compose("train", [f"problem={path.stem}"]))
    assert coordinates_of(read(path)) == len(config.problem.coordinates)


def test_my_own_are_listed_too(pinnrun, workplace, monkeypatch):
    (workplace / "mine/problem").mkdir(parents=True)
    (workplace / "mine/problem/decay.yaml").write_text('type: decay\nname: decay\nsummary: "u\' = -u"\nrate: 2  # k\n')
    for words, variable in ((("--config-dir", "mine"), ""), ((), "mine")):
        monkeypatch.setenv("PINNRUN_CONFIG_DIR", variable)
        out = pinnrun("problems", *words).out
        assert [line.split() for line in out.splitlines()][-4:-2] == [["Others"], ["decay", "u'", "=", "-u"]]
        shown = pinnrun("problems", "decay", *words).out
        assert "rate: 2  # k" in shown
        assert f"pinnrun train{''.join(f' {word}' for word in words)} problem=decay problem.rate=2" in shown
    monkeypatch.setenv("PINNRUN_CONFIG_DIR", "")
    assert "decay" not in pinnrun("problems").out


@pytest.mark.parametrize("words", [("--config-dir",), ("--verbose", "mine"), ("poisson", "heat1d")])
def test_mistakes(pinnrun, words):
    refused = pinnrun("problems", *words)
    assert refused.code == 2 and refused.out == ""
    assert any(f"'{word}'" in refused.err for word in words)


def test_a_name_that_is_not_there_is_told_with_the_nearest(pinnrun):
    refused = pinnrun("problems", "poison")
    assert (refused.code, refused.err) == (2, "no problem 'poison'; did you mean 'poisson'?\n")
    assert "see pinnrun problems" in pinnrun("problems", "xyz").err


def test_help(pinnrun):
    assert pinnrun("problems", "--help").out.startswith("usage: pinnrun problems [NAME]")


def test_a_broken_file_is_named(pinnrun, workplace):
    (workplace / "mine/problem").mkdir(parents=True)
    (workplace / "mine/problem/broken.yaml").write_text("a: [1\n")
    refused = pinnrun("problems", "--config-dir", "mine")
    assert refused.code == 2 and "broken.yaml" in refused.err and len(refused.err.splitlines()) <= 6


def test_a_folder_that_is_not_there_is_told(pinnrun, workplace):
    refused = pinnrun("problems", "--config-dir", "nowhere")
    assert refused.code == 2 and "nowhere" in refused.err


@pytest.mark.parametrize("words", [[], ["npbe"]])
def test_it_imports_neither_torch_nor_hydra(words):
    script = f"import sys; sys.argv = ['pinnrun', 'problems', *{words}]; from pinnrun import cli; cli.main()\n"
    script += "assert not {'torch', 'hydra', 'numpy'} & sys.modules.keys()"
    root = str(Path(package.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": root}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
