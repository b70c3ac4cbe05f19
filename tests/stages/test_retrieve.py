"""The stage retrieve on eight photos in the plane."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scoring_workspace import PHONE, ROOT, build, table, vectors, write_embeddings, write_manifest, write_params

from src import neighbors, retrieval, store
from src.errors import UserError
from src.stages import retrieve

OUT = Path("data/neighbors")


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def digests(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): store.sha256(file) for file in sorted(folder.rglob("*.*")) if file.is_file()}


def test_neighbours_and_a_linear_probe_are_written_for_every_dataset(capsys):
    build()
    retrieve.main("pretrained")
    assert sorted(digests(OUT / "pretrained")) == [
        f"{name}/{file}" for name in ("one", "two") for file in ("phone.safetensors", "predictions.parquet")
    ]
    found, about = neighbors.read(OUT / "pretrained/one/phone.safetensors")
    assert found.query.tolist() == [5, 6, 7]
    assert found.rows[:, :4].tolist() == [[2, 4, 3, -1], [4, 3, 2, -1], [4, 2, 3, -1]]
    assert found.similarity[0, :2] == pytest.approx(np.cos(np.radians([5, 55])))
    assert (found.n_relevant.tolist(), found.first_hit.tolist()) == ([2, 1, 0], [1, 2, 0])
    assert about["model"] == "toy" and about["weights_sha256"] == "w" and about["depth"] == 20
    predictions = store.read_table(OUT / "pretrained/one/predictions.parquet")
    assert predictions.values.tolist() == [[5, "tea"], [6, "jam"]]  # rye was never taught
    assert capsys.readouterr().out.startswith("retrieve pretrained: 2 galleries, ")


def test_a_tuned_strategy_takes_what_its_own_classifier_says():
    build("top_tuned")
    retrieve.main("top_tuned")
    predictions = store.read_table(OUT / "top_tuned/two/predictions.parquet")
    assert predictions.values.tolist() == [[5, "tea"], [6, "tea"]]


def test_cross_tuned_searches_every_other_dataset_and_classifies_nothing():
    build("cross_tuned")
    retrieve.main("cross_tuned")
    pairs = [f"{method}/{pair}" for method in ("fine_tuned", "top_tuned") for pair in ("one/two", "two/one")]
    assert sorted(digests(OUT / "cross_tuned")) == [f"{pair}/phone.safetensors" for pair in pairs]


def test_a_merged_source_is_searched_on_every_dataset_and_removed_when_no_longer_asked_for(capsys):
    build("cross_tuned", cross_tune={"methods": ["top_tuned"], "merged": ["all"]})
    retrieve.main("cross_tuned")
    pairs = ["all/one", "all/two", "one/two", "two/one"]
    assert sorted(digests(OUT / "cross_tuned")) == [f"top_tuned/{pair}/phone.safetensors" for pair in pairs]
    write_params(cross_tune={"methods": ["top_tuned"]})
    retrieve.main("cross_tuned")
    assert sorted(digests(OUT / "cross_tuned")) == [f"top_tuned/{pair}/phone.safetensors" for pair in pairs[2:]]
    assert "top_tuned/all: left over from an earlier choice" in capsys.readouterr().out


def test_labels_that_training_never_saw_are_not_classified():
    build()
    for dataset in ("one", "two"):
        write_manifest(dataset, table(tuning=""))
        write_embeddings("pretrained", dataset)
    retrieve.main("pretrained")
    assert not list(OUT.rglob("predictions.parquet"))


def test_a_second_run_without_kept_results_writes_the_same_bytes():
    build()
    retrieve.main("pretrained")
    first = digests(OUT)
    Path(".scratch").rename("forgotten")
    subprocess.run(
        [sys.executable, "-m", "src.stages.retrieve", "pretrained"], env={"PYTHONPATH": str(ROOT)}, check=True
    )
    assert digests(OUT) == first


def test_a_dataset_that_did_not_change_is_not_searched_again(monkeypatch):
    build()
    retrieve.main("pretrained")
    first = digests(OUT)
    write_embeddings("pretrained", "two", embeddings=vectors()[::-1])
    searched = []
    search = retrieve.search
    monkeypatch.setattr(retrieve, "search", lambda *given: (searched.append(given[-1]), search(*given)))
    retrieve.main("pretrained")
    second = digests(OUT)
    assert searched == [("two",)]
    assert {name for name in first if first[name] != second[name]} >= {"pretrained/two/phone.safetensors"}
    assert first["pretrained/one/phone.safetensors"] == second["pretrained/one/phone.safetensors"]
    assert (
        len(list(Path(".scratch/retrieve/pretrained").iterdir())) == 3
    )  # the old search of `two` may be asked for again


def test_an_option_that_the_search_reads_makes_it_search_again():
    build()
    retrieve.main("pretrained")
    write_params(retrieve={"depth": 22})
    retrieve.main("pretrained")
    assert neighbors.read(OUT / "pretrained/one/phone.safetensors")[0].rows.shape == (3, 22)
    write_params({"phone": PHONE, "shelf": {"query": "gallery", "gallery": "gallery"}})
    retrieve.main("pretrained")
    assert (OUT / "pretrained/one/shelf.safetensors").exists()


def test_a_run_that_fails_writes_nothing_and_the_next_one_goes_on_from_what_was_finished(monkeypatch):
    build()
    write_embeddings("pretrained", "two", embeddings=np.full((8, 2), np.nan, np.float32))
    with pytest.raises(UserError, match=r"two: 8 vectors are not of length 1, first row 0"):
        retrieve.main("pretrained")
    assert not list(OUT.iterdir())
    write_embeddings("pretrained", "two")
    neighbors_of, heard = retrieval.neighbors, []
    monkeypatch.setattr(retrieval, "neighbors", lambda *given: (heard.append(1), neighbors_of(*given))[1])
    retrieve.main("pretrained")
    assert len(heard) == 1 and (OUT / "pretrained/one/phone.safetensors").exists()


def test_images_of_the_query_s_group_are_ignored_and_an_image_without_a_group_is_its_own():
    build(protocols={"phone": PHONE | {"exclude_same": "group"}})
    for dataset in ("one", "two"):
        write_manifest(dataset, table(group=["", "", "shelf", "", "", "shelf", "", ""]))
        write_embeddings("pretrained", dataset)
    retrieve.main("pretrained")
    found, _ = neighbors.read(OUT / "pretrained/one/phone.safetensors")
    assert found.rows[:, :3].tolist() == [[4, 3, -1], [4, 3, 2], [4, 2, 3]]
    assert found.n_relevant.tolist() == [1, 1, 0]


def test_what_an_earlier_choice_of_datasets_left_is_removed(capsys):
    build()
    write_manifest("old")
    write_embeddings("pretrained", "old")
    retrieve.main("pretrained")
    assert not Path("data/embeddings/pretrained/old").exists() and not Path("data/manifests/old").exists()
    assert "old: left over" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda: write_params(model="sample_clip"), "one: model is 'toy', params.yaml says 'sample_clip'; run `dvc"),
        (
            lambda: write_embeddings("pretrained", "two", weights_sha256="v"),
            "one and .*two come from different weights",
        ),
        (lambda: write_manifest("one", table(caption="new")), "one: manifest_sha256 is .*; run `dvc repro`"),
        (lambda: write_embeddings("pretrained", "one", embeddings=vectors() * 2), "8 vectors are not of length 1"),
        (lambda: write_params({"phone": {"query": "asks", "gallery": "gallery"}}), "one.phone: .*'asks' has no image"),
        (lambda: write_params({"phone": {"query": "train", "gallery": "train"}}), "one.phone: no query has another"),
        (lambda: Path("data/embeddings/pretrained/one/sidecar.json").unlink(), "sidecar.json is missing; run `dvc"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_one_line(spoil, message):
    build()
    spoil()
    with pytest.raises(UserError, match=message) as caught:
        retrieve.main("pretrained")
    assert "\n" not in str(caught.value)
    assert not OUT.exists() or not list(OUT.iterdir())


def test_predictions_of_other_rows_are_refused():
    build("top_tuned")
    store.write_array(Path("data/embeddings/top_tuned/one/predictions.npy"), np.ones(5, np.int64))
    with pytest.raises(UserError, match=r"predictions.npy: \(5,\) for 8 rows"):
        retrieve.main("top_tuned")


def test_an_unknown_strategy_is_answered_with_the_known_ones():
    build()
    with pytest.raises(UserError, match=r"unknown strategy 'top_tunned' in the command.*Did you mean 'top_tuned'"):
        retrieve.main("top_tunned")


def test_searching_does_not_import_torch():
    code = "import sys, src.stages.retrieve; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
