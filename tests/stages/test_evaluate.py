"""The stage evaluate on eight photos in the plane, whose metrics can be worked out by hand."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
from scoring_workspace import PHONE, ROOT, build, table, write_embeddings, write_manifest, write_params

from src import metrics, neighbors, store
from src.errors import UserError
from src.stages import evaluate, retrieve


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def score(strategy: str = "pretrained") -> dict:
    retrieve.main(strategy)
    evaluate.main(strategy)
    return store.read_json(Path("metrics") / f"{strategy}.json")


def test_metrics_are_means_over_queries_that_have_something_to_find():
    build()
    found = score()
    ndcg = (1 + 1 / math.log2(3)) / 2  # tea: 1; jam, at rank 2 of 1 relevant: 1 / log2(3)
    assert found["one"]["phone"] == {
        "mMP@5": 0.5,
        "R@1": 0.5,
        "R@5": 1.0,
        "R@10": 1.0,
        "mAP@R": 0.5,
        "mAP@20": 0.75,
        "MRR": 0.75,
        "nDCG@10": round(ndcg, 6),
        "queries": 3,
        "queries_without_relevant": 1,
        "gallery": 3,
        "interval": {"low": 0.0, "high": 1.0, "by": "query"},  # two queries, one right and one wrong
    }
    scores = dict.fromkeys(["accuracy", "macro_precision", "macro_recall", "macro_F1"], 1.0)
    assert found["one"]["classification"] == {**scores, "images": 2}


def test_every_dataset_says_how_many_images_it_holds_and_how_many_could_not_be_used():
    build()
    assert score()["two"]["images"] == {"images": 8, "labels": 3, "quarantined": 1}
    build("cross_tuned")
    assert list(score("cross_tuned")["top_tuned"]["one"]["two"]) == ["phone"]


def test_the_file_says_what_it_was_made_from_and_its_headline_is_the_first_protocol_s_mean():
    build(protocols={"phone": PHONE, "taught": {"query": "train", "gallery": "gallery"}})
    found = score()
    assert list(found) == ["model", "weights_sha256", "strategy", "protocol_version", "mean", "one", "two"]
    assert (found["model"], found["weights_sha256"], found["strategy"]) == ("toy", "w", "pretrained")
    assert found["mean"] == {"mMP@5": 0.5, "interval": {"low": 0.0, "high": 1.0, "by": "query"}}
    assert found["one"]["taught"]["mMP@5"] == 1
    assert store.read_json(Path("data/queries/pretrained/metrics.json")) == found


def test_a_classifier_that_always_answers_tea_is_right_for_half_and_has_a_third_of_macro_f1():
    build("top_tuned")
    found = score("top_tuned")["two"]["classification"]
    assert found == {"accuracy": 0.5, "macro_precision": 0.25, "macro_recall": 0.5, "macro_F1": 0.333333, "images": 2}


def test_a_hybrid_is_named_and_has_its_trained_parameters_beside_its_scores():
    build("hybrid_tuned")
    found = score("hybrid_tuned")
    assert list(found)[:4] == ["model", "weights_sha256", "hybrid", "strategy"] and found["hybrid"] == "lora"
    assert found["two"]["training"] == {"trained_parameters": 12} and "accuracy" in found["two"]["classification"]


def test_cross_tuned_nests_method_source_target_and_has_a_mean_for_each_method():
    build("cross_tuned")
    found = score("cross_tuned")
    assert found["top_tuned"]["one"]["two"]["phone"]["mMP@5"] == 0.5
    assert list(found["fine_tuned"]) == ["mean", "one", "two"]
    assert found["fine_tuned"]["mean"]["mMP@5"] == 0.5
    assert found["fine_tuned"]["mean"]["interval"]["by"] == "query"
    assert "mean" not in found
    queries = store.read_table(Path("data/queries/cross_tuned/queries.parquet"))
    assert set(zip(queries["method"], queries["source"], queries["dataset"], strict=True)) == {
        (method, *pair) for method in ("top_tuned", "fine_tuned") for pair in (("one", "two"), ("two", "one"))
    }


def test_a_merged_source_is_scored_on_every_dataset_and_has_a_mean_of_its_own(capsys):
    build("cross_tuned", cross_tune={"methods": ["top_tuned"], "merged": ["all"]})
    found = score("cross_tuned")["top_tuned"]
    assert found.keys() == {"mean", "one", "two", "all"}
    assert found["all"].keys() == {"mean", "one", "two"} and found["all"]["mean"]["mMP@5"] == 0.5
    assert "  top_tuned all  one 0.500  two 0.500" in capsys.readouterr().out.splitlines()
    queries = store.read_table(Path("data/queries/cross_tuned/queries.parquet"))
    assert queries["source"].value_counts().to_dict() == {"one": 3, "two": 3, "all": 6}


def test_the_table_has_every_query_with_every_metric():
    build()
    score()
    queries = store.read_table(Path("data/queries/pretrained/queries.parquet"))
    names = [
        "strategy",
        "dataset",
        "protocol",
        "method",
        "source",
        "row",
        "image_id",
        "label",
        "category",
        "n_relevant",
        "cluster",
        "clustered_by",
        "first_wrong",
    ]
    assert list(queries) == [*names, *metrics.METRICS]
    assert queries["image_id"].tolist() == ["5", "6", "7"] * 2
    assert queries["label"].tolist() == ["tea", "jam", "rye"] * 2
    assert queries["cluster"].tolist() == [0, 1, 2] * 2  # each query for itself
    assert queries["first_wrong"].tolist() == [3, 4, 4] * 2
    assert queries["MRR"].tolist()[:2] == [1, 0.5] and math.isnan(queries["MRR"][2])


def test_a_second_run_writes_the_same_bytes():
    build()
    score()
    files = [Path("metrics/pretrained.json"), *sorted(Path("data/queries/pretrained").iterdir())]
    first = [store.sha256(file) for file in files]
    subprocess.run(
        [sys.executable, "-m", "src.stages.evaluate", "pretrained"], env={"PYTHONPATH": str(ROOT)}, check=True
    )
    assert len(files) == 3 and [store.sha256(file) for file in files] == first


def test_one_line_a_dataset_is_printed(capsys):
    build()
    score()
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:] == [
        "evaluate pretrained: toy, mMP@5",
        "  one  phone 0.500  accuracy 1.000",
        "  two  phone 0.500  accuracy 1.000",
    ]


def test_one_line_a_tuned_encoder_is_printed(capsys):
    build("cross_tuned")
    score("cross_tuned")
    assert "  top_tuned one   two 0.500" in capsys.readouterr().out.splitlines()


def respell(**about: str) -> None:
    """Neighbours of dataset two that say something else of themselves."""
    path = Path("data/neighbors/pretrained/two/phone.safetensors")
    found, before = neighbors.read(path)
    neighbors.write(path, found, before | about)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda: write_params(model="sample_clip"), "phone.safetensors: model is 'toy', expected 'sample_clip'; run"),
        (lambda: respell(weights_sha256="v"), "data/neighbors/pretrained mixes neighbours of 2 backbones; run `dvc"),
        (lambda: respell(format_version="0"), "two/phone.safetensors: format_version is '0', expected 1"),
        (lambda: write_manifest("one", table(caption="new")), "one/phone.safetensors: manifest_sha256 is .*; run"),
        (lambda: Path("data/neighbors/pretrained/one/phone.safetensors").unlink(), "phone.safetensors is missing; run"),
        (lambda: Path("data/neighbors/pretrained/one/phone.safetensors").write_bytes(b"1"), "is damaged .*; delete it"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_one_line(spoil, message):
    build()
    retrieve.main("pretrained")
    spoil()
    with pytest.raises(UserError, match=message) as caught:
        evaluate.main("pretrained")
    assert "\n" not in str(caught.value)
    assert not Path("metrics").exists() and not Path("data/queries").exists()


def test_scoring_imports_no_heavy_library():
    heavy = "{'torch', 'faiss', 'sklearn', 'timm', 'matplotlib'}"
    code = f"import sys, src.stages.evaluate; sys.exit(', '.join(set(sys.modules) & {heavy}) or 0)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_embeddings_are_not_needed_to_score_again():
    build()
    first = score()
    write_embeddings("pretrained", "one", weights_sha256="v")
    evaluate.main("pretrained")
    assert store.read_json(Path("metrics/pretrained.json")) == first
