"""How alike two datasets are: by hand, then against the textbook's slow way."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import eigh, sqrtm
from sklearn.covariance import ledoit_wolf

from src import similarity
from src.similarity import Space

FIVE = ["source", "target", "cka", "frechet", "transfer"]


def dataset(seed: int, labels: int = 8, each: int = 6, dim: int = 10, scale: float = 1.0) -> tuple[np.ndarray, ...]:
    """A direction a label, and noise whose size differs by dimension."""
    rng = np.random.default_rng(seed)
    codes = np.arange(labels).repeat(each)
    noise = scale * rng.uniform(0.1, 2, dim) * rng.normal(size=(len(codes), dim))
    vectors = rng.normal(size=(labels, dim))[codes] + noise
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), codes


def space(*arguments: float, **given: float) -> Space:
    found = similarity.describe(*dataset(*arguments, **given))
    assert found is not None
    return found


def along(axis: int, mean: tuple[float, ...] = (0, 0)) -> Space:
    """Two images a unit to either side of the mean, along one axis of the plane."""
    vectors = np.array(mean) + np.eye(2)[[axis, axis]] * [[1], [-1]]
    return Space(vectors, np.array([0, 1]), similarity.factor(vectors), None, float("nan"))


def measured(source: Space, target: Space) -> tuple[float, float]:
    shared = similarity.overlap(source, target)
    return similarity.cka(source, target, shared), similarity.frechet(source, target, shared)


def test_equal_datasets_are_as_alike_as_can_be() -> None:
    assert measured(along(0), along(0)) == pytest.approx((1, 0))


def test_datasets_that_vary_along_other_axes_share_nothing() -> None:
    assert measured(along(0), along(1)) == pytest.approx((0, 2))  # tr Cs + tr Ct = 1 + 1


def test_moving_a_dataset_changes_its_distance_and_not_its_cka() -> None:
    assert measured(along(0), along(0, mean=(3, 4))) == pytest.approx((1, 25))


def test_a_dataset_of_one_point_has_no_cka_but_a_distance() -> None:
    point = np.ones((2, 2))
    still = Space(point, np.array([0, 1]), similarity.factor(point), None, float("nan"))
    cka, frechet = measured(still, along(0))
    assert np.isnan(cka) and frechet == pytest.approx(2 + 1)


@pytest.mark.parametrize("dim", [5, 60])  # more images than dimensions, and fewer
def test_frechet_agrees_with_the_textbook(dim: int) -> None:
    (one, _), (two, _) = dataset(1, dim=dim), dataset(2, dim=dim, scale=0.5)
    one, two = one.astype(np.float64), two.astype(np.float64)
    covariances = np.cov(one.T, bias=True), np.cov(two.T, bias=True)
    product = covariances[0] @ covariances[1]
    root = np.sqrt(np.linalg.eigvals(product).real.clip(0)).sum()
    if dim == 5:  # scipy's root of a singular matrix is nothing to compare with
        assert np.trace(sqrtm(product)).real == pytest.approx(root)
    expected = ((one.mean(0) - two.mean(0)) ** 2).sum() + np.trace(covariances[0] + covariances[1]) - 2 * root
    assert measured(space(1, dim=dim), space(2, dim=dim, scale=0.5))[1] == pytest.approx(expected, abs=1e-6)


def test_cka_is_linear_cka_of_the_dimensions_as_paired_examples() -> None:
    """Kornblith and others' formula with the examples in columns: Gram matrices over dimensions, not over images."""
    one, two = (dataset(seed, each=each)[0].astype(float) for seed, each in ((1, 6), (2, 4)))
    one, two = one - one.mean(0), two - two.mean(0)
    grams = one.T @ one, two.T @ two
    inner = sum(grams[0][i, j] * grams[1][i, j] for i in range(10) for j in range(10))
    expected = inner / np.sqrt((grams[0] ** 2).sum() * (grams[1] ** 2).sum())
    assert measured(space(1, each=6), space(2, each=4))[0] == pytest.approx(expected)


def test_cka_and_distance_do_not_know_which_is_the_source() -> None:
    assert measured(space(1), space(2)) == pytest.approx(measured(space(2), space(1)))


def test_shrinkage_agrees_with_scikit_learn() -> None:
    centred = np.random.default_rng(0).normal(size=(20, 30)) * np.linspace(0.1, 3, 30)
    centred -= centred.mean(0)
    assert np.allclose(similarity.shrunk(centred), ledoit_wolf(centred, assume_centered=True)[0])


def test_the_head_spans_what_the_generalised_eigenvectors_span() -> None:
    """The textbook's discriminant analysis: between v = value * within v."""
    vectors, codes = dataset(3, labels=4)
    vectors = vectors.astype(np.float64)
    head = similarity.linear_head(vectors, codes)
    assert head is not None and head.shape == (10, 3)
    centroids = np.stack([vectors[codes == code].mean(0) for code in range(4)])[codes]
    within = similarity.shrunk(vectors - centroids)
    _, theirs = eigh(np.cov(centroids.T), within)
    spans = [np.linalg.qr(basis)[0] for basis in (head, theirs[:, -3:])]
    assert np.linalg.svd(spans[0].T @ spans[1], compute_uv=False) == pytest.approx(np.ones(3))
    assert head.T @ within @ head == pytest.approx(np.eye(3), abs=1e-9)


