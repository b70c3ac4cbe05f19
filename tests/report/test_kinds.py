"""Slices as the page shows them."""

import pandas as pd

from src import slices
from src.report import kinds

STRATEGIES = ["pretrained", "top_tuned"]


def table(
    by: str, values: dict[str, tuple[int, float]], ends: tuple[float, float] = (float("nan"),) * 2
) -> pd.DataFrame:
    """As `slices.table`: slice -> queries and top_tuned's mean; pretrained is always at 0.5."""
    rows = [
        ("cars", "test", strategy, by, name, *ends, queries, 0.5 if strategy == "pretrained" else mean, 0.1, 0.9)
        for name, (queries, mean) in values.items()
        for strategy in ("fine_tuned", *STRATEGIES)
    ]
    return pd.DataFrame(rows, columns=slices.TABLE)


def test_of_many_categories_the_largest_are_shown_the_worst_first() -> None:
    values = {f"kind {i}": (10 + i, 1 - i / 20) for i in range(12)}
    (kind,) = kinds.view(table("category", values), STRATEGIES)["cars"]
    assert [one.name for one in kind.slices] == [f"kind {i}" for i in range(11, 3, -1)]
    assert (len(kind.slices), kind.hidden) == (kinds.MOST, 4)
    assert kind.slices[0].marks == (("pretrained", 0.5, 0.1, 0.9), ("top_tuned", 1 - 11 / 20, 0.1, 0.9))


def test_thirds_keep_their_order_and_tell_their_ends() -> None:
    values = {"low": (5, 0.9), "middle": (9, 0.1), "high": (7, 0.5)}
    (kind,) = kinds.view(table("class_size", values, (0.19, 0.4)), STRATEGIES)["cars"]
    assert [(one.name, one.span, one.queries) for one in kind.slices] == [
        ("low", "0.19–0.40", 5),
        ("middle", "0.19–0.40", 9),
        ("high", "0.19–0.40", 7),
    ]
    assert kind.name == "class size"


def test_a_slice_of_one_value_is_named_by_it() -> None:
    (kind,) = kinds.view(table("own_year", {"low": (5, 0.9), "high": (5, 0.9)}, (20.0, 20.0)), STRATEGIES)["cars"]
    assert [(one.name, one.span) for one in kind.slices] == [("20", ""), ("20", "")]
    assert kind.name == "year"


def test_ends_have_two_digits_of_the_larger_one() -> None:
    spans = [(31, 1262), (0.0003, 0.033), (0, 0), (0.05, 0.3), (9.6, 135)]
    assert [kinds._span(*ends) for ends in spans] == ["31–1,262", "0.000–0.033", "0", "0.05–0.30", "10–135"]
