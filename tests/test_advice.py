"""The four rules, on candidates made by hand: of 50 queries a dataset, so many are right."""

from typing import Any

import pandas as pd
import pytest

from src import advice
from src.advice import Budget, choose, sentences
from src.candidates import GOALS, Candidate
from src.expense import Expense

GOAL = GOALS["visual_search"]
FREE = Expense(minutes=0, milliseconds=10, bytes=1000)
LITTLE = Expense(minutes=1, milliseconds=10, bytes=1000)
MUCH = Expense(minutes=60, milliseconds=10, bytes=1000)


def candidate(strategy: str, right: int, expense: Expense = LITTLE, licence: str = "MIT", flip: int = 0) -> Candidate:
    """The first `right` of 50 queries of two datasets score 1; of the last `flip` right ones the opposite of others."""
    values = [1.0] * right + [0.0] * (50 - right)
    values = values[flip:] + values[:flip]
    table = pd.DataFrame({"image_id": map(str, range(50)), "n_relevant": 3, "cluster": range(50), "mMP@5": values})
    parts = [table.assign(dataset=name, clustered_by="query") for name in ("cars", "food")]
    return Candidate("tiny", strategy, licence, expense, pd.concat(parts, ignore_index=True), "mMP@5")


def take(*candidates: Candidate, **budget: Any) -> tuple[str, str]:
    """Strategies of the one taken and of the runner-up."""
    found = choose(candidates, Budget(**budget))
    return found.taken.strategy if found.taken else "", found.runner_up.strategy if found.runner_up else ""


def test_the_best_is_taken_where_it_is_shown_to_be_better() -> None:
    """40 against 10 of 50: no sign flip in 10,000 does that."""
    assert take(candidate("pretrained", 10, FREE), candidate("fine_tuned", 40, MUCH)) == ("fine_tuned", "pretrained")


def test_a_cheaper_one_is_taken_where_it_is_not_shown_to_be_worse() -> None:
    """20 against 21 of 50: one query decides."""
    assert take(candidate("fine_tuned", 21, MUCH), candidate("top_tuned", 20)) == ("top_tuned", "fine_tuned")


def test_the_best_stays_where_none_of_its_equals_is_cheaper() -> None:
    assert take(candidate("fine_tuned", 20, MUCH), candidate("top_tuned", 21)) == ("top_tuned", "fine_tuned")


def test_of_several_equals_the_cheapest_is_taken() -> None:
    found = [candidate("fine_tuned", 22, MUCH), candidate("top_tuned", 21), candidate("pretrained", 20, FREE)]
    assert take(*found) == ("pretrained", "fine_tuned")


def test_of_equals_of_which_each_is_cheaper_in_something_else_the_better_one_is_taken() -> None:
    narrow = Expense(minutes=2, milliseconds=10, bytes=100)
    found = [candidate("fine_tuned", 22, MUCH), candidate("top_tuned", 21), candidate("hybrid_tuned", 20, narrow)]
    assert take(*found) == ("top_tuned", "fine_tuned")


@pytest.mark.parametrize(
    ("one", "other", "is_cheaper"),
    [
        (Expense(1, 10, 100), Expense(2, 10, 100), True),
        (Expense(1, 10, 100), Expense(1.2, 10, 100), False),  # as timings differ from run to run
        (Expense(1, 12, 100), Expense(2, 10, 100), True),  # as much, give or take
        (Expense(1, 20, 100), Expense(2, 10, 100), False),  # less of one, more of another
        (Expense(0, 10, 100), Expense(None, 10, 100), True),  # what nobody measured is more than anything
        (Expense(None, None, None), Expense(None, None, None), False),
        (Expense(0, None, None), Expense(0, None, None), False),
    ],
)
def test_cheaper_is_a_fifth_less_of_something_and_not_more_of_anything(
    one: Expense, other: Expense, is_cheaper: bool
) -> None:
    assert advice.cheaper(candidate("a", 1, one), candidate("b", 1, other)) == is_cheaper
    assert not advice.cheaper(candidate("b", 1, other), candidate("a", 1, one))


