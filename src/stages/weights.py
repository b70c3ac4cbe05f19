"""Fetch the chosen model's weights into models/backbone: the only command that may use the network.

python -m src.stages.weights
"""

import sys

from src import command, licences, paths
from src.entries import Model, ServiceModel
from src.params import Params, load
from src.progress import duration


def main() -> None:
    """Read models.<model>, fetch, write; of an embedding service there is nothing but its configuration."""
    params = load()
    model = params.chosen
    if isinstance(model, ServiceModel):
        from src import services

        made = services.write(params.model, model, paths.BACKBONE)
        print(f"weights {params.model}: {made['checkpoint']} of {made['source']}, none to fetch, {made['licence']}")
    else:
        print(f"weights {params.model}: fetching {model.checkpoint} {_origin(model)}", flush=True)
        made = _fetch(params, model)
    if warning := licences.warning(made["licence"]):
        print(f"warning: {params.model}: {warning}", file=sys.stderr)


def _origin(model: Model) -> str:
    """Where weights will come from, before anything asks there."""
    if model.library == "sample" and not model.file:
        return "from this repository"
    return f"from {model.file or model.url or 'the hub'}"


def _fetch(params: Params, model: Model) -> dict[str, object]:
    """Weights into models/backbone; says what they are and how fast an image is with them."""
    from src import backbones, device  # seconds of imports, after the first line

    made = backbones.fetch(params.model, model, paths.BACKBONE)
    size = f"{made['dim']}-d, {made['parameters'] / 1e6:,.1f} M parameters, {made['gmacs']:.3g} GMACs an image"
    print(f"weights {params.model}: {made['checkpoint']} from {made['source']}, {size}, {made['licence']}")
    if device.choose(params.runtime).type == "cpu":
        took = backbones.seconds(backbones.load(paths.BACKBONE))
        print(f"weights {params.model}: {took:.2g} s an image here: 1,000 images take about {duration(1000 * took)}")
    return made


if __name__ == "__main__":
    command.run(main, network=True)
