"""Floor 3. Render what the sample backbones learn from.  python -m src.stages.pretraining_catalogue

Photos as in the sample datasets, and cut-outs of more products, from a seed of their own: no product of the benchmark.
"""

from pathlib import Path

from src import command, runtime
from src.params import load
from src.pretraining import catalogue, params

FOLDER = Path("models/sample/build/catalogue")


def main() -> None:
    """Write the folder that all three trainings read."""
    options = params.load().catalogue
    workers = runtime.workers(load().runtime)
    count = catalogue.render(FOLDER, **options.model_dump(), workers=workers)
    print(f"pretraining_catalogue: {count} photos and cut-outs")


if __name__ == "__main__":
    command.run(main)
