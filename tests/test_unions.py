"""What the names of merged sources stand for."""

from src import unions

NAMES = ["cars", "food", "shelf"]


def test_all_is_every_dataset_and_all_but_one_is_the_others() -> None:
    assert unions.members(NAMES) == {
        "all": ["cars", "food", "shelf"],
        "all_but_cars": ["food", "shelf"],
        "all_but_food": ["cars", "shelf"],
        "all_but_shelf": ["cars", "food"],
    }


def test_a_source_is_judged_by_what_it_has_not_seen_and_one_that_has_seen_all_by_all() -> None:
    assert unions.judges("all_but_food", NAMES) == ["food"]
    assert unions.judges("all", NAMES) == NAMES
