"""Vectors in fewer bytes: codecs on toys, the ranking against faiss's own indexes and a plain loop."""

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from src import compression, statistics
from src.compression import CENTROIDS, Codec, as_it_is, codecs
from src.retrieval import Side


def directions(count: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    """More spread along the first dimensions than along the last, and not around zero."""
    spread = np.linspace(2, 0.2, dim)
    vectors = np.random.default_rng(seed).standard_normal((count, dim)) * spread + 0.5
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def side(vectors: NDArray[np.float32], labels: list[int] | NDArray[np.int64], start: int = 0) -> Side:
    rows = np.arange(start, start + len(vectors))
    return Side(np.ascontiguousarray(vectors), np.asarray(labels, np.int64), rows, rows)


def leave_one_out(count: int = 300, dim: int = 32, labels: int = 40) -> Side:
    return side(directions(count, dim), np.arange(count) % labels)


def slow_mmp5(query: Side, gallery: Side, codec: Codec) -> NDArray[np.float64]:
    """The definition, in float64, a query and a gallery image at a time."""
    asked = codec.shorten(query.vectors).astype(np.float64)
    stored = codec.keep(codec.shorten(gallery.vectors)).astype(np.float64)
    scores = []
    for i in range(len(query)):
        others = [j for j in range(len(gallery)) if gallery.rows[j] != query.rows[i]]
        distance = {j: sum((asked[i] - stored[j]) ** 2) for j in others}
        right = [gallery.labels[j] == query.labels[i] for j in sorted(others, key=distance.__getitem__)]
        cut = min(sum(right), 5)
        scores.append(sum(right[:cut]) / cut if cut else np.nan)
    return np.array(scores)


def test_every_codec_says_the_bytes_it_takes() -> None:
    found = codecs(directions(300, 32), [8, 16, 64], [4, 5])
    assert {name: codec.bytes for name, codec in found.items()} == {
        "float32": 128,
        "float16": 64,
        "int8": 32,
        "centred": 128,
        "pca_8": 32,
        "pca_8_int8": 8,
        "pca_16": 64,
        "pca_16_int8": 16,
        "truncated_8": 32,
        "truncated_16": 64,
        "pq_4": 4,
    }


@pytest.mark.parametrize(
    ("rows", "missing"),
    [(CENTROIDS - 1, {"pq_4"}), (16, {"pq_4", "pca_16"}), (1, {"pq_4", "pca_16", "pca_8", "int8", "centred"})],
)
def test_a_codec_with_too_little_to_fit_on_is_left_out(rows: int, missing: set[str]) -> None:
    found = codecs(directions(rows, 32), [8, 16], [4])
    assert not missing & found.keys()
    assert {"float32", "float16", "truncated_8"} <= found.keys()


def test_nothing_at_all_to_fit_on_leaves_what_needs_no_fitting() -> None:
    assert list(codecs(directions(0, 32), [8], [4])) == ["float32", "float16", "truncated_8"]


def test_what_is_kept_is_close_where_bytes_are_many_and_further_away_where_they_are_few() -> None:
    vectors = directions(2000, 32)
    found = codecs(vectors, [], [8, 4])
    error = {name: np.abs(found[name].keep(vectors) - vectors).mean() for name in ("float16", "int8", "pq_8", "pq_4")}
    assert error["float16"] < 1e-4 < error["int8"] < 0.005 < error["pq_8"] < error["pq_4"]


def test_truncation_keeps_the_first_numbers_at_length_1() -> None:
    short = codecs(directions(5, 4), [2], [])["truncated_2"].shorten(np.float32([[0.3, 0.4, 0.5, 0.7], [0, 0, 1, 0]]))
    assert short == pytest.approx(np.array([[0.6, 0.8], [0, 0]]))


def test_centring_takes_away_what_all_have_in_common() -> None:
    vectors = np.float32([[0.8, 0.6], [0.8, -0.6]])
    assert codecs(vectors, [], [])["centred"].shorten(vectors) == pytest.approx(np.array([[0, 1], [0, -1]]))


def test_pca_finds_the_directions_that_numpys_svd_finds() -> None:
    vectors, others = directions(400, 12), directions(30, 12, seed=1)
    mean = vectors.astype(np.float64).mean(0)
    axes = np.linalg.svd(vectors - mean, full_matrices=False)[2][:5]
    theirs = (others - mean) @ axes.T
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    ours = codecs(vectors, [5, 3], [])["pca_5"].shorten(others)
    assert ours @ ours.T == pytest.approx(theirs @ theirs.T, abs=1e-4)  # an axis may point either way


@pytest.mark.parametrize("name", ["float32", "float16", "int8", "centred", "pca_8_int8", "truncated_8", "pq_4"])
def test_quality_agrees_with_a_double_loop(name: str) -> None:
    images = leave_one_out()
    codec = codecs(images.vectors, [8], [4])[name]
    assert compression.quality(images, images, codec) == pytest.approx(slow_mmp5(images, images, codec), abs=1e-12)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("int8", faiss.IndexScalarQuantizer(32, faiss.ScalarQuantizer.QT_8bit)),
        ("float16", faiss.IndexScalarQuantizer(32, faiss.ScalarQuantizer.QT_fp16)),
        ("pq_8", faiss.IndexPQ(32, 8, 8)),
    ],
)
def test_the_ranking_is_that_of_faisss_own_index(name: str, index: faiss.Index) -> None:
    gallery, query = directions(3000, 32), directions(200, 32, seed=1)
    index.train(gallery)
    index.add(gallery)
    theirs = index.search(query, 5)[1]
    codec = codecs(gallery, [], [8])[name]
    ours = compression.nearest(side(query, np.zeros(200), 3000), side(gallery, np.zeros(3000)), codec)
    assert (ours == theirs).mean() > 0.995  # equal codes tie, and faiss orders ties as it likes


