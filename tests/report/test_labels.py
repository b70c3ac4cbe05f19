"""Labels beside marks, by hand; charts of many are tested where they are drawn."""

from src.report.labels import CHARACTER, LINE, overlap, room

FIELD = (0, 0, 100, 100)
WIDTH = 3 * CHARACTER


def test_a_label_stands_right_of_its_mark_and_left_of_it_at_the_edge() -> None:
    label, box = room(50, 50, "abc", [], FIELD, radius=5)
    assert label == (58, 54, "start") and box == (58, 50 - LINE / 2, 58 + WIDTH, 50 + LINE / 2)
    assert room(95, 50, "abc", [], FIELD, radius=5)[0] == (87, 54, "end")


def test_it_gives_way_to_what_is_there_and_is_left_out_where_nothing_is_free() -> None:
    right, everywhere = (55.0, 45.0, 70.0, 55.0), (0.0, 0.0, 100.0, 100.0)
    assert room(50, 50, "abc", [right], FIELD, radius=5)[0] == (42, 54, "end")
    assert room(50, 50, "abc", [everywhere], FIELD, radius=5) == (None, None)
    assert room(50, 50, "a" * 20, [], FIELD, radius=5) == (None, None)


def test_boxes_that_only_touch_do_not_overlap() -> None:
    assert overlap((0, 0, 2, 2), (1, 1, 3, 3)) and not overlap((0, 0, 2, 2), (2, 0, 3, 2))
