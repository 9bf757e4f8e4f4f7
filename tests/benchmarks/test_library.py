"""The library's table: runs are the command line's, results are read back as written, the page says what they say."""

from pathlib import Path

import pytest

from benchmarks.library import __main__ as program
from benchmarks.library.page import Measured, pair, read, write, write_page


def test_two_runs_then_nothing_left_to_do(tmp_path: Path, capsys):
    words = ["--problems", "eigen_square", "--seeds", "1,2", "--cap", "20"]
    words += ["--results", str(tmp_path), "--page", str(tmp_path / "README.md")]
    assert program.main(words) == 0
    found = read(tmp_path / "library.csv")
    assert [(item.problem, item.seed, item.status) for item in found] == [
        ("eigen_square", 1, "done"),
        ("eigen_square", 2, "done"),
    ]
    assert all(item.observable is not None and item.observable < 1e-4 for item in found)
    page = (tmp_path / "README.md").read_text()
    assert "## Eigenvalues" in page and "| `eigen_square` |" in page and "| 2 of 2 |" in page
    before = capsys.readouterr().out
    assert program.main(words) == 0
    assert before.count("eigen_square seed") == 2 and "eigen_square seed" not in capsys.readouterr().out


def test_what_is_written_is_read_back(tmp_path: Path):
    items = [
        Measured("wave", 1, "done", 1.3e-3, None, "20 x 2", 501, 3.5),
        Measured("wave", 2, "budget", None, 0.5, "4 x 1", 17, 120.0),
    ]
    write(tmp_path / "library.csv", items)
    assert read(tmp_path / "library.csv") == items
    write_page(tmp_path / "README.md", items, 120.0)
    page = (tmp_path / "README.md").read_text()
    assert "| 1.3e-03 (1.3e-03) | 5.0e-01 (5.0e-01) |" in page
    assert "seeds 1, 2" in page and "| 1 of 2 |" in page
    assert pair([None]) == "-" and pair([1e-3, 1e-5, 1e-4]) == "1.0e-04 (1.0e-03)"


def test_unknown_problems_are_refused(capsys):
    with pytest.raises(SystemExit):
        program.main(["--problems", "waves"])
    assert "no problem 'waves'" in capsys.readouterr().err
