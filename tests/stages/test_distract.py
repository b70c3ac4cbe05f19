"""The stages distract and distract_tuned on eight photos in the plane, a dataset of it a few degrees from the other."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scoring_workspace import PHOTOS, build, table, write_embeddings, write_manifest, write_params
from tuning_workspace import digests, run

from src.errors import UserError
from src.stages import distract, distract_tuned

OUT = Path("data/distractors")


def turned(degrees: float) -> np.ndarray:
    """The eight photos, all turned."""
    angles = np.radians([photo[-1] + degrees for photo in PHOTOS])
    return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)


def lay(strategy: str, *place: str, degrees: float = 0, encoder: str = "e") -> None:
    write_embeddings(strategy, *place, embeddings=turned(degrees), encoder_sha256=encoder)


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Dataset two lies three degrees from dataset one, and its photos are other ones."""
    monkeypatch.chdir(tmp_path)
    build()
    write_manifest("two", table(sha256=[f"two{row}" for row in range(8)]))
    lay("pretrained", "one")
    lay("pretrained", "two", degrees=3)
    return tmp_path


def curve(strategy: str = "pretrained") -> pd.DataFrame:
    return pd.read_csv(OUT / strategy / "curve.csv").set_index(["dataset", "distractors"])


def test_every_gallery_is_enlarged_by_the_images_of_the_others():
    distract.main()
    found = curve()
    assert found.loc["one", "gallery"].tolist() == [3, 6, 11]
    assert found.loc[("one", 0), "R@1"] == 0.5  # tea at 5 finds tea at 10, jam at 65 the tea at 60
    assert found.loc[("one", 8), "R@1"] == 0  # the other's tea at 3 + 0 and query at 3 + 5 are nearer to 5
    assert (found["protocol"] == "phone").all() and (found["strategy"] == "pretrained").all()


def test_a_photo_that_the_dataset_has_itself_is_no_distractor():
    hashes = [str(row) if row < 6 else f"two{row}" for row in range(8)]
    write_manifest("two", table(sha256=hashes))
    lay("pretrained", "two", degrees=3)
    distract.main()
    assert curve().loc["one"].index.tolist() == [0, 2]


def test_one_dataset_alone_has_one_size():
    write_params(datasets=["one"], strategies=["pretrained"])
    distract.main()
    assert curve().index.tolist() == [("one", 0)]


def test_a_tuned_encoder_meets_what_cross_tuning_made_of_the_others():
    for source, other in (("one", "two"), ("two", "one")):
        lay("top_tuned", source, encoder=source)
        lay("cross_tuned", "top_tuned", source, other, degrees=180, encoder=source)
    distract_tuned.main("top_tuned")
    assert curve("top_tuned").loc["one", "R@1"].tolist() == [0.5, 0.5, 0.5]
    assert not (OUT / "pretrained").exists()


def test_a_second_run_writes_the_same_bytes(root):
    distract.main()
    before = digests(OUT)
    ran = run(root, "distract")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert digests(OUT) == before and list(before) == ["pretrained/curve.csv"]
    assert "  one phone: R@1 0.500 among 3 images, 0.000 among 11" in ran.stdout


def test_embeddings_of_two_encoders_are_not_merged():
    lay("pretrained", "two", encoder="another")
    with pytest.raises(UserError, match=r"pretrained/one and .*pretrained/two come from different encoders; run `dvc"):
        distract.main()
    assert not OUT.exists()


def test_embeddings_of_another_model_are_refused():
    write_params(model="sample_clip")
    with pytest.raises(UserError, match=r"pretrained/one: model is 'toy', params\.yaml says 'sample_clip'; run"):
        distract.main()


def test_an_unknown_method_is_named():
    with pytest.raises(UserError, match="unknown method 'top_tune'"):
        distract_tuned.main("top_tune")
