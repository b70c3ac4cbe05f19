"""Floor 2. Photos to embeddings by an embedding service: what is not kept yet is announced, asked for and kept."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from src.embedding import Embeddings, Meter, unit, watched
from src.errors import UserError
from src.images import Rows, Shards, in_order
from src.params import RuntimeParams, ServiceRuntime
from src.progress import bar
from src.runtime import workers
from src.services import SERVICES, photo
from src.services.answers import Answers
from src.services.client import Client, Rejected


def embed_rows(
    config: dict[str, Any], shards: Shards, runtime: RuntimeParams, title: str, meter: Meter | None = None
) -> Embeddings:
    """Every image of the shards: [N, D] of length 1. Equal photos are asked for once, kept ones never again.

    A UserError before anything is sent where that would be more than runtime.services.max_images; one in the middle
    says how many answers are kept. Where all are, neither key nor network is needed.
    """
    distinct, place = shards.unique(np.arange(len(shards)))
    names = list(_names(config, shards, distinct, runtime, title))
    with Answers(config) as answers:
        kept = answers.names()
        left = {name: row for name, row in zip(names, distinct.tolist(), strict=True) if name not in kept}
        _announce(config, len(set(names)), len(left), runtime.services, title)
        if left:
            try:
                client = Client(config, runtime.services)
                with watched(len(left), title, meter or Meter()) as done:
                    _ask_all(list(left.values()), client, config, shards, answers, done)
            except UserError as error:
                there = f"{len(answers.names() & set(names)):,} of {len(set(names)):,} answers"
                raise UserError(f"{title}: {error}; {there} are kept, the same command goes on from there") from None
        return answers.read(names)[place]


def _names(config: dict[str, Any], shards: Shards, rows: Rows, runtime: RuntimeParams, title: str) -> Iterator[bytes]:
    """The sha256 of what is sent for each of `rows`. The photos themselves would not fit into memory."""
    size, threads = config["preprocessing"]["size"], workers(runtime)

    def name(row: int) -> bytes:
        return hashlib.sha256(photo.encode(shards[row], size)).digest()

    with bar(len(rows), f"{title}, photos") as progress:
        for found in in_order(name, rows.tolist(), threads, 4 * threads):
            progress.update()
            yield found


def _announce(config: dict[str, Any], total: int, new: int, runtime: ServiceRuntime, title: str) -> None:
    """Say what is going to be sent and paid for; a UserError where that is more than allowed."""
    slug, price, address = config["model"], config["price"], urlsplit(config["endpoint"])
    host = address.netloc if address.scheme == "https" else f"{address.netloc} (unencrypted)"
    if not new:
        print(f"{title}: all {total:,} answers are kept, nothing is sent")
        return
    cost = f"price unknown: set models.{slug}.price, of 1,000 images"
    if price is not None:
        cost = f"about {new / 1000 * price:,.2f} at {price:g} for 1,000"
    print(f"{title}: {new:,} photos to send to {host}, {total - new:,} answers are kept; {cost}", flush=True)
    if new > runtime.max_images:
        raise UserError(
            f"{title}: {new:,} photos to be paid for, but runtime.services.max_images is {runtime.max_images:,};"
            f" nothing was sent; allow them with -S runtime.services.max_images={new}"
        )


def _ask_all(
    rows: list[int],
    client: Client,
    config: dict[str, Any],
    shards: Shards,
    answers: Answers,
    done: Callable[[int], None],
) -> None:
    """Keep the vectors of `rows`, asked for by some threads at a time. `done` hears how many just came."""
    batch = SERVICES[config["service"]].BATCH
    batches = [rows[start : start + batch] for start in range(0, len(rows), batch)]
    troubles: list[UserError] = []

    def ask(some: list[int]) -> int:
        try:
            return _ask(some, client, config, shards, answers)
        except UserError as error:
            troubles.append(error)
            client.stop()  # here and now: before the main thread hears of it, this one may have taken its next job
            raise

    with ThreadPoolExecutor(client.concurrency) as pool:
        jobs = [pool.submit(ask, some) for some in batches]
        try:
            for job in as_completed(jobs):
                done(job.result())
        except UserError:  # the first cause, not that another thread was stopped because of it
            raise troubles[0] from None
        finally:  # what is under way is paid for: it comes to its end and is kept
            client.stop()
            pool.shutdown(cancel_futures=True)


def _ask(rows: list[int], client: Client, config: dict[str, Any], shards: Shards, answers: Answers) -> int:
    """One request: its answer is kept before this returns how many photos it was about."""
    photos = [photo.encode(shards[row], config["preprocessing"]["size"]) for row in rows]
    try:
        vectors = client.embed(photos)
    except Rejected as error:
        raise UserError(f"image rows {', '.join(map(str, rows))}: {error}") from None
    names = [hashlib.sha256(data).digest() for data in photos]
    answers.keep(names, unit(vectors, np.array(rows), client.host))
    return len(rows)


def provenance(config: dict[str, Any]) -> dict[str, Any]:
    """What a sidecar says about how vectors came about, in the form of `embedding.provenance`."""
    return {
        "model": config["model"],
        "parameters": config["parameters"],
        "gmacs": config["gmacs"],
        "precision": "service",
        "engine": config["service"],
        "preprocessing": config["preprocessing"],
        "versions": {name: version(name) for name in ("pillow", "numpy")},
    }
