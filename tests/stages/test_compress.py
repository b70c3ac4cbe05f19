"""The stage compress on eight photos in the plane, and on some hundred drawn by chance."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scoring_workspace import PHOTOS, build, table, vectors, write_embeddings, write_manifest, write_params

from src import compression, store
from src.errors import UserError
from src.stages import compress, evaluate, retrieve

OUT = Path("data/compression")
OPTIONS = {"queries": 5000, "dimensions": [1, 4], "parts": [4]}


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))


def read(strategy: str = "pretrained") -> tuple[pd.DataFrame, pd.DataFrame]:
    return pd.read_csv(OUT / strategy / "datasets.csv"), pd.read_csv(OUT / strategy / "means.csv")


def crowd(seed: int, dim: int = 16) -> np.ndarray:
    """400 photos of 50 products, in two splits."""
    rng = np.random.default_rng(seed)
    found = np.repeat(rng.standard_normal((50, dim)), 8, 0) + 0.9 * rng.standard_normal((400, dim))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def build_crowd(**options: object) -> None:
    """Two datasets of these: of every product four photos to tune on and four that search each other."""
    write_params({"test": {"query": "test", "gallery": "test"}}, compress={**OPTIONS, **options})
    numbers = [str(row) for row in range(400)]
    splits = ["train"] * 4 + ["test"] * 4
    text = dict.fromkeys(["category", "group", "caption"], "")
    rows = pd.DataFrame({"image_id": numbers, "file": numbers, "sha256": numbers, "split": splits * 50, **text})
    rows = rows.assign(label=np.repeat(np.arange(50), 8).astype(str), width=8, height=8)
    rows["tuning"] = rows["split"].where(rows["split"] == "train", "")
    for seed, dataset in enumerate(("one", "two")):
        write_manifest(dataset, rows)
        write_embeddings("pretrained", dataset, embeddings=crowd(seed))


def test_every_dataset_and_codec_has_a_row_and_every_codec_a_mean(capsys: pytest.CaptureFixture[str]) -> None:
    build_crowd(dimensions=[4], parts=[])
    compress.main("pretrained")
    each, means = read()
    names = ["float32", "float16", "int8", "centred", "pca_4", "pca_4_int8", "truncated_4"]
    assert list(zip(each["dataset"], each["codec"], strict=True)) == [
        (d, name) for d in ("one", "two") for name in names
    ]
    assert means["codec"].tolist() == names
    assert means["bytes"].tolist() == [64, 32, 16, 64, 16, 4, 16]
    assert means["mMP@5"].tolist() == pytest.approx(
        each.groupby("codec", sort=False)["mMP@5"].mean().tolist(), abs=1e-6
    )
    assert means["lost"].tolist() == pytest.approx((means["mMP@5"][0] - means["mMP@5"]).tolist(), abs=2e-6)
    assert (means["low"] <= means["lost"]).all() and (means["lost"] <= means["high"]).all()
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("compress pretrained: 2 datasets, ")
    assert len(out) == 2 + len(names)


def test_whole_vectors_score_what_evaluate_says() -> None:
    build_crowd()
    retrieve.main("pretrained")
    evaluate.main("pretrained")
    compress.main("pretrained")
    scored, whole = store.read_json(Path("metrics/pretrained.json")), read()[0].query("codec == 'float32'")
    assert whole["mMP@5"].tolist() == [scored[name]["test"]["mMP@5"] for name in ("one", "two")]
    assert 0.2 < whole["mMP@5"].min() < 0.9


def test_queries_with_nothing_to_find_are_left_out() -> None:
    build(compress=OPTIONS)
    compress.main("pretrained")
    each, _ = read()
    assert each["codec"].unique().tolist() == [
        "float32",
        "float16",
        "int8",
        "centred",
        "pca_1",
        "pca_1_int8",
        "truncated_1",
    ]
    assert each["mMP@5"][0] == 0.5  # tea finds tea and tea, jam a tea; nobody sells rye


def test_only_some_queries_are_asked_where_there_are_many() -> None:
    build_crowd(queries=2, dimensions=[], parts=[])
    compress.main("pretrained")
    scores = 6 * read()[0]["mMP@5"]  # each of two queries has three photos to find: sixths
    assert scores.tolist() == pytest.approx(scores.round().tolist(), abs=1e-4)


def test_fitting_sees_only_the_images_of_tuning(monkeypatch: pytest.MonkeyPatch) -> None:
    build_crowd()
    seen = []

    def codecs(fitted: np.ndarray, *sizes: list[int]) -> dict[str, compression.Codec]:
        seen.append(np.array(fitted))
        return real(fitted, *sizes)

    real = compression.codecs
    monkeypatch.setattr(compression, "codecs", codecs)
    compress.main("pretrained")
    tuned = np.arange(400) % 8 < 4
    assert [np.array_equal(found, crowd(seed)[tuned]) for seed, found in enumerate(seen)] == [True, True]


def test_a_second_run_writes_the_same_bytes() -> None:
    build_crowd()
    compress.main("pretrained")
    first = [(OUT / "pretrained" / name).read_bytes() for name in ("datasets.csv", "means.csv")]
    compress.main("pretrained")
    assert [(OUT / "pretrained" / name).read_bytes() for name in ("datasets.csv", "means.csv")] == first


def test_cross_tuned_has_tables_without_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    build("cross_tuned")
    compress.main("cross_tuned")
    assert [len(found) for found in read("cross_tuned")] == [0, 0]
    assert read("cross_tuned")[1].columns.tolist() == ["codec", "bytes", "mMP@5", "lost", "low", "high"]
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_what_a_smaller_choice_of_datasets_left_is_removed() -> None:
    build()
    write_embeddings("pretrained", "one", embeddings=vectors())
    write_params(datasets=["one"], strategies=["pretrained"])
    compress.main("pretrained")
    assert not Path("data/embeddings/pretrained/two").exists()
    assert set(read()[0]["dataset"]) == {"one"}


def test_vectors_that_are_no_numbers_are_refused() -> None:
    build()
    write_embeddings("pretrained", "two", embeddings=np.full((len(PHOTOS), 2), np.nan, np.float32))
    with pytest.raises(UserError, match="some vectors are no numbers; embed again"):
        compress.main("pretrained")
    assert not (OUT / "pretrained").exists()


def test_another_models_vectors_are_refused() -> None:
    build()
    write_embeddings("pretrained", "two", model="other")
    with pytest.raises(UserError, match=r"model is 'other', params.yaml says 'toy'; run `dvc repro`"):
        compress.main("pretrained")


def test_a_manifest_without_tuning_rows_has_what_needs_no_fitting() -> None:
    build(compress=OPTIONS)
    for dataset in ("one", "two"):
        write_manifest(dataset, table(tuning=""))
        write_embeddings("pretrained", dataset)
    compress.main("pretrained")
    assert read()[1]["codec"].tolist() == ["float32", "float16", "truncated_1"]


def test_an_unknown_strategy_is_answered_with_the_known_ones() -> None:
    build()
    with pytest.raises(UserError, match=r"unknown strategy 'top_tunned' in the command.*Did you mean 'top_tuned'"):
        compress.main("top_tunned")
