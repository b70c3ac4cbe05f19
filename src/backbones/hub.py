"""Floor 1. Files from the Hugging Face hub: nothing else here speaks to it.

Ask for the first file with the wished revision and for all others with the commit that came back, so that a repository
that changes meanwhile gives no mixture.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from src.errors import UserError

TIMEOUT = 10.0  # seconds for the first answer


def fetch(repository: str, filename: str, revision: str | None) -> tuple[Path, str, str]:
    """A file of the hub, its repository and its commit. Downloaded once; an interrupted download is continued."""
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
        get_hf_file_metadata(hf_hub_url(repository, filename, revision=revision), timeout=TIMEOUT)
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
    except Exception as error:  # the hub's client lets many kinds of its transport through
        kept = try_to_load_from_cache(repository, filename, revision=revision)
        if kept is not None:
            return Path(kept) if isinstance(kept, str) else None
        raise UserError(f"{name} cannot be fetched from the hub ({_reason(error)}); {_cure()}") from None


def located(file: Path, repository: str, filename: str) -> tuple[Path, str, str]:
    """A file in the hub's cache, which lies at .../snapshots/<commit>/<filename>, with its repository and commit."""
    return file, repository, file.parents[len(Path(filename).parts) - 1].name


def _name(repository: str, revision: str | None) -> str:
    return f"{repository}@{revision}" if revision else repository


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _cure() -> str:
    if constants.is_offline_mode():
        return "unset HF_HUB_OFFLINE once, or bring a `file` and its `sha256`"
    return "try again, or bring a `file` and its `sha256`"
