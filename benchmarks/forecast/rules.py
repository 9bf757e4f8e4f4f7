"""The verdict's rules against others, by replay: what each gives up wrongly, and what it spends in vain.

    python -m benchmarks.forecast rules

For every family each rule is asked with one of its numbers changed, all else as shipped. A forecast does not depend on
the rules, only on when it is made, so all trainings are forecast once for each interval between looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from unittest.mock import patch

from benchmarks.forecast import policy
from benchmarks.forecast.cases import FAMILIES, GROUPS
from benchmarks.forecast.trajectories import Trajectory
from pinnrun.koopman.verdict import GLANCE, LONGER, RULES, Rules
from pinnrun.registry import family_of

VERDICT = import_module("pinnrun.koopman.verdict")  # the package has a function of that name
OTHERS: Mapping[str, Sequence[float]] = {
    "unlikely": (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5),
    "hopeless": (0.0, 0.01, 0.02, 0.05, 0.1),
    "late": (0.2, 0.3, 0.4, 0.5, 0.6),
}
GLANCES = (0.25, 0.5, 1.0)
INTERVALS = (0.25, 0.5, 1.0)  # of the present steps, to the next look


def score(questions: Sequence[policy.Question], family: str, rules: Rules, glance: float = GLANCE) -> str:
    """False stops and the budget spent in vain by group, in per cent, by these rules."""
    with patch.dict(RULES, {family: rules}), patch.object(VERDICT, "GLANCE", glance):
        found = [question.judged() for question in questions if of_family(question) == family]
    parts = []
    for group in GROUPS:
        inside = [item for item in found if item.trajectory.group == group]
        if inside:
            parts.append(f"{group} {100 * policy.false_stops(inside):.1f} / {100 * policy.wasted(inside):.0f}")
    return ", ".join(parts)


def asked(trajectories: Sequence[Trajectory]) -> list[policy.Question]:
    """All questions, with their forecasts made."""
    return [replace(item, outlooks=list(item.outlooks)) for item in policy.questions(trajectories)]


def of_family(question: policy.Question) -> str:
    """The family of the optimizer that was asked about."""
    return family_of(FAMILIES[question.trajectory.family].optimizer)


def compare(trajectories: Sequence[Trajectory], tell: Callable[[str], None] = print) -> None:
    """Print the shipped rules, and each with one number changed."""
    tell("reachable targets given up / budget spent on those out of reach, per cent")
    questions = asked(trajectories)
    for family, shipped in RULES.items():
        assert family is not None
        tell(f"{family}, {shipped}: {score(questions, family, shipped)}")
        for name, rules in changed(shipped):
            tell(f"  {name}: {score(questions, family, rules)}")
        for glance in GLANCES:
            if glance != GLANCE:
                tell(f"  glance {glance:g} of the minimum: {score(questions, family, shipped, glance)}")
    for interval in INTERVALS:
        with patch.object(policy, "LONGER", interval):
            questions = asked(trajectories)
        for family, shipped in RULES.items():
            assert family is not None
            note = " (shipped)" if interval == LONGER else ""
            tell(f"{family}, looks {interval:g} n apart{note}: {score(questions, family, shipped)}")


def changed(shipped: Rules) -> Iterator[tuple[str, Rules]]:
    """The rules with one other number."""
    for name, values in OTHERS.items():
        for value in values:
            if value != getattr(shipped, name):
                yield f"{name} {value:g}", shipped._replace(**{name: value})
