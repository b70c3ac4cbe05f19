"""Mean and spread over seeds, from what `dvc exp show --json` prints."""

import statistics
from typing import Any

import pytest
from exp_show import experiment, shown

from src import spread


def test_mean_deviation_least_and_most_of_three_seeds_by_hand() -> None:
    lines = spread.report(shown(experiment("main", 0, 0.2), experiment("a", 1, 0.4), experiment("b", 2, 0.3)))
    assert lines == [
        "tiny: mMP@5 in % over seeds 0 (main), 1 (a), 2 (b)",
        "  dataset  strategy   mean  deviation  least  most",
        "  mean     top_tuned  40.0       5.00   35.0  45.0",
        "  cars     top_tuned  30.0      10.00   20.0  40.0",
        "  food     top_tuned  50.0       0.00   50.0  50.0",
        "",
    ]
    assert statistics.stdev([20, 40, 30]) == 10


def test_a_single_seed_is_one_line_with_the_command_for_more() -> None:
    (line,) = spread.report(shown(experiment("main", 0, 0.2)))
    assert line == f"tiny: one seed only, 0 (main); add others: {spread.MORE}"


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"top_tune": {"lr": 0.2, "layers": [8]}}, "top_tune.lr 0.2"),
        ({"top_tune": {"lr": 0.1, "layers": [8, 4]}}, "top_tune.layers [8, 4]"),
        ({"prepare": {"seed": 3}}, "prepare.seed 3"),  # another split is another benchmark
        ({"code": "other"}, "inputs "),
    ],
)
def test_only_runs_that_differ_in_the_seed_alone_are_put_together(other: Any, told: str) -> None:
    lines = spread.report(shown(experiment("main", 0, 0.2), experiment("a", 1, 0.4, **other)))
    assert len(lines) == 2 and all("one seed only" in line for line in lines)
    assert told in lines[1]


def test_another_model_is_another_table() -> None:
    siglip: Any = {"model": "siglip", "models": {"siglip": {"library": "open_clip"}}}
    runs = [experiment("main", 0, 0.2), experiment("a", 1, 0.4)]
    runs += [experiment("c", 0, 0.6, **siglip), experiment("d", 1, 0.6, **siglip)]
    titles = [line for line in spread.report(shown(*runs)) if line.startswith(("tiny", "siglip"))]
    assert titles == [
        "tiny: mMP@5 in % over seeds 0 (main), 1 (a)",
        "siglip: mMP@5 in % over seeds 0 (c), 1 (d)",
    ]


def test_a_seed_run_twice_counts_once_and_is_told_where_the_two_disagree() -> None:
    runs = [experiment("main", 0, 0.2), experiment("a", 1, 0.4)]
    same = spread.report(shown(*runs, experiment("b", 0, 0.2)))
    assert same == spread.report(shown(*runs))
    lines = spread.report(shown(*runs, experiment("b", 0, 0.8)))
    assert lines[1] == "seed 0 differs between main and b; the first one counts"
    assert lines[2:] == same[1:]


def test_queued_and_failed_experiments_are_left_out() -> None:
    queued = experiment("queued", 1, 0.4)
    queued["data"]["metrics"] = {}
    broken = experiment("broken", 2, 0.4)
    broken["data"]["metrics"] = {"metrics/top_tuned.json": {"error": {"msg": "gone"}}}
    failed = experiment("failed", 3, 0.4) | {"data": None}
    assert "one seed only, 0 (main)" in spread.report(shown(experiment("main", 0, 0.2), queued, broken, failed))[0]
    assert spread.report(shown(failed)) == [f"no experiment with metrics at this commit; make some: {spread.MORE}"]


def test_cross_tuned_cells_are_means_over_sources() -> None:
    pairs = {
        a: {b: {"phone": {"mMP@5": value}} for b in "abc" if b != a}
        for a, value in zip("abc", (0, 0.5, 1), strict=True)
    }

    def crossed(name: str, seed: int) -> dict[str, Any]:
        catalogue: Any = {dataset: {"protocols": {"phone": {}}} for dataset in "abc"}
        one = experiment(name, seed, 0, datasets=list("abc"), strategies=["cross_tuned"], catalogue=catalogue)
        found = {"model": "tiny", "top_tuned": {"mean": {}, **pairs}}
        one["data"]["metrics"] = {"metrics/cross_tuned.json": {"data": found}}
        return one

    lines = spread.report(shown(crossed("main", 0), crossed("x", 1)))
    assert [line.split() for line in lines[3:6]] == [
        [name, "cross_tuned.top_tuned", mean, "0.00", mean, mean]
        for name, mean in {"a": "75.0", "b": "50.0", "c": "25.0"}.items()
    ]
