"""Networks that could come next are tried and nothing else comes of it; the one that did best is what is trained."""

from functools import partial

import pytest
import torch
from runs import assert_same, composed, interrupt, lookup, resume, same, send, start

from pinnrun import storage
from pinnrun.build import checked_config
from pinnrun.calculus import Derivatives, Points
from pinnrun.run import audition
from pinnrun.run.audition import Audition, Candidate, Tried, candidates, padded
from pinnrun.run.growing import grow
from pinnrun.scaleup import Action, Decision
from pinnrun.scaleup.price import step_cost
from pinnrun.training.trainer import Diverged, Trainer

GO_ON, DEEPEN = Candidate(Action.EXTEND), Candidate(Action.DEEPEN)
WIDEN = Candidate(Action.WIDEN, 6)


def trainer(*words: str, steps: int = 4) -> Trainer:
    made = Trainer(checked_config(composed(*words)), torch.device("cpu"), torch.float64)
    for _ in range(steps):
        made.advance()
    return made


def on_trial(made: Trainer, batched: bool = False) -> Audition:
    return Audition(made, step_cost(made.config), lambda: None, batched)


def by_hand(made: Trainer, candidate: Candidate, steps: int, points=None) -> float:
    if candidate.action.begins_stage:
        grow(made, candidate.action, candidate.width)
    if points is not None:
        made.points.blocks = points
        made._make_objectives()
    for _ in range(steps):
        made.advance()
    return float(made.evaluation.value(made.theta))


@pytest.mark.parametrize("words", [(), ("optimizer=adam",), ("optimizer=adam", "sampling=rad", "sampling.every=3")])
def test_every_candidate_is_trained_as_it_would_be_and_the_trainer_is_left_as_it_was(words):
    made, before = trainer(*words), trainer(*words).state()
    tried = on_trial(made).run([GO_ON, WIDEN, DEEPEN, Candidate(Action.RESTART)], 7)
    same(made.state(), before, "trainer")
    assert tried[0].steps == 7 and all(1 <= one.steps <= 7 for one in tried)
    assert [one.size for one in tried] == ["3 x 1", "6 x 1", "3 x 2", "3 x 1"]
    for one in tried:
        assert one.merit == by_hand(trainer(*words), one.candidate, one.steps)


def test_larger_networks_get_fewer_steps_for_the_same_operations():
    made = trainer("optimizer=adam", "problem.points=4000")
    cost = step_cost(made.config)
    small, large = on_trial(made).run([GO_ON, Candidate(Action.WIDEN, 48)], 60)
    spent = [one.steps * cost.operations(size) for one, size in ((small, made.network.size), (large, 4 * 48 + 1))]
    assert large.steps < 50 and spent[1] == pytest.approx(spent[0], rel=0.05)


@pytest.mark.parametrize("activation", ["tanh", "sin", "gelu"])
def test_a_batch_takes_the_steps_of_straight_levenberg_marquardt(activation):
    """Candidates of several widths, padded and side by side, against `lm` on each alone on the same points."""
    words = ("optimizer.acceleration=0", f"architecture.activation={activation}", "sampling.rows_per_parameter=0")
    wanted = [GO_ON, WIDEN, Candidate(Action.WIDEN, 9), DEEPEN]
    made = trainer(*words)
    made.optimizer.grow(None, made.network.size)  # a batch begins with a damping of its own
    before = made.state()
    together = on_trial(made, batched=True).run(wanted, 5)
    same(made.state(), before, "trainer")
    widest = trainer(*words)
    grow(widest, Action.WIDEN, 9)
    for one in together:
        alone = trainer(*words)
        alone.optimizer.grow(None, alone.network.size)
        points = None if one.candidate == DEEPEN else widest.points.blocks
        assert one.steps == 5
        assert one.merit == pytest.approx(by_hand(alone, one.candidate, 5, points), rel=1e-6)
    assert {one.candidate for one in together} == set(wanted)


def test_a_padded_network_is_the_same_function():
    made = trainer("architecture.width=5", "architecture.depth=3")
    network, theta = made.network, made.theta
    grow(made, Action.WIDEN, 11)
    wide = padded(network, theta, made.network)
    points, none = Points(torch.rand(20, 2, dtype=torch.float64)), Derivatives()
    small, large = (
        net(weights, points.coordinates(none)).value for net, weights in ((network, theta), (made.network, wide))
    )
    torch.testing.assert_close(large, small, rtol=1e-13, atol=1e-14)
    assert int((wide == 0).sum()) >= made.network.size - network.size


@pytest.mark.parametrize(
    "words",
    [("optimizer=adam",), ("architecture.activation=softplus",), ("architecture=resnet",), ("weighting=ntk",)],
)
def test_what_a_batch_could_not_stand_in_for_is_tried_one_by_one(words):
    assert on_trial(trainer(steps=0), batched=True).batched
    assert not on_trial(trainer(*words, steps=0), batched=True).batched


