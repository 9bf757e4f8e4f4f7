"""What every optimizer owes the trainer: memory that can be saved, grown and softened, and a θ left alone."""

import io

import pytest
import torch
from cases import CATALOGUE, draw

from pinnrun.optimizers import (
    Adam,
    AdamW,
    Auto,
    CompetitiveGradientDescent,
    Dsgnar,
    EnergyNaturalGradient,
    GaussNewtonCg,
    Kfac,
    Lbfgs,
    LevenbergMarquardt,
    Multistart,
    Muon,
    NaturalGradient,
    Outcome,
    Pace,
    SelfScaledBroyden,
    Soap,
    Spring,
    StepInfo,
    WoodburyNaturalGradient,
)

PACE = Pace(2, 2, 2, 1, 1)
OPTIMIZERS = {
    "lm": lambda: LevenbergMarquardt(PACE),
    "adam": lambda: Adam(PACE, learning_rate=0.01),
    "adamw": lambda: AdamW(PACE, learning_rate=0.01, schedule="cosine", decay_steps=12),
    "muon": lambda: Muon(PACE, learning_rate=0.01, weight_decay=0.1),
    "soap": lambda: Soap(PACE, learning_rate=0.01, frequency=3),
    "cgd": lambda: CompetitiveGradientDescent(PACE, critic_width=4),
    "lbfgs": lambda: Lbfgs(PACE, history=4),
    "auto": lambda: Auto(PACE, patience=3, gain=10.0),
    "ssbroyden": lambda: SelfScaledBroyden(PACE),
    "multistart": lambda: Multistart(PACE, starts=3, round=4),
    "cg": lambda: GaussNewtonCg(PACE, rank=5, refresh=3),
    "kfac": lambda: Kfac(PACE, damping=1e-3),
    "dsgnar": lambda: Dsgnar(PACE, radius=0.1, ratio=0.9),
    "dsgnar, sketched": lambda: Dsgnar(PACE, radius=0.02, ratio=0.9, unsketched=0, columns=0.8),
    "kfac, grid": lambda: Kfac(PACE, step_rule="grid", damping=1e-3, momentum=0.5),
    "natural_gradient": lambda: NaturalGradient(PACE, learning_rate=0.1, halvings=0, regularization=1e-3),
    "engd": lambda: EnergyNaturalGradient(PACE, learning_rate=0.1, halvings=0, rcond=1e-3),
    "engd, averaged": lambda: EnergyNaturalGradient(PACE, learning_rate=0.1, halvings=0, damping=1e-3, average=0.7),
    "engd_w": lambda: WoodburyNaturalGradient(PACE, learning_rate=0.1, halvings=0, damping=1e-3),
    "spring": lambda: Spring(PACE, learning_rate=0.1, halvings=0, damping=1e-2),
    "spring, grid": lambda: Spring(PACE, damping=1e-2, bias_correction=True),
}
MEMORYLESS = {"natural_gradient", "engd", "engd_w"}  # every step begins afresh


@pytest.fixture(params=OPTIMIZERS)
def make(request):
    return OPTIMIZERS[request.param]


def walk(optimizer, objective, theta, steps):
    """The states of θ and the infos along so many steps."""
    thetas, infos = [theta], []
    for _ in range(steps):
        theta, info = optimizer.step(objective, thetas[-1])
        thetas.append(theta)
        infos.append(info)
    return thetas, infos


