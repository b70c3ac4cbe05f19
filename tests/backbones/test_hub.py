import os
from pathlib import Path

import pytest
from backbones.hub_server import Hub, digest, point_to
from huggingface_hub import constants

from src.backbones import hub as adapter
from src.backbones import web
from src.errors import UserError

BODY = os.urandom(300_000)
SITE = "/team/open/model.safetensors"  # where the bytes come from


@pytest.fixture
def team(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub with the repository team/open, tagged v2, and no waiting between tries."""
    monkeypatch.setattr(web, "RETRY", 0)
    monkeypatch.setattr(web, "CHUNK", 10_000)
    (hub.root / "team/open").mkdir(parents=True)
    (hub.root / "team/open/config.json").write_text("{}")
    (hub.root / "team/open/model.safetensors").write_bytes(BODY)
    (hub.root / "team/gated").mkdir()
    hub.gated.add("team/gated")
    hub.tags["team/open"] = {"v2"}
    hub.refusals["/team/broken/"] = 500
    return hub


def parts() -> list[str]:
    """What lies half-finished in the cache."""
    return [path.name for path in Path(constants.HF_HUB_CACHE).rglob("*incomplete*") if path.suffix != ".lock"]


def test_a_file_of_the_hub_comes_with_its_commit(team: Hub) -> None:
    for name in ("config.json", "model.safetensors"):
        file, repository, commit = adapter.fetch("team/open", name, None)
        assert file.read_bytes() == (team.root / "team/open" / name).read_bytes()
        assert (repository, commit) == ("team/open", team.commit("team/open"))
    assert not parts()


def test_a_pinned_revision_is_the_one_asked_for(team: Hub) -> None:
    adapter.fetch("team/open", "model.safetensors", "v2")
    asked = [line for line in team.asked if "/resolve/" in line]
    assert asked[0] == "HEAD /team/open/resolve/v2/model.safetensors"


def test_a_file_is_downloaded_once(team: Hub) -> None:
    for _ in range(2):
        adapter.fetch("team/open", "model.safetensors", None)
    assert team.asked.count(f"GET {SITE}") == 1


def test_the_first_file_that_is_there_is_taken(team: Hub) -> None:
    names = ["open_clip_model.safetensors", "model.safetensors", "config.json"]
    assert adapter.first("team/open", names, None)[0].name == "model.safetensors"
    with pytest.raises(UserError, match=r"team/open on the hub has no a or b; convert its weights"):
        adapter.first("team/open", ["a", "b"], None)


def test_an_absent_file_may_be_asked_for(team: Hub) -> None:
    assert adapter.optional("team/open", "merges.txt", None) is None
    file = adapter.optional("team/open", "config.json", None)
    assert file and file.read_text() == "{}"


@pytest.mark.parametrize("switched_off", [False, True])
def test_without_network_an_earlier_download_will_do(
    team: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switched_off: bool
) -> None:
    before = adapter.fetch("team/open", "model.safetensors", None)
    assert adapter.optional("team/open", "merges.txt", None) is None
    point_to(monkeypatch, "http://127.0.0.1:9", tmp_path / "cache")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", switched_off)
    assert adapter.fetch("team/open", "model.safetensors", None) == before
    assert adapter.fetch("team/open", "model.safetensors", team.commit("team/open")) == before
    assert adapter.optional("team/open", "merges.txt", None) is None
    with pytest.raises(UserError, match=r"team/open cannot be fetched"):
        adapter.optional("team/open", "never_asked_for", None)


def test_a_hub_that_the_user_switched_off_is_not_asked(team: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        UserError, match=r"team/open cannot be fetched from the hub \(HF_HUB_OFFLINE is set.*\); unset it once"
    ):
        adapter.fetch("team/open", "model.safetensors", None)
    assert not [line for line in team.asked if "/team/" in line]


@pytest.mark.parametrize(
    ("repository", "filename", "revision", "says"),
    [
        ("team/gated", "f", None, "team/gated on the hub is gated; accept its terms .*/team/gated, then set HF_TOKEN"),
        ("team/absent", "f", None, "team/absent is not on the hub, or is private; check `checkpoint`"),
        ("team/open", "f", "gone", "team/open@gone is not on the hub, the repository is; check `revision`"),
        ("team/open", "other", None, "team/open on the hub has no other"),
        ("team/broken", "f", None, "team/broken cannot be fetched from the hub .*try again"),
    ],
)
def test_each_refusal_of_the_hub_has_its_cure(
    team: Hub, repository: str, filename: str, revision: str | None, says: str
) -> None:
    with pytest.raises(UserError, match=says) as error:
        adapter.fetch(repository, filename, revision)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("token", [None, "hf_x"])
def test_a_gated_repository_is_refused_with_and_without_a_token(
    team: Hub, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "none")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(UserError, match="team/gated on the hub is gated"):
        adapter.fetch("team/gated", "model.safetensors", None)


def test_an_unreachable_hub_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point_to(monkeypatch, "http://127.0.0.1:9", tmp_path)
    with pytest.raises(UserError, match=r"cannot be fetched from the hub \(.*refused.*\); try again, or bring"):
        adapter.fetch("team/open", "model.safetensors", None)


def test_an_interrupted_download_goes_on_where_it_was(team: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    team.cuts["model.safetensors"] = 200_000
    monkeypatch.setattr(web, "TRIES", 0)
    with pytest.raises(UserError, match=r"model\.safetensors cannot be fetched .*200,000 bytes are kept; try again"):
        adapter.fetch("team/open", "model.safetensors", None)
    assert adapter.optional("team/open", "model.safetensors", None)  # the next run
    asked = [line for line in team.asked if line.startswith(f"GET {SITE}")]
    assert asked == [f"GET {SITE}", f"GET {SITE} bytes=200000-"]
    assert not parts()


def test_what_came_damaged_is_thrown_away_and_the_next_try_is_sound(team: Hub) -> None:
    file, _, _ = adapter.fetch("team/open", "model.safetensors", None)
    blob = file.resolve()
    file.unlink()
    blob.rename(blob.with_name(f"{blob.name}.incomplete.part"))
    with blob.with_name(f"{blob.name}.incomplete.part").open("r+b") as part:
        part.write(b"damaged")
        part.truncate(1000)
    with pytest.raises(UserError, match=r"model\.safetensors of team/open came damaged and was thrown away; try again"):
        adapter.fetch("team/open", "model.safetensors", None)
    assert not parts()
    assert adapter.fetch("team/open", "model.safetensors", None)[0].read_bytes() == BODY


def test_what_was_damaged_in_the_cache_is_fetched_again(team: Hub) -> None:
    file, _, _ = adapter.fetch("team/open", "model.safetensors", None)
    file.resolve().write_bytes(b"damaged")
    assert adapter.fetch("team/open", "model.safetensors", None)[0].read_bytes() == BODY


def test_what_was_damaged_in_the_cache_is_not_taken_without_network(team: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    file, _, _ = adapter.fetch("team/open", "model.safetensors", None)
    file.resolve().write_bytes(b"damaged")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="team/open cannot be fetched"):
        adapter.fetch("team/open", "model.safetensors", None)


def test_a_file_other_than_pinned_does_not_stay_in_the_cache(team: Hub) -> None:
    file, _, _ = adapter.fetch("team/open", "model.safetensors", None)
    adapter.verify(file, digest(file))
    with pytest.raises(UserError, match=f"has sha256 {digest(file)}, expected {'0' * 64}"):
        adapter.verify(file, "0" * 64)
    assert not file.exists()
    assert adapter.fetch("team/open", "model.safetensors", None)[0].read_bytes() == BODY
