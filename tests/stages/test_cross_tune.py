"""The stage cross_tune on three small datasets."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tuning_workspace import backbone, digests, params, photos, run, table, write_pretrained

from src import embedding, store
from src.errors import UserError
from src.params import RuntimeParams
from src.stages import cross_tune, top_tune
from src.tuning import heads

QUICK = {"top_tune__layers": [16, 8], "top_tune__epochs": 2, "top_tune__batch_size": 8}
OUT = Path("data/embeddings/cross_tuned")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three datasets with pretrained embeddings, a head tuned on the first."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    params(tmp_path, ("one", "two", "three"), **QUICK)
    for seed, dataset in enumerate(("one", "two", "three")):
        write_pretrained(tmp_path, dataset, table(), seed=seed)
        (tmp_path / "data/shards" / dataset).mkdir(parents=True)
    top_tune.main("one")
    return tmp_path


def test_the_head_of_the_source_is_used_on_every_other_dataset(root: Path) -> None:
    cross_tune.main("top_tuned", "one")
    assert sorted(path.name for path in (OUT / "top_tuned/one").iterdir()) == ["three", "two"]
    tuned, _ = heads.load(root / "models/top_tuned/one")
    for target in ("two", "three"):
        frozen = np.load(root / "data/embeddings/pretrained" / target / "embeddings.npy")
        manifest_sha256 = store.sha256(root / "data/manifests" / target / "manifest.parquet")
        found, sidecar = store.read_embeddings(OUT / "top_tuned/one" / target, manifest_sha256)
        assert np.array_equal(found, heads.embed(tuned.encoder, frozen))
        said = {key: sidecar[key] for key in ("strategy", "method", "source", "target", "weights_sha256")}
        assert list(said.values()) == ["cross_tuned", "top_tuned", "one", target, "w"]
        assert sidecar["encoder_sha256"] == store.sha256(root / "models/top_tuned/one/head.safetensors")
        assert "classes" not in sidecar and not (OUT / "top_tuned/one" / target / "predictions.npy").exists()


def test_a_kept_pair_is_not_made_again_and_a_changed_one_is(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cross_tune.main("top_tuned", "one")
    before, embedded, embed = digests(OUT), [], heads.embed
    monkeypatch.setattr(heads, "embed", lambda *given: embedded.append(given) or embed(*given))
    cross_tune.main("top_tuned", "one")
    assert digests(OUT) == before and not embedded
    write_pretrained(root, "two", table(), seed=9)
    cross_tune.main("top_tuned", "one")
    changed = {name for name, digest in digests(OUT).items() if before[name] != digest}
    assert len(embedded) == 1 and changed == {"top_tuned/one/two/embeddings.npy"}


def test_an_interrupted_run_keeps_its_finished_pairs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embed = heads.embed
    calls = []

    def breaking(*given):
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return embed(*given)

    monkeypatch.setattr(heads, "embed", breaking)
    with pytest.raises(KeyboardInterrupt):
        cross_tune.main("top_tuned", "one")
    assert not (OUT / "top_tuned/one").exists()
    cross_tune.main("top_tuned", "one")
    assert len(calls) == 3 and len(list((OUT / "top_tuned/one").iterdir())) == 2


def test_a_dataset_that_left_is_no_longer_a_target(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cross_tune.main("top_tuned", "one")
    params(root, ("one", "two"), **QUICK)
    cross_tune.main("top_tuned", "one")
    assert [path.name for path in (OUT / "top_tuned/one").iterdir()] == ["two"]
    assert not (root / "data/embeddings/pretrained/three").exists()
    assert "pretrained/three: left over from an earlier choice" in capsys.readouterr().out


def test_a_head_of_another_backbone_is_refused(root: Path) -> None:
    config = root / "models/top_tuned/one/config.json"
    store.write_json(config, store.read_json(config) | {"weights_sha256": "another"})
    with pytest.raises(UserError, match="models/top_tuned/one was tuned on another backbone than two"):
        cross_tune.main("top_tuned", "one")


@pytest.mark.parametrize(
    ("given", "message"),
    [(("topp_tuned", "one"), "unknown method 'topp_tuned'"), (("top_tuned", "none"), "unknown source 'none'")],
)
def test_unknown_words_are_refused_with_the_known_ones(root: Path, given: tuple[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        cross_tune.main(*given)


def test_the_network_of_the_source_is_used_on_the_others_photos(root: Path) -> None:
    shutil.rmtree(root / "data")
    for seed, dataset in enumerate(("one", "two", "three")):
        photos(root, dataset, table(), seed)
    config = {"tuned_from": "w0"}
    tuned = backbone(root / "models/fine_tuned/one", config)
    ran = run(root, "cross_tune", "fine_tuned", "one")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("cross_tune fine_tuned: one -> two, three, ")
    assert "; 0 kept, " in ran.stdout
    made = OUT / "fine_tuned/one/two"
    expected = embedding.embed_rows(
        tuned, photos(root, "two", table(), 1), "fp32", RuntimeParams(threads=1, workers=1), ""
    )
    assert np.array_equal(np.load(made / "embeddings.npy"), expected)
    sidecar = store.read_json(made / "sidecar.json")
    assert sidecar["weights_sha256"] == "w0" and sidecar["encoder_sha256"] == tuned.config["weights_sha256"]
    assert not list((root / ".scratch/cross_tune_unfinished").iterdir())
