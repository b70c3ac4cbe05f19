"""A folder and an archive of it read the same; nothing outside is read."""

import gzip
import io
import os
import re
import shlex
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from src.datasets.raw import Raw
from src.errors import UserError
from src.images import Unreadable

FILES = {
    "hat/a.jpg": b"A",
    "shoe/b c.jpg": b"BB",
    "shoe/deep/é.jpg": b"C" * 9000,
    "-rf.jpg": b"D",
    "new\nline.jpg": b"E",
}
HIDDEN = {".DS_Store": b"x", "hat/._a.jpg": b"x", "__MACOSX/hat/a.jpg": b"x", ".git/b.jpg": b"x"}


def lay_out(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, files: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def content(raw: Raw) -> dict[str, bytes]:
    return {name: raw.read(name) for name in raw.names}


def test_a_folder_a_zip_and_a_tar_read_the_same(tmp_path: Path) -> None:
    everything = FILES | HIDDEN
    folder = lay_out(tmp_path / "folder", everything)
    in_zip = zipped(tmp_path / "zip/photos.zip", everything).parent
    in_tar = tarred(tmp_path / "tar/photos.TAR", everything).parent
    for place in (folder, in_zip, in_tar, in_tar / "photos.TAR"):
        raw = Raw(place)
        assert raw.names == sorted(raw.names)
        found = content(raw)
        assert {name: found[name] for name in FILES} == FILES
        assert set(found) - set(FILES) <= {"photos.zip", "photos.TAR"}


def test_loose_files_beside_an_archive_are_read_too(tmp_path: Path) -> None:
    zipped(tmp_path / "photos.zip", {"a.jpg": b"A"})
    (tmp_path / "products.csv").write_bytes(b"file,label\n")
    assert {"a.jpg", "products.csv"} <= set(Raw(tmp_path).names)


def test_several_archives_and_what_lies_beside_them_are_one_dataset(tmp_path: Path) -> None:
    zipped(tmp_path / "train.zip", {"train/a.jpg": b"A"})
    tarred(tmp_path / "test.tar", {"test/a.jpg": b"T"})
    lay_out(tmp_path, {"devkit/labels.txt": b"L", "train.csv": b"C"})
    found = content(Raw(tmp_path))
    assert {name: data for name, data in found.items() if name not in ("train.zip", "test.tar")} == {
        "train/a.jpg": b"A",
        "test/a.jpg": b"T",
        "devkit/labels.txt": b"L",
        "train.csv": b"C",
    }


def test_an_archive_that_somebody_has_unpacked_is_left_alone(tmp_path: Path) -> None:
    lay_out(tmp_path, {"hat/a.jpg": b"A"})
    zipped(tmp_path / "download.zip", {"hat/a.jpg": b"A", "hat/b.jpg": b"B"})
    assert Raw(tmp_path).names == ["download.zip", "hat/a.jpg"]


def test_a_file_that_two_archives_hold_counts_once_and_may_not_differ(tmp_path: Path) -> None:
    zipped(tmp_path / "1.zip", {"a.jpg": b"A", "licence.txt": b"free"})
    tarred(tmp_path / "2.tar", {"b.jpg": b"B", "licence.txt": b"free"})
    assert {"a.jpg", "b.jpg", "licence.txt"} <= set(Raw(tmp_path).names)
    zipped(tmp_path / "3.zip", {"b.jpg": b"another"})
    with pytest.raises(UserError, match=r"'b.jpg' is in .*/2.tar and .*/3.zip, and they differ; keep the right one"):
        Raw(tmp_path)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_members_of_an_archive_never_reach_outside_it(tmp_path: Path, pack: Callable[..., Path]) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"private")
    names = ["../secret.jpg", "hat/../../secret.jpg", "/etc/passwd", "//a//b.jpg", "./c.jpg", "-d.jpg", "..", "e.."]
    raw = Raw(pack(tmp_path / "data/photos", {name: name.encode() for name in names}).parent / "photos")
    # as `tar` and `unzip` do, a leading slash is taken off; what points upwards is left out
    assert content(raw) == {
        "etc/passwd": b"/etc/passwd",
        "a/b.jpg": b"//a//b.jpg",
        "c.jpg": b"./c.jpg",
        "-d.jpg": b"-d.jpg",
        "e..": b"e..",
    }


def test_an_archive_that_is_a_link_is_followed_into_dvcs_cache_and_nowhere_else(tmp_path: Path) -> None:
    cached = zipped(tmp_path / "cache/files/md5/ab" / ("0" * 30), {"a.jpg": b"A"})
    private = zipped(tmp_path / "private.zip", {"b.jpg": b"private"})
    lay_out(tmp_path / "data", {"products.csv": b""})
    (tmp_path / "data/cached.zip").symlink_to(cached)
    assert Raw(tmp_path / "data").read("a.jpg") == b"A"
    (tmp_path / "data/photos.zip").symlink_to(private)
    with pytest.raises(UserError, match=r"photos.zip is a link that leaves the dataset's folder"):
        Raw(tmp_path / "data")


def test_names_of_a_zip_are_read_in_utf_8_where_they_are_and_by_the_standard_where_not(tmp_path: Path) -> None:
    """Some tools write UTF-8 without saying so, others whatever the machine has."""

    class Undeclared(zipfile.ZipInfo):
        data: bytes

        def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 (zipfile's)
            return self.data, 0

    for data, name in (("商品/é.jpg".encode(), "商品/é.jpg"), ("商品.jpg".encode("gbk"), "╔╠╞╖.jpg")):
        info = Undeclared(data.decode("latin-1"))
        info.data = data
        with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
            archive.writestr(info, b"A")
        assert content(Raw(tmp_path / "photos.zip")) == {name: b"A"}


@pytest.mark.parametrize("name", ["../secret.jpg", "hat/../../secret.jpg", "/etc/passwd"])
def test_a_name_that_leaves_the_folder_is_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"private")
    with pytest.raises(Unreadable, match="outside"):
        Raw(lay_out(tmp_path / "data", FILES)).read(name)


