"""Every image is read once; what cannot be used is set aside with its reason, and the rest goes on."""

import hashlib
import io
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from src import images
from src.datasets import intake
from src.datasets.raw import Raw
from src.errors import UserError


def jpeg(colour: str, width: int = 16, height: int = 12) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "JPEG")
    return buffer.getvalue()


RED, BLUE = jpeg("red"), jpeg("blue", 9, 30)


def packed(root: Path, files: dict[str, bytes], *records: tuple[str, str, str]) -> intake.Intake:
    """Pack records (image_id, file, label), by default every file as itself."""
    raw_folder, shards, scratch = root / "raw", root / "shards", root / "scratch"
    for folder in (shards, scratch):
        folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (raw_folder / name).parent.mkdir(parents=True, exist_ok=True)
        (raw_folder / name).write_bytes(data)
    listed = records or [(name, name, "x") for name in files]
    table = pd.DataFrame(listed, columns=["image_id", "file", "label"])
    return intake.pack(Raw(raw_folder), table, shards, workers=3, title="prepare test", scratch=scratch)


def reasons(quarantine: pd.DataFrame) -> dict[str, str]:
    return dict(zip(quarantine["file"], quarantine["reason"], strict=True))


def test_what_is_kept_is_measured_hashed_and_stored(tmp_path: Path) -> None:
    kept, _, quarantine = packed(tmp_path, {"a.jpg": RED, "b.jpg": BLUE})
    assert kept[["width", "height"]].to_numpy().tolist() == [[16, 12], [9, 30]]
    assert kept["sha256"].tolist() == [hashlib.sha256(data).hexdigest() for data in (RED, BLUE)]
    shards = images.Shards(tmp_path / "shards")
    assert [shards[row] for row in range(2)] == [RED, BLUE]
    assert len(quarantine) == 0


def test_every_kept_image_is_measured_and_a_broken_one_is_not(tmp_path: Path) -> None:
    files = {"a.jpg": jpeg("white"), "b.jpg": b"broken", "c.jpg": jpeg("black"), "d.jpg": jpeg("white")}
    kept, measured, _ = packed(tmp_path, files)
    assert kept["file"].tolist() == ["a.jpg", "c.jpg", "d.jpg"]
    assert measured["brightness"].round(2).tolist() == [1, 0, 1]


def test_byte_equal_images_are_stored_once(tmp_path: Path) -> None:
    kept, _, _ = packed(tmp_path, {"a.jpg": RED, "b.jpg": b"broken", "c.jpg": BLUE, "d.jpg": RED, "e.jpg": BLUE})
    assert kept["file"].tolist() == ["a.jpg", "c.jpg", "d.jpg", "e.jpg"]
    index = images.Shards(tmp_path / "shards").index
    assert index[2].tolist() == index[0].tolist()
    assert index[3].tolist() == index[1].tolist()


def test_every_kind_of_broken_image_has_its_reason(tmp_path: Path) -> None:
    bomb = io.BytesIO()
    Image.new("1", (12_000, 10_000)).save(bomb, "PNG")
    files = {"ok.jpg": RED, "cut.jpg": jpeg("green", 300, 300)[:-60], "empty.jpg": b"", "text.jpg": b"hello"}
    files["bomb.png"] = bomb.getvalue()
    listed = [*files, "gone.jpg", "../out.jpg"]
    kept, _, quarantine = packed(tmp_path, files, *((name, name, "x") for name in listed))
    assert kept["file"].tolist() == ["ok.jpg"]
    found = reasons(quarantine)
    assert found["cut.jpg"].startswith("image file is truncated")
    assert found["empty.jpg"] == "the file is empty"
    assert found["text.jpg"].startswith("not an image Pillow reads")
    assert found["bomb.png"] == "12,000 x 10,000 pixels are more than 100,000,000"
    assert found["gone.jpg"] == "missing"
    assert found["../out.jpg"] == "outside the dataset's folder"


def test_what_the_table_says_can_disqualify_an_image(tmp_path: Path) -> None:
    records = [
        ("1", "a.jpg", "x"),
        ("1", "b.jpg", "x"),
        ("2", "b.jpg", ""),
        ("a.jpg", "a.jpg", "x"),
        ("a.jpg", "a.jpg", "y"),
    ]
    kept, _, quarantine = packed(tmp_path, {"a.jpg": RED, "b.jpg": BLUE}, *records)
    assert kept["image_id"].tolist() == ["1", "a.jpg"]
    assert quarantine["reason"].tolist() == ["image_id 1 is listed before", "no label", "listed before"]


def test_an_interrupted_run_goes_on_and_decodes_no_image_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"{i:02d}.jpg": jpeg("red", 16 + i) for i in range(40)}
    unbroken = packed(tmp_path / "unbroken", files)
    seen, glance = [], images.glance

    def tired(data: bytes) -> tuple[tuple[int, int], images.Pixels]:
        seen.append(data)
        if len(seen) == 33:
            raise KeyboardInterrupt
        return glance(data)

    monkeypatch.setattr(intake, "CHUNK", 8)
    monkeypatch.setattr(images, "glance", tired)
    with pytest.raises(KeyboardInterrupt):
        packed(tmp_path, files)
    kept = sum(len(pd.read_parquet(file)) for file in (tmp_path / "scratch").iterdir())
    assert kept >= 8
    seen[:] = [b""] * 100  # wide awake
    files["05.jpg"] = jpeg("blue", 50)  # changed meanwhile: what was seen of another content does not count
    resumed = packed(tmp_path, files)
    assert len(seen) - 100 == 40 - (kept - 1)
    assert (resumed.kept["width"][5], unbroken.kept["width"][5]) == (50, 21)
    others = [row for row in range(40) if row != 5]
    pd.testing.assert_frame_equal(resumed.kept.iloc[others], unbroken.kept.iloc[others])
    pd.testing.assert_frame_equal(resumed.pictures.iloc[others], unbroken.pictures.iloc[others])


def test_sixteen_images_at_most_for_each_worker_are_in_memory_at_a_time(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 256, 256, 3), dtype=np.uint8)
    files = {}
    for i, pixels in enumerate(noise):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "BMP")
        files[f"{i:03d}.bmp"] = buffer.getvalue()
    del noise
    size = len(files["000.bmp"])
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept, _, _ = packed(tmp_path, files)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert len(kept) == 120
    assert peak < 3 * 16 * size + 2**20  # what waits to be written


def test_too_many_broken_images_stop_the_run_with_the_first_of_them() -> None:
    quarantine = pd.DataFrame({"file": ["a.jpg", "b\n.jpg"], "reason": ["missing", "the file is empty"]})
    intake.refuse_broken(quarantine, 100, 0.02, "data/raw/mine")
    with pytest.raises(
        UserError, match=r"2 of 100 images cannot be used, first 'a.jpg': missing\. .*max_quarantined \(0.01\)"
    ):
        intake.refuse_broken(quarantine, 100, 0.01, "data/raw/mine")
    intake.refuse_broken(quarantine.iloc[:0], 0, 0.0, "data/raw/mine")
