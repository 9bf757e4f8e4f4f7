"""The verdict's rules against others, by replay: what each gives up wrongly, and what it spends in vain.

    python -m benchmarks.forecast rules

For every kind of forecast each rule is asked with one of its numbers changed, all else as shipped. A forecast does not
depend on the rules, only on when it is made, so all trainings are forecast once for each interval between looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from unittest.mock import patch

from benchmarks.forecast import policy
from benchmarks.forecast.cases import FAMILIES, GROUPS
from benchmarks.forecast.trajectories import Trajectory
from pinnrun.koopman.verdict import LONGER, PROMISED, RULES, Rules
from pinnrun.registry import family_of

OTHERS: Mapping[str, Sequence[float]] = {
    "unlikely": (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5),
    "hopeless": (0.0, 0.01, 0.02, 0.05, 0.1),
    "glance": (0.25, 0.5, 1.0),
    "late": (0.2, 0.3, 0.4, 0.5, 0.6),
}
INTERVALS = (0.25, 0.5, 1.0)  # of the present steps, to the next look


def kind_of(question: policy.Question) -> str:
    """Whose rules judge a network: those of promises where a forecast goes by one, else of the optimizer's family."""
    if any(outlook.forecaster == "promised_trend" for outlook in question.outlooks):
        return PROMISED
    return family_of(FAMILIES[question.trajectory.family].optimizer)


def score(questions: Sequence[policy.Question], kind: str, rules: Rules) -> str:
    """False stops and the budget spent in vain by group, in per cent, by these rules."""
    with patch.dict(RULES, {kind: rules}):
        found = [question.judged() for question in questions if kind_of(question) == kind]
    parts = []
    for group in GROUPS:
        inside = [item for item in found if item.trajectory.group == group]
        if inside:
            parts.append(f"{group} {100 * policy.false_stops(inside):.1f} / {100 * policy.wasted(inside):.0f}")
    return ", ".join(parts)


def asked(trajectories: Sequence[Trajectory]) -> list[policy.Question]:
    """All questions, with their forecasts made."""
    return [replace(item, outlooks=list(item.outlooks)) for item in policy.questions(trajectories)]


def compare(trajectories: Sequence[Trajectory], tell: Callable[[str], None] = print) -> None:
    """Print the shipped rules, and each with one number changed."""
    tell("reachable targets given up / budget spent on those out of reach, per cent")
    questions = asked(trajectories)
    kinds = [(str(kind), rules) for kind, rules in RULES.items()]
    for kind, shipped in kinds:
        tell(f"{kind}, {shipped}: {score(questions, kind, shipped)}")
        for name, rules in changed(shipped):
            tell(f"  {name}: {score(questions, kind, rules)}")
    for interval in INTERVALS:
        with patch.object(policy, "LONGER", interval):
            questions = asked(trajectories)
        for kind, shipped in kinds:
            note = " (shipped)" if interval == LONGER else ""
            tell(f"{kind}, looks {interval:g} n apart{note}: {score(questions, kind, shipped)}")


def changed(shipped: Rules) -> Iterator[tuple[str, Rules]]:
    """The rules with one other number."""
    for name, values in OTHERS.items():
        for value in values:
            if value != getattr(shipped, name):
                yield f"{name} {value:g}", shipped._replace(**{name: value})
