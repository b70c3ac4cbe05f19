"""Floor 2. What is worth its cost: the Pareto front."""

from collections.abc import Sequence


def front(costs: Sequence[float], values: Sequence[float]) -> list[int]:
    """Places that no other one beats: none costs as little and is worth as much, and is better in one; by cost.

    >>> front([1, 2, 3, 3], [0.5, 0.4, 0.7, 0.6])
    [0, 2]
    """
    order = sorted(range(len(costs)), key=lambda at: (costs[at], -values[at]))
    found: list[int] = []
    for at in order:
        best = found[-1] if found else None
        if best is None or values[at] > values[best] or (costs[at], values[at]) == (costs[best], values[best]):
            found.append(at)
    return found
