"""Floor 2. Which model and strategy to take, by four rules on measured numbers. In words: docs/advice.md.

1. Out is what breaks the budget, and what was not measured where the budget asks for it.
2. The best is the one with the highest mean of the goal's metric.
3. Taken is the best, unless others are cheaper and not shown to be worse: then the cheapest of these.
4. The runner-up is the best of the rest. What it loses is told where it is shown, else `no difference shown`.

Shown is a difference of means over datasets on the same queries (paired sign flips) with p below `differences.NOTABLE`,
after Holm's correction for the number of rivals. Cheaper is what takes at least a fifth less of one of COSTS and not
more of the others; what nobody measured counts as more than anything.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from src import licences, statistics
from src.candidates import Candidate, Goal
from src.differences import Difference, differences
from src.summary import percent, points

# field of Expense and Budget -> in words, and what it is
COSTS = {
    "minutes": ("{} min of tuning", "how long tuning takes"),
    "milliseconds": ("{} ms an answer", "how long an answer takes"),
    "bytes": ("{} bytes a vector", "how many bytes a vector takes"),
}
FIFTH = 0.8  # as much or less of something costs less: timings differ by some per cent from run to run


@dataclass(frozen=True)
class Budget:
    """The most of each of COSTS, None where it does not matter."""

    minutes: float | None = None
    milliseconds: float | None = None
    bytes: float | None = None
    commercial: bool = False  # the licence must allow commercial use without further terms


@dataclass(frozen=True)
class Advice:
    """What to take, and what else there was. Of a difference, A is the side with the lower mean, B the other one."""

    taken: Candidate | None
    runner_up: Candidate | None
    difference: Difference | None  # of these two
    left_out: Sequence[tuple[Candidate, str]]  # and why; the one with the highest mean first
    missed: Difference | None  # of the one taken and the first one left out, if that has the higher mean


def sentences(goal: Goal, candidates: Sequence[Candidate], budget: Budget | None = None) -> list[str]:
    """The advice for people; candidates as `candidates.comparable` leaves them."""
    if not candidates:
        return [f"For {goal.title} nothing was measured."]
    found = choose(candidates, budget or Budget())
    if found.taken is None:
        reasons = "; ".join(f"{one.name}: {why}" for one, why in found.left_out)
        return [f"For {goal.title} nothing that was measured is within the budget. {reasons}."]
    told = [taking(goal, found.taken), f"It costs {costs(found.taken)}.", beside(found)]
    if found.missed:
        one, why = found.left_out[0]
        gain = f"gains {gap(found.missed)}" if found.missed.shown else f"scores {gap(found.missed, 'more')}"
        told.append(f"Outside the budget, {one.name} {gain}; it is out because of {why}.")
    return told


def choose(candidates: Sequence[Candidate], budget: Budget) -> Advice:
    """The four rules."""
    ranked = sorted(candidates, key=lambda one: -one.value)
    left_out = [(one, why) for one in ranked if (why := objection(one, budget))]
    inside = [one for one in ranked if not objection(one, budget)]
    if not inside:
        return Advice(None, None, None, left_out, None)
    best, *others = inside
    tests = against(best, others)
    rivals = [one for one, test in zip(others, tests, strict=True) if not test.shown and cheaper(one, best)]
    cheapest = [one for one in rivals if not any(cheaper(other, one) for other in rivals)]
    taken = (cheapest or [best])[0]
    runner_up = best if taken is not best else others[0] if others else None
    tested = others.index(taken if taken is not best else runner_up) if runner_up else None
    higher = [one for one, _ in left_out[:1] if one.value > taken.value]
    missed = against(higher[0], [taken])[0] if higher else None
    return Advice(taken, runner_up, None if tested is None else tests[tested], left_out, missed)


def objection(one: Candidate, budget: Budget) -> str:
    """What keeps it outside the budget, '' where nothing does."""
    for key, (words, unknown) in COSTS.items():
        most, value = getattr(budget, key), getattr(one.expense, key)
        if most is not None and value is None:
            return f"{unknown}, which was not measured"
        if most is not None and value > most:
            return f"{words.format(amount(value))}, where {amount(most)} is allowed"
    return licences.warning(one.licence) if budget.commercial else ""


def against(best: Candidate, others: Sequence[Candidate]) -> list[Difference]:
    """The mean over datasets of each of the others, A, and of the best, B; with p corrected for how many they are."""
    found = [differences(one.scores, best.scores, best.metric)[0] for one in others]
    corrected = statistics.holm(np.array([one.p for one in found]))
    return [replace(one, holm=float(p)) for one, p in zip(found, corrected, strict=True)]


def cheaper(one: Candidate, other: Candidate) -> bool:
    """Whether it takes a fifth less of something, and not more of anything."""
    pairs = [[getattr(each.expense, key) for each in (one, other)] for key in COSTS]
    known = [[math.inf if value is None else value for value in pair] for pair in pairs]
    return all(FIFTH * a <= b for a, b in known) and any(a < FIFTH * b for a, b in known)


def taking(goal: Goal, one: Candidate) -> str:
    """What to take, and what it reaches."""
    low, high = one.interval
    sure = "" if math.isnan(low) else f" (95 % interval {percent(low)} to {percent(high)})"
    over = f", mean over {len(one.datasets)} datasets" if len(one.datasets) > 1 else f" on {next(iter(one.datasets))}"
    return f"For {goal.title} take {one.name}: {goal.label} {percent(one.value)} %{sure}{over}."


def beside(found: Advice) -> str:
    """What the runner-up loses, or that none is shown to; or what else there was."""
    other, test = found.runner_up, found.difference
    if not (other and test and found.taken):
        return "Nothing else was measured within the budget." if found.left_out else "Nothing else was measured."
    if found.taken.value < other.value:
        return f"{other.name} scores {gap(test, 'more')}, and costs more: {costs(other)}."
    if test.shown:
        return f"The runner-up, {other.name}, loses {gap(test)}."
    return f"The runner-up, {other.name}, scores {gap(test, 'less')}, and does not cost less: {costs(other)}."


def gap(test: Difference, unsure: str = "") -> str:
    """A difference that is shown, or with a word for its direction one that is not; with its interval and p."""
    size, low, high = (points(value).removeprefix("+") for value in (test.b - test.a, test.low, test.high))
    p = f"p {test.holm:.2g}" if test.holm >= 0.001 else "p < 0.001"
    sure = f"(95 % interval {low} to {high}, {p})"
    return f"{size} points {unsure}: no difference shown {sure}" if unsure else f"{size} points {sure}"


def amount(value: float) -> str:
    """As many digits as a cost is worth.

    >>> amount(0.03991), amount(7.25), amount(12345.6)
    ('0.0399', '7.25', '12,346')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def costs(one: Candidate) -> str:
    """What is known of its costs, and its licence."""
    spent = {words: getattr(one.expense, key) for key, (words, _) in COSTS.items()}
    told = [words.format(amount(value)) for words, value in spent.items() if value is not None]
    told += [] if one.expense.price is None else [f"{one.expense.price:,.4g} for embedding a million images"]
    licence = licences.warning(one.licence) or f"licence {one.licence}"
    return ", ".join([*(told or ["what nobody measured"]), licence])
