"""Floor 1. Files from the Hugging Face hub: nothing else here speaks to it.

Ask for the first file with the wished revision and for all others with the commit that came back, so that a repository
that changes meanwhile gives no mixture.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from huggingface_hub import (
    HfFileMetadata,
    constants,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import build_hf_headers, disable_progress_bars

from src import store
from src.backbones import disk, web
from src.errors import UserError

disable_progress_bars()  # ours is in `web`
TIMEOUT = 10.0  # seconds for the first answer
TOKENIZER = (  # what transformers reads of a repository to make its tokenizer, as far as it is there
    "tokenizer_config.json",
    "tokenizer.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
)
SHA256 = re.compile("[0-9a-f]{64}")  # the etag of a large file; a small one has git's sha1


def fetch(repository: str, filename: str, revision: str | None) -> tuple[Path, str, str]:
    """A file of the hub, its repository and its commit. Downloaded once; an interrupted download is continued.

    It lies in the hub's own cache, which other programs share.
    """
    return first(repository, [filename], revision)


def first(repository: str, filenames: Sequence[str], revision: str | None) -> tuple[Path, str, str]:
    """The first of these files that the repository has, its repository and its commit; a UserError where it has none.

    Name safetensors before any other kind: `["model.safetensors", "pytorch_model.bin"]`.
    """
    for filename in filenames:
        if file := optional(repository, filename, revision):
            return located(file, repository, filename)
    raise UserError(
        f"{_name(repository, revision)} on the hub has no {' or '.join(filenames)}; "
        "convert its weights and name them as `file`"
    )


def optional(repository: str, filename: str, revision: str | None) -> Path | None:
    """A file of the hub, or None where the repository is without it. Every other trouble is a UserError.

    Asks first whether the hub answers, once: `hf_hub_download` alone tries a dead network for half a minute. Where it
    does not, what is known from an earlier download will do.
    """
    name = _name(repository, revision)
    try:
        with disk.room(Path(constants.HF_HUB_CACHE)):
            metadata = get_hf_file_metadata(hf_hub_url(repository, filename, revision=revision), timeout=TIMEOUT)
            _bring(repository, filename, metadata)
            return Path(hf_hub_download(repository, filename, revision=revision))
    except GatedRepoError:
        cure = f"accept its terms at {hf_hub_url(repository, '').split('/resolve/')[0]}, then set HF_TOKEN"
        raise UserError(f"{name} on the hub is gated; {cure}") from None
    except RepositoryNotFoundError:
        raise UserError(f"{name} is not on the hub, or is private; check `checkpoint`, or set HF_TOKEN") from None
    except RevisionNotFoundError:
        raise UserError(f"{name} is not on the hub, the repository is; check `revision`") from None
    except EntryNotFoundError:
        with suppress(EntryNotFoundError):  # which writes down, for a run without network, that there is no such file
            hf_hub_download(repository, filename, revision=revision)
        return None
    except UserError:
        raise
    except Exception as error:  # the hub's client lets many kinds of its transport through
        kept = try_to_load_from_cache(repository, filename, revision=revision)
        if isinstance(kept, str) and _is_sound(Path(kept)):
            return Path(kept)
        if kept is not None and not isinstance(kept, str):  # known to be absent
            return None
        raise UserError(f"{name} cannot be fetched from the hub ({_reason(error)}); {_cure()}") from None


def _bring(repository: str, filename: str, metadata: HfFileMetadata) -> None:
    """A large file into the hub's cache, where `hf_hub_download` will find it: that one drops what it got when cut off.

    Its name there is its sha256, so what was damaged on its way or since is found and fetched again.
    """
    etag, commit = metadata.etag or "", metadata.commit_hash
    if not SHA256.fullmatch(etag):
        return
    blob = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=repository, repo_type="model"), "blobs", etag)
    linked = try_to_load_from_cache(repository, filename, revision=commit)
    kept = Path(linked) if isinstance(linked, str) else blob
    if kept.exists() and store.sha256(kept) == etag:
        return
    _forget(kept)
    coming = blob.with_name(f"{etag}.incomplete")
    web.download(hf_hub_url(repository, filename, revision=commit), coming, build_hf_headers(), metadata.size)
    if store.sha256(coming) != etag:
        coming.unlink()
        raise UserError(f"{filename} of {repository} came damaged and was thrown away; try again")
    coming.replace(blob)


def verify(file: Path, sha256: str) -> None:
    """A UserError where a file of the cache is not what params.yaml names; the file is thrown away."""
    if (found := store.sha256(file)) != sha256:
        _forget(file)
        raise UserError(
            f"{file.name} from the hub has sha256 {found}, expected {sha256}; try again, or correct `sha256`"
        )


def _is_sound(file: Path) -> bool:
    """Whether a file of the cache still has the content that it is named by, where it is."""
    name = file.resolve().name
    return not SHA256.fullmatch(name) or store.sha256(file) == name


def _forget(file: Path) -> None:
    file.resolve().unlink(missing_ok=True)
    file.unlink(missing_ok=True)


def located(file: Path, repository: str, filename: str) -> tuple[Path, str, str]:
    """A file in the hub's cache, which lies at .../snapshots/<commit>/<filename>, with its repository and commit."""
    return file, repository, file.parents[len(Path(filename).parts) - 1].name


def _name(repository: str, revision: str | None) -> str:
    return f"{repository}@{revision}" if revision else repository


def _reason(error: Exception) -> str:
    if constants.is_offline_mode():
        return "HF_HUB_OFFLINE is set, and no earlier download of it is here"
    return " ".join(str(error).split())[:200] or type(error).__name__


def _cure() -> str:
    first_ = "unset it once" if constants.is_offline_mode() else "try again"
    return f"{first_}, or bring a `file` and its `sha256`"
