"""params.yaml at the door."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from src.errors import UserError
from src.params import Params, load, parse

ROOT = Path(__file__).parent.parent


@pytest.fixture
def raw() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "params.yaml").read_text())


def complaint(raw: Any) -> str:
    with pytest.raises(UserError) as caught:
        parse(raw)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_shipped_file_is_accepted() -> None:
    params = load(ROOT / "params.yaml")
    assert isinstance(params, Params)
    assert params.chosen is params.models[params.model]


def test_an_unknown_model_is_named_with_the_nearest_known(raw: dict[str, Any]) -> None:
    raw["model"] = "sample_spervised"
    assert "unknown model 'sample_spervised'" in complaint(raw)
    assert "Did you mean 'sample_supervised'?" in complaint(raw)


def test_an_unknown_dataset_and_strategy_are_named(raw: dict[str, Any]) -> None:
    raw["datasets"] = ["sample_car"]
    assert "unknown dataset 'sample_car'" in complaint(raw)
    raw["datasets"], raw["strategies"] = ["sample_cars"], ["toptuned"]
    assert "unknown strategy 'toptuned'" in complaint(raw)
    assert "Did you mean 'top_tuned'?" in complaint(raw)


def test_a_misspelt_key_stops_the_run_and_names_the_nearest(raw: dict[str, Any]) -> None:
    raw["top_tune"]["learning"] = raw["top_tune"].pop("lr")
    assert "top_tune" in complaint(raw)
    raw["top_tune"]["lr"] = raw["top_tune"].pop("learning")
    raw["top_tune"]["weight_decy"] = 0.1
    assert complaint(raw) == "params.yaml: top_tune.weight_decy is not a known key. Did you mean 'weight_decay'?"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 5, "probe_epochs": 5}, "probe_epochs 5 leaves nothing of 5 epochs"),
        ({"batch_size": 8, "accumulate": 5}, "accumulate 5 leaves less than two images of a batch of 8 in a part"),
    ],
)
def test_a_training_that_cannot_take_place_is_refused(raw: dict[str, Any], changes: dict[str, int], words: str) -> None:
    raw["fine_tune"] |= changes
    assert words in complaint(raw)


@pytest.mark.parametrize("section", ["top_tune", "fine_tune"])
@pytest.mark.parametrize(
    ("key", "value", "words"),
    [("loss", "arcfase", "'arcface', 'proxy_anchor'"), ("sampler", "pks", "'balanced' or 'pk'")],
)
def test_an_unknown_loss_or_sampler_is_one_line_with_the_known_ones(
    raw: dict[str, Any], section: str, key: str, value: str, words: str
) -> None:
    raw[section][key] = value
    assert complaint(raw).startswith(f"params.yaml: {section}.{key} is '{value}': input should be '")
    assert words in complaint(raw)


@pytest.mark.parametrize("changes", [{"loss": "supcon"}, {"sampler": "pk"}])
def test_a_batch_that_compares_images_has_room_for_two_labels(raw: dict[str, Any], changes: dict[str, str]) -> None:
    raw["top_tune"] |= {"batch_size": 8, "images_per_label": 5}
    assert parse(raw).top_tune.sampler == "auto"  # no matter where images are not compared
    raw["top_tune"] |= changes
    assert "batch_size 8 has no room for two labels of 5 images each" in complaint(raw)


def test_a_misspelt_reader_option_names_its_dataset(raw: dict[str, Any]) -> None:
    raw["catalogue"]["mine"] = {**raw["catalogue"]["sample_cars"], "colums": {}}
    assert complaint(raw) == "params.yaml: catalogue.mine.colums is not a known key. Did you mean 'columns'?"


def test_numbers_that_dvc_writes_as_text_arrive_as_numbers(raw: dict[str, Any]) -> None:
    raw["top_tune"]["lr"] = yaml.safe_load("1e-05")
    assert isinstance(raw["top_tune"]["lr"], str)  # PyYAML reads YAML 1.1: no dot, no number
    assert parse(raw).top_tune.lr == 1e-5


@pytest.mark.parametrize("word", ["on", "'on'", "yes", "true", "'true'"])
def test_yaml_booleans_in_every_spelling_are_booleans(raw: dict[str, Any], word: str) -> None:
    raw["catalogue"]["mine"] = {
        "reader": "grocery",
        "strict": yaml.safe_load(word),
        "protocols": {"test": {"query": "test", "gallery": "test"}},
    }
    assert parse(raw).catalogue["mine"].strict is True  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("key", "value"),
    [("epochs", 0), ("epochs", "many"), ("dropout", 1.0), ("lr", -1), ("layers", []), ("layers", "512")],
)
def test_an_impossible_value_is_named_with_its_key(raw: dict[str, Any], key: str, value: object) -> None:
    raw["top_tune"][key] = value
    assert complaint(raw).startswith(f"params.yaml: top_tune.{key}")


def test_an_entry_of_an_unknown_kind_is_named_with_the_nearest(raw: dict[str, Any]) -> None:
    raw["models"]["mine"] = {"library": "open_clp", "checkpoint": "x"}
    assert complaint(raw).startswith(
        "params.yaml: models.mine has an unknown library 'open_clp' in its entry; known: api"
    )
    assert complaint(raw).endswith("Did you mean 'open_clip'?")
    raw["models"]["mine"] = {"checkpoint": "x"}
    assert complaint(raw) == "params.yaml: models.mine has no 'library'; add it"


def test_a_library_and_a_checkpoint_are_enough_for_a_model(raw: dict[str, Any]) -> None:
    raw["models"]["mine"] = {"library": "timm", "checkpoint": "resnet18"}
    model = parse(raw | {"model": "mine"}).chosen
    assert (model.family, model.licence, model.trainable) == ("unknown", "unknown", True)


def test_a_key_written_into_the_file_is_refused_and_not_repeated(raw: dict[str, Any]) -> None:
    raw["models"]["cohere"]["key"] = "sk-secret"
    assert "models.cohere.key must be the NAME of an environment variable" in complaint(raw)
    assert "secret" not in complaint(raw)


@pytest.mark.parametrize("model", ["cohere", "frozen"])
def test_a_model_that_cannot_be_trained_stops_any_strategy_that_would(raw: dict[str, Any], model: str) -> None:
    raw["models"]["frozen"] = {"library": "timm", "checkpoint": "resnet18", "trainable": False}
    raw["model"] = model
    assert f"model '{model}' cannot be trained" in complaint(raw)
    assert "-S 'strategies=[pretrained,top_tuned]'" in complaint(raw)
    raw["strategies"] = ["pretrained", "top_tuned", "cross_tuned"]
    assert "cross_tune.methods=[top_tuned]" in complaint(raw)
    raw["cross_tune"]["methods"] = ["top_tuned"]
    parse(raw)
    raw["strategies"] = ["pretrained", "top_tuned"]
    parse(raw)
    raw["strategies"] = ["pretrained", "hybrid_tuned"]
    assert f"model '{model}' cannot be trained" in complaint(raw)


def test_a_suite_names_datasets_of_the_catalogue(raw: dict[str, Any]) -> None:
    raw["suites"]["mine"] = ["cars19"]
    assert "unknown dataset of a suite 'cars19'" in complaint(raw)
    assert "Did you mean 'cars196'?" in complaint(raw)


def test_the_study_has_its_models_and_its_six_datasets(raw: dict[str, Any]) -> None:
    study = "resnet50 convnext vit_b vit_l dino dino_resnet50 dinov2 maws mae clip clip_laion apple_clip siglip marqo"
    later = "siglip2 siglip2_so400m pe_core_l dinov3 convnext_dinov3 marqo_fashion tipsv2"
    assert {*study.split(), *later.split()} <= raw["models"].keys()
    assert len(raw["suites"]["paper"]) == 6


def test_a_missing_key_is_named(raw: dict[str, Any]) -> None:
    del raw["seed"]
    assert complaint(raw) == "params.yaml: seed is missing; add it"


def test_a_slug_with_a_dot_is_refused(raw: dict[str, Any]) -> None:
    raw["models"]["vit.b"] = raw["models"]["sample_ssl"]
    assert "slug" in complaint(raw)
    assert "vit.b" in complaint(raw)


def test_names_that_metrics_files_use_themselves_are_refused(raw: dict[str, Any]) -> None:
    raw["catalogue"]["mean"] = raw["catalogue"]["sample_cars"]
    assert "'mean': must be another name" in complaint(raw)
    del raw["catalogue"]["mean"]
    raw["catalogue"]["images"] = raw["catalogue"]["sample_cars"]
    assert "'images': must be another name" in complaint(raw)
    del raw["catalogue"]["images"]
    protocols = {"classification": {"query": "test", "gallery": "test"}}
    raw["catalogue"]["mine"] = {"reader": "folder", "protocols": protocols}
    assert "'classification': must be another name" in complaint(raw)


def test_a_weights_file_needs_its_hash(raw: dict[str, Any]) -> None:
    raw["models"]["mine"] = {**raw["models"]["sample_ssl"], "library": "timm", "file": "w.safetensors"}
    assert "sha256" in complaint(raw)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model", "siglp", "unknown model of a published number 'siglp' in params.yaml"),
        ("dataset", "cars", "unknown dataset of a published number 'cars' in params.yaml"),
        ("protocol", "tets", "unknown protocol of cars196 'tets' in params.yaml; known: test. Did you mean 'test'?"),
    ],
)
def test_a_published_number_names_what_is_here(raw: dict[str, Any], key: str, value: str, message: str) -> None:
    row = {"model": "siglip", "dataset": "cars196", "protocol": "test", "metric": "R@1", "value": 0.9, "source": "me"}
    raw["published"] = [row | {key: value}]
    assert message in complaint(raw)


def test_a_name_given_twice_is_refused(raw: dict[str, Any]) -> None:
    raw["datasets"] = ["sample_cars", "sample_cars"]
    assert "sample_cars twice" in complaint(raw)


def test_cross_tuning_needs_a_second_dataset(raw: dict[str, Any]) -> None:
    raw["datasets"] = ["sample_cars"]
    assert "cross_tuned needs two datasets" in complaint(raw)
    raw["strategies"].remove("cross_tuned")
    assert parse(raw).datasets == ["sample_cars"]


@pytest.mark.parametrize(
    ("datasets", "merged", "message"),
    [
        (
            ["sample_cars", "sample_food"],
            ["al"],
            "unknown merged source 'al' in params.yaml; known: all, all_but_sample_",
        ),
        (
            ["sample_cars", "sample_food", "sample_shelf"],
            ["all_but_sample_shel"],
            "Did you mean 'all_but_sample_shelf'?",
        ),
        (
            ["sample_cars", "sample_food"],
            ["all_but_sample_food"],
            "all_but_sample_food leaves sample_cars alone, and a",
        ),
        (["sample_cars"], ["all"], "cross_tune.merged: all leaves sample_cars alone, and a merged source needs two"),
        (["sample_cars", "all"], ["all"], "cross_tune.merged: all is also the name of a dataset; rename that"),
        (["sample_cars", "sample_food"], ["all", "all"], "cross_tune.merged names all twice; once is enough"),
    ],
)
def test_a_merged_source_names_datasets_and_merges_two_at_least(
    raw: dict[str, Any], datasets: list[str], merged: list[str], message: str
) -> None:
    raw["catalogue"]["all"] = raw["catalogue"]["sample_cars"]
    raw |= {"datasets": datasets, "strategies": ["pretrained"]}
    parse(raw)
    raw["cross_tune"]["merged"] = merged
    assert message in complaint(raw)


def test_a_file_that_is_missing_or_not_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="repository root"):
        load(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("model: [")
    with pytest.raises(UserError, match="is not YAML"):
        load(tmp_path / "params.yaml")


@pytest.mark.parametrize("content", ["", "- 1", "text"])
def test_a_file_that_is_no_table_is_refused(content: str) -> None:
    assert "params.yaml" in complaint(yaml.safe_load(content))


def test_an_unknown_hybrid_is_named_with_the_nearest(raw: dict[str, Any]) -> None:
    raw["hybrid"]["method"] = "last_block"
    assert complaint(raw).startswith("unknown hybrid.method 'last_block' in params.yaml; known: bitfit, interpolate")
    assert complaint(raw).endswith("Did you mean 'last_blocks'?")
