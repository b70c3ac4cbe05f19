"""The stage similarity on three small datasets."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tuning_workspace import digests, params, run, table, write_pretrained

from src import similarity, store
from src.errors import UserError
from src.stages import similarity as stage

OUT = Path("data/similarity")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three datasets with pretrained embeddings."""
    monkeypatch.chdir(tmp_path)
    params(tmp_path, ("one", "two", "three"), model="sample_ssl")
    for seed, dataset in enumerate(("one", "two", "three")):
        write_pretrained(tmp_path, dataset, table(), seed=seed)
        folder = tmp_path / "data/embeddings/pretrained" / dataset
        store.write_json(folder / "sidecar.json", store.read_json(folder / "sidecar.json") | {"model": "sample_ssl"})
    return tmp_path


def test_every_ordered_pair_is_compared_by_what_tuning_may_see(root: Path) -> None:
    stage.main()
    spaces = {}
    for dataset in ("one", "two", "three"):
        embeddings = store.read_array(root / "data/embeddings/pretrained" / dataset / "embeddings.npy")
        taught = (table()["tuning"] != "").to_numpy()
        spaces[dataset] = similarity.describe(embeddings[taught], table()["label"].to_numpy(dtype=str)[taught])
    pd.testing.assert_frame_equal(pd.read_csv(OUT / "similarity.csv"), similarity.compare(spaces))


def test_a_second_run_writes_the_same_bytes_and_says_who_promises_most(root: Path) -> None:
    stage.main()
    before = digests(OUT)
    ran = run(root, "similarity")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert digests(OUT) == before and list(before) == ["similarity.csv"]
    assert ran.stdout.startswith("similarity: sample_ssl, 6 ordered pairs, ")
    found = pd.read_csv(OUT / "similarity.csv").set_index(["target", "source"])["transfer"]
    assert ran.stdout.splitlines()[2].split()[:2] == ["two", str(found["two"].idxmax())]


def test_a_dataset_that_left_is_not_compared(root: Path) -> None:
    params(root, ("one", "two"), model="sample_ssl")
    stage.main()
    assert len(pd.read_csv(OUT / "similarity.csv")) == 2


def test_one_dataset_makes_an_empty_table(root: Path) -> None:
    params(root, ("one",), model="sample_ssl")
    stage.main()
    assert (OUT / "similarity.csv").read_text() == "source,target,cka,frechet,transfer\n"


def test_a_dataset_without_training_images_has_empty_cells(root: Path) -> None:
    write_pretrained(root, "two", table().assign(tuning=""), seed=1)
    folder = root / "data/embeddings/pretrained/two"
    store.write_json(folder / "sidecar.json", store.read_json(folder / "sidecar.json") | {"model": "sample_ssl"})
    stage.main()
    assert "two,one,,,\n" in (OUT / "similarity.csv").read_text()


def test_vectors_that_are_no_numbers_are_refused(root: Path) -> None:
    file = root / "data/embeddings/pretrained/two/embeddings.npy"
    broken = store.read_array(file).copy()
    broken[3] = np.nan
    store.write_array(file, broken)
    with pytest.raises(UserError, match="pretrained/two: some vectors are no numbers"):
        stage.main()


def test_embeddings_of_another_model_are_refused(root: Path) -> None:
    params(root, ("one", "two", "three"))
    with pytest.raises(
        UserError, match=r"pretrained/one: model is 'sample_ssl', params\.yaml says 'sample_supervised'"
    ):
        stage.main()
    assert not OUT.exists()
