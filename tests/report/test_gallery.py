"""Which queries are shown, what is right about them, and how small their pictures are."""

import base64
import io

import numpy as np
import pandas as pd
from PIL import Image

from src.neighbors import Neighbors
from src.report import gallery

LABELS = np.array([f"label {row // 2}" for row in range(20)])  # rows 2k and 2k + 1 show the same
QUALITY = pd.DataFrame(
    {"pretrained": [0.2, 0.0, 0.4, 0.0, 0.6, 0.8], "top_tuned": [0.4, 0.0, 0.2, 0.8, 0.6, 1.0]},
    index=[0, 1, 2, 4, 6, 8],
)


def neighbors(rows: list[list[int]], hits: list[list[int]], n_relevant: list[int]) -> Neighbors:
    found = Neighbors.blank(QUALITY.index.to_numpy()[: len(rows)], np.array(n_relevant), 10)
    found.rows[:, : len(rows[0])] = rows
    found.hits[:] = np.packbits(np.array(hits, bool), axis=1)
    return found


def test_the_worst_the_largest_gains_and_some_by_chance_are_chosen() -> None:
    chosen = gallery.choose(QUALITY, LABELS, 6, seed=0)
    assert chosen[:4] == [(1, "worst"), (2, "worst"), (4, "gain"), (0, "gain")]
    assert sorted(row for row, reason in chosen[4:] if reason == "chance") == [6, 8]


def test_the_worst_are_not_all_of_one_label() -> None:
    quality = pd.DataFrame({"pretrained": [0.0, 0.0, 0.1]}, index=[0, 1, 2])
    assert gallery.choose(quality, LABELS, 4, seed=0)[:2] == [(0, "worst"), (2, "worst")]


def test_no_query_is_chosen_twice_and_never_more_than_there_are() -> None:
    for count in range(12):
        rows = [row for row, _ in gallery.choose(QUALITY, LABELS, count, seed=0)]
        assert len(rows) == len(set(rows)) == min(count, len(QUALITY))


def test_chance_depends_on_the_seed_alone() -> None:
    quality = pd.DataFrame({"pretrained": np.linspace(0, 1, 20)})
    assert gallery.choose(quality, LABELS, 9, seed=1) == gallery.choose(quality, LABELS, 9, seed=1)
    assert gallery.choose(quality, LABELS, 9, seed=1) != gallery.choose(quality, LABELS, 9, seed=2)


def test_pretrained_stands_beside_the_best_tuned_strategy() -> None:
    assert gallery.contrast(QUALITY.assign(fine_tuned=0.9)) == ["pretrained", "fine_tuned"]
    assert gallery.contrast(QUALITY[["pretrained"]]) == ["pretrained"]
    assert gallery.contrast(QUALITY[["top_tuned"]]) == ["top_tuned"]


def test_only_the_ranks_that_mmp5_looks_at_are_counted() -> None:
    found = neighbors([[1, 9, 10, 0]], [[1, 0, 1, 0, 0, 0, 0, 0, 0, 0]], n_relevant=[2])
    ranking = gallery.rank("pretrained", found, 0)
    assert (ranking.rows, ranking.right) == ((1, 9, 10, 0), (True, False, True, False))
    assert (ranking.counted, ranking.hits) == (2, 1)


def test_a_gallery_names_every_row_it_shows() -> None:
    manifest = pd.DataFrame({"label": LABELS, "category": "x" * 300})
    found = neighbors([[row + 9, row + 10] for row in range(6)], [[0] * 10] * 6, [1] * 6)
    made = gallery.gather(QUALITY, {"pretrained": found, "top_tuned": found}, manifest, 6, seed=0)
    assert set(made.names) == {row for case in made.cases for row in case.rows}
    assert {category for _, category in made.names.values()} == {"x" * gallery.LONGEST}


def test_a_dataset_without_any_query_that_counts_has_an_empty_gallery() -> None:
    assert gallery.gather(QUALITY[:0], {}, pd.DataFrame(), 6, seed=0).cases == ()


def noise(side: int) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(side).integers(0, 256, (side, 2 * side, 3), np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))))


def test_thumbnails_keep_their_shape_and_are_never_enlarged() -> None:
    uris = gallery.thumbnails({"large": noise(200), "small": noise(20)}, ["large", "small"])
    assert {name: opened(uri).size for name, uri in uris.items()} == {"large": (96, 48), "small": (40, 20)}


def test_even_the_most_cases_of_the_noisiest_pictures_keep_to_the_budget() -> None:
    pictures = {key: noise(130 + key) for key in range(3)}
    uses = [key % 3 for key in range(gallery.MOST_CASES * 11)]
    uris = gallery.thumbnails(pictures, uses)
    assert sum(len(uris[key]) for key in uses) <= gallery.BUDGET
