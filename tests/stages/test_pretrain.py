"""Both stages on a catalogue of two products a family."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from src import images
from src.backbones import sample
from src.errors import UserError
from src.pretraining import catalogue
from src.pretraining.material import PHOTOS, read
from src.sample.families import FAMILIES
from src.stages import pretrain, pretraining_catalogue

ROOT = Path(__file__).parent.parent.parent
TINY = {"seed": 5, "products": 2, "photos": {"phone": 1, "studio": 1}, "cutouts": 2, "messiness": 1.0, "size": 64}
RECIPE = {"seed": 0, "epochs": 1, "batch_size": 8, "lr": 0.002, "weight_decay": 0.05}
CATALOGUE = pretraining_catalogue.FOLDER


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a rendered catalogue."""
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "models/sample").mkdir(parents=True)
    main = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"runtime": {"workers": 1}}
    (folder / "params.yaml").write_text(yaml.safe_dump(main))
    own = {"catalogue": TINY, "recipes": dict.fromkeys(("supervised", "ssl", "clip"), RECIPE)}
    (folder / "models/sample/params.yaml").write_text(yaml.safe_dump(own))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        pretraining_catalogue.main()
    return folder


@pytest.fixture(autouse=True)
def inside(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)


def test_the_catalogue_has_photos_captions_and_cutouts_of_every_family() -> None:
    material = read(CATALOGUE, sample.PREPROCESSING)
    assert material.photos.shape == (4 * len(FAMILIES), 64, 64, 3)
    assert material.cutouts.shape == (2 * len(FAMILIES), 64, 64, 4)
    assert len(set(material.skus)) == 2 * len(FAMILIES)
    assert len(material.skus) == len(material.captions) == len(material.photos)
    assert all(material.captions)


def test_a_cutout_has_product_and_nothing() -> None:
    alpha = read(CATALOGUE, sample.PREPROCESSING).cutouts[..., 3]
    assert (alpha.reshape(len(alpha), -1).max(axis=1) == 255).all()
    assert (alpha[:, [0, 0, -1, -1], [0, -1, 0, -1]] == 0).all()  # corners


def test_no_pretraining_product_is_in_the_benchmark() -> None:
    """Another seed draws other designs: no photo of ours equals one of the benchmark's products."""
    from src.sample.catalogue import products

    for family in FAMILIES:
        benchmark = [product.design for product in products(family, 40, 7)]
        assert not [product for product in products(family, 40, 1001) if product.design in benchmark]


def test_rendering_twice_gives_equal_bytes(tmp_path: Path) -> None:
    catalogue.render(tmp_path, **TINY, workers=1)
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(CATALOGUE) for path in CATALOGUE.rglob("*") if path.is_file())
    assert all((tmp_path / file).read_bytes() == (CATALOGUE / file).read_bytes() for file in files)


@pytest.mark.parametrize("checkpoint", ["supervised", "ssl", "clip"])
def test_training_twice_gives_equal_bytes(checkpoint: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = pretrain.BUILD / f"{checkpoint}.safetensors"
    pretrain.main(checkpoint)
    first = file.read_bytes()
    pretrain.main(checkpoint)
    assert file.read_bytes() == first
    assert capsys.readouterr().out.startswith(f"pretrain {checkpoint}: ")


def test_a_trained_file_is_small_and_a_backbone() -> None:
    pretrain.main("supervised")
    file = pretrain.BUILD / "supervised.safetensors"
    assert file.stat().st_size < 3e6
    network = sample.build(sample.ARCHITECTURE)
    network.load_state_dict(load_file(file))
    assert torch.isfinite(network.eval()(torch.zeros(1, 3, 64, 64))).all()


def test_an_unknown_recipe_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"unknown recipe 'supervisd'.*Did you mean 'supervised'"):
        pretrain.main("supervisd")


def test_photos_are_read_as_the_pipeline_reads_them() -> None:
    """Else a backbone would meet in use what it never saw in training."""
    table = sorted((CATALOGUE / PHOTOS).glob("*/products.csv"))[0]
    file = table.read_text().splitlines()[1].split(",")[0]
    expected = images.preprocess(images.decode((table.parent / file).read_bytes()), sample.PREPROCESSING)
    assert np.array_equal(read(CATALOGUE, sample.PREPROCESSING).photos[0], expected)
