"""Floor 1. Files from the Hugging Face hub: the only module that touches the network."""

from pathlib import Path

from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from src.errors import UserError

TIMEOUT = 10.0  # seconds for the first answer


def fetch(repository: str, filename: str, revision: str | None) -> tuple[Path, str, str]:
    """A file of the hub, its repository and its commit. Downloaded once; an interrupted download is continued.

    Asks first whether the hub answers, once: `hf_hub_download` alone tries a dead network for half a minute. Where it
    does not, a copy from an earlier download will do.
    """
    name = f"{repository}@{revision}" if revision else repository
    try:
        get_hf_file_metadata(hf_hub_url(repository, filename, revision=revision), timeout=TIMEOUT)
        return located(hf_hub_download(repository, filename, revision=revision), repository, filename)
    except GatedRepoError:
        cure = f"accept its terms at {hf_hub_url(repository, '').split('/resolve/')[0]}, then set HF_TOKEN"
        raise UserError(f"{name} on the hub is gated; {cure}") from None
    except RepositoryNotFoundError:
        raise UserError(f"{name} is not on the hub, or is private; check `checkpoint`, or set HF_TOKEN") from None
    except RevisionNotFoundError:
        raise UserError(f"{name} is not on the hub, the repository is; check `revision`") from None
    except EntryNotFoundError:
        raise UserError(f"{name} on the hub has no {filename}; convert its weights and name them as `file`") from None
    except Exception as error:  # the hub's client lets many kinds of its transport through
        kept = try_to_load_from_cache(repository, filename, revision=revision)
        if isinstance(kept, str):
            return located(kept, repository, filename)
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        cure = "try again, or bring a safetensors `file` and its `sha256`"
        raise UserError(f"{name} cannot be fetched from the hub ({reason}); {cure}") from None


def located(file: str, repository: str, filename: str) -> tuple[Path, str, str]:
    """A file in the hub's cache, which lies at .../snapshots/<commit>/<filename>, with its repository and commit."""
    return Path(file), repository, Path(file).parents[len(Path(filename).parts) - 1].name