def test_what_breaks_the_budget_or_was_not_measured_is_out() -> None:
    found = [candidate("fine_tuned", 40, MUCH), candidate("top_tuned", 30), candidate("pretrained", 10, FREE)]
    assert take(*found, minutes=10) == ("top_tuned", "pretrained")
    assert take(*found, minutes=0.5) == ("pretrained", "")
    unknown = candidate("fine_tuned", 40, Expense(None, 10, 1000))
    assert take(unknown, candidate("top_tuned", 30), minutes=1000) == ("top_tuned", "")
    assert take(unknown, candidate("top_tuned", 30), bytes=1000) == ("fine_tuned", "top_tuned")


def test_commerce_wants_a_licence_without_further_terms() -> None:
    found = [candidate("a", 40, licence="CC-BY-NC-4.0"), candidate("b", 30, licence="DINOv3"), candidate("c", 10)]
    assert take(*found, commercial=True) == ("c", "")
    assert take(*found)[0] == "a"


def test_p_is_corrected_for_the_number_of_rivals() -> None:
    """3 queries apart in each of two datasets, all in one direction: of 64 ways to flip them, 2 go as far."""
    best, rival = candidate("best", 30), candidate("rival", 27)
    alone = advice.against(best, [rival])[0]
    crowd = advice.against(best, [rival, *(candidate(f"other_{at}", 27) for at in range(9))])
    assert alone.holm == alone.p == pytest.approx(2 / 64, abs=0.005)
    assert crowd[0].holm == pytest.approx(10 * alone.p)
    assert (alone.shown, crowd[0].shown) == ("B", "")


def test_the_advice_in_sentences() -> None:
    found = [candidate("fine_tuned", 40, MUCH, flip=3), candidate("top_tuned", 30), candidate("pretrained", 10, FREE)]
    told = sentences(GOAL, found, Budget(minutes=10))
    assert told[0].startswith("For visual search take tiny top_tuned: mMP@5 60.0 % (95 % interval ")
    assert told[0].endswith(", mean over 2 datasets.")
    assert told[1] == "It costs 1 min of tuning, 10 ms an answer, 1,000 bytes a vector, licence MIT."
    assert told[2] == "The runner-up, tiny pretrained, loses 40.0 points (95 % interval 30.0 to 50.0, p < 0.001)."
    assert told[3].startswith("Outside the budget, tiny fine_tuned gains 20.0 points (95 % interval ")
    assert told[3].endswith("; it is out because of 60 min of tuning, where 10 is allowed.")
    assert len(told) == 4


def test_a_difference_that_is_not_shown_is_called_so() -> None:
    best, cheap = candidate("fine_tuned", 21, MUCH), candidate("top_tuned", 20)
    assert sentences(GOAL, [best, cheap])[2] == (
        "tiny fine_tuned scores 2.0 points more: no difference shown (95 % interval 0.0 to 5.0, p 0.5), and costs "
        "more: 60 min of tuning, 10 ms an answer, 1,000 bytes a vector, licence MIT."
    )
    dear, best = candidate("fine_tuned", 20, MUCH), candidate("top_tuned", 21)
    assert "tiny fine_tuned, scores 2.0 points less: no difference shown (" in sentences(GOAL, [dear, best])[2]


def test_where_there_is_nothing_to_choose_from_that_is_said() -> None:
    (one,) = [candidate("fine_tuned", 40, MUCH)]
    assert sentences(GOAL, []) == ["For visual search nothing was measured."]
    assert sentences(GOAL, [one])[2:] == ["Nothing else was measured."]
    assert sentences(GOAL, [one, candidate("a", 10, FREE)], Budget(minutes=1))[2] == (
        "Nothing else was measured within the budget."
    )
    assert sentences(GOAL, [one], Budget(minutes=1)) == [
        "For visual search nothing that was measured is within the budget. "
        "tiny fine_tuned: 60 min of tuning, where 1 is allowed."
    ]


def test_what_hinders_commerce_is_told_beside_the_costs_and_so_is_a_price() -> None:
    priced = Expense(0, 10, 1000, price=120.5)
    assert sentences(GOAL, [candidate("a", 10, priced, "CC-BY-NC-4.0")])[1] == (
        "It costs 0 min of tuning, 10 ms an answer, 1,000 bytes a vector, 120.5 for embedding a million images, "
        "licence CC-BY-NC-4.0: not for commercial use."
    )
    assert sentences(GOAL, [candidate("a", 10, Expense(None, None, None))])[1] == (
        "It costs what nobody measured, licence MIT."
    )
