"""The server that stands for the hub is understood by the hub's own client."""

import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from backbones.hub_server import Hub, digest
from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

WEIGHTS = os.urandom(300_000)


@pytest.fixture
def team(hub: Hub) -> Hub:
    """A hub with the repository team/open."""
    (hub.root / "team/open/tokenizer").mkdir(parents=True)
    (hub.root / "team/open/config.json").write_text("{}")
    (hub.root / "team/open/tokenizer/vocab.txt").write_text("a\nb\n")
    (hub.root / "team/open/model.safetensors").write_bytes(WEIGHTS)
    return hub


@pytest.mark.parametrize("name", ["config.json", "tokenizer/vocab.txt", "model.safetensors"])
def test_a_file_arrives_whole_below_its_commit(team: Hub, name: str) -> None:
    file = Path(hf_hub_download("team/open", name))
    assert file.read_bytes() == (team.root / "team/open" / name).read_bytes()
    assert file.is_relative_to(file.parents[name.count("/")].with_name(team.commit("team/open")))


def test_a_large_file_is_one_redirect_away_and_named_by_its_hash(team: Hub) -> None:
    file = hf_hub_download("team/open", "model.safetensors")
    assert Path(file).resolve().name == digest(team.root / "team/open/model.safetensors")
    assert team.asked == ["HEAD /team/open/resolve/main/model.safetensors", "GET /team/open/model.safetensors"]


def test_a_download_that_was_cut_goes_on_where_it_was(team: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 2**16)  # it counts whole ones only, of 10 MB
    team.cuts["model.safetensors"] = 200_000
    assert Path(hf_hub_download("team/open", "model.safetensors")).read_bytes() == WEIGHTS
    assert team.asked[-1] == f"GET /team/open/model.safetensors bytes={3 * 2**16}-"


def test_a_repository_can_be_listed_at_its_commit_and_tags(team: Hub) -> None:
    team.tags["team/open"] = {"v1"}
    for revision in (None, "v1", team.commit("team/open")):
        info = HfApi(team.url).model_info("team/open", revision=revision)
        assert info.sha == team.commit("team/open")
        assert [file.rfilename for file in info.siblings or []] == team.files("team/open")
    tree = {file.path: file for file in HfApi(team.url).list_repo_tree("team/open", recursive=True)}
    assert list(tree) == ["config.json", "model.safetensors", "tokenizer/vocab.txt"]
    assert tree["model.safetensors"].lfs.sha256 == digest(team.root / "team/open/model.safetensors")


@pytest.mark.parametrize(
    ("repository", "file", "revision", "error"),
    [
        ("team/open", "absent", None, EntryNotFoundError),
        ("team/open", "config.json", "gone", RevisionNotFoundError),
        ("team/absent", "config.json", None, RepositoryNotFoundError),
        ("team/gated", "config.json", None, GatedRepoError),
        ("team/broken", "config.json", None, HfHubHTTPError),
    ],
)
def test_each_refusal_is_the_real_hubs(
    team: Hub, repository: str, file: str, revision: str | None, error: type[Exception]
) -> None:
    (team.root / "team/gated").mkdir()
    team.gated.add("team/gated")
    team.refusals["/team/broken/"] = 500
    with pytest.raises(error):
        get_hf_file_metadata(hf_hub_url(repository, file, revision=revision))


def test_any_other_path_is_a_plain_file(team: Hub) -> None:
    with urllib.request.urlopen(f"{team.url}/team/open/model.safetensors") as answer:
        assert answer.read() == WEIGHTS


@pytest.mark.parametrize(
    ("headers", "status", "start"),
    [
        ({"Range": "bytes=9-"}, 206, 9),
        ({"Range": "bytes=9-", "If-Range": '"another version"'}, 200, 0),
    ],
)
def test_a_part_is_given_of_the_version_that_was_begun(team: Hub, headers: dict, status: int, start: int) -> None:
    request = urllib.request.Request(f"{team.url}/team/open/model.safetensors", headers=headers)
    with urllib.request.urlopen(request) as answer:
        assert (answer.status, answer.read()) == (status, WEIGHTS[start:])


def test_nothing_lies_behind_the_end(team: Hub) -> None:
    headers = {"Range": f"bytes={len(WEIGHTS)}-"}
    with pytest.raises(urllib.error.HTTPError, match="416"):
        urllib.request.urlopen(urllib.request.Request(f"{team.url}/team/open/model.safetensors", headers=headers))
