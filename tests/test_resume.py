"""A run that was interrupted and resumed is the run that was not, to the last bit."""

import pytest
from runs import assert_same, interrupt, resume, start

OPTIMIZERS = {
    "lm": (),
    "adam": ("optimizer=adam", "optimizer.pace.check=1", "optimizer.pace.snapshot=2"),
    "lbfgs": ("optimizer=lbfgs", "optimizer.pace.snapshot=3"),
}


@pytest.mark.parametrize("init", ["zero_out", "reinit"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_resumed_run_is_bit_equal(tmp_path, optimizer, init):
    words = (*OPTIMIZERS[optimizer], f"scaleup.init={init}", "sampling.every=4")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = start(whole, *words)
    assert expected["status"] == "budget" and len(expected["stages"]) > 2
    # in the middle of a window, at its edge, which is a growth, at the first step of a stage, two in a row
    result = start(parts, *words, at={3: interrupt})
    for step in (5, 6, 12, 13, 24):
        assert result["status"] == "interrupted"
        result = resume(parts, at={step: interrupt})
    assert resume(parts)["status"] == "budget"
    assert_same(whole, parts)