def test_a_query_without_anything_to_find_has_no_quality() -> None:
    vectors = directions(3, 4)
    asked, searched = side(vectors[:2], [0, 7], 10), side(vectors, [0, 0, 1])
    assert np.isnan(compression.quality(asked, searched, codecs(vectors, [], [])["float32"])).tolist() == [False, True]


def test_a_gallery_shorter_than_five_is_no_hit_beyond_its_end() -> None:
    vectors = directions(4, 4)
    asked, searched = side(vectors[:1], [0], 10), side(vectors[1:], [0, 1, 1])
    assert compression.nearest(asked, searched, Codec(16, as_it_is, as_it_is))[0, 3:].tolist() == [-1, -1]
    assert compression.quality(asked, searched, Codec(16, as_it_is, as_it_is))[0] in (0, 1)


def test_whole_vectors_lose_nothing_and_noise_loses_much() -> None:
    images = leave_one_out(240, 32, 60)
    near = images.vectors[images.labels] * 3 + images.vectors  # of one label close together
    images = side((near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32), images.labels)
    noise = directions(240, 32, seed=5)
    found = {"float32": Codec(128, as_it_is, as_it_is), "noise": Codec(1, as_it_is, lambda vectors: noise)}
    table = compression.table(compression.play(images, images, found, images.labels, "toys"))
    whole, spoilt = table.to_dict("records")
    assert (whole["lost"], whole["low"], whole["high"]) == (0, 0, 0)
    assert spoilt["lost"] == pytest.approx(whole["mMP@5"] - spoilt["mMP@5"])
    assert 0.5 < spoilt["low"] < spoilt["lost"] < spoilt["high"]


def test_the_mean_over_datasets_has_the_codecs_that_all_have() -> None:
    def outcome(names: list[str], sizes: list[int], quality: list[float]) -> compression.Outcome:
        drawn = quality[0] - np.tile(quality, (1000, 1))
        return compression.Outcome(names, sizes, np.array(quality), statistics.Resamples(drawn, 50))

    one = outcome(["float32", "int8", "pq_4"], [64, 16, 4], [0.8, 0.7, 0.1])
    two = outcome(["float32", "pq_4"], [128, 4], [0.6, 0.5])
    table = compression.table(compression.over_datasets([one, two]))
    assert table.to_dict("list") == {
        "codec": ["float32", "pq_4"],
        "bytes": [128, 4],
        "mMP@5": [0.7, 0.3],
        "lost": [0, 0.4],
        "low": [0, 0.4],
        "high": [0, 0.4],
    }
    assert compression.lines(table)[1:] == [
        "  float32           128   70.0",
        "  pq_4                4   30.0  +40.0 (+40.0 to +40.0)",
    ]


def test_places_are_spread_evenly_and_all_taken_where_they_are_few() -> None:
    assert compression.spread(5, 10).tolist() == [0, 1, 2, 3, 4]
    assert compression.spread(101, 3).tolist() == [0, 50, 100]
    assert compression.spread(0, 3).tolist() == []