def test_a_candidate_that_diverges_is_the_worst(monkeypatch):
    made = trainer()
    advance = Trainer.advance

    def fails(self, **options):
        if self.network.depth == 2:
            raise Diverged("by hand")
        return advance(self, **options)

    monkeypatch.setattr(Trainer, "advance", fails)
    tried = on_trial(made).run([GO_ON, DEEPEN], 3)
    assert tried[1].merit == float("inf") and tried[0].merit < 10.0


class View:
    width, depth, window, stalled, growths = 3, 1, 5, None, ()

    def size_of(self, width, depth):
        return 13 * depth

    def price(self, width, depth):
        return 1.0


def test_candidates_are_what_there_is_room_for_and_what_the_policy_proposed():
    policy = checked_config(composed("scaleup=koopman_cost")).scaleup
    view, propose = View(), partial(Decision, evidence="", steps=5)
    assert candidates(policy, propose(Action.WIDEN), view) == [GO_ON, WIDEN, DEEPEN]
    assert candidates(policy, propose(Action.WIDEN, width=12), view)[-1] == Candidate(Action.WIDEN, 12)
    assert candidates(policy, propose(Action.RESTART), view)[-1] == Candidate(Action.RESTART)
    view.stalled = "stuck"
    assert candidates(policy, propose(Action.WIDEN), view) == [WIDEN, DEEPEN]


def test_a_second_layer_is_tried_at_the_width_that_it_would_have():
    """(2 W)³ for one layer, (W² + W)³ for two, of which 2.5 times the former pays for four neurons of ten."""
    policy, view = checked_config(composed("scaleup=koopman")).scaleup, View()
    view.width, view.growths, view.past = 10, (Action.WIDEN,), ()
    view.price = lambda width, depth: float(width**depth + width) ** 3
    assert Candidate(Action.DEEPEN, 4) in candidates(policy, Decision(Action.WIDEN, "", 5), view)


@pytest.mark.parametrize(("merit", "action"), [(0.45, Action.EXTEND), (0.55, Action.DEEPEN)])
def test_the_present_network_goes_on_only_if_it_has_halved_its_merit(monkeypatch, merit, action):
    made = trainer()
    before = float(made.evaluation.value(made.theta))
    shown = [Tried(GO_ON, "3 x 1", 4, merit * before), Tried(WIDEN, "6 x 1", 4, 9 * before)]
    shown.append(Tried(DEEPEN, "3 x 2", 4, 3 * before))
    monkeypatch.setattr(Audition, "run", lambda self, wanted, steps: shown)
    policy = checked_config(composed("scaleup.trial=4")).scaleup
    decision = on_trial(made).decide(policy, Decision(Action.WIDEN, "by hand", 5), View())
    assert decision.action is action and decision.evidence.startswith("by hand; merits in a trial: go on 3 x 1")


@pytest.mark.parametrize("policy", ["koopman", "plateau", "koopman_cost"])
def test_a_run_decides_by_what_it_saw_and_goes_on_as_if_there_had_been_no_trial(tmp_path, policy):
    words = (f"scaleup={policy}", "scaleup.trial=4", "scaleup.max_parameters=70")
    start(tmp_path, *words)
    run = lookup(tmp_path)
    told = [decision for decision in run.decisions if "merits in a trial: " in decision["evidence"]]
    assert told
    for decision in told:
        merits = {}
        for text in decision["evidence"].split("merits in a trial: ")[1].split(", "):
            name, _, merit = text.rsplit(" in ", 1)[0].rpartition(" ")
            merits[name] = float(merit)
        assert len(merits) >= 2
        if decision["action"] != "extend":
            best = min((name for name in merits if not name.startswith("go on")), key=merits.get)
            assert best.startswith(decision["action"])
    assert any(decision["action"] in ("widen", "deepen") for decision in told)


@pytest.mark.parametrize("step", [3, 9, 14, 22])
def test_a_run_with_trials_resumes_bit_equal(tmp_path, step):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    words = ("scaleup=plateau", "scaleup.trial=4")
    start(whole, *words)
    assert start(parts, *words, at={step: interrupt})["status"] == "interrupted"
    resume(parts)
    assert_same(whole, parts)


def test_a_signal_during_a_trial_ends_the_run_which_resumes_bit_equal(tmp_path, monkeypatch):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    words = ("scaleup=plateau", "scaleup.trial=4")
    start(whole, *words)
    train, sent = Audition._train, []

    def signalled(self, steps):
        if not sent:
            sent.append(True)
            interrupt()
        return train(self, steps)

    monkeypatch.setattr(audition.Audition, "_train", signalled)
    assert start(parts, *words)["status"] == "interrupted"
    assert sent and send
    assert storage.load_checkpoint(parts)[0]["window_over"], "a kill now would cost the trial alone"
    resume(parts)
    assert_same(whole, parts)