def lit(seed: int, light: int) -> Space:
    """Three labels on a circle in the plane of the other two axes; along axis `light` they are lit by chance."""
    codes = np.arange(3).repeat(10)
    angle = codes * 2 * np.pi / 3
    parts = [np.cos(angle), np.sin(angle)]
    parts.insert(light, 5 * np.random.default_rng(seed).normal(size=30))
    vectors = np.stack(parts, 1) + 0.01 * np.random.default_rng(seed + 1).normal(size=(30, 3))
    found = similarity.describe(vectors.astype(np.float32), codes)
    assert found is not None
    return found


def test_a_head_helps_a_target_that_is_disturbed_as_its_source_is() -> None:
    target = lit(0, light=2)
    assert target.quality < 0.7
    assert similarity.transfer(lit(5, light=2), target) == pytest.approx(1 - target.quality)
    assert similarity.transfer(lit(5, light=0), target) < 0.1


def test_each_image_searches_all_others_and_never_itself() -> None:
    angles = np.radians([0, 1, 90, 91])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1)
    assert similarity.leave_one_out(vectors, np.array([0, 0, 1, 1])) == 1
    assert similarity.leave_one_out(vectors, np.array([0, 1, 1, 0])) == 0
    assert np.isnan(similarity.leave_one_out(vectors, np.arange(4)))


def test_leave_one_out_agrees_with_a_double_loop() -> None:
    vectors, codes = dataset(4, labels=5, each=7, scale=2)
    codes[-1] = 9  # alone: asks nothing, and is found by nobody rightly
    scores = []
    for i in range(len(codes)):
        others = [j for j in range(len(codes)) if j != i]
        relevant = sum(codes[j] == codes[i] for j in others)
        ranked = sorted(others, key=lambda j: -float(vectors[i].astype(float) @ vectors[j].astype(float)))
        cut = min(relevant, 5)
        scores += [sum(codes[j] == codes[i] for j in ranked[:cut]) / cut] if cut else []
    for block in (4, 1024):
        found = similarity.leave_one_out(vectors.astype(np.float64), codes, block)
        assert found == pytest.approx(np.mean(scores))


def test_what_is_chosen_is_spread_over_labels_and_always_the_same() -> None:
    labels = np.array([0] * 50 + [1] * 3 + [2] * 10 + [3])
    rows = similarity.choose(labels, most_labels=4, most_images=12)
    assert np.bincount(labels[rows]).tolist() in ([4, 3, 4, 1], [5, 3, 3, 1])
    assert np.array_equal(rows, similarity.choose(labels, 4, 12)) and (np.diff(rows) > 0).all()
    assert len(np.unique(labels[similarity.choose(labels, 2, 100)])) == 2
    assert np.array_equal(similarity.choose(labels, 4, 100), np.arange(64))


def test_labels_that_were_not_chosen_leave_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings, codes = dataset(5)
    monkeypatch.setattr(similarity, "MOST_LABELS", 3)
    some = similarity.describe(embeddings, codes)
    assert some is not None and some.head is not None
    assert np.unique(some.labels).tolist() == [0, 1, 2] and some.head.shape == (10, 2)
    rows = similarity.choose(codes, 3, similarity.MOST_IMAGES)
    names = np.array(list("abcdefgh"))[codes[rows]]
    monkeypatch.undo()
    again = similarity.describe(embeddings[rows], names)
    assert again is not None and np.array_equal(some.head, again.head) and some.quality == again.quality


def test_every_ordered_pair_has_a_row() -> None:
    table = similarity.compare({name: space(seed) for seed, name in enumerate("abc")})
    assert list(table.columns) == FIVE
    assert list(table["source"] + table["target"]) == ["ab", "ac", "ba", "bc", "ca", "cb"]
    assert table.notna().all().all()
    cells = table.set_index(["source", "target"])
    assert cells.loc[("a", "b"), "cka"] == cells.loc[("b", "a"), "cka"]
    assert cells.loc[("a", "b"), "transfer"] != cells.loc[("b", "a"), "transfer"]
    assert similarity.compare({"a": space(0)}).empty


@pytest.mark.parametrize(
    ("codes", "known"),
    [(np.zeros(12), {"cka", "frechet"}), (np.arange(12), {"cka", "frechet"}), (np.zeros(0), set())],
)
def test_what_too_few_labels_or_images_cannot_tell_is_left_empty(codes: np.ndarray, known: set[str]) -> None:
    """One label; labels of one image each; nothing at all."""
    poor = similarity.describe(dataset(1)[0][: len(codes)], codes)
    table = similarity.compare({"poor": poor, "rich": space(2)}).set_index("source")
    assert set(table.columns[table.loc["poor"].notna()]) - {"target"} == known


def test_a_label_of_equal_images_has_no_head() -> None:
    vectors = np.eye(3)[[0, 0, 1, 1]]
    assert similarity.linear_head(vectors, np.array([0, 0, 1, 1])) is None


def test_the_best_source_of_a_target_is_named_first() -> None:
    pairs = [("a", "c", -0.02), ("b", "c", 0.031), ("d", "c", float("nan"))]
    table = pd.DataFrame([(s, t, 0.5, 0.1, v) for s, t, v in pairs], columns=FIVE)
    assert similarity.lines(table)[1:] == ["  c  b +3.1  a -2.0  d +nan"]
    assert similarity.lines(table[:0]) == []
