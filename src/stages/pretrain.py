"""Floor 3. Train one of the sample backbones from nothing.  python -m src.stages.pretrain supervised

Checkpoints: supervised, ssl, clip. `make sample-backbones` trains all three, into models/sample/checkpoints/.
"""

import time
from pathlib import Path

import torch

from src import command
from src.backbones import sample
from src.pretraining import material, params, training
from src.registry import lookup

BUILD = Path("models/sample/build")


def main(checkpoint: str) -> None:
    """Write models/sample/build/<checkpoint>.safetensors."""
    recipe = lookup(params.load().recipes, checkpoint, "recipe", str(params.PATH))
    torch.set_num_threads(1)  # sums in another order would be other weights
    started = time.perf_counter()
    catalogue = training.learnable(*material.read(BUILD / "catalogue", sample.PREPROCESSING))
    network, losses = training.pretrain(checkpoint, catalogue, **recipe.model_dump())
    sample.save(network, BUILD / f"{checkpoint}.safetensors")
    seconds = time.perf_counter() - started
    print(f"pretrain {checkpoint}: {len(losses)} steps, loss {losses[0]:.2f} -> {losses[-1]:.2f}, {seconds:.0f} s")


if __name__ == "__main__":
    command.run(main)
