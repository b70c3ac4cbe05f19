"""Fetch the chosen model's weights into models/backbone: the only command that may use the network.

python -m src.stages.weights
"""

from src import backbones, command, paths
from src.params import Model, load


def main() -> None:
    """Read models.<model>, fetch, write."""
    params = load()
    model = params.chosen
    assert isinstance(model, Model), model
    made = backbones.fetch(params.model, model, paths.BACKBONE)
    print(f"weights {params.model}: {made['checkpoint']} from {made['source']}, {made['dim']}-d, {made['licence']}")


if __name__ == "__main__":
    command.run(main)
