import io
import os

import pytest

from pinnrun.display import print_summary, print_sweep_table

EVIDENCE = (
    "P(reach 1e-05 by step 4000) = 0.02 at step 800: median 3.1e-03, 10 to 90 % [1.1e-03, 8.2e-03], regime "
    "steady, power law 2.9e-03; a network 1.5 times as wide costs 1.9 times as much a step [from 3 stages]"
)


@pytest.fixture
def result():
    return {
        "status": "budget",
        "loss": 1.2345678e-05,
        "merit": 3.3e-05,
        "target": 1e-05,
        "error": 4.5678e-03,
        "observables": {
            "solvation energy": {
                "value": -12.3456789,
                "unit": "kcal/mol",
                "reference": -12.345,
                "error": 5.5e-05,
            },
            "lambda_1": {"value": 9.8696044, "unit": "1", "reference": None, "error": None},
        },
        "stages": [
            {"width": 3, "depth": 1, "parameters": 13, "steps": 800, "seconds": 1.234}
            | {"decision": "widen", "evidence": EVIDENCE},
            {"width": 128, "depth": 4, "parameters": 1234567, "steps": 160000, "seconds": 12345.678}
            | {"decision": "stop", "evidence": ""},
        ],
        "cpu_seconds": 12359.4,
        "wall_seconds": 6200.1,
        "seed": 7,
        "steps": 160800,
        "parameters": 1234567,
        "problem": "npbe",
        "folder": "outputs/npbe/2026-11-21_10-00-00_ca80",
    }


def printed(result) -> str:
    stream = io.StringIO()
    print_summary(result, stream)
    return stream.getvalue()


def row(text: str, start: str) -> list[str]:
    [line] = [line for line in text.splitlines() if line.strip().startswith(start)]
    return line.split()


def test_every_number_of_the_result_can_be_read_back(result):
    text = printed(result)
    close = pytest.approx
    assert float(row(text, "loss")[1]) == close(1.2345678e-05, rel=1e-3)
    assert float(row(text, "merit")[1]) == close(3.3e-05) and float(row(text, "merit")[3]) == close(1e-05)
    assert float(row(text, "error")[1]) == close(4.5678e-03, rel=1e-3)
    energy = row(text, "solvation energy")
    assert [float(energy[2]), energy[3], float(energy[4]), float(energy[5])] == [
        close(-12.3456789, rel=1e-7),
        "kcal/mol",
        -12.345,
        close(5.5e-05),
    ]
    assert row(text, "lambda_1") == ["lambda_1", "9.8696044", "1", "-", "-"]
    assert row(text, "0 ") == ["0", "3", "x", "1", "13", "800", "1.23", "widen"]
    assert row(text, "1 ") == ["1", "128", "x", "4", "1234567", "160000", "12345.68", "stop"]
    assert row(text, "cpu time") == ["cpu", "time", "12359.40", "s", "(3:25:59)"]
    assert row(text, "wall time") == ["wall", "time", "6200.10", "s", "(1:43:20)"]
    assert row(text, "steps 160800") == ["steps", "160800,", "seed", "7"]


def test_the_network_named_is_the_one_whose_numbers_are_shown(result):
    assert row(printed(result), "network")[1:4] == ["128", "x", "4"]
    result |= {"width": 3, "depth": 1, "parameters": 13}  # the best was not the last
    assert row(printed(result), "network")[1:5] == ["3", "x", "1", "(13"]


def test_long_evidence_stays_whole_within_80_columns(result):
    text = printed(result)
    assert EVIDENCE in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


def test_the_status_says_what_it_means(result):
    assert printed(result).startswith("npbe: budget (spent before the target was reached")
    assert "(not reached)" in printed(result)
    reached = printed(result | {"status": "done", "merit": 9e-6})
    assert reached.startswith("npbe: done (the target is reached)")
    assert "(reached)" in reached
    assert "at step 41: loss is nan" in printed(result | {"reason": "at step 41: loss is nan"})


@pytest.mark.parametrize(
    ("status", "resumable"),
    [("done", False), ("budget", True), ("interrupted", True), ("running", True), ("diverged", False)],
)
def test_the_next_commands_name_the_folder(result, status, resumable):
    text = printed(result | {"status": status})
    folder = result["folder"]
    assert (f"pinnrun train resume={folder}" in text) is resumable
    assert f"pinnrun koopman analyze run={folder}" in text
    assert f"pinnrun evaluate run={folder}" in text


