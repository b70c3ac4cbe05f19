"""Floor 3. Render one dataset of the sample catalogue.  python -m src.stages.sample sample_household"""

from time import perf_counter

from src import command, paths, runtime
from src.params import load
from src.registry import lookup
from src.sample import catalogue
from src.sample.families import FAMILIES

PREFIX = "sample_"


def main(dataset: str) -> None:
    """Write data/raw/<dataset>: photos in folders and a table, as a shop would have them."""
    params = load()
    options = params.sample
    family = lookup({PREFIX + name: name for name in FAMILIES}, dataset, "sample dataset")
    start = perf_counter()
    count = catalogue.write(
        paths.raw(dataset),
        family,
        seed=options.seed,
        labels=options.labels,
        unseen_labels=options.unseen_labels.get(dataset, 0),
        photos=options.photos,
        messiness=options.messiness,
        size=options.size,
        workers=runtime.workers(params.runtime),
    )
    seconds = perf_counter() - start
    print(f"sample {dataset}: {count} photos in {seconds:.1f} s, {count / seconds:.0f} images/s")


if __name__ == "__main__":
    command.run(main)
