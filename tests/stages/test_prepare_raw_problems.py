"""Everything that is wrong with photos in the wild, in one folder: what can be used is, what cannot is set aside."""

import csv
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from src import images, manifest
from src.images import Preprocessing
from src.report import gallery
from src.stages import prepare
from src.store import read_json, read_table

PARAMS = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 255)
FIRST, CENTRE, LAST = (0.05, 0.05), (0.5, 0.5), (0.95, 0.95)  # places in a picture, as shares of width and height
Seen = dict[tuple[float, float], tuple[int, ...]]


def saved(image: Image.Image, format_: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def plain(number: int) -> bytes:
    """A picture without a problem, another for each number; its centre is green."""
    image = Image.new("RGB", (24, 20), "green")
    image.putpixel((0, 0), (number // 256, number % 256, 77))
    return saved(image)


def sideways() -> bytes:
    """Blue left of red, with the word that it is to be turned clockwise."""
    image, exif = Image.new("RGB", (40, 20), "red"), Image.Exif()
    image.paste("blue", (0, 0, 20, 20))
    exif[0x0112] = 6
    return saved(image, "JPEG", exif=exif, quality=95)


def transparent_palette() -> bytes:
    """The right half is transparent black."""
    image = Image.new("RGBA", (20, 20), "red")
    image.paste((0, 0, 0, 0), (10, 0, 20, 20))
    return saved(image.convert("P"))


def animation() -> bytes:
    frames = [Image.new("RGB", (9, 7), colour) for colour in ("red", "blue", "green")]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


def ribbon(width: int, height: int) -> bytes:
    """Red, green and blue, a third each."""
    image = Image.new("RGB", (width, height), "green")
    image.paste("red", (0, 0, width // 3, height))
    image.paste("blue", (2 * width // 3, 0, width, height))
    return saved(image)


# file -> its bytes, its size (upright), and colours that it shows
USABLE: dict[str, tuple[bytes, tuple[int, int], Seen]] = {
    "cmyk.jpg": (saved(Image.new("CMYK", (32, 16), (0, 255, 255, 0)), "JPEG"), (32, 16), {CENTRE: RED}),
    "palette.png": (transparent_palette(), (20, 20), {FIRST: RED, LAST: WHITE}),
    "16 bits.png": (saved(Image.fromarray(np.full((8, 9), 0x80FF, np.uint16))), (9, 8), {CENTRE: (128, 128, 128)}),
    "sideways.jpg": (sideways(), (20, 40), {FIRST: BLUE, LAST: RED}),
    "animated.gif": (animation(), (9, 7), {CENTRE: RED}),
    "1x1.png": (saved(Image.new("RGB", (1, 1), "green")), (1, 1), {CENTRE: GREEN}),
    "wide.png": (ribbon(30_000, 3), (30_000, 3), {FIRST: RED, CENTRE: GREEN, LAST: BLUE}),
    "a png.jpg": (plain(1), (24, 20), {CENTRE: GREEN}),
    "new\nline.png": (plain(2), (24, 20), {CENTRE: GREEN}),
    "-rf.png": (plain(3), (24, 20), {CENTRE: GREEN}),
    "caf\\udce9.png": (plain(4), (24, 20), {CENTRE: GREEN}),  # its name is not UTF-8
    "=1+1;'\"<b>.png": (plain(5), (24, 20), {CENTRE: GREEN}),
}
# file -> its bytes (None: it is not there) and why it is set aside
UNUSABLE: dict[str, tuple[bytes | None, str]] = {
    "gone.jpg": (None, "missing"),
    "../secret.png": (None, "outside the dataset's folder"),
    "/etc/passwd": (None, "outside the dataset's folder"),
    "empty.jpg": (b"", "the file is empty"),
    "cut.jpg": (saved(Image.effect_noise((64, 64), 90), "JPEG")[:-200], "image file is truncated"),
    "cut.png": (saved(Image.effect_noise((64, 64), 90))[:-200], ""),
    "text.jpg": (b"<html>404 Not Found</html>", "not an image Pillow reads here"),
    "bomb.png": (saved(Image.new("1", (12_000, 10_000))), "12,000 x 10,000 pixels are more than 100,000,000"),
    "larger bomb.png": (saved(Image.new("1", (20_000, 20_000))), "Image size (400000000 pixels) exceeds limit"),
    "32 bits.tif": (saved(Image.fromarray(np.full((8, 8), 0.5, np.float32)), "TIFF"), "32 bits a pixel do not say"),
}
FILES = {name: data for name, (data, *_) in USABLE.items()}
FILES |= {name: data for name, (data, _) in UNUSABLE.items() if data is not None}
ALBUM = {f"{label}/{split}{i}.png": plain(1000 + 10 * k + i)
         for k, (label, split) in enumerate((label, split) for label in "abc" for split in ("train", "test"))
         for i in range(4)}  # fmt: skip


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/raw/secret.png").write_bytes(plain(0))
    return tmp_path


def listed() -> bytes:
    """The table as a spreadsheet exports it: a byte order mark, semicolons, CR LF."""
    text = io.StringIO()
    table = csv.writer(text, delimiter=";")
    table.writerow(["id", "file", "label", "split"])
    rows = [(name, name.split("/")[0], "TRAIN" if "train" in name else "Test") for name in ALBUM]
    rows += [(name, "a", "Test") for name in (*USABLE, *UNUSABLE)]
    table.writerows([number, *row] for number, row in enumerate(rows))
    table.writerow([0, "a/train1.png", "b", "Test"])  # an id that was given before
    table.writerow(["once", "a/train2.png", "seen once", "Test"])
    table.writerow(["odd", "a/train3.png", "b", "Holdout 2019"])
    table.writerow(["none", "a/train3.png", "", "Test"])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def on_disk(name: str) -> bytes:
    return name.encode().replace(b"\\udce9", b"\xe9")


def as_folder(files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = b"data/raw/mine/" + on_disk(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 (pathlib takes no bytes)
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(data)


def as_zip(files: dict[str, bytes]) -> None:
    Path("data/raw/mine").mkdir()
    with zipfile.ZipFile("data/raw/mine/export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def run(lay_out: Callable[[dict[str, bytes]], None]) -> tuple[pd.DataFrame, dict[str, str], images.Shards]:
    """Prepare all of it: the manifest by file, reasons by file, and the shards."""
    lay_out(ALBUM | FILES | {"products.csv": listed()})
    entry = {"reader": "table", "table": "products.csv", "columns": {"image_id": "id"}}
    entry["protocols"] = {"test": {"query": "test", "gallery": "test"}}
    params = PARAMS | {"catalogue": PARAMS["catalogue"] | {"mine": entry}}
    params["prepare"] = PARAMS["prepare"] | {"max_quarantined": 0.3}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    prepare.main("mine")
    table, _ = manifest.read(Path("data/manifests/mine"))
    quarantine = read_table(Path("data/manifests/mine/quarantine.parquet"))
    reasons = dict(zip(quarantine["file"], quarantine["reason"], strict=True))
    return table, reasons, images.Shards(Path("data/shards/mine"))


def colour(picture: Image.Image, place: tuple[float, float]) -> Any:
    return picture.getpixel((int(place[0] * picture.width), int(place[1] * picture.height)))


def row_of(table: pd.DataFrame, file: str) -> int:
    (row,) = np.flatnonzero(table["file"] == file)
    return int(row)


@pytest.mark.parametrize("lay_out", [as_folder, as_zip])
def test_what_can_be_used_is_used_with_the_right_pixels(lay_out: Callable[[dict[str, bytes]], None]) -> None:
    table, reasons, shards = run(lay_out)
    assert not set(USABLE) & set(reasons)
    for file, (_, size, seen) in USABLE.items():
        row = row_of(table, file)
        picture = images.decode(shards[row])
        assert (table["width"][row], table["height"][row]) == size == picture.size, file
        for place, expected in seen.items():
            np.testing.assert_allclose(colour(picture, place), expected, atol=4, err_msg=f"{file} at {place}")


def test_what_cannot_be_used_is_set_aside_with_its_reason_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    table, reasons, _ = run(as_folder)
    assert not set(UNUSABLE) & set(table["file"])
    for file, (_, reason) in UNUSABLE.items():
        assert reasons[file].startswith(reason), (file, reasons[file])
    assert reasons["a/train1.png"] == "image_id 0 is listed before"
    assert reasons["a/train3.png"] == "no label"
    assert all(reason and "\n" not in reason and str(Path.cwd()) not in reason for reason in reasons.values())
    summary = read_json(Path("data/manifests/mine/summary.json"))
    assert (summary["images"], summary["quarantined"]) == (len(ALBUM) + len(USABLE) + 2, len(UNUSABLE) + 2)
    assert sum(summary["quarantined_because"].values()) == summary["quarantined"]
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and f"{summary['quarantined']} quarantined" in out
    assert err.splitlines() == [
        "warning: mine: labels with one image only: 1, first 'seen once'",
        "warning: mine: images of split 'Holdout 2019', used by no protocol nor by tuning: 1; say what they are in "
        "catalogue.mine.splits",
    ]


def test_splits_are_read_whatever_their_case() -> None:
    table, _, _ = run(as_folder)
    of_album = table[table["file"].isin(list(ALBUM)) & ~table["image_id"].isin(["once", "odd"])]
    assert of_album["split"].tolist() == ["train" if "train" in file else "test" for file in of_album["file"]]


def test_every_picture_that_was_kept_can_be_embedded_and_shown() -> None:
    table, _, shards = run(as_folder)
    how, rows = Preprocessing(32, (0.5,) * 3, (0.5,) * 3), np.arange(len(table))
    pixels = np.stack([images.preprocess(images.decode(shards[row]), how) for row in rows])
    assert pixels.shape == (len(table), 32, 32, 3)
    centres = {"wide.png": GREEN, "1x1.png": GREEN, "cmyk.jpg": RED, "animated.gif": RED, "16 bits.png": (128,) * 3}
    for file, expected in centres.items():
        np.testing.assert_allclose(pixels[row_of(table, file), 16, 16], expected, atol=4, err_msg=file)
    thumbnails = gallery.thumbnails({row: shards[row] for row in rows.tolist()}, rows.tolist())
    assert len(thumbnails) == len(table)
