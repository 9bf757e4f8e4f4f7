"""Many starts against a loop of single Levenberg-Marquardt runs, and the halving against the order of their losses."""

from dataclasses import fields, replace

import pytest
import torch
from cases import CATALOGUE, close, draw

from pinnrun.calculus import Objective
from pinnrun.calculus.rayleigh import Rayleigh
from pinnrun.optimizers import LevenbergMarquardt, Multistart, Outcome, Pace

PACE = Pace(2, 2, 2, 1, 1)


def drawn(case, starts, seed=0):
    """The starts of a race: the case's θ, and what the network draws from a generator of that seed."""
    generator = torch.Generator().manual_seed(seed)
    return [case.theta, *(case.network.initial(generator) for _ in range(starts - 1))]


def single(case, theta, steps):
    """The losses and θ of Levenberg-Marquardt with straight steps, one by one, and the evaluations it took."""
    optimizer, path = LevenbergMarquardt(PACE, acceleration=0.0), []
    for _ in range(steps):
        theta, info = optimizer.step(case.objective, theta)
        path.append((info.loss, theta, info.evaluations))
    return path


@pytest.mark.parametrize("name", ["fit", "burgers", "poisson_soft"])
def test_every_start_is_a_single_run(name):
    """The best θ after each step is that of the best of so many runs by themselves, rejected trials included."""
    case, steps = CATALOGUE[name](), 6
    runs = [single(case, theta, steps) for theta in drawn(case, 4)]
    optimizer, theta = Multistart(PACE, starts=4, round=100), case.theta
    for step in range(steps):
        theta, info = optimizer.step(case.objective, theta)
        loss, expected, _ = min((run[step] for run in runs), key=lambda entry: entry[0])
        assert info.loss == pytest.approx(loss, rel=1e-6)
        assert close(theta, expected, 1e-5)
        shown = sum(run[step][2] for run in runs)
        assert info.evaluations == shown + info.accepted, "and one for the shares of the terms"
    assert any(run[step][2] > 2 for run in runs for step in range(steps)) or name != "fit", "some trial was rejected"


def test_the_better_half_goes_on():
    case = CATALOGUE["burgers"]()
    runs = [single(case, theta, 3) for theta in drawn(case, 5)]
    optimizer, theta = Multistart(PACE, starts=5, round=3), case.theta
    events = []
    for _ in range(3):
        theta, info = optimizer.step(case.objective, theta)
        events.append(info.event)
    best = sorted((run[-1] for run in runs), key=lambda entry: entry[0])[:3]
    kept = optimizer.state()["thetas"]
    assert len(kept) == 3
    assert all(close(a, b, 1e-6) for a, (_, b, _) in zip(kept, best, strict=True))
    assert events[0] == "5 starts"
    assert events[1] == ""
    assert events[2].startswith("3 of 5 starts go on, losses ")


def test_the_last_start_goes_on_as_plain_lm():
    """5, 3, 2, 1: then every step is LM's own, with the damping that the start had."""
    case = CATALOGUE["burgers"]()
    optimizer, theta = Multistart(PACE, starts=5, round=2), case.theta
    for _ in range(6):
        theta, info = optimizer.step(case.objective, theta)
    assert info.event.startswith("1 of 2 starts go on")
    state = optimizer.state()
    assert state["thetas"] is None and state["alone"]
    plain = LevenbergMarquardt(PACE)
    plain.load(state["lm"])
    assert plain.state()["lambda"] not in (None, 1e-3)
    for _ in range(3):
        expected, expected_info = plain.step(case.objective, theta)
        theta, info = optimizer.step(case.objective, theta)
        assert torch.equal(theta, expected)
        assert info == expected_info


def test_one_start_is_plain_lm():
    case = CATALOGUE["fit"]()
    one, plain = Multistart(PACE, starts=1), LevenbergMarquardt(PACE)
    a = b = case.theta
    for _ in range(5):
        (a, seen), (b, expected) = one.step(case.objective, a), plain.step(case.objective, b)
        assert torch.equal(a, b)
        assert seen == expected


@pytest.mark.parametrize("name", ["fit", "poisson_hard"])
def test_the_loss_never_rises(name):
    case = CATALOGUE[name]()
    optimizer, theta, losses = Multistart(PACE, starts=6, round=5), case.theta, [float("inf")]
    for _ in range(25):
        theta, info = optimizer.step(case.objective, theta)
        assert info.loss == pytest.approx(float(case.objective.value(theta)), rel=1e-10)
        assert info.loss <= losses[-1] * (1 + 1e-12)
        losses.append(info.loss)
        if info.loss < 1e-20:  # that is all there is to lower
            break
        assert info.outcome in (Outcome.ACCEPTED, Outcome.OVERSHADOWED) or optimizer.state()["alone"]
    assert losses[-1] < 0.1 * losses[1]


