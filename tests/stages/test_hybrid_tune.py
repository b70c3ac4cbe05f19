"""The stages hybrid_tune, interpolate and hybrid_embed on 48 photos of 16 pixels."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tuning_workspace import backbone, digests, params, photos, run, table

from src import backbones, store, tensors
from src.errors import UserError
from src.params import load
from src.stages import fine_tune, hybrid_embed, hybrid_tune, interpolate
from src.tuning import classifiers, loop, networks

QUICK = {"fine_tune__epochs": 2, "fine_tune__batch_size": 8}
OUT = Path("models/hybrid_tuned")
COSTS = ("fine_tuned", "hybrid_tune/interpolate")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    params(tmp_path, **QUICK)
    photos(tmp_path, "one", table())
    backbone(tmp_path / "models/backbone")
    return tmp_path


def moved(folder: Path) -> set[str]:
    """Names of the backbone's tensors that are others in the network of a folder."""
    before, after = (tensors.read(place / "weights.safetensors")[0] for place in (Path("models/backbone"), folder))
    assert before.keys() == after.keys()
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


@pytest.mark.parametrize("method", ["lora", "last_blocks", "bitfit", "norms"])
def test_a_hybrid_is_a_network_like_any_other_with_its_count_and_cost(
    root: Path, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hybrid_tune.main(method, "one")
    config = backbones.load(OUT / method / "one").config
    count = config["trained_parameters"]
    assert (
        config["hybrid"] == method
        and config["tuned_from"] == backbones.load(root / "models/backbone").config["weights_sha256"]
    )
    found = moved(OUT / method / "one")
    assert found == moved_by(method, found)
    cost = store.read_json(root / f"data/cost/hybrid_tune/{method}/one/cost.json")
    assert cost["images"] == 2 * 24 and cost["seconds"] > 0
    said = capsys.readouterr()
    assert f"hybrid_tune {method} one: {count:,} trained parameters, 24 training images x 2 epochs" in said.err
    assert f"{count:,} trained parameters" in said.out
    assert (root / f"metrics/curves/hybrid_tuned/{method}/one").is_dir()
    assert not any((root / ".scratch/hybrid_tune").iterdir())


def moved_by(method: str, found: set[str]) -> set[str]:
    """Of the moved tensors those that the method may move: statistics of a norm only together with its gain."""
    allowed = {
        "lora": lambda name: not name.endswith(("bias", "running_mean", "running_var", "num_batches_tracked")),
        "last_blocks": lambda name: name.split(".")[0] in ("12", "13"),
        "bitfit": lambda name: name.endswith("bias"),
        "norms": lambda name: f"{name.rpartition('.')[0]}.bias" in found,
    }[method]
    assert found
    return {name for name in found if allowed(name)}


def test_the_recipe_is_that_of_fine_tuning_at_a_multiple_of_its_learning_rate(root: Path) -> None:
    params(root, **QUICK, fine_tune__lr=0.01, fine_tune__layer_decay=0.5)
    recipe, options = hybrid_tune.choose_recipe(load(), "lora")
    assert options == {"rank": 8, "alpha": 16}
    assert (recipe.lr, recipe.epochs, recipe.layer_decay) == (pytest.approx(0.05), 2, 1.0)


def test_the_same_seed_gives_the_same_bytes_also_after_an_interruption(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hybrid_tune.main("lora", "one")
    whole = digests(root / "models") | digests(root / "metrics")
    seen, validate = [], loop.validate

    def dying(*given):
        seen.append(given)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return validate(*given)

    monkeypatch.setattr(loop, "validate", dying)
    with pytest.raises(KeyboardInterrupt):
        hybrid_tune.main("lora", "one")
    ran = run(root, "hybrid_tune", "lora", "one")
    assert ran.returncode == 0, ran.stderr
    assert "hybrid_tune lora one: continues after epoch 1" in ran.stderr
    assert digests(root / "models") | digests(root / "metrics") == whole


def test_every_coefficient_is_tried_and_the_best_on_validation_kept(root: Path) -> None:
    params(root, **QUICK, hybrid__interpolate={"steps": 4})
    fine_tune.main("one")
    interpolate.main("one")
    line = pd.read_csv(root / "metrics/curves/hybrid_tuned/interpolate/one/line.csv")
    assert list(line.columns) == ["coefficient", "validation mMP@5", "validation accuracy"]
    assert line["coefficient"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    config = backbones.load(OUT / "interpolate/one").config
    tuned = backbones.load(root / "models/fine_tuned/one").config
    last = tuned["validation"]
    assert line.iloc[-1].tolist()[1:] == [pytest.approx(last["mMP@5"]), pytest.approx(last["accuracy"])]
    best = line[line["coefficient"] == config["options"]["coefficient"]].iloc[0]
    assert best["validation mMP@5"] == line["validation mMP@5"].max() == config["validation"]["mMP@5"]
    ends = [tensors.read(root / f"models/{place}/weights.safetensors")[0] for place in ("backbone", "fine_tuned/one")]
    found, share = tensors.read(OUT / "interpolate/one/weights.safetensors")[0], config["options"]["coefficient"]
    for name, value in found.items():
        if value.is_floating_point():
            assert torch.allclose(value, (1 - share) * ends[0][name] + share * ends[1][name], atol=1e-6)
    assert config["trained_parameters"] == sum(
        each.numel() for each in backbones.load(root / "models/backbone").network.parameters()
    )


def test_interpolation_costs_what_fine_tuning_did_and_a_little_more(root: Path) -> None:
    fine_tune.main("one")
    interpolate.main("one")
    before, after = (store.read_json(root / f"data/cost/{place}/one/cost.json") for place in COSTS)
    assert after["seconds"] > before["seconds"] and after["images"] == before["images"] == 2 * 24


def test_ends_of_different_backbones_are_not_mixed(root: Path) -> None:
    fine_tune.main("one")
    config = root / "models/fine_tuned/one/config.json"
    store.write_json(config, store.read_json(config) | {"tuned_from": "other"})
    with pytest.raises(UserError, match="models/fine_tuned/one was tuned from another backbone"):
        interpolate.main("one")


def test_the_chosen_hybrid_embeds_predicts_and_says_what_it_cost(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hybrid_tune.main("bitfit", "one")
    params(root, **QUICK, hybrid__method="bitfit")
    hybrid_embed.main("one")
    place = root / "data/embeddings/hybrid_tuned/one"
    vectors, sidecar = store.read_embeddings(place, store.sha256(root / "data/manifests/one/manifest.parquet"))
    tuned, classifier = networks.load(OUT / "bitfit/one")
    assert vectors.shape == (48, 8)
    assert sidecar["strategy"] == "hybrid_tuned" and sidecar["hybrid"] == "bitfit"
    assert sidecar["encoder_sha256"] == tuned.config["weights_sha256"] != sidecar["weights_sha256"]
    assert np.array_equal(np.load(place / "predictions.npy"), classifiers.predict(classifier, vectors))
    cost = store.read_json(root / "data/cost/hybrid_tuned/one/cost.json")
    assert cost["hybrid"] == "bitfit" and cost["trained_parameters"] == sidecar["trained_parameters"]
    assert cost["images"] == 2 * 24
    assert "hybrid_embed bitfit one: " in capsys.readouterr().out


def test_an_unknown_method_is_named_with_the_nearest(root: Path) -> None:
    with pytest.raises(UserError, match=r"unknown method 'lorra' in the command.*Did you mean 'lora'"):
        hybrid_tune.main("lorra", "one")
