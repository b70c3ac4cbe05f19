import errno
from pathlib import Path

import pytest
from safetensors import SafetensorError

from src.backbones import disk
from src.errors import UserError

FULL = [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EDQUOT, "Disk quota exceeded"),
    SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
]


@pytest.mark.parametrize("error", FULL, ids=["full", "quota", "safetensors"])
def test_a_disk_that_fills_up_is_one_line_with_folder_and_need(error: Exception, tmp_path: Path) -> None:
    says = rf"^the disk of {tmp_path} is full: .* free, 2\.0 MB are needed; make room"
    with pytest.raises(UserError, match=says), disk.room(tmp_path, 2_000_000):
        raise error


def test_what_cannot_fit_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"1,000,000\.0 TB are needed"), disk.room(tmp_path, 10**18):
        pytest.fail("begun")


def test_other_trouble_is_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), disk.room(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")
