"""The sample catalogue keeps its promises to whoever trains and measures on it."""

import csv
import hashlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from src.errors import UserError
from src.sample import camera, catalogue
from src.sample.catalogue import PHONE, STUDIO, caption, cutout, photograph, products, write
from src.sample.drawing import colour_name
from src.sample.families import FAMILIES

SMALL = {"train": 2, "gallery": 1, "query": 1, "studio": 1}
every_family = pytest.mark.parametrize("family", FAMILIES)


def digest(folder: Path) -> dict[str, str]:
    """Hash of every file by its place."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def small_dataset(folder: Path, family: str = "packaged", **changes: int) -> Path:
    """A dataset of three labels and one unseen one, 32 px."""
    options: dict[str, Any] = {"seed": 3, "labels": 3, "unseen_labels": 1, "photos": SMALL, "workers": 1}
    options |= {"messiness": 1.0, "size": 32, **changes}
    write(folder, family, **options)
    return folder


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / catalogue.TABLE).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@every_family
def test_the_same_seed_gives_the_same_bytes(family, tmp_path):
    first = small_dataset(tmp_path / "first", family)
    assert digest(first) == digest(small_dataset(tmp_path / "again", family))
    assert digest(first) != digest(small_dataset(tmp_path / "other", family, seed=4))


def test_two_processes_give_the_same_bytes_as_one(tmp_path):
    one = small_dataset(tmp_path / "one", "shelf")
    assert digest(one) == digest(small_dataset(tmp_path / "two", "shelf", workers=2))


@every_family
def test_a_photo_taken_alone_equals_the_one_in_the_dataset(family, tmp_path):
    folder = small_dataset(tmp_path / "whole", family)
    pool = products(family, 4, seed=3)
    alone = camera.encode(*photograph(pool[2], pool, PHONE, 3, seed=3, messiness=1.0, size=32))
    assert alone == (folder / "photos" / pool[2].sku / "phone_03.jpg").read_bytes()


def test_a_larger_catalogue_begins_with_the_same_products():
    assert products("fashion", 9, seed=1) == products("fashion", 30, seed=1)[:9]


@every_family
def test_another_seed_gives_other_products(family):
    first, second = ({product.design for product in products(family, 40, seed)} for seed in (1, 2))
    assert len(first) == 40
    assert not first & second


def test_an_unknown_family_is_named_with_the_nearest_known_one():
    with pytest.raises(UserError, match=r"'shlf'.*Did you mean 'shelf'"):
        products("shlf", 1, seed=0)


def test_the_folder_holds_what_the_table_says(tmp_path):
    folder = small_dataset(tmp_path / "set", "household")
    rows = table(folder)
    assert list(rows[0]) == ["file", "sku", "category", "view", "caption", "split"]
    assert {row["file"] for row in rows} | {catalogue.TABLE} == set(digest(folder))
    assert len(rows) == 3 * 5 + 1 * 3
    for row in rows:
        assert row["file"].startswith(f"photos/{row['sku']}/{row['view']}_")
        assert (row["view"] == STUDIO) == (row["split"] == STUDIO)
        assert row["category"] in row["caption"]
        with Image.open(folder / row["file"]) as photo:
            assert (photo.format, photo.mode, photo.size) == ("JPEG", "RGB", (32, 32))


def test_unseen_labels_are_never_in_train(tmp_path):
    rows = table(small_dataset(tmp_path / "set", unseen_labels=2))
    splits = {sku: {row["split"] for row in rows if row["sku"] == sku} for sku in {row["sku"] for row in rows}}
    assert sorted("train" in found for found in splits.values()) == [False, False, True, True, True]
    assert all({"gallery", "query", "studio"} <= found for found in splits.values())


def test_no_photo_is_in_two_splits(tmp_path):
    folder = small_dataset(tmp_path / "set")
    assert len(set(digest(folder).values())) == len(table(folder)) + 1


def test_a_failed_rendering_leaves_the_old_dataset_and_nothing_else(tmp_path, monkeypatch):
    before = digest(small_dataset(tmp_path / "set"))
    monkeypatch.setattr(camera, "encode", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        small_dataset(tmp_path / "set", seed=4)
    assert digest(tmp_path / "set") == before
    assert list(tmp_path.iterdir()) == [tmp_path / "set"]


@pytest.mark.parametrize("family", ["packaged", "shelf"])
def test_brand_siblings_share_body_and_layout_but_not_the_print(family):
    designs = [product.design for product in products(family, 40, seed=7)]
    families = [[d for d in designs if d.brand == brand] for brand in {d.brand for d in designs}]
    assert max(map(len, families)) >= 3
    for siblings in families:
        assert len({(d.kind, d.height, d.brand.layout, d.cap) for d in siblings}) == 1
        assert len({d.flavour for d in siblings}) == len(siblings)


@pytest.mark.parametrize("family", ["household", "fashion"])
def test_colour_siblings_share_the_shape_but_not_the_look(family):
    pool = products(family, 40, seed=7)
    pairs = [(a, b) for a, b in itertools.pairwise(pool) if a.design.weave == b.design.weave]
    assert len(pairs) >= 5
    for first, second in pairs:
        assert (first.category, first.design.wide) == (second.category, second.design.wide)
        looks = [
            np.asarray(cutout(one, pool, 0, seed=0, size=64), float)[..., :3].sum((0, 1)) for one in (first, second)
        ]
        assert np.abs(looks[0] - looks[1]).max() / looks[0].max() > 0.01


@every_family
def test_messiness_zero_gives_a_clean_background(family):
    pool = products(family, 6, seed=5)
    for product in pool:
        photo = np.asarray(photograph(product, pool, PHONE, 0, seed=5, messiness=0.0)[0], float)
        edge = np.concatenate([photo[0], photo[:20, 0], photo[:20, -1]])
        assert edge.std(axis=0).max() < 6  # paper is nearly white and even; only grain is left
        assert edge.mean() > 190


@every_family
def test_messy_photos_of_a_product_differ_more_than_studio_photos(family):
    pool = products(family, 5, seed=5)

    def spread(view: str) -> float:
        photos = [[photograph(p, pool, view, i, 5, 1.0, 64)[0] for i in range(4)] for p in pool]
        return float(np.array([[np.asarray(photo, float) for photo in row] for row in photos]).std(axis=1).mean())

    assert spread(PHONE) > 1.5 * spread(STUDIO)


@every_family
def test_the_messiest_setting_still_gives_photos(family):
    pool = products(family, 5, seed=5)
    for product in pool:
        photo, quality = photograph(product, pool, PHONE, 0, seed=5, messiness=2.0, size=64)
        assert camera.LOWEST_QUALITY <= quality <= camera.STUDIO_QUALITY
        assert np.asarray(photo, float).std() > 5


@every_family
def test_the_alpha_of_a_cutout_covers_the_product_and_nothing_else(family):
    pool = products(family, 8, seed=2)
    for product in pool:
        image = cutout(product, pool, 0, seed=2, size=64)
        pixels, alpha = np.asarray(image), np.asarray(image)[..., 3]
        assert image.mode == "RGBA"
        assert 0.05 < (alpha == 255).mean() < 0.9
        assert not pixels[alpha == 0].any()
        assert (np.isin(alpha, [0, 255])).mean() > 0.75  # soft only along the outline


def test_a_cutout_of_a_can_or_jar_has_no_holes():
    pool = [product for product in products("packaged", 60, seed=2) if product.category in ("can", "jar")]
    assert pool
    for product in pool:
        for row in np.asarray(cutout(product, pool, 0, seed=2, size=64))[..., 3]:
            inside = np.flatnonzero(row)
            assert len(inside) == 0 or len(inside) == inside[-1] - inside[0] + 1


@every_family
def test_captions_are_sentences_that_fit_the_view(family):
    for product in products(family, 40, seed=6):
        for view in (PHONE, STUDIO):
            text = caption(product, view, 0, seed=6)
            assert text == " ".join(text.split())
            assert product.category in text
        assert "phone" not in caption(product, STUDIO, 1, seed=6)


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((200, 30, 30), "red"),
        ((230, 60, 160), "pink"),
        ((30, 30, 32), "black"),
        ((245, 245, 240), "white"),
        ((140, 140, 142), "grey"),
        ((120, 75, 45), "brown"),
        ((217, 191, 152), "beige"),
        ((40, 60, 190), "blue"),
    ],
)
def test_colours_have_everyday_names(colour, name):
    assert colour_name(colour) == name
