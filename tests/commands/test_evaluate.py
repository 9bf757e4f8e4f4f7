"""`pinnrun evaluate`: the field and its gradient at points of one's own, from any file that holds them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from runs import interrupt, start

from pinnrun import storage
from pinnrun.architectures import Mlp
from pinnrun.build import checked_config as checked
from pinnrun.calculus import Derivatives, Points
from pinnrun.commands import evaluate as module
from pinnrun.commands.evaluate import field_table
from pinnrun.problems.kovasznay import Kovasznay
from pinnrun.training.solution import TrainedField

POINTS = np.array([[0.25, 0.5], [1.0, 0.0], [0.125, 0.75], [1 / 3, 2 / 3]])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that has grown and reached its target."""
    folder = tmp_path_factory.mktemp("trained")
    assert start(folder, "target.loss=0.1", "budget.steps=200")["status"] == "done"
    return folder


@pytest.fixture
def evaluate(pinnrun, trained):
    np.save("points.npy", POINTS)
    return lambda *words: pinnrun("evaluate", f"run={trained}", *words)


def network_value(folder: Path, x: np.ndarray) -> np.ndarray:
    """u at x from the stored weights by plain tensor operations: the inputs are the coordinates in [-1, 1]."""
    best = storage.load_checkpoint(folder)[0]["best"]
    network = Mlp.from_description(best["network"])
    return network.value(best["theta"], torch.as_tensor(2 * x - 1)).detach().numpy()[:, 0]


def read(path: str) -> tuple[list[str], np.ndarray]:
    text = Path(path).read_text().splitlines()
    return text[0].split(","), np.loadtxt(text[1:], delimiter=",", ndmin=2)


def test_the_field_is_the_best_network(evaluate, trained):
    ran = evaluate("points=points.npy")
    assert (ran.code, ran.err) == (0, "")
    assert "4 points of poisson" in ran.out and "points_field.npy" in ran.out
    table = np.load("points_field.npy")
    np.testing.assert_array_equal(table[:, :2], POINTS)
    np.testing.assert_allclose(table[:, 2], network_value(trained, POINTS), rtol=1e-12)
    exact = np.sin(np.pi * POINTS).prod(1)
    assert np.abs(table[:, 2] - exact).max() < 0.5  # the merit is 0.1: roughly right


@pytest.mark.parametrize(
    "text",
    [
        "x,y\n{}",
        "{}",
        "# four points\n\n{}\n\n",
        "\ufeffx,y\n{}",
        "y,name,x\n{swapped}",
        " x , y \n{}",
    ],
    ids=["header", "plain", "comments", "byte order mark", "other order", "spaces"],
)
def test_csv(evaluate, trained, text):
    rows = "\n".join(f"{x!r},{y!r}" for x, y in POINTS.tolist())
    swapped = "\n".join(f"{y!r},a,{x!r}" for x, y in POINTS.tolist())
    Path("points.csv").write_text(text.format(rows, swapped=swapped))
    assert evaluate("points=points.csv").code == 0
    header, table = read("points_field.csv")
    assert header == ["x", "y", "u"]
    np.testing.assert_array_equal(table[:, :2], POINTS)
    np.testing.assert_allclose(table[:, 2], network_value(trained, POINTS), rtol=1e-12)


def test_the_gradient_is_that_of_the_field(evaluate, trained):
    assert evaluate("points=points.npy", "gradient=true", "out=with.csv").code == 0
    header, table = read("with.csv")
    assert header == ["x", "y", "u", "du_dx", "du_dy"]
    h = 1e-5
    for axis, step in enumerate(h * np.eye(2)):
        slope = (network_value(trained, POINTS + step) - network_value(trained, POINTS - step)) / (2 * h)
        np.testing.assert_allclose(table[:, 3 + axis], slope, rtol=1e-8, atol=1e-8)


def test_a_run_that_was_interrupted_at_once_has_a_field(pinnrun, workplace):
    start(Path("outputs/poisson/run"), at={2: interrupt})
    np.save("points.npy", POINTS)
    assert pinnrun("evaluate", "points=points.npy").code == 0  # of the latest run
    assert np.isfinite(np.load("points_field.npy")).all()