def saved(state):
    """The state as it comes back from a checkpoint, which holds tensors and plain values only."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("before", [0, 1, 7])
def test_a_saved_memory_continues_bit_for_bit(make, before):
    case = CATALOGUE["burgers"]()
    first = make()
    thetas, _ = walk(first, case.objective, case.theta, before)
    state = saved(first.state())
    expected, infos = walk(first, case.objective, thetas[-1], 8)
    second = make()
    second.load(state)
    again, infos_again = walk(second, case.objective, thetas[-1].clone(), 8)
    assert all(torch.equal(a, b) for a, b in zip(expected, again, strict=True))
    assert [(i.loss, i.outcome, i.damping, i.evaluations) for i in infos] == [
        (i.loss, i.outcome, i.damping, i.evaluations) for i in infos_again
    ]
    assert len({float(theta.norm()) for theta in expected}) == 9, "every step moved"


def test_a_state_is_a_snapshot_that_later_steps_do_not_touch(make):
    case = CATALOGUE["fit"]()
    optimizer = make()
    thetas, _ = walk(optimizer, case.objective, case.theta, 5)
    state = optimizer.state()
    expected = saved(state)
    walk(optimizer, case.objective, thetas[-1], 5)
    assert flat(state) == flat(expected)
    optimizer.load(state)
    walk(optimizer, case.objective, thetas[-1], 5)
    assert flat(state) == flat(expected), "nor is a loaded state the optimizer's own"


def flat(state):
    """All numbers of a state in order."""
    if isinstance(state, torch.Tensor):
        return state.flatten().tolist()
    if isinstance(state, dict):
        return [flat(value) for value in state.values()]
    return [flat(value) for value in state] if isinstance(state, list) else state


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_memory_matters(name):
    """A fresh optimizer goes elsewhere, so that the tests above compare something; one without memory does not."""
    make = OPTIMIZERS[name]
    case = CATALOGUE["burgers"]()
    optimizer = make()
    thetas, _ = walk(optimizer, case.objective, case.theta, 6)
    ahead, fresh = (walk(o, case.objective, thetas[-1], 1)[0][-1] for o in (optimizer, make()))
    assert torch.equal(ahead, fresh) == (name in MEMORYLESS)


def test_theta_is_never_changed_in_place(make):
    case = CATALOGUE["poisson_soft"]()
    optimizer = make()
    theta = case.theta
    for _ in range(4):
        before = theta.clone()
        new, _ = optimizer.step(case.objective, theta)
        assert torch.equal(theta, before)
        kept = new.clone()
        optimizer.step(case.objective, draw(case.network.size, seed=5))
        assert torch.equal(new, kept), "nor is a θ that was handed out"
        theta = new


def test_info_tells_of_the_step(make):
    case = CATALOGUE["poisson_soft"]()
    value, gradient = case.objective.gradient(case.theta)
    new, info = make().step(case.objective, case.theta)
    assert info.accepted
    assert info.gradient_norm == pytest.approx(float(gradient.norm()), rel=1e-12)
    # The first-order methods report the loss before their step, which they have seen without another evaluation.
    reported = value if info.evaluations == 1 else case.objective.value(new)
    assert info.loss == pytest.approx(float(reported), rel=1e-12)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_what_is_not_finite_is_said_and_moves_nothing(make, poison):
    case = CATALOGUE["fit"]()
    optimizer = make()
    thetas, _ = walk(optimizer, case.objective, case.theta, 3)
    theta = thetas[-1].clone()
    theta[-1] = poison
    new, info = optimizer.step(case.objective, theta)
    assert info.outcome is Outcome.NOT_FINITE
    assert not info.accepted
    assert new is theta


def test_after_a_growth_it_goes_on_at_the_new_size(make):
    small, large = CATALOGUE["fit"](), CATALOGUE["burgers"]()
    for old_to_new in (torch.arange(small.network.size), None):
        optimizer = make()
        walk(optimizer, small.objective, small.theta, 3)
        optimizer.grow(old_to_new, large.network.size)
        _, infos = walk(optimizer, large.objective, large.theta, 3)
        assert all(info.accepted for info in infos)


def test_a_growth_before_the_first_step(make):
    case = CATALOGUE["fit"]()
    fresh, grown = make(), make()
    grown.grow(torch.arange(case.network.size), case.network.size)
    assert torch.equal(fresh.step(case.objective, case.theta)[0], grown.step(case.objective, case.theta)[0])


@pytest.mark.parametrize("warm", [False, True])
def test_softened_steps_are_shorter_and_stay_so(make, warm):
    case = CATALOGUE["burgers"]()
    hard, soft = make(), make()
    theta = case.theta
    for optimizer in (hard, soft):
        theta = walk(optimizer, case.objective, case.theta, 3)[0][-1] if warm else case.theta
    soft.soften()
    again = make()
    again.load(saved(soft.state()))
    steps = [float((optimizer.step(case.objective, theta)[0] - theta).norm()) for optimizer in (hard, soft, again)]
    searched = isinstance(hard, (Auto, Lbfgs)) or (isinstance(hard, Kfac) and hard.step_rule == "grid")
    jumps = isinstance(hard, Multistart) and not warm  # its first step goes to the best of its starts
    if not (jumps or (warm and searched)):  # these drop their history then; the search goes as far as it finds good
        assert steps[1] < steps[0]
    assert steps[1] == steps[2]


def test_accepted_is_one_of_four_outcomes():
    accepted = [outcome for outcome in Outcome if StepInfo(1.0, outcome, 0.0, 0.0, 1).accepted]
    assert accepted == [Outcome.ACCEPTED]
    assert all(outcome.value for outcome in Outcome)


def test_a_pace_must_leave_time_to_judge():
    assert list(Pace(10, 20, 20, 1, 1).problems()) == []
    [line] = Pace(10, 20, 19, 1, 1).problems()
    assert line.startswith("horizon: 19 steps are fewer than the minimum of 20")
