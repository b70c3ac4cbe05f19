from pathlib import Path
from typing import Any

import numpy as np
import pytest

from src.errors import UserError
from src.services import answers
from src.services.answers import Answers

CONFIG: dict[str, Any] = {
    "model": "m",
    "service": "cohere",
    "endpoint": "https://api.cohere.com/v2/embed",
    "checkpoint": "embed-v4.0",
    "dim": None,
}
NAMES = [b"a" * 32, b"b" * 32, b"c" * 32]
VECTORS = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)


@pytest.fixture(autouse=True)
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))


def test_what_was_kept_is_there_the_next_time() -> None:
    with Answers(CONFIG) as first:
        first.keep(NAMES[:2], VECTORS[:2])
    with Answers(CONFIG) as second:
        second.keep(NAMES[2:], VECTORS[2:])
        assert second.names() == set(NAMES)
        np.testing.assert_array_equal(second.read(NAMES[::-1]), VECTORS[::-1])


def test_each_encoder_has_a_file_of_its_own() -> None:
    with Answers(CONFIG) as some:
        some.keep(NAMES, VECTORS)
    for change in ({"checkpoint": "other"}, {"dim": 2}, {"endpoint": "https://x.test"}, {"service": "voyage"}):
        with Answers(CONFIG | change) as others:
            assert others.names() == set()
    with Answers(CONFIG | {"model": "another name for the same"}) as same:
        assert same.names() == set(NAMES)


def test_an_experiment_in_a_copy_finds_the_answers_of_the_original(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "copy").mkdir()
    monkeypatch.chdir(tmp_path / "copy")
    assert answers.place(CONFIG).parent == tmp_path / ".scratch/services"


def test_two_runs_may_keep_at_the_same_time() -> None:
    with Answers(CONFIG) as one, Answers(CONFIG) as other:
        one.keep(NAMES[:2], VECTORS[:2])
        other.keep(NAMES[1:], VECTORS[1:])
        assert one.names() == other.names() == set(NAMES)


def test_a_vector_of_another_length_is_not_kept() -> None:
    with Answers(CONFIG | {"dim": 3}) as asked, pytest.raises(UserError, match=r"2 numbers .* 3 .*models\.m\.dim"):
        asked.keep(NAMES, VECTORS)
    with Answers(CONFIG) as first:
        first.keep(NAMES[:1], VECTORS[:1])
    with Answers(CONFIG) as second, pytest.raises(UserError, match=r"3 numbers came back where 2 .*delete .*\.sqlite"):
        second.keep(NAMES[1:2], np.zeros((1, 3), np.float32))
    with Answers(CONFIG) as third:
        assert third.names() == set(NAMES[:1])


def test_a_damaged_file_is_named() -> None:
    answers.place(CONFIG).write_bytes(b"no database at all, and longer than a header of a hundred bytes" * 4)
    with pytest.raises(UserError, match=r"cohere-.*\.sqlite: file is not a database; .*move it away"):
        Answers(CONFIG)
