"""What benchmarks share: sides that run by turns, so that a busy moment of the machine meets all of them."""

from collections.abc import Callable
from os import times
from statistics import median
from typing import NamedTuple

Work = Callable[[], object]


class Seconds(NamedTuple):
    """What a side took: on the clock, and of all processors together, its ended child processes included.

    Beside other programs only the latter compare, and with one thread.
    """

    clock: float
    processors: float

    def __truediv__(self, other: "Seconds | float") -> "Seconds":
        """A ratio of both, or both shared out."""
        by = other if isinstance(other, Seconds) else Seconds(other, other)
        return Seconds(self.clock / by.clock, self.processors / by.processors)


def timed(work: Work) -> Seconds:
    """Do it once."""
    before = times()
    work()
    spent = [after - start for after, start in zip(times(), before, strict=True)]
    return Seconds(spent[4], sum(spent[:4]))


def by_turns(sides: dict[str, Work], rounds: int, warm_up: bool = True) -> dict[str, Seconds]:
    """The medians of `rounds` in which the sides run one after the other; a first round may warm them up."""
    found: dict[str, list[Seconds]] = {name: [] for name in sides}
    for number in range(-warm_up, rounds):
        for name, work in sides.items():
            spent = timed(work)
            if number >= 0:
                found[name].append(spent)
    return {name: Seconds(*map(median, zip(*each, strict=True))) for name, each in found.items()}
