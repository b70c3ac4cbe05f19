"""The front, by hand and by looking at every pair."""

import random

from src.report.pareto import front


def test_what_costs_more_and_is_worth_less_is_not_on_the_front() -> None:
    assert front([3, 1, 2], [0.9, 0.5, 0.4]) == [1, 0]


def test_of_equal_cost_the_best_and_of_equal_worth_the_cheapest() -> None:
    assert front([1, 1, 2], [0.5, 0.6, 0.6]) == [1]


def test_twins_stand_on_it_together() -> None:
    assert front([1, 2, 2, 3], [0.1, 0.5, 0.5, 0.5]) == [0, 1, 2]


def test_one_is_a_front_and_nothing_has_none() -> None:
    assert front([7], [0.0]) == [0] and front([], []) == []


def test_it_agrees_with_looking_at_every_pair() -> None:
    def beaten(one: tuple[int, int], other: tuple[int, int]) -> bool:
        return other[0] <= one[0] and other[1] >= one[1] and other != one

    chance = random.Random(0)
    for _ in range(300):
        points = [(chance.randrange(6), chance.randrange(6)) for _ in range(chance.randrange(1, 12))]
        expected = {at for at, one in enumerate(points) if not any(beaten(one, other) for other in points)}
        found = front(*zip(*points, strict=True))
        assert set(found) == expected and len(found) == len(expected)
        assert [points[at][0] for at in found] == sorted(points[at][0] for at in found)