def with_network(case, initial):
    """The case with a network that draws its first weights like this."""
    network = type("Drawn", (type(case.network),), {"initial": lambda self, generator: initial(generator)})
    description = {item.name: getattr(case.network, item.name) for item in fields(case.network) if item.init}
    field = type(case.field)(network(**description), case.field.inputs, case.field.ansatz)
    return Objective(field, [(block.term, block.points) for block in case.blocks])


def test_starts_that_are_not_finite_are_dropped():
    """Others go on as if these had not been there; nothing finite at all is said."""
    case = CATALOGUE["burgers"]()
    count = iter(range(100))

    def initial(generator):
        theta = 0.3 * draw(case.network.size, seed=next(count))
        return theta * float("nan") if next(count) % 4 == 1 else theta

    optimizer, theta = Multistart(PACE, starts=5, round=50), case.theta
    theta, info = optimizer.step(with_network(case, initial), theta)
    assert info.event == "5 starts; 2 starts are not finite"
    assert info.accepted
    assert len(optimizer.state()["thetas"]) == 3
    ill = torch.full_like(case.theta, float("nan"))
    saved, info = Multistart(PACE, starts=5).step(case.objective, ill)
    assert info.accepted, "the given start may be the one that is dropped"
    assert torch.isfinite(saved).all()
    objective = with_network(case, lambda generator: ill)
    same, info = Multistart(PACE, starts=5).step(objective, ill)
    assert same is ill
    assert info.outcome is Outcome.NOT_FINITE


def test_a_best_start_that_rests_is_no_end():
    """While another moves; when none moves any more, the step says so."""
    case = CATALOGUE["fit"]()
    case.blocks[0].points.data["data"].zero_()
    theta = torch.zeros(case.network.size, dtype=torch.float64)  # fits the zeros exactly
    optimizer = Multistart(PACE, starts=2, round=50)
    new, info = optimizer.step(case.objective, theta)
    assert torch.equal(new, theta)
    assert info.outcome is Outcome.OVERSHADOWED
    still = with_network(case, lambda generator: torch.zeros_like(theta))
    _, info = Multistart(PACE, starts=2).step(still, theta)
    assert info.outcome is Outcome.CONVERGED


def test_a_quotient_is_lowered_too():
    """Value, gradient and metric are enough."""
    case = CATALOGUE["poisson_soft"]()
    square, other = case.blocks
    blocks = [(square.term, square.points), (replace(other.term, role="norm"), other.points)]
    objective = Rayleigh(case.field, blocks)
    optimizer, theta = Multistart(PACE, starts=3, round=4), case.theta
    before = float(objective.value(theta))
    for _ in range(6):
        theta, info = optimizer.step(objective, theta)
    assert info.loss == pytest.approx(float(objective.value(theta)), rel=1e-10)
    assert info.loss < 0.5 * before


@pytest.mark.parametrize(("regrow", "carried", "races"), [(True, True, 3), (False, True, 0), (False, False, 3)])
def test_a_growth_races_anew_where_it_should(regrow, carried, races):
    small, large = CATALOGUE["fit"](), CATALOGUE["burgers"]()
    optimizer, theta = Multistart(PACE, starts=3, round=9, regrow=regrow), small.theta
    theta, _ = optimizer.step(small.objective, theta)
    optimizer.grow(torch.arange(small.network.size) if carried else None, large.network.size)
    optimizer.step(large.objective, large.theta)
    thetas = optimizer.state()["thetas"]
    assert races == (0 if thetas is None else len(thetas))
    if races:
        first = drawn(small, 3)[1:]
        assert thetas.shape == (3, large.network.size)
        assert not any(torch.equal(a[: small.network.size], b) for a in thetas for b in first)


def test_seeds_make_different_starts():
    case = CATALOGUE["fit"]()
    states = []
    for seed in (0, 0, 1):
        optimizer = Multistart(PACE, starts=3, seed=seed)
        optimizer.step(case.objective, case.theta)
        states.append(optimizer.state()["thetas"])
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_softening_raises_every_damping():
    case = CATALOGUE["burgers"]()
    optimizer = Multistart(PACE, starts=3)
    optimizer.step(case.objective, case.theta)
    before = optimizer.state()["lambdas"]
    optimizer.soften()
    assert optimizer.state()["lambdas"] == [10.0 * damping for damping in before]
    assert optimizer.state()["damping"] == optimizer.state()["lm"]["damping"] == 1e-2
