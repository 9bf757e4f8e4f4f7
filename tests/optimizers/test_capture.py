"""What is recorded when, against a recorder on the CPU that fills static memory as a CUDA graph does."""

import contextlib
from copy import copy

import pytest
import torch
from cases import CATALOGUE, draw

from pinnrun.calculus import Objective
from pinnrun.optimizers import Adam, Muon, Pace, capture
from pinnrun.optimizers.capture import FIRST_USES, CapturedGradient, CudaGraphs
from pinnrun.weighting.base import ROOT
from pinnrun.weighting.weighed import weighed

PACE = Pace(2, 2, 2, 1, 1)


class Tape:
    """A recorder whose replay changes nothing but the tensors that the recording made."""

    def __init__(self) -> None:
        self.recorded = self.replayed = 0

    def serves(self, theta):
        return True

    def record(self, function, theta):
        self.recorded += 1
        static, objective = theta.clone(), function.__self__
        value, gradient = function(static)
        parts = objective._latest

        def replay(theta):
            self.replayed += 1
            static.copy_(theta)
            current = objective._latest
            new = function(static)
            for kept, part in zip((value, gradient, *parts.values()), (*new, *objective._latest.values()), strict=True):
                kept.copy_(part)
            objective._latest = current
            return value.clone(), gradient.clone()

        return replay


def another(case):
    return Objective(case.field, [(block.term, block.points) for block in case.blocks])


def test_an_objective_is_recorded_once_it_is_used_often():
    case, tape = CATALOGUE["burgers"](), Tape()
    captured, objective = CapturedGradient(tape), case.objective
    for use in range(1, FIRST_USES + 6):
        theta = draw(case.network.size, seed=use)
        value, gradient = captured(objective, theta)
        expected = another(case)
        assert all(map(torch.equal, (value, gradient), expected.gradient(theta)))
        assert objective.shares() == expected.shares()
        assert (tape.recorded, tape.replayed) == (int(use > FIRST_USES), max(0, use - FIRST_USES))


def test_what_a_replay_gives_is_not_overwritten_by_the_next():
    case, tape = CATALOGUE["fit"](), Tape()
    captured, objective = CapturedGradient(tape), case.objective
    thetas = [draw(case.network.size, seed=seed) for seed in range(FIRST_USES + 4)]
    given = [captured(objective, theta) for theta in thetas]
    assert tape.replayed == 4
    for theta, pair in zip(thetas, given, strict=True):
        assert all(map(torch.equal, pair, another(case).gradient(theta)))


def test_another_objective_is_recorded_anew():
    """As new points make one, at each growth and each resampling."""
    case, tape = CATALOGUE["fit"](), Tape()
    captured = CapturedGradient(tape)
    for count, times in ((0, FIRST_USES), (0, FIRST_USES), (1, FIRST_USES + 3), (2, FIRST_USES + 1)):
        objective = another(case)
        for _ in range(times):
            captured(objective, case.theta)
        assert tape.recorded == count
    larger = CATALOGUE["burgers"]()
    value, gradient = captured(larger.objective, larger.theta)
    assert all(map(torch.equal, (value, gradient), larger.objective.gradient(larger.theta)))


def test_new_weights_need_no_new_recording():
    """They are read from the points' memory by the recording that is there."""
    case, tape = CATALOGUE["burgers"](), Tape()
    blocks = [(block.term, block.points) for block in case.blocks]
    captured, objective = CapturedGradient(tape), Objective(case.field, [weighed(*block) for block in blocks])
    for use in range(FIRST_USES + 6):
        for _, points in blocks:
            points[ROOT].fill_(1.0 + 0.1 * use)
        objective = copy(objective)
        given = captured(objective, case.theta)
        expected = Objective(case.field, objective_blocks(objective))
        assert all(map(torch.equal, given, expected.gradient(case.theta)))
        assert objective.shares() == expected.shares()
    assert (tape.recorded, tape.replayed) == (1, 6)


def objective_blocks(objective):
    return [(term, points) for term, points, _ in objective.blocks]


def test_shares_are_those_of_the_replay_after_another_evaluation():
    case, tape = CATALOGUE["burgers"](), Tape()
    captured, objective = CapturedGradient(tape), case.objective
    for _ in range(FIRST_USES + 2):
        captured(objective, case.theta)
    expected = objective.shares()
    objective.value(2.0 * case.theta)
    assert objective.shares() != expected
    captured(objective, case.theta)
    assert objective.shares() == expected


