"""Floor 2. Advice as the page shows it: what to take for each goal that leaves a choice."""

from collections.abc import Sequence
from dataclasses import dataclass

from src import advice, candidates
from src.candidates import GOALS
from src.findings import Findings


@dataclass(frozen=True)
class Told:
    """Of one goal."""

    title: str
    sentences: Sequence[str]
    left_out: Sequence[str]  # lines about candidates that cannot be compared


def view(findings: Findings) -> dict[str, Told]:
    """Goal -> advice without a budget, of goals that two candidates at least were measured for."""
    found = {}
    for name, goal in GOALS.items():
        kept, left_out = candidates.comparable(findings.candidates(goal))
        if len(kept) > 1:
            found[name] = Told(goal.title, advice.sentences(goal, kept), left_out)
    return found
