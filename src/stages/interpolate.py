"""Mix the weights before and after fine-tuning (WiSE-FT).  python -m src.stages.interpolate <dataset>

Tries every coefficient from 0 (pretrained) to 1 (fine-tuned) on the validation rows, and writes the network of the best
one, and line.csv with what each of them reached. Nothing is trained; the cost is that of fine-tuning and a little more.
"""

from time import perf_counter
from typing import Any

import pandas as pd
import torch

from src import backbones, command, device, manifest, paths, store
from src.backbones import Backbone
from src.errors import UserError
from src.images import Shards
from src.params import load
from src.progress import bar
from src.runtime import workers
from src.tuning import hybrids, lessons, loop, networks
from src.tuning.classifiers import CosineClassifier, Tuned
from src.tuning.lessons import Lesson
from src.tuning.photos import Photos
from src.tuning.recipes import Recipe


def main(dataset: str) -> None:
    """Read both networks; try what lies between them; write the best one, all scores, and what it cost."""
    start, params, title = perf_counter(), load(), f"interpolate {dataset}"
    where, lesson = device.choose(params.runtime), lessons.read(manifest.read(paths.manifest(dataset))[0], dataset)
    backbone, last, classifier = read_ends(dataset)
    networks.limit_threads(backbone.preprocessing.size)
    photos = Photos(Shards(paths.shards(dataset)), backbone.preprocessing, workers(params.runtime), where)
    recipe = Recipe(**last.config["recipe"])
    tuned = networks.begin(backbone.network, backbone.config["dim"], photos, lesson, recipe, 0, where)
    ends = copies(tuned), copies(Tuned(last.network, classifier).to(where))

    shares = hybrids.coefficients(params.hybrid.interpolate.steps)
    line = walk(tuned, ends, shares, photos, lesson, recipe.batch_size, title)
    best = hybrids.choose(line)
    tuned.load_state_dict(hybrids.mix(*ends, best["coefficient"]))
    config = last.config | {"hybrid": "interpolate", "options": {"coefficient": best["coefficient"]}}
    config |= {"trained_parameters": hybrids.trained_parameters(backbone.network)}
    config |= {"validation": {"mMP@5": best["validation mMP@5"], "accuracy": best["validation accuracy"]}}
    with store.whole_folder(paths.tuned("hybrid_tuned", "interpolate", dataset)) as out:
        networks.save(out, tuned.encoder, tuned.classifier, config)
    with store.whole(paths.curve("hybrid_tuned", "interpolate", dataset) / "line.csv") as part:
        pd.DataFrame(line).to_csv(part, index=False, lineterminator="\n")
    spent = store.read_json(paths.cost("fine_tuned", dataset) / "cost.json")
    seconds = perf_counter() - start
    cost = spent | {"seconds": round(spent["seconds"] + seconds, 3)} | device.hardware(where)
    store.write_json(paths.cost("hybrid_tune", "interpolate", dataset) / "cost.json", cost)
    reached = f"{best['validation mMP@5']:.3f}" if best["validation mMP@5"] is not None else "unknown"
    print(
        f"{title}: coefficient {best['coefficient']:g} (validation mMP@5 {reached}), {seconds:.1f} s after fine-tuning"
    )


def read_ends(dataset: str) -> tuple[Backbone, Backbone, CosineClassifier]:
    """The backbone, what fine-tuning made of it, and its classifier; a UserError where they do not belong together."""
    backbone, folder = backbones.load(paths.BACKBONE), paths.tuned("fine_tuned", dataset)
    last, classifier = networks.load(folder)
    if last.config["tuned_from"] != backbone.config["weights_sha256"]:
        raise UserError(f"{folder} was tuned from another backbone than {paths.BACKBONE} holds; run `dvc repro`")
    return backbone, last, classifier


def copies(tuned: Tuned) -> dict[str, torch.Tensor]:
    """Its weights, of network and classifier, as they are now."""
    return {name: value.clone() for name, value in tuned.state_dict().items()}


def walk(
    tuned: Tuned,
    ends: tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]],
    shares: list[float],
    photos: Photos,
    lesson: Lesson,
    batch_size: int,
    title: str,
) -> list[dict[str, Any]]:
    """What every coefficient reaches on validation; leaves the last one's weights in `tuned`."""
    line = []
    with bar(len(shares), title, "coefficients") as progress:
        for share in shares:
            tuned.load_state_dict(hybrids.mix(*ends, share))
            line.append({"coefficient": share, **loop.validate(tuned, photos, lesson, batch_size)})
            progress.update()
    return line


if __name__ == "__main__":
    command.run(main)