def test_the_recorded_resume_command_goes_first_and_odd_folders_are_quoted(result):
    assert "pinnrun train resume=last" in printed(result | {"resume": "pinnrun train resume=last"})
    assert "pinnrun evaluate 'run=my outputs/a'" in printed(result | {"folder": "my outputs/a"})


def test_no_reference_and_missing_values_are_said_plainly(result):
    text = printed(result | {"error": None, "merit": None, "observables": {}})
    assert "no reference solution" in text
    assert "None" not in text
    assert printed({"status": "failed"}) == "run: failed (an error ended the run)\n"


def test_a_diverged_loss_may_be_null_or_nan(result):
    assert row(printed(result | {"loss": None}), "loss") == ["loss", "-"]
    assert row(printed(result | {"loss": float("nan")}), "loss") == ["loss", "nan"]


def test_a_pipe_gets_no_colour_and_a_terminal_does(result, terminal, plain_environment):
    assert "\x1b" not in printed(result)
    print_summary(result, terminal.stream)
    terminal.wait_for("pinnrun evaluate")
    assert "\x1b[1;33mbudget\x1b[0m" in terminal.raw()


def test_standard_output_is_the_default(result, capsys):
    print_summary(result)
    captured = capsys.readouterr()
    assert captured.out == printed(result)
    assert captured.err == ""


def test_a_reader_that_left_is_no_error(result):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        print_summary(result, stream)


def sweep(rows) -> list[str]:
    stream = io.StringIO()
    print_sweep_table(rows, stream)
    return stream.getvalue().splitlines()


def job(width, status, *overrides, **changes):
    values = {"width": width, "depth": 2, "parameters": width * 20, "loss": 1.25e-6, "error": 2.5e-3}
    return values | {"seconds": 12.5, "status": status, "overrides": list(overrides)} | changes


def test_a_row_for_every_job():
    lines = sweep([job(4, "budget", "seed=1"), job(8, "done", "seed=2", error=None), {"status": "failed"}])
    assert lines[1].split() == [
        "0",
        "4",
        "x",
        "2",
        "80",
        "1.250e-06",
        "2.500e-03",
        "12.50",
        "budget",
        "seed=1",
    ]
    assert lines[2].split() == ["1", "8", "x", "2", "160", "1.250e-06", "-", "12.50", "done", "seed=2"]
    assert lines[3].split() == ["2", "-", "-", "-", "-", "-", "failed", "-"]


def test_the_smallest_network_that_did_it_is_named():
    lines = sweep([job(16, "done", "seed=1"), job(8, "done", "seed=2"), job(4, "budget", "seed=3")])
    assert lines[-1] == "smallest network that reached the target: 8 x 2 (160 parameters)"
    assert not any("smallest" in line for line in sweep([job(4, "budget", "seed=3")]))


def test_common_overrides_are_said_once():
    lines = sweep([job(w, "budget", "problem=poisson", f"architecture.width={w}") for w in (4, 8)])
    assert [line.split()[-1] for line in lines[1:3]] == ["architecture.width=4", "architecture.width=8"]
    assert lines[-1] == "every job: problem=poisson"


def test_long_overrides_are_folded_not_cut():
    words = [f"key{k}=value{k}" for k in range(12)]
    lines = sweep([job(4, "budget", *words)])
    assert " ".join(lines).split()[-12:] == words
    assert max(map(len, lines)) <= 80


def test_an_empty_sweep_is_a_header():
    assert len(sweep([])) == 1


def test_a_number_from_data_is_told_with_its_standard_error(result):
    assert "standard error" not in printed(result)
    result["observables"]["lambda_1"]["uncertainty"] = 0.0123
    text = printed(result)
    assert "standard error" in text
    assert row(text, "lambda_1")[1:3] == ["9.8696044", "0.012"] and row(text, "solvation energy")[3] == "-"


def test_the_time_to_the_target_is_told_where_smaller_networks_were_tried_after_it(result):
    assert "12359.40 s (3:25:59), the target was met after 2.50 s" in printed({**result, "target_seconds": 2.5})
    for met in (None, result["cpu_seconds"]):
        assert "the target was met" not in printed({**result, "target_seconds": met})