def test_a_recording_that_fails_is_told_of_once(monkeypatch):
    """And never tried again, not with another objective either."""
    case, tape = CATALOGUE["fit"](), Tape()

    def fail(function, theta):
        tape.recorded += 1
        raise RuntimeError("operation not permitted when stream is capturing\nand much more")

    monkeypatch.setattr(tape, "record", fail)
    monkeypatch.setattr(capture, "CudaGraphs", lambda: tape)
    optimizer, plain, theta = Adam(PACE), Adam(PACE, capture=False), case.theta
    events = []
    for objective in (case.objective, another(case)):
        for _ in range(FIRST_USES + 3):
            expected, _ = plain.step(case.objective, theta)
            theta, info = optimizer.step(objective, theta)
            assert torch.equal(theta, expected)
            events.append(info.event)
    assert "(operation not permitted when stream is capturing); steps are slower" in events[FIRST_USES]
    assert "much more" not in events[FIRST_USES]
    assert events.count("") == len(events) - 1
    assert tape.recorded == 1


def test_on_a_cpu_nothing_is_recorded(monkeypatch):
    monkeypatch.setattr(CudaGraphs, "record", lambda *_: pytest.fail("recorded"))
    case, captured = CATALOGUE["fit"](), CapturedGradient()
    for _ in range(FIRST_USES + 3):
        assert all(map(torch.equal, captured(case.objective, case.theta), case.objective.gradient(case.theta)))


@pytest.mark.parametrize("kind", [Adam, Muon])
@pytest.mark.parametrize("allowed", [True, False])
def test_a_run_is_the_same_with_recordings(monkeypatch, kind, allowed):
    tapes = []
    monkeypatch.setattr(capture, "CudaGraphs", lambda: tapes.append(Tape()) or tapes[-1])
    case = CATALOGUE["burgers"]()
    optimizer, theta, objective = kind(PACE, capture=allowed), case.theta, case.objective
    monkeypatch.undo()
    plain, expected = kind(PACE), case.theta
    for step in range(30):
        if step == 18:
            objective = another(case)
        theta, info = optimizer.step(objective, theta)
        expected, plain_info = plain.step(case.objective, expected)
        assert torch.equal(theta, expected)
        assert (info.loss, info.gradient_norm) == (plain_info.loss, plain_info.gradient_norm)
    assert sum(tape.recorded for tape in tapes) == 2 * allowed


def test_a_graph_is_warmed_up_and_recorded_on_one_side_stream(monkeypatch):
    """The order that PyTorch asks for; the stream before is current again, even if the recording fails."""
    log, streams = [], ["main"]

    class Stream:
        def __init__(self, name="side"):
            self.name = name

        def wait_stream(self, other):
            log.append(f"{self.name} waits for {other.name}")

    class Graph:
        def replay(self):
            log.append("replay")

    @contextlib.contextmanager
    def on(stream):
        streams.append(stream.name)
        yield
        streams.pop()

    @contextlib.contextmanager
    def recording(graph, stream):
        streams.append(f"recording on {stream.name}")
        yield
        streams.pop()

    main = Stream("main")
    fakes = {
        "device": lambda device: contextlib.nullcontext(),
        "current_stream": lambda: main,
        "Stream": Stream,
        "stream": on,
        "CUDAGraph": Graph,
        "graph": recording,
        "set_stream": lambda stream: streams.append(stream.name),
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)

    def function(theta):
        log.append(streams[-1])
        return theta.sum(), 2.0 * theta

    theta = draw(3)
    replay = CudaGraphs().record(function, theta)
    once = ["side waits for main", "side", "side", "side", "main waits for side", "recording on side"]
    assert log == once
    assert streams == ["main"]
    value, gradient = replay(theta)
    assert log == [*once, "replay"]
    assert torch.equal(value, theta.sum()) and torch.equal(gradient, 2.0 * theta)
    again = replay(theta)
    assert not {part.data_ptr() for part in again} & {value.data_ptr(), gradient.data_ptr()}, "static memory given away"

    def failing(theta):
        if streams[-1].startswith("recording"):
            raise RuntimeError("not permitted")
        return theta.sum(), theta

    with pytest.raises(RuntimeError, match="not permitted"):
        CudaGraphs().record(failing, theta)
    assert streams[-1] == "main"
