"""Floor 2. Randomness that depends on names alone, never on what was drawn before or in which process."""

import zlib
from collections.abc import Sequence
from typing import TypeVar

from numpy.random import PCG64, Generator, SeedSequence

Option = TypeVar("Option")


def generator(*keys: int | str) -> Generator:
    """A generator of its own for each tuple of keys: `generator(seed, "cars", "phone", product, photo)`."""
    numbers = [zlib.crc32(key.encode()) if isinstance(key, str) else key for key in keys]
    return Generator(PCG64(SeedSequence(numbers)))


def pick(rng: Generator, options: Sequence[Option]) -> Option:
    """One of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def happens(rng: Generator, probability: float) -> bool:
    """True with this probability."""
    return bool(rng.random() < probability)


def sign(rng: Generator, positive: float = 0.5) -> int:
    """1 with probability `positive`, else -1."""
    return 1 if rng.random() < positive else -1
