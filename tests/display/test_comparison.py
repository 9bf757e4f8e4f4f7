"""The comparison of trainings, as text and as a figure."""

import struct
from io import StringIO

import numpy as np
import pytest

from pinnrun.display.canvas import empty_figure
from pinnrun.display.comparison import print_comparison
from pinnrun.display.tree import comparison_figure, draw_distances, draw_spectra, draw_tree

PLACES = np.array([0.9, 0.91, 0.5, 0.52])


def record(count=4, **changes):
    from pinnrun.koopman.compare import compare

    places = np.resize(PLACES, count) + 1e-3 * np.arange(count)
    found = compare([np.array([place, 0.2 + 0.1j, 0.2 - 0.1j]) for place in places], shuffles=2)
    runs = [
        {
            "folder": f"runs/{index}",
            "stage": 0,
            "label": {"activation": "sin" if index % 2 else "tanh", "seed": index},
            "loss": 1e-3,
            "cluster": int(found.clusters[index]),
            "nearest": (index + 1) % count,
            "distance": 0.0123,
            "eigenvalues": [[place, 0.0], [0.2, 0.1], [0.2, -0.1]],
        }
        for index, place in enumerate(places)
    ]
    made = {
        "observable": "weights",
        "steps": [10, 500],
        "every": 10,
        "samples": 50,
        "delays": 12,
        "rank": 3,
        "common": {"problem": "poisson", "width": 8},
        "runs": runs,
        "silhouette": found.silhouette,
        "factors": [
            {"name": "activation", "values": 2, "same": 0.01, "different": 0.1234, "share": 0.615, "p": 0.0005},
            {"name": "seed", "values": count, "same": None, "different": 0.2, "share": 1.0, "p": None},
        ],
        "distances": found.distances,
        "tree": found.tree,
        "order": found.order,
    }
    return {**made, **changes}


def shown(made):
    stream = StringIO()
    print_comparison(made, stream)
    return stream.getvalue()


def test_what_was_compared_stands_first():
    head = shown(record()).split("\n\n")[0].split("\n")
    assert " ".join(head[:-1]) == ("4 trainings: weights at steps 10 to 500 every 10 (50 samples), 12 delays, rank 3")
    assert head[-1] == "all: problem poisson, width 8"


def test_a_line_for_every_training_and_factor():
    lines = [line.split() for line in shown(record()).splitlines()]
    assert ["2", "sin", "1", "1.000e-03", "1", "3", "0.0123"] in lines
    assert ["activation", "2", "0.0100", "0.1234", "62%", "0.0005"] in lines
    assert ["seed", "4", "-", "0.2000", "100%", "-"] in lines


def test_the_matrix_is_printed_while_it_can_be_read():
    text = shown(record(12))
    assert max(map(len, text.splitlines())) <= 100
    matrix = [line.split() for line in text.split("\n\n")[-1].splitlines()]
    assert matrix[0] == ["distance", *map(str, range(1, 13))]
    found = record(12)["distances"]
    for i, row in enumerate(matrix[1:]):
        assert row[1:] == ["." if i == j else f"{found[i, j]:.3f}" for j in range(12)]
    assert "distance      1      2" not in shown(record(13))


def test_clusters_are_counted_or_said_not_to_be_there():
    assert "2 clusters, mean silhouette 0." in shown(record())
    alone = record()
    for run in alone["runs"]:
        run["cluster"] = 1
    assert "1 cluster: the distances set no group apart" in shown({**alone, "silhouette": None})


def test_trainings_that_nothing_tells_apart_have_their_folders():
    made = record(factors=[])
    for run in made["runs"]:
        run["label"] = {}
    text = shown(made)
    assert "runs/3" in text and "what differs" not in text


def test_the_tree_and_the_matrix_stand_in_one_order():
    made = record(6)
    figure = empty_figure(8.0, 4.0)
    tree, matrix = figure.subplots(1, 2)
    draw_tree(tree, made)
    image = draw_distances(matrix, made)
    order = made["order"]
    np.testing.assert_allclose(image.get_array(), made["distances"][np.ix_(order, order)])
    assert [text.get_text().split()[-1] for text in matrix.get_yticklabels()] == [str(i + 1) for i in order]
    assert matrix.get_ylim() == tree.get_ylim() == (5.5, -0.5)
    heights = sorted({float(max(line.get_xdata())) for line in tree.get_lines()[:5]})
    np.testing.assert_allclose(heights, sorted(set(made["tree"][:, 2])))


@pytest.mark.parametrize("close", [False, True])
def test_every_eigenvalue_is_drawn_with_its_cluster(close):
    made = record(5)
    axes = empty_figure(4.0, 4.0).add_subplot()
    draw_spectra(axes, made, close=close)
    drawn = np.vstack([points.get_offsets() for points in axes.collections])
    assert sorted(map(tuple, drawn)) == sorted(tuple(pair) for run in made["runs"] for pair in run["eigenvalues"])
    assert len(axes.collections) == max(run["cluster"] for run in made["runs"])
    assert axes.get_aspect() == 1.0


@pytest.mark.parametrize("count", [2, 24, 90])
def test_a_png_of_sensible_size(tmp_path, count):
    path = comparison_figure(record(count), tmp_path / "comparison.png")
    header = path.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert all(400 <= pixels <= 2800 for pixels in struct.unpack(">II", header[16:24]))
