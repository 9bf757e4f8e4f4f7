"""The timing benchmarks run in a moment on small sizes, and count what can be counted by hand."""

import csv

import pytest
import torch

from benchmarks import common, jacobian
from benchmarks.device import __main__ as device
from pinnrun.architectures import Mlp
from pinnrun.calibration import timing

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def threads(monkeypatch):
    """Ceilings known beforehand; and as many threads afterwards as before."""
    monkeypatch.setattr(common, "measure_ceilings", lambda *_: common.Ceilings(1e10, 1e9))
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_layer_is_counted_as_by_hand():
    """2-3-1 on two channels and five rows; a layer's size is out (in + 1)."""
    passes = common.count_layers(Mlp(2, 1, 3, 1), 2, 5)
    assert passes["forward"] == common.Count(2 * 2 * 5 * (2 * 3 + 3 * 1), 10 * (2 + 2 * 3) + 10 * (3 + 2 * 1))
    assert passes["reverse"] == common.Count(2 * 2 * 5 * 3, 10 * 2 * 3 + 10 * (2 * 1 + 3))
    assert passes["weights"] == common.Count(2 * 2 * 5 * (2 * 3 + 3 * 1), 10 * (2 + 3) + 9 + 10 * (3 + 1) + 4)
    assert passes["rows"] == common.Count(2 * 2 * 5 * (2 * 3 + 3 * 1), 10 * (2 + 3) + 45 + 10 * (3 + 1) + 20)


def test_a_step_is_counted_as_by_hand():
    """Of Levenberg-Marquardt on P = 13 and N = 5, the 5 × 5 system; of Adam, the parameters beside the gradient."""
    network = Mlp(2, 1, 3, 1)
    passes = common.count_layers(network, 4, 5)
    gradient = passes["forward"].flops + passes["reverse"].flops + passes["weights"].flops
    assert device.count_step("adam", network, 5).flops == gradient + 12 * 13
    solve = 13 * 5 * 6 + 125 / 3
    assert device.count_step("lm", network, 5).flops == gradient + passes["forward"].flops + solve


def test_a_floor_is_the_longer_of_operations_and_bytes():
    ceilings = common.Ceilings(flops=100.0, bandwidth=10.0)
    assert ceilings.floor(500.0, 20.0) == 5.0
    assert ceilings.floor(500.0, 80.0) == 8.0


def test_works_are_taken_in_turn():
    seen = []
    works = {"a": lambda: seen.append("a"), "b": lambda: seen.append("b")}
    taken = timing.interleaved(works, 4, CPU)
    assert seen == ["a", "a", "b", "b"] + ["a", "b"] * 4, "twice before it counts"
    assert {name: len(values) for name, values in taken.items()} == {"a": 4, "b": 4}
    assert len(timing.interleaved(works, 9, CPU, longest=0.0)["a"]) == 3


def test_jacobian(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(jacobian, "NETWORKS", (Mlp(2, 1, 4, 1), Mlp(2, 1, 32, 2)))
    assert jacobian.main(["--rounds", "3", "--rows", "20", "--results", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "2-32-32-1" in printed and "gradients, aim 2.5: " in printed
    small, large = read(tmp_path / "jacobian.csv")
    assert small["network"] == "2-4-1" and small["parameters"] == "17"
    assert (
        float(large["jacobian_quartile1"]) <= float(large["jacobian_gradients"]) <= float(large["jacobian_quartile3"])
    )
    assert float(large["jacrev_ms"]) > 0
    # 20 × 1185 numbers of J alone, at 1 GB/s
    assert float(large["jacobian_floor_ms"]) > 20 * 1185 * 8 / 1e9 * 1e3


def test_device(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(device, "MIDDLE", (8, 64))
    words = ["--widths", "4,8", "--rows", "32,64", "--rounds", "3", "--longest", "0", "--results", str(tmp_path)]
    assert device.main(words) == 0
    assert device.NOT_MEASURED in capsys.readouterr().out
    lines = read(tmp_path / "device.csv")
    assert {(line["width"], line["rows"]) for line in lines} == {("4", "64"), ("8", "64"), ("8", "32")}
    assert len(lines) == 3 * 2 * 2
    assert all(line["note"] == device.NOT_MEASURED and line["device"] == "cpu" for line in lines)
    assert all(min(float(line["floor_ms"]), float(line["step_ms"])) > 0 for line in lines)
    assert (tmp_path / "device.png").read_bytes().startswith(b"\x89PNG")
