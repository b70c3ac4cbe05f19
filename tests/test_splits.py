"""Groups stay together; parts are what was asked for, whatever the order of the rows; validation mirrors the test."""

import numpy as np
import pytest
from numpy.typing import NDArray

from src import splits


def catalogue(labels: int, images: int, burst: int = 1) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Label and group of `images` images of each label, in bursts of `burst`."""
    label = np.array([f"label{i}" for i in range(labels) for _ in range(images)], object)
    group = np.array([f"{name}/{i % images // burst}" for i, name in enumerate(label)], object)
    return label, group


def of_label(label: NDArray[np.object_], part: NDArray[np.bool_]) -> dict[str, int]:
    """How many images of each label are in the part."""
    return {name: int(part[label == name].sum()) for name in sorted(set(label))}


def test_byte_equal_images_and_given_groups_stay_together() -> None:
    #          a    b    c    d    e    f
    given = ["", "x", "x", "", "y", ""]
    image = ["a", "b", "c", "d", "e", "f"]
    bytes_ = ["1", "2", "3", "3", "4", "1"]  # a = f, c = d
    assert splits.merge(given, image, bytes_).tolist() == ["a", "x", "x", "x", "y", "a"]


def test_a_chain_of_equal_bytes_and_groups_is_one_group() -> None:
    n = 50  # images 2i and 2i + 1 have equal bytes, 2i + 1 and 2i + 2 one given group
    given = [f"g{(i + 1) // 2}" for i in range(n)]
    bytes_ = [str(i // 2) for i in range(n)]
    assert set(splits.merge(given, [str(i) for i in range(n)], bytes_)) == {"g0"}


def test_merge_agrees_with_a_flood_fill() -> None:
    rng = np.random.default_rng(0)
    given = [str(x) if x < 12 else "" for x in rng.integers(0, 24, 60)]
    bytes_ = [str(x) for x in rng.integers(0, 45, 60)]
    found = splits.merge(given, [f"i{i}" for i in range(60)], bytes_)
    for start in range(60):
        seen, waiting = set(), [start]
        while waiting:
            i = waiting.pop()
            seen.add(i)
            linked = [j for j in range(60) if bytes_[i] == bytes_[j] or (given[i] and given[i] == given[j])]
            waiting += [j for j in linked if j not in seen]
        assert seen == {j for j in range(60) if found[j] == found[start]}


def test_every_label_gives_the_fraction() -> None:
    label, group = catalogue(labels=10, images=10)
    assert set(of_label(label, splits.set_apart(label, group, 0.4, 0.0, "0")).values()) == {4}


def test_a_fraction_too_small_for_two_images_a_label_takes_two_of_some_labels() -> None:
    label, group = catalogue(labels=40, images=10)
    part = splits.set_apart(label, group, 0.1, 0.0, "0")
    assert part.sum() == pytest.approx(40, abs=1)
    assert set(of_label(label, part).values()) == {0, 2}


@pytest.mark.parametrize(("images", "burst"), [(3, 1), (10, 1), (7, 2), (30, 10), (12, 5)])
@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.4])
def test_groups_never_straddle_and_labels_keep_enough_on_both_sides(images: int, burst: int, fraction: float) -> None:
    label, group = catalogue(30, images, burst)
    part = splits.set_apart(label, group, fraction, 0.0, "0")
    assert all(part[group == name].all() or not part[group == name].any() for name in set(group))
    counts = set(of_label(label, part).values())
    assert 1 not in counts
    assert images not in counts
    assert part.mean() == pytest.approx(fraction, abs=0.04)


def test_labels_of_every_size_give_their_share_together() -> None:
    label = np.array([f"label{i}" for i in range(60) for _ in range(1 + i % 12)], object)
    group = np.array([str(i) for i in range(len(label))], object)
    part = splits.set_apart(label, group, 0.2, 0.0, "0")
    assert part.mean() == pytest.approx(0.2, abs=0.01)
    assert not {name for name, n in of_label(label, part).items() if n == 1}
    assert all((~part)[label == name].any() for name in set(label))


def test_unseen_labels_are_held_out_whole() -> None:
    label, group = catalogue(labels=40, images=10)
    part = splits.set_apart(label, group, 0.2, 1.0, "0")
    assert sorted(of_label(label, part).values()) == [0] * 32 + [10] * 8


def test_between_seen_and_unseen_both_come_in_proportion() -> None:
    label, group = catalogue(labels=40, images=10)
    part = splits.set_apart(label, group, 0.2, 0.5, "0")
    counts = sorted(of_label(label, part).values())
    assert counts.count(10) == 4  # half of the part: 4 of 40 labels
    assert set(counts) == {0, 2, 10}  # the other half: two images of labels that training keeps
    assert part.sum() == pytest.approx(80, abs=1)


def test_a_held_out_label_can_be_searched() -> None:
    label = np.array(["single"] * 1 + [f"alone{i}" for i in range(30)] + ["a", "a", "b", "b"], object)
    part = splits.set_apart(label, np.arange(len(label)).astype(str).astype(object), 0.5, 1.0, "0")
    assert set(label[part]) == {"a", "b"}


def test_two_images_a_label_are_held_out_by_label() -> None:
    label, group = catalogue(labels=10, images=2)
    assert sorted(of_label(label, splits.set_apart(label, group, 0.2, 0.0, "0")).values()) == [0] * 8 + [2] * 2


@pytest.mark.parametrize(("labels", "images"), [(1, 1), (2, 1), (2, 2), (5, 1)])
def test_too_few_images_leave_all_of_them_for_training(labels: int, images: int) -> None:
    label, group = catalogue(labels, images)
    assert not splits.set_apart(label, group, 0.2, 0.0, "0").any()


def test_a_group_of_two_labels_stays_together() -> None:
    label, group = catalogue(labels=8, images=6)
    group[[0, 6]] = "shared"  # one image of label0, one of label1
    for seed in "012345":
        part = splits.set_apart(label, group, 0.4, 0.0, seed)
        assert part[0] == part[6]


@pytest.mark.parametrize("unseen", [0.0, 0.5, 1.0])
def test_the_order_of_rows_changes_nothing_and_the_seed_does(unseen: float) -> None:
    label, group = catalogue(20, 9, 2)
    order = np.random.default_rng(1).permutation(len(label))
    part = splits.set_apart(label, group, 0.2, unseen, "0")
    np.testing.assert_array_equal(splits.set_apart(label[order], group[order], 0.2, unseen, "0"), part[order])
    assert (splits.set_apart(label, group, 0.2, unseen, "1") != part).any()


def test_one_image_more_moves_few_others() -> None:
    label, group = catalogue(20, 20)
    before = splits.set_apart(label, group, 0.2, 0.0, "0")
    after = splits.set_apart(np.append(label, "label3"), np.append(group, "new"), 0.2, 0.0, "0")
    assert (after[:-1] != before).sum() <= 2


def test_divide_makes_train_and_test() -> None:
    label, group = catalogue(labels=5, images=10)
    split = splits.divide(label, group, 0.4, seed=0)
    assert of_label(label, split == "test") == {f"label{i}": 4 for i in range(5)}
    assert set(split) == {"train", "test"}


def test_a_share_of_unseen_query_labels_is_counted() -> None:
    assert splits.unseen_share(["a", "a", "b", "c", "d"], ["a", "x"]) == 0.75
    assert splits.unseen_share([], ["a"]) == 0.0


def with_query(unseen: int) -> tuple[NDArray[np.object_], NDArray[np.object_], NDArray[np.object_]]:
    """Split, label, group: 20 training labels of 10 images, and queries of 10 of them and of `unseen` more."""
    label, group = catalogue(20, 10)
    asked = np.array([f"label{i}" for i in range(10)] + [f"other{i}" for i in range(unseen)], object)
    split = np.array(["train"] * len(label) + ["query"] * len(asked), object)
    return split, np.append(label, asked), np.append(group, [f"q{i}" for i in range(len(asked))])


def test_validation_mirrors_the_query_split() -> None:
    for unseen, whole in ((0, 0), (10, 2)):
        split, label, group = with_query(unseen)
        role = splits.tuning(split, label, group, "query", 0.2, seed=0)
        assert list(of_label(label, role == "val").values()).count(10) == whole
        assert (role == "val").sum() == pytest.approx(40, abs=1)
        assert set(role[split == "train"]) == {"train", "val"}
        assert set(role[split == "query"]) == {""}


def test_queries_of_unseen_labels_alone_hold_out_labels() -> None:
    split, label, group = with_query(5)
    seen = (split == "query") & np.isin(label, label[split == "train"])
    role = splits.tuning(split[~seen], label[~seen], group[~seen], "query", 0.2, seed=0)
    assert sorted(of_label(label[~seen], role == "val").values()) == [0] * 21 + [10] * 4


def test_a_validation_split_of_the_datasets_own_is_taken_as_it_is() -> None:
    split = ["train", "val", "test", "train"]
    role = splits.tuning(split, ["a", "a", "a", "b"], ["1", "2", "3", "4"], "test", 0.5, seed=0)
    assert role.tolist() == ["train", "val", "", "train"]


def test_without_training_images_nothing_is_tuned() -> None:
    assert splits.tuning(["query", "gallery"], ["a", "a"], ["1", "2"], "query", 0.2, seed=0).tolist() == ["", ""]
