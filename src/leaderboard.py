"""Floor 3. All experiments of the repository side by side.

  dvc exp run --queue -S model=siglip,dinov2,convnext -S 'strategies=[pretrained,top_tuned]' && dvc exp run --run-all
  python -m src.leaderboard                    # the current commit and its experiments
  python -m src.leaderboard --rev main         # another commit and its experiments
  python -m src.leaderboard --all-commits      # whatever was ever committed

Reads `dvc exp show --json`, prints a table, and writes metrics/leaderboard.html (the table to sort, maps of the models,
costs) and metrics/leaderboard.csv (a row a model and strategy). Experiments that differ in the seed alone are one row.
The workspace does not count: its metrics may be older than its params.
"""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from src import command, experiments, paths, store
from src.board import page, ranking
from src.entries import AnyModel
from src.errors import UserError
from src.evaluation import DECIMALS
from src.report.charts import short
from src.summary import CROSS, HEADLINE, percent

HTML, CSV = paths.METRICS / "leaderboard.html", paths.METRICS / "leaderboard.csv"
MORE = "dvc exp run --queue -S model=sample_supervised,sample_ssl && dvc exp run --run-all"
WORDS = ["model", "variant", "family", "licence"]  # columns that begin at the left
FACTS = {"size": "dimension", "parameters": "parameters", "GMACs": "gmacs"}  # as printed -> as in the table


def main(options: Sequence[str]) -> None:
    """Read, rank, write, print."""
    found = list(experiments.finished(experiments.show(*options)))
    if not found:
        raise UserError(f"no experiment with metrics there; make some: {MORE}")
    table = ranking.table(found, measure)
    with store.whole(CSV) as part:
        table.round(DECIMALS).to_csv(part, index=False, lineterminator="\n")
    with store.whole(HTML) as part:
        part.write_text(page.render(table), encoding="utf-8")
    boards = [page.board(str(key), rows) for key, rows in table.groupby("benchmark", sort=False)]
    apart = ["The tables ask different things (datasets, photos, splits or protocols): do not compare across them."]
    told = [*(line for board in boards for line in lines(board)), *(apart if len(boards) > 1 else [])]
    print(*told, f"{HTML}, {CSV}", sep="\n")


def measure(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of a model whose run left no record of them: from its library's outline, {} where there is none here."""
    from src import models  # here: torch and the libraries take seconds, and most runs do have a record

    try:
        found = models.measure(TypeAdapter(AnyModel).validate_python(entry))
    except ValidationError:  # of a time when entries looked otherwise
        return {}
    return {"dimension": found["dim"], **found} if found else {}


def lines(board: page.Board) -> Iterator[str]:
    """The table of one benchmark for a terminal."""
    yield f"{HEADLINE} in % (95 % interval) ± deviation over seeds, mean over {', '.join(board.datasets)}"
    words = [name for name in WORDS if any(entry[name] for entry in board.entries)]  # most often there are no variants
    rows = [[*words, *FACTS, *(name.replace(CROSS, "cross ") for name in board.strategies)]]
    for entry in board.entries:
        facts = ["–" if entry[key] is None else short(entry[key]) for key in FACTS.values()]
        scores = [score(entry["scores"].get(name)) for name in board.strategies]
        rows.append([*(entry[key] for key in words), *facts, *scores])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = [str.ljust] * len(words) + [str.rjust] * (len(widths) - len(words))
    for row in rows:
        yield "  " + "  ".join(a(c, w) for a, c, w in zip(aligned, row, widths, strict=True)).rstrip()
    yield ""


def score(row: Mapping[str, Any] | None) -> str:
    """'63.1 (60–66) ±0.42', as far as it is known."""
    if row is None:
        return "–"
    ends = "" if row["low"] is None else f" ({100 * row['low']:.0f}–{100 * row['high']:.0f})"
    return percent(row[HEADLINE]) + ends + ("" if row["deviation"] is None else f" ±{100 * row['deviation']:.2f}")


def arguments() -> dict[str, Any]:
    """What was typed, as options of `dvc exp show`."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m src.leaderboard", description=__doc__, formatter_class=raw)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--rev", metavar="COMMIT", help="a commit, and the experiments that began with it")
    which.add_argument("--all-commits", action="store_true", help="every commit and every experiment")
    given = parser.parse_args()
    chosen = ["--rev", given.rev] if given.rev else ["--all-commits"] if given.all_commits else []
    return {"options": chosen}


if __name__ == "__main__":
    os.environ["HF_HUB_OFFLINE"] = "1"  # models are described from what is on this machine
    command.guard(main, **arguments())