def test_components_have_names_of_their_own():
    problem, network = Kovasznay("case", "kovasznay"), Mlp(2, 3, 4, 1)
    solution = TrainedField(problem, network, network.initial(torch.Generator().manual_seed(0)))
    x = POINTS - 0.25
    table, names = field_table(problem, solution, x, True)
    assert names == ["x", "y", "u", "du_dx", "du_dy", "v", "dv_dx", "dv_dy", "p", "dp_dx", "dp_dy"]
    assert field_table(problem, solution, x, False)[1] == ["x", "y", "u", "v", "p"]
    jet = solution(Points(torch.as_tensor(x)), Derivatives(gradient=True))
    np.testing.assert_array_equal(table[:, 5], jet.value[0, :, 1])
    np.testing.assert_array_equal(table[:, 10], jet.d(1)[0, :, 2])


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("p.csv", "x,y\n0.5,0.5\n1.5,0.5\n0.5,-1e-9\n", "2 of 3 points lie outside"),
        ("p.csv", "a,b\n0.5,0.5\n", "no column x, y"),
        ("p.csv", "0.5\n0.25\n", "one row of 2 coordinates (x, y)"),
        ("p.csv", "0.5,0.5,0.5\n", "one row of 2 coordinates (x, y)"),
        ("p.csv", "x,y\n0.5,0.5\n0.5\n", "line 3"),
        ("p.csv", "0.5,0.5\n0.5\n", "line 2"),
        ("p.csv", "0.5,0.5\n0.5,0.5,7\n", "line 2"),
        ("p.csv", "x,y\n0.5,half\n", "half"),
        ("p.csv", "x,y\n0.5,nan\n", "not finite"),
        ("p.csv", "x,y\n", "no points"),
        ("p.csv", "", "no points"),
        ("p.npy", "no array", "cannot read p.npy"),
        ("p.npy", np.array([["a", "b"]]), "not real numbers"),
        ("p.npy", np.array([[1j, 0]]), "not real numbers"),
        ("p.npy", np.zeros((2, 3)), "shape (2, 3)"),
        ("p.npy", np.zeros(()), "shape ()"),
        ("p.txt", "0.5 0.5\n", "p.txt"),
    ],
)
def test_points_that_will_not_do(evaluate, name, content, told):
    if isinstance(content, str):
        Path(name).write_text(content)
    else:
        np.save(name, content)
    refused = evaluate(f"points={name}")
    assert refused.code == 2 and refused.out == ""
    assert told in refused.err and len(refused.err.splitlines()) <= 6
    assert not list(Path().glob("*_field*"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "points="),
        (("points=nowhere.csv",), "there is no file nowhere.csv"),
        (("points=points.npy", "out=field.png"), ".csv or .npy"),
        (("points=points.npy", "out=no/such/folder/field.csv"), "no/such/folder"),
        (("points=points.npy", "gradiant=true"), "gradient"),
        (("points=points.npy", "run=elsewhere"), "is not a run folder"),
    ],
)
def test_mistakes(evaluate, words, told):
    refused = evaluate(*words)
    assert refused.code == 2 and told in refused.err and len(refused.err.splitlines()) <= 6
    assert not list(Path().glob("*_field*"))


def test_nothing_is_written_but_the_field(evaluate, workplace, trained):
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*")}
    evaluate("points=points.npy")
    assert {path.name for path in workplace.rglob("*")} == {"points.npy", "points_field.npy"}
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*")} == before


def test_plugins_must_be_named(pinnrun, workplace):
    plugin = f"plugins=[{Path(__file__).parents[1] / 'faulty.py'}]"
    start(Path("run"), "problem.type=faulty", plugin, at={7: interrupt})
    np.save("points.npy", POINTS)
    refused = pinnrun("evaluate", "run=run", "points=points.npy")
    assert refused.code == 2 and plugin in refused.err
    assert pinnrun("evaluate", "run=run", "points=points.npy", plugin).code == 0


def test_a_run_that_was_trained_elsewhere_is_evaluated_on_what_there_is(trained, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "checked_config", lambda composed: asked.append(composed.device) or checked(composed))
    module.trained(trained, ())
    assert asked == ["auto"]