def test_a_link_that_leaves_the_folder_is_not_followed_but_one_into_dvcs_cache_is(tmp_path: Path) -> None:
    cached = tmp_path / "cache/files/md5/ab" / ("0" * 30)
    lay_out(tmp_path, {"secret.jpg": b"private", "data/hat/a.jpg": b"A", str(cached.relative_to(tmp_path)): b"cached"})
    links = {"out.jpg": tmp_path / "secret.jpg", "in.jpg": tmp_path / "data/hat/a.jpg", "dvc.jpg": cached}
    for name, target in {**links, "broken.jpg": tmp_path / "nowhere.jpg"}.items():
        (tmp_path / "data" / name).symlink_to(target)
    raw = Raw(tmp_path / "data")
    assert (raw.read("in.jpg"), raw.read("dvc.jpg")) == (b"A", b"cached")
    for name in ("out.jpg", "broken.jpg"):
        with pytest.raises(Unreadable, match="a link that leaves"):
            raw.read(name)


def test_a_linked_root_is_followed_and_a_linked_folder_inside_is_told(tmp_path: Path) -> None:
    lay_out(tmp_path / "album", {"hat/a.jpg": b"A"})
    (tmp_path / "data").symlink_to(tmp_path / "album")
    assert content(Raw(tmp_path / "data")) == {"hat/a.jpg": b"A"}
    (tmp_path / "album/shoe").symlink_to(tmp_path / "album/hat")
    with pytest.raises(UserError, match="'shoe' is a link to a folder"):
        Raw(tmp_path / "data")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    lay_out(tmp_path, {"a.jpg": b"A"})
    os.mkfifo(tmp_path / "pipe.jpg")
    assert Raw(tmp_path).names == ["a.jpg"]


def test_a_missing_file_has_that_reason(tmp_path: Path) -> None:
    raw = Raw(lay_out(tmp_path, {"a.jpg": b"A", "b.jpg": b"B"}))
    (tmp_path / "b.jpg").unlink()
    with pytest.raises(Unreadable, match=r"^missing$"):
        raw.read("c.jpg")
    with pytest.raises(Unreadable, match="No such file"):
        raw.read("b.jpg")


def test_a_damaged_member_costs_only_itself(tmp_path: Path) -> None:
    path = zipped(tmp_path / "photos.zip", {"a.jpg": bytes(range(256)) * 9, "b.jpg": b"B"})
    data = bytearray(path.read_bytes())
    data[60] ^= 255  # inside a.jpg
    path.write_bytes(data)
    raw = Raw(tmp_path)
    assert raw.read("b.jpg") == b"B"
    with pytest.raises(Unreadable, match="cannot be read"):
        raw.read("a.jpg")


def test_a_member_that_unpacks_to_a_giant_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.datasets.sources.MAX_BYTES", 1000)
    zipped(tmp_path / "photos.zip", {"a.jpg": bytes(1001)})
    with pytest.raises(Unreadable, match="unpacks to more than 1,000"):
        Raw(tmp_path).read("a.jpg")


def test_hard_links_of_a_tar_are_read_and_its_symbolic_links_are_not(tmp_path: Path) -> None:
    path = tarred(tmp_path / "photos.tar", {"a.jpg": b"A"})
    with tarfile.open(path, "a") as archive:
        for name, kind, target in (
            ("same.jpg", tarfile.LNKTYPE, "./a.jpg"),
            ("out.jpg", tarfile.SYMTYPE, "/etc/passwd"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    raw = Raw(path)
    assert content(raw) == {"a.jpg": b"A", "same.jpg": b"A"}


def test_what_cannot_be_read_at_all_is_one_line_with_a_cure(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    lay_out(
        tmp_path,
        {"gz/my photos.tar.gz": b"x", "tgz/a.tgz": b"x", "bz2/a.tar.bz2": b"x", "cut/photos.zip": b"PK\x03\x04cut"},
    )
    for place, reason in {
        "nowhere": "is missing; bring it by",
        "empty": "is empty; put the photos there",
        "gz": r"cannot be read at random; decompress it by `gunzip -k '.*/gz/my photos.tar.gz'`",
        "tgz": r"decompress it by `gunzip -k .*/tgz/a.tgz`",
        "bz2": r"decompress it by `bunzip2 -k .*/bz2/a.tar.bz2`",
        "cut": "is not a whole .zip or .tar",
    }.items():
        with pytest.raises(UserError, match=reason) as error:
            Raw(tmp_path / place)
        assert "\n" not in str(error.value)


def test_the_command_of_the_message_is_the_cure(tmp_path: Path) -> None:
    plain = tarred(tmp_path / "my photos.tar", {"a.jpg": b"A"})
    plain.with_suffix(".tar.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    with pytest.raises(UserError) as error:
        Raw(tmp_path)
    subprocess.run(shlex.split(re.findall("`(.*?)`", str(error.value))[0]), check=True)
    assert Raw(tmp_path).names == ["a.jpg", "my photos.tar", "my photos.tar.gz"]


def test_a_tar_cut_short_is_told(tmp_path: Path) -> None:
    path = tarred(tmp_path / "photos.tar", {"a.jpg": bytes(5000), "b.jpg": bytes(5000)})
    path.write_bytes(path.read_bytes()[:7000])
    with pytest.raises(UserError, match="fetch or pack it again"):
        Raw(tmp_path)
