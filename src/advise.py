"""Floor 3. Which model and strategy to take, from what was measured.

  python -m src.advise                                              # every goal, of the workspace
  python -m src.advise --goal exact_sku --minutes 30 --commercial   # a goal and a budget
  python -m src.advise main tall-huts --goal visual_search          # among commits, experiments, `workspace`
  python -m src.advise --experiments                                # among the current commit and its experiments

Goals: visual_search, recommendations, tagging, exact_sku, other_domain (cross-tuning). Rules: docs/advice.md.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from src import advice, candidates, command, experiments
from src.advice import Budget
from src.candidates import GOALS, Candidate, Goal
from src.compare import WORKSPACE, Revision
from src.differences import doubts
from src.errors import UserError
from src.evaluation import HEADLINE
from src.expense import CATALOGUE
from src.findings import Findings
from src.registry import lookup
from src.summary import SAMPLE_NOTE

NOTE = """
Differences are about queries, of one training a side: how far another seed moves a mean, `python -m src.spread` tells.
p is corrected for how many were compared with the best one; no difference shown is not to say that there is none."""


def main(
    revisions: Sequence[str], goal: str | None, dataset: str | None, catalogue: int, among: bool, budget: Budget
) -> None:
    """Print the advice for a goal, or for all of them."""
    if goal:
        lookup(GOALS, goal, "goal", "the command")
    names = [*revisions, *(run.name for run in (experiments.finished(experiments.show()) if among else []))]
    sides = [Revision.named(name) for name in dict.fromkeys(names or [WORKSPACE])]
    for name in [goal] if goal else GOALS:
        print("", *told(GOALS[name], sides, dataset, catalogue, budget, strict=bool(goal)), sep="\n")
    print(NOTE)
    if any(name.startswith("sample_") for side in sides for name in side.params["datasets"]):
        print(SAMPLE_NOTE)


def told(
    goal: Goal, sides: Sequence[Revision], dataset: str | None, catalogue: int, budget: Budget, strict: bool
) -> Iterator[str]:
    """Lines about one goal. Where nothing can be read for it, that is a UserError if `strict`, else a line too."""
    found: list[Candidate] = []
    problems: list[str] = []
    for side in sides:
        try:
            found += of_revision(side, goal, dataset, catalogue, several=len(sides) > 1)
        except UserError as error:
            problems.append(str(error))
    if strict and problems and not found:
        raise UserError(problems[0])
    kept, left_out = candidates.comparable(found)
    yield from advice.sentences(goal, kept, budget)
    yield from (f"({line})" for line in [*left_out, *problems])
    yield from dict.fromkeys(f"({line})" for one in kept[1:] for line in doubts(kept[0].scores, one.scores))


def of_revision(side: Revision, goal: Goal, dataset: str | None, catalogue: int, several: bool) -> list[Candidate]:
    """What one revision has measured for a goal."""
    params = side.params
    if dataset:
        lookup(dict.fromkeys(params["datasets"]), dataset, "dataset", f"params.yaml of {side.name}")
    licence = params["models"][params["model"]].get("licence", "unknown")
    about = params["model"], licence, params["datasets"], params["strategies"]
    found = Findings(*about, side.contents, lambda name: side.queries(name, HEADLINE))
    return found.candidates(goal, dataset or "", catalogue, side.name if several else "")


def arguments() -> dict[str, Any]:
    """What was typed."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m src.advise", description=__doc__, formatter_class=raw)
    parser.add_argument("revisions", nargs="*", metavar="revision")
    parser.add_argument("--experiments", action="store_true", dest="among")
    parser.add_argument("--goal", help=f"one of {', '.join(GOALS)}")
    parser.add_argument("--dataset", help="of this one alone, not the mean over all")
    parser.add_argument("--minutes", type=float, help="that a tuning on one dataset may take")
    parser.add_argument("--milliseconds", type=float, help="from a photo to its answer")
    parser.add_argument("--bytes", type=float, help="of a vector")
    parser.add_argument("--commercial", action="store_true", help="the licence must allow it without further terms")
    parser.add_argument("--catalogue", type=int, default=CATALOGUE, help="images that are searched (%(default)s)")
    given = vars(parser.parse_args())
    budget = Budget(**{field.name: given.pop(field.name) for field in fields(Budget)})
    return {**given, "budget": budget}


if __name__ == "__main__":
    command.guard(main, **arguments())
