"""The stage match on eight photos in the plane, whose matches can be worked out by hand."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scoring_workspace import build, table, write_embeddings, write_manifest, write_params
from tuning_workspace import digests, run

from src import store
from src.errors import UserError
from src.stages import match, retrieve

OUT, CURVES = Path("data/matches"), Path("metrics/matches")


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


def made(strategy: str = "pretrained") -> pd.DataFrame:
    retrieve.main(strategy)
    match.main(strategy)
    return store.read_table(OUT / strategy / "matches.parquet")


def cosine(degrees: float) -> float:
    return math.cos(math.radians(degrees))


def test_every_query_has_its_best_right_and_wrong_match_and_its_product_metrics():
    build()
    found = made()
    one = found[found["dataset"] == "one"].set_index("row")
    assert one.index.tolist() == [5, 6, 7]  # tea at 5, jam at 65, rye at 45; gallery: tea at 10 and 60, jam at 80
    assert one["right"].tolist() == pytest.approx([cosine(5), cosine(15), math.nan], nan_ok=True, abs=1e-6)
    assert one["wrong"].tolist() == pytest.approx([cosine(75), cosine(5), cosine(15)], abs=1e-6)
    assert one["product_R@1"].tolist() == pytest.approx([1, 0, math.nan], nan_ok=True)
    assert one["product_R@5"].tolist() == pytest.approx([1, 1, math.nan], nan_ok=True)


def test_the_metrics_file_has_every_protocol_and_lies_beside_the_table_too():
    build()
    made()
    found = store.read_json(CURVES / "pretrained.json")
    assert list(found) == ["model", "strategy", "one", "two"]
    phone = found["two"]["phone"]
    assert phone["products"] == {"R@1": 0.5, "R@5": 1, "R@10": 1, "mMP@5": 0.5}
    assert phone["similarity"]["margin"] == round((cosine(5) - cosine(75) + cosine(15) - cosine(5)) / 2, 6)
    assert phone["hubness"] == {"skewness": None, "never_found": 0, "most_found": 1}
    assert phone["false_accepts"]["5%"] == dict.fromkeys(["held_out", "threshold", "right", "wrong"])  # 3 queries
    assert store.read_json(OUT / "pretrained/metrics.json") == found


def test_a_table_s_sku_is_the_product():
    build()
    angles = np.radians([0, 90, 10, 80, 100, 5, 65, 45])  # for tea at 5: tea at 10, jam at 80, tea at 100
    for dataset, other in {"one": "a", "two": "b"}.items():
        write_manifest(dataset, table(sku=["", "", "a", "", other, "", "", ""]))
        write_embeddings("pretrained", dataset, embeddings=np.stack([np.cos(angles), np.sin(angles)], 1).astype("f4"))
    found = made().set_index(["dataset", "row"])
    assert found.loc[("one", 5), "product_mMP@5"] == 1  # the second tea is the same product again
    assert found.loc[("two", 5), "product_mMP@5"] == 0.5  # it is another one, behind the jam


def test_curves_are_drawn_of_first_protocols():
    build(
        protocols={"phone": {"query": "query", "gallery": "gallery"}, "own": {"query": "train", "gallery": "gallery"}}
    )
    made()
    histograms, thresholds = (pd.read_csv(CURVES / f"pretrained/{name}.csv") for name in ("histograms", "thresholds"))
    assert set(histograms["protocol"]) == set(thresholds["protocol"]) == {"phone"}
    assert set(histograms["match"]) == {"right", "wrong"}
    assert thresholds["false_accept"].tolist() == 2 * [0.5]  # of three queries one passes; the other rates are less


def test_cross_tuned_nests_method_source_target():
    build("cross_tuned")
    found = made("cross_tuned")
    assert len(found.groupby(["method", "source", "dataset"])) == 4
    summary = store.read_json(CURVES / "cross_tuned.json")
    assert summary["fine_tuned"]["two"]["one"]["phone"] == {"products": {"R@1": 0.5, "R@5": 1, "R@10": 1, "mMP@5": 0.5}}
    assert "hubness" in store.read_json(OUT / "cross_tuned/metrics.json")["fine_tuned"]["two"]["one"]["phone"]


def test_a_second_run_writes_the_same_bytes(root):
    build()
    made()
    before = digests(OUT) | digests(CURVES)
    ran = run(root, "match", "pretrained")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert digests(OUT) | digests(CURVES) == before
    assert "  two phone: R@1 0.500; right answers at false accepts 5% –, 1% –, 0.1% –" in ran.stdout


def test_neighbours_of_another_model_are_refused():
    build()
    retrieve.main("pretrained")
    write_params(model="sample_clip")
    with pytest.raises(UserError, match=r"phone\.safetensors: model is 'toy', expected 'sample_clip'"):
        match.main("pretrained")
    assert not OUT.exists() and not CURVES.exists()
