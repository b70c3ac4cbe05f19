"""Floor 2. The sample catalogue: products, their photos, cut-outs and captions, and the folder a user would have."""

import csv
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from src import progress, store
from src.registry import lookup
from src.sample import camera, scene
from src.sample.chance import generator, happens, pick
from src.sample.families import FAMILIES
from src.sample.shot import frame

STUDIO, PHONE = "studio", "phone"
TIDIEST = 0.3  # a phone photo is between this and 1 times as messy as the catalogue's knob says
SUPERSAMPLING = 2
TABLE = "products.csv"
OPENINGS = {
    PHONE: ["a photo of {}", "an image of {}", "a phone picture of {}", "{}"],
    STUDIO: ["a product photo of {}", "an image of {}", "a studio photo of {}", "{}"],
}


@dataclass(frozen=True)
class Product:
    """One product of a catalogue."""

    family: str
    number: int  # in its catalogue, from 0
    category: str
    design: Any  # the family's own record of what it looks like

    @property
    def sku(self) -> str:
        """The stock-keeping unit, unique in its catalogue."""
        return f"{self.family}-{self.number:04d}"

    @property
    def label(self) -> str:
        """What counts as the same product in retrieval: the SKU."""
        return self.sku


def products(family: str, count: int, seed: int) -> list[Product]:
    """The first `count` products of the family's catalogue; a longer one begins with the same products."""
    maker, rng = lookup(FAMILIES, family, "family", "the sample catalogue"), generator(seed, family, "designs")
    designs: list[Any] = []
    while len(designs) < count:
        design = maker.design(rng)
        designs += [design, *maker.siblings(design, rng)]
    return [Product(family, i, maker.category(design), design) for i, design in enumerate(designs[:count])]


def caption(product: Product, view: str, number: int, seed: int) -> str:
    """One sentence on a photo, as a seller might write it."""
    text = FAMILIES[product.family].describe(product.design)
    article = "an" if text[0] in "aeiou" else "a"
    rng = generator(seed, product.family, "caption", view, product.number, number)
    return pick(rng, OPENINGS[view]).format(f"{article} {text}")


def photograph(
    product: Product,
    pool: Sequence[Product],
    view: str,
    number: int,
    seed: int,
    messiness: float,
    size: int = 128,
) -> tuple[Image.Image, int]:
    """One photo [size, size] before compression, and its JPEG quality; it depends on the arguments alone.

    `messiness` is the catalogue's knob: a phone photo draws its own between TIDIEST and 1 times it, a studio
    photo has none. `pool` are the products of the same shop, some of which may stand beside this one.
    """
    family, rng = FAMILIES[product.family], generator(seed, product.family, view, product.number, number)
    mess = messiness * rng.uniform(TIDIEST, 1) if view == PHONE else 0.0
    shot = frame(rng, mess, SUPERSAMPLING * size)
    canvas = scene.backdrop(rng, shot.side, shot.messy)
    if shot.messy and family.CLUTTERED:
        scene.clutter(canvas, rng, mess)
    family.draw(canvas, product.design, shot, rng, [other.design for other in pool])
    if shot.messy and happens(rng, 0.5 * mess):
        scene.occlude(canvas, rng)
    return camera.expose(canvas, rng, mess, size)


def cutout(product: Product, pool: Sequence[Product], number: int, seed: int, size: int = 128) -> Image.Image:
    """The product in a studio pose without backdrop or shadow: RGBA [size, size], alpha its silhouette."""
    rng = generator(seed, product.family, "cutout", product.number, number)
    shot = frame(rng, 0.0, SUPERSAMPLING * size).without_shadow()
    canvas = Image.new("RGBA", (shot.side, shot.side), (0, 0, 0, 0))
    FAMILIES[product.family].draw(canvas, product.design, shot, rng, [other.design for other in pool])
    return canvas.resize((size, size), Image.Resampling.BOX)


class Photo(NamedTuple):
    """A row of TABLE and how to take the photo it names."""

    product: Product
    split: str
    view: str
    number: int

    @property
    def file(self) -> str:
        """Place of the photo in the dataset's folder."""
        return f"photos/{self.product.sku}/{self.view}_{self.number:02d}.jpg"


def plan(product: Product, photos: Mapping[str, int]) -> list[Photo]:
    """The photos of a product, so many a split: phone photos everywhere except in the split `studio`."""
    planned: list[Photo] = []
    for split, count in photos.items():
        view = STUDIO if split == STUDIO else PHONE
        taken = sum(photo.view == view for photo in planned)
        planned += [Photo(product, split, view, taken + i) for i in range(count)]
    return planned


def write(
    folder: Path,
    family: str,
    seed: int,
    labels: int,
    unseen_labels: int,
    photos: Mapping[str, int],
    messiness: float,
    size: int,
    workers: int,
) -> int:
    """Render a dataset into `folder`, which appears whole or not at all; returns the number of photos.

    It looks like a user's own: `photos/<sku>/<view>_<nn>.jpg` and TABLE with file, sku, category, view, caption
    and split. `photos` says how many a label gets in each split; unseen labels get none in `train`.
    """
    pool = products(family, labels + unseen_labels, seed)
    unseen_photos = {split: count for split, count in photos.items() if split != "train"}
    plans = [plan(product, photos if product.number < labels else unseen_photos) for product in pool]
    total = sum(map(len, plans))
    with store.whole_folder(folder) as part, progress.bar(total, f"sample {family}") as bar:
        write_table(part / TABLE, [photo for planned in plans for photo in planned], seed)
        job = partial(shoot, folder=part, pool=pool, seed=seed, messiness=messiness, size=size)
        for taken in spread(job, plans, min(workers, len(plans))):
            bar.update(taken)
    return total


def write_table(path: Path, photos: Iterable[Photo], seed: int) -> None:
    """The table that a shop would keep beside its photos."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["file", "sku", "category", "view", "caption", "split"])
        for photo in photos:
            product, text = photo.product, caption(photo.product, photo.view, photo.number, seed)
            table.writerow([photo.file, product.sku, product.category, photo.view, text, photo.split])


def shoot(
    photos: Sequence[Photo], folder: Path, pool: Sequence[Product], seed: int, messiness: float, size: int
) -> int:
    """Take photos and store them under `folder`; returns how many."""
    for photo in photos:
        image, quality = photograph(photo.product, pool, photo.view, photo.number, seed, messiness, size)
        path = folder / photo.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(camera.encode(image, quality))
    return len(photos)


def spread(job: Callable[[Sequence[Photo]], int], tasks: Iterable[Sequence[Photo]], workers: int) -> Iterator[int]:
    """Run the job on each task, in fresh processes if there is more than one worker."""
    if workers == 1:
        yield from map(job, tasks)
        return
    ignore_interrupts = (signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's: it stops handing out tasks
    with ProcessPoolExecutor(workers, get_context("spawn"), signal.signal, ignore_interrupts) as executor:
        yield from executor.map(job, tasks)
