import io
import os
import pickle
import zipfile
from collections import OrderedDict, namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch

from pinnrun.errors import UserError
from pinnrun.storage import load_checkpoint, remove_leftovers, save_checkpoint


def state_at(step: int) -> dict:
    """A state whose every value depends on the step."""
    return {
        "step": step,
        "theta": torch.full((50,), float(step), dtype=torch.float64),
        "history": [step, None, "Å"],
    }


def step_of(state: dict) -> int:
    """The step of a state, after a check that all of it is what `state_at` made."""
    expected = state_at(state["step"])
    assert torch.equal(state["theta"], expected["theta"])
    assert state["history"] == expected["history"]
    return state["step"]


class Bomb:
    """Unpickling it touches a file."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def test_a_state_comes_back_with_its_values_and_types(tmp_path):
    torch.manual_seed(3)
    state = {
        "theta": torch.randn(7, dtype=torch.float64),
        "single": torch.randn(2, 3),
        "scalar": torch.tensor(5),
        "rng": torch.get_rng_state(),
        "pairs": [(torch.ones(2), 1.5), (torch.zeros(0), float("inf"))],
        "flags": {"accepted": True, "reason": None, 3: "three"},
        "big": 2**127 + 11,  # the state of numpy's PCG64 is made of such
        "empty": {"list": [], "tuple": (), "dict": {}},
    }
    path = save_checkpoint(tmp_path, state)
    assert path == tmp_path / "checkpoint.pt"
    loaded, note = load_checkpoint(tmp_path)
    assert note is None
    assert loaded.keys() == state.keys()
    for name in ("theta", "single", "scalar", "rng"):
        assert torch.equal(loaded[name], state[name])
        assert loaded[name].dtype == state[name].dtype
    assert isinstance(loaded["pairs"][0], tuple)
    assert torch.equal(loaded["pairs"][0][0], torch.ones(2))
    assert loaded["pairs"][1][1] == float("inf")
    assert loaded["flags"] == state["flags"]
    assert loaded["flags"]["accepted"] is True
    assert loaded["big"] == state["big"]
    assert loaded["empty"] == state["empty"]


def test_generators_go_on_where_they_were(tmp_path):
    tensor_draw, array_draw = torch.Generator().manual_seed(1), np.random.default_rng(2)
    torch.rand(5, generator=tensor_draw), array_draw.random(5)
    save_checkpoint(tmp_path, {"torch": tensor_draw.get_state(), "numpy": array_draw.bit_generator.state})
    expected = torch.rand(4, generator=tensor_draw), array_draw.random(4)
    loaded, _ = load_checkpoint(tmp_path)
    tensor_again, array_again = torch.Generator(), np.random.default_rng()
    tensor_again.set_state(loaded["torch"])
    array_again.bit_generator.state = loaded["numpy"]
    assert torch.equal(torch.rand(4, generator=tensor_again), expected[0])
    np.testing.assert_array_equal(array_again.random(4), expected[1])


def test_plain_torch_reads_a_checkpoint(tmp_path):
    content = torch.load(save_checkpoint(tmp_path, state_at(4)), weights_only=True)
    assert (content["schema"], content["schema_version"]) == ("pinnrun-checkpoint", 1)
    assert step_of(content["state"]) == 4


def test_module_states_parameters_and_views_are_stored_as_plain_tensors(tmp_path):
    layer = torch.nn.Linear(3, 2)
    whole = torch.randn(1000, 100)
    state = {"layer": layer.state_dict(), "bias": layer.bias, "row": whole[3], "mapping": OrderedDict(a=1)}
    path = save_checkpoint(tmp_path, state)
    assert path.stat().st_size < 10_000  # one row, not the thousand it is a view of
    loaded, _ = load_checkpoint(tmp_path)
    assert type(loaded["layer"]) is dict
    assert torch.equal(loaded["layer"]["weight"], layer.weight)
    assert type(loaded["bias"]) is torch.Tensor
    assert not loaded["bias"].requires_grad
    assert torch.equal(loaded["row"], whole[3])


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.float64(1.0), "numpy.float64"),
        (np.ones(2), "numpy.ndarray"),
        (Path("x"), "PosixPath"),
        (torch.float64, "torch.dtype"),
        (Pair(1, 2), "Pair"),
        (1j, "complex"),
        (torch.Size([2]), "torch.Size"),
        ({1, 2}, "set"),
    ],
)
def test_a_value_that_is_not_plain_is_refused_by_its_key_path(tmp_path, value, kind):
    save_checkpoint(tmp_path, state_at(1))
    with pytest.raises(TypeError, match=rf"state\['optimizer'\]\['pairs'\]\[0\]\[1\] is .*{kind}"):
        save_checkpoint(tmp_path, {"optimizer": {"pairs": [(1, value)]}})
    assert os.listdir(tmp_path) == ["checkpoint.pt"]
    assert step_of(load_checkpoint(tmp_path)[0]) == 1


def test_keys_are_numbers_or_texts(tmp_path):
    with pytest.raises(TypeError, match=r"state\['moments'\]: key \(0, 1\) is tuple"):
        save_checkpoint(tmp_path, {"moments": {(0, 1): 2.0}})


def test_two_generations_are_kept(tmp_path):
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, state_at(step))
    assert sorted(os.listdir(tmp_path)) == ["checkpoint.pt", "checkpoint_prev.pt"]
    assert step_of(load_checkpoint(tmp_path)[0]) == 3
    assert step_of(torch.load(tmp_path / "checkpoint_prev.pt", weights_only=True)["state"]) == 2


@pytest.mark.parametrize(("renames_done", "expected"), [(0, 2), (1, 2), (2, 3)])
def test_a_kill_between_the_renames_leaves_a_good_checkpoint(tmp_path, monkeypatch, renames_done, expected):
    for step in (1, 2):
        save_checkpoint(tmp_path, state_at(step))
    replace, calls = os.replace, []

    def killed(*names):
        if len(calls) == renames_done:
            raise KeyboardInterrupt
        calls.append(names)
        replace(*names)

    monkeypatch.setattr(os, "replace", killed)
    if renames_done < 2:
        with pytest.raises(KeyboardInterrupt):
            save_checkpoint(tmp_path, state_at(3))
    else:
        save_checkpoint(tmp_path, state_at(3))
    monkeypatch.undo()
    state, note = load_checkpoint(tmp_path)
    assert step_of(state) == expected
    assert (note is None) == (renames_done != 1)
    remove_leftovers(tmp_path)
    save_checkpoint(tmp_path, state_at(4))
    assert step_of(load_checkpoint(tmp_path)[0]) == 4


def test_a_rotten_checkpoint_does_not_push_the_last_good_one_out(tmp_path):
    for step in (1, 2):
        save_checkpoint(tmp_path, state_at(step))
    (tmp_path / "checkpoint.pt").write_bytes(b"rotten")
    save_checkpoint(tmp_path, state_at(3))
    assert step_of(load_checkpoint(tmp_path)[0]) == 3
    (tmp_path / "checkpoint.pt").unlink()
    assert step_of(load_checkpoint(tmp_path)[0]) == 1


@pytest.mark.parametrize("flips", [60, pytest.param(600, marks=pytest.mark.slow)])
def test_a_flipped_bit_is_harmless_or_leads_to_the_previous_checkpoint(tmp_path, flips):
    for step in (1, 2):
        save_checkpoint(tmp_path, state_at(step))
    path = tmp_path / "checkpoint.pt"
    good, fallbacks = path.read_bytes(), 0
    # the data proper, where a flip must never pass, and as many anywhere in the file
    start = good.index(state_at(2)["theta"].numpy().tobytes())
    draw = np.random.default_rng(flips)
    inside = 8 * start + draw.choice(8 * 400, flips // 2, replace=False)
    anywhere = draw.choice(8 * len(good), flips - flips // 2, replace=False)
    for position in (*inside, *anywhere):
        bad = bytearray(good)
        bad[position // 8] ^= 1 << position % 8
        path.write_bytes(bad)
        state, note = load_checkpoint(tmp_path)
        if note is None:
            assert position not in inside
        else:
            assert "checkpoint.pt is" in note
            assert "going on from checkpoint_prev.pt" in note
            fallbacks += 1
        assert step_of(state) == (2 if note is None else 1)
    assert fallbacks >= len(inside)


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.3, 0.6, 0.9, 0.99, 0.9999])
def test_a_truncated_checkpoint_leads_to_the_previous_one(tmp_path, kept):
    for step in (1, 2):
        save_checkpoint(tmp_path, state_at(step))
    path = tmp_path / "checkpoint.pt"
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    state, note = load_checkpoint(tmp_path)
    assert step_of(state) == 1
    assert "damaged" in str(note)


def write_bomb(path: Path, marker: Path, kind: str) -> None:
    content = {"schema": "pinnrun-checkpoint", "schema_version": 1, "state": Bomb(marker)}
    if kind == "pickle":
        path.write_bytes(pickle.dumps(content))
    elif kind == "old torch":
        torch.save(content, path, _use_new_zipfile_serialization=False)
    else:
        torch.save(content, path)


@pytest.mark.parametrize("kind", ["pickle", "torch", "old torch"])
def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path, kind):
    path, marker = tmp_path / "checkpoint.pt", tmp_path / "executed"
    write_bomb(path, marker, kind)
    with pytest.raises(UserError, match="no checkpoint to go on from") as caught:
        load_checkpoint(tmp_path)
    assert len(str(caught.value).splitlines()) <= 6
    os.replace(path, tmp_path / "bomb")
    save_checkpoint(tmp_path, state_at(1))
    os.replace(path, tmp_path / "checkpoint_prev.pt")
    os.replace(tmp_path / "bomb", path)
    state, note = load_checkpoint(tmp_path)
    assert step_of(state) == 1
    assert "checkpoint.pt is" in str(note)
    assert not marker.exists()


def test_the_bomb_would_go_off_in_careless_hands(tmp_path):
    write_bomb(tmp_path / "bomb", tmp_path / "executed", "torch")
    torch.load(tmp_path / "bomb", weights_only=False)
    assert (tmp_path / "executed").exists()


def test_another_schema_version_is_refused_even_with_a_previous_checkpoint(tmp_path):
    for step in (1, 2):
        save_checkpoint(tmp_path, state_at(step))
    content = {"schema": "pinnrun-checkpoint", "schema_version": 2, "state": {}}
    torch.save(content, tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match="version 2, this pinnrun reads version 1"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("content", [[1, 2], {"model": {}}, {"schema": "x", "schema_version": 1, "state": {}}])
def test_a_file_of_somebody_else_is_not_a_checkpoint(tmp_path, content):
    torch.save(content, tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match=r"checkpoint\.pt is not a checkpoint of pinnrun"):
        load_checkpoint(tmp_path)


def test_a_foreign_zip_archive_is_not_a_checkpoint(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data.pkl", b"")
    (tmp_path / "checkpoint.pt").write_bytes(buffer.getvalue())
    with pytest.raises(UserError, match="not a checkpoint of pinnrun"):
        load_checkpoint(tmp_path)


def test_no_checkpoint_at_all(tmp_path):
    with pytest.raises(UserError, match="no checkpoint to go on from") as caught:
        load_checkpoint(tmp_path)
    assert "train from the start" in str(caught.value)
