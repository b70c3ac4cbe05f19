from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from src import calibration, metrics

LABELS = np.array(["a", "a", "a", "b", "b", "c"])
# on a circle, by their angles: a label's images lie together, c is near the b's
ANGLES = np.deg2rad([0.0, 1.0, 2.5, 40.0, 41.0, 45.0])


def circle(angles: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_nearest_are_the_others_best_first_and_equals_by_row() -> None:
    found = calibration.nearest(circle(ANGLES))
    assert found.shape == (6, 5)
    assert found[0].tolist() == [1, 2, 3, 4, 5]
    assert found[5].tolist() == [4, 3, 2, 1, 0]
    twins = np.ones((4, 1), np.float32)
    assert calibration.nearest(twins)[2].tolist() == [0, 1, 3]


def test_equal_vectors_keep_all_neighbours_and_do_not_move_mmp5() -> None:
    vectors = circle(ANGLES)
    found = calibration.compare(vectors, vectors, LABELS)
    assert found == {"images": 6, "kept": 1.0, "mMP@5": 1.0, "mMP@5_change": 0.0}


def test_what_a_swap_costs_by_hand() -> None:
    """Twelve on a line; two far neighbours change places and some others lose one of their five."""
    before = np.deg2rad(np.arange(12.0) ** 1.3)
    after = before.copy()
    after[[0, 11]] = after[[11, 0]]
    labels = np.array(list("aabbccddeeff"))
    found = calibration.compare(circle(before), circle(after), labels)
    first = [calibration.nearest(circle(angles)) for angles in (before, after)]
    kept = [len(set(one) & set(other)) / 5 for one, other in zip(*first, strict=True)]
    assert found["kept"] == pytest.approx(np.mean(kept), abs=1e-6)
    assert 0 < found["kept"] < 1
    # every image has one relevant other, so mMP@5 is the share whose nearest is of their label
    hits = [[labels[near[0]] == label for near, label in zip(some, labels, strict=True)] for some in first]
    assert found["mMP@5"] == pytest.approx(np.mean(hits[0]), abs=1e-6)
    assert found["mMP@5_change"] == pytest.approx(np.mean(hits[1]) - np.mean(hits[0]), abs=1e-6)
    assert found["mMP@5_change"] != 0


def test_mmp5_is_that_of_the_metrics() -> None:
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(200, 6)).astype(np.float32), rng.integers(0, 30, 200).astype(str)
    labels[:3] = ["x", "y", "z"]  # nobody to find
    first = calibration.nearest(vectors)
    n_relevant = np.array([(labels == label).sum() - 1 for label in labels])
    asked = n_relevant > 0
    hits = np.zeros((200, 20), bool)
    hits[:, :5] = labels[first] == labels[:, None]
    expected = metrics.mmp_at(5, hits[asked], n_relevant[asked].astype(np.int32), np.zeros(asked.sum(), np.int32))
    assert calibration.mean_mmp5(first, labels) == pytest.approx(expected.mean())


def test_a_sample_takes_labels_whole_up_to_a_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "CROWD", 3)
    labels = np.repeat(np.array(list("abcdef")), 10)
    rows = calibration.sample(labels, 9)
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert sorted(np.unique(labels[rows], return_counts=True)[1].tolist()) == [3, 3, 3]
    assert np.array_equal(rows, calibration.sample(labels, 9))
    all_three = np.unique(labels[calibration.sample(labels, 18)], return_counts=True)[1]
    assert all_three.tolist() == [3] * 6


def test_a_sample_of_a_small_dataset_is_all_of_it() -> None:
    assert calibration.sample(LABELS, 4000).tolist() == [0, 1, 2, 3, 4, 5]
    assert len(calibration.sample(np.repeat(["a", "b"], 3000), 4000)) == 4000


def tried(exact: NDArray[np.float32], rough: NDArray[np.float32]) -> calibration.Tried:
    return lambda precision, rows: {"fp32": exact, "bf16": rough}[precision][rows]


def test_bf16_is_taken_where_nothing_changes_and_a_line_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    vectors = circle(ANGLES)
    found = calibration.settle(tried(vectors, vectors), LABELS, "extract toys")
    assert found["precision"] == "bf16"
    assert found["calibration"]["images"] == 6
    line = "bf16 keeps 100.00% of the first 5 neighbours (least 99.5%) and moves mMP@5 by +0.0000 (less than 0.002)"
    assert capsys.readouterr().out == f"extract toys: bf16; tried on 6 images {line}\n"


def test_fp32_stays_where_neighbours_are_lost_though_mmp5_stands_still() -> None:
    before = np.deg2rad([0.0, 0.1, *range(30, 70, 2)])
    after = before.copy()
    after[-1] = np.deg2rad(31.0)  # somebody nobody is looking for comes between
    labels = np.array(["a", "a", *(f"alone {number}" for number in range(20))])
    found = calibration.settle(tried(circle(before), circle(after)), labels)
    assert found["calibration"]["mMP@5_change"] == 0
    assert found["calibration"]["kept"] < calibration.KEPT
    assert found["precision"] == "fp32"


def test_fp32_stays_where_mmp5_moves_though_neighbours_stay() -> None:
    """With six images everybody is among the first five: only the order can change."""
    other = ANGLES.copy()
    other[5] = np.deg2rad(40.6)  # c between the b's
    found = calibration.settle(tried(circle(ANGLES), circle(other)), LABELS)
    assert found["calibration"]["kept"] == 1
    assert found["calibration"]["mMP@5_change"] == pytest.approx(-2 / 5)
    assert found["precision"] == "fp32"


@pytest.mark.parametrize("labels", [["a"], ["a", "b", "c"]])
def test_fp32_stays_where_nothing_can_be_measured(labels: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    vectors = circle(ANGLES[: len(labels)])
    found = calibration.settle(tried(vectors, vectors), np.array(labels))
    assert found["precision"] == "fp32"
    assert found["calibration"]["mMP@5_change"] is None
    assert "do not tell what bf16 changes" in capsys.readouterr().out


def test_a_fixed_precision_is_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def embed_rows(*_: object, **options: object) -> NDArray[np.float32]:
        calls.append((_[2], options["engine"]))
        return circle(ANGLES)

    monkeypatch.setattr(calibration, "embed_rows", embed_rows)
    made = {"precision": "bf16", "engine": "openvino"}
    vectors, about = calibration.embed(None, None, made, LABELS, None, "t", tmp_path)  # type: ignore[arg-type]
    assert calls == [("bf16", "openvino")]
    assert about == made
    assert len(vectors) == 6
