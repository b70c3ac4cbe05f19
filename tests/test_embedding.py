import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from src import embedding, images
from src.backbones import Backbone
from src.backbones import timm as library
from src.engines import Engine
from src.errors import UserError
from src.images import Preprocessing, Shards
from src.params import RuntimeParams

HOW = Preprocessing(size=32, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.5))


class Means(nn.Module):
    """The mean of each colour: three numbers an image, to be checked by hand. Counts the images it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        self.seen += len(pictures)
        return pictures.mean((2, 3))


def picture(red: int, green: int, blue: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (40, 36), (red, green, blue)).save(data, "PNG")
    return data.getvalue()


def packed(folder: Path, blobs: list[bytes | int]) -> Shards:
    folder.mkdir(exist_ok=True)
    images.write_shards(folder, blobs)
    return Shards(folder)


def backbone(network: nn.Module, dim: int, how: Preprocessing = HOW) -> Backbone:
    return Backbone(
        network.eval(),
        how,
        {"dim": dim, "model": "toy", "library": "timm", "preprocessing": {}, "parameters": 0, "gmacs": 0.0},
    )


def runtime(batch_size: int = 2) -> RuntimeParams:
    return RuntimeParams(device="cpu", threads=1, workers=1, batch_size=batch_size)


@pytest.fixture
def several(tmp_path: Path) -> Shards:
    """Seven photos of noise, the sixth byte-equal to the second."""
    blobs: list[bytes | int] = []
    for seed in range(7):
        data = io.BytesIO()
        noise = np.random.default_rng(seed).integers(0, 256, (6, 5 + seed, 3), np.uint8)
        Image.fromarray(noise).resize((50, 40)).save(data, "JPEG")
        blobs.append(data.getvalue())
    blobs[5] = 1
    return packed(tmp_path / "shards", blobs)


def test_normalising_is_by_hand_and_keeps_channels_last() -> None:
    pixels = torch.tensor([0, 102, 255], dtype=torch.uint8).expand(1, 2, 2, 3)
    found = embedding.normalise(pixels, HOW)
    assert found.shape == (1, 3, 2, 2)
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found[0, :, 1, 1], torch.tensor([-0.5 / 0.2, 0.0, 0.7 / 0.5]))


def test_vectors_have_length_one_however_large_or_small() -> None:
    vectors = np.array([[3, 4], [3e30, -4e30], [3e-42, 0], [0, -2]], np.float32)
    found = embedding.unit(vectors, np.arange(4), "x")
    np.testing.assert_allclose(found, [[0.6, 0.8], [0.6, -0.8], [1, 0], [0, -1]], rtol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("bad", [0, np.nan, np.inf])
def test_a_vector_without_direction_names_its_image(bad: float) -> None:
    vectors = np.ones((3, 2), np.float32)
    vectors[1] = bad
    with pytest.raises(UserError, match=r"toys: the vector of image row 11 is zero or not finite \(1 of 3 are\)"):
        embedding.unit(vectors, np.array([10, 11, 12]), "toys")


def test_embedding_three_plain_pictures_by_hand(tmp_path: Path) -> None:
    shards = packed(tmp_path / "shards", [picture(0, 102, 255), picture(255, 0, 0), 0])
    found = embedding.embed_rows(backbone(Means(), 3), shards, "fp32", runtime(), "t")
    first, second = np.array([-2.5, 0, 1.4]), np.array([2.5, -1.6, -0.6])
    expected = [first / np.linalg.norm(first), second / np.linalg.norm(second), first / np.linalg.norm(first)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["test_vit", "test_resnet"])
def test_batches_of_1_3_and_8_give_the_vectors_of_a_plain_loop(name: str, several: Shards) -> None:
    torch.manual_seed(0)
    network = library.build({"architecture": name, "build": {"img_size": 32} if name == "test_vit" else {}}).eval()
    plain = []
    for row in range(len(several)):
        pixels = images.preprocess(images.decode(several[row]), HOW).astype(np.float32) / 255
        pixels = (pixels - np.float32(HOW.mean)) / np.float32(HOW.std)
        with torch.inference_mode():
            vector = network(torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy()))[0].double().numpy()
        plain.append(vector / np.linalg.norm(vector))
    made = backbone(network.to(memory_format=torch.channels_last), len(plain[0]))
    for batch_size in (1, 3, 8):
        found = embedding.embed_rows(made, several, "fp32", runtime(batch_size), "t")
        np.testing.assert_allclose(found, plain, atol=1e-5)


def test_bf16_stays_near_fp32_and_gives_float32(several: Shards) -> None:
    torch.manual_seed(0)
    made = backbone(library.build({"architecture": "test_vit", "build": {"img_size": 32}}), 64)
    exact = embedding.embed_rows(made, several, "fp32", runtime(), "t")
    rough = embedding.embed_rows(made, several, "bf16", runtime(), "t")
    assert rough.dtype == np.float32
    assert not np.array_equal(rough, exact)
    assert ((rough * exact).sum(axis=1) > 0.999).all()


def test_byte_equal_images_are_embedded_once_and_get_equal_vectors(several: Shards) -> None:
    network = Means()
    found = embedding.embed_rows(backbone(network, 3), several, "fp32", runtime(), "t")
    assert network.seen == 6
    assert np.array_equal(found[5], found[1])


def test_a_network_in_training_mode_is_put_into_eval_mode(several: Shards) -> None:
    dropping = nn.Sequential(Means(), nn.Dropout(0.9)).train()
    found = embedding.embed_rows(backbone(dropping, 3), several, "fp32", runtime(), "t")
    every = embedding.embed_rows(backbone(Means(), 3), several, "fp32", runtime(), "t")
    assert np.array_equal(found, every)


def test_chunks_are_whole_batches_and_cover_every_image_once() -> None:
    chunks = embedding.spans(10_000, 1000)
    assert all(len(chunk) == 3000 for chunk in chunks[:-1])
    assert [row for chunk in chunks for row in chunk] == list(range(10_000))
    assert embedding.spans(0, 8) == []


class Interrupted(Means):
    """Goes well for a number of images, then somebody presses Ctrl-C."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        if self.seen >= 4:
            raise KeyboardInterrupt
        return super().forward(pictures)


def test_an_interrupted_run_goes_on_where_it_was(several: Shards, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(embedding, "CHUNK", 2)
    whole = embedding.embed_rows(backbone(Means(), 3), several, "fp32", runtime(), "t")
    scratch = tmp_path / "scratch"
    with pytest.raises(KeyboardInterrupt):
        embedding.embed_rows(backbone(Interrupted(), 3), several, "fp32", runtime(), "t", scratch)
    network, meter = Means(), embedding.Meter()
    found = embedding.embed_rows(backbone(network, 3), several, "fp32", runtime(), "t", scratch, meter)
    assert network.seen == meter.images == 2
    assert found.tobytes() == whole.tobytes()


def test_with_every_chunk_kept_nothing_is_embedded_again(several: Shards, tmp_path: Path) -> None:
    whole = embedding.embed_rows(backbone(Means(), 3), several, "fp32", runtime(), "t", tmp_path)
    network, meter = Means(), embedding.Meter()
    found = embedding.embed_rows(backbone(network, 3), several, "fp32", runtime(), "t", tmp_path, meter)
    assert network.seen == 0
    assert np.array_equal(found, whole)
    assert meter.record() == {"images": 0, "seconds": 0.0, "images_per_second": None}


def test_long_work_says_how_long_once_its_rate_is_known_and_short_work_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for clock, line in (((0, 8, 12, 14), "t: 100 images, about 2 min here\n"), ((0, 8, 12, 12.5), "")):
        ticks = iter(map(float, clock))
        monkeypatch.setattr(embedding, "perf_counter", lambda ticks=ticks: next(ticks))
        with embedding.watched(100, "t", embedding.Meter()) as done:
            for _ in clock[1:]:
                done(5 if line else 40)
        assert capsys.readouterr().err == line


def test_a_batch_that_is_not_full_is_filled_up_with_its_own_images(several: Shards) -> None:
    seen = []

    def run(pixels: np.ndarray) -> np.ndarray:
        seen.append(pixels.copy())
        return pixels.mean((1, 2)).astype(np.float32)

    with embedding.encoded(Engine(run, batch=4, at_once=1), several, HOW, [np.array([3, 0])], workers=1) as found:
        (vectors,) = found
    assert [len(pixels) for pixels in seen] == [4]
    assert np.array_equal(seen[0][2:], seen[0][:2])
    assert vectors.shape == (2, 3)


@pytest.mark.parametrize("count", [1, 5, 7])
def test_vectors_do_not_depend_on_how_many_images_there_are_nor_on_the_threads(count: int, several: Shards) -> None:
    torch.manual_seed(0)
    made = backbone(library.build({"architecture": "test_vit", "build": {"img_size": 32}}), 64)
    whole = embedding.embed_rows(made, several, "fp32", runtime(3), "t")
    busy = RuntimeParams(device="cpu", threads=3, workers=4, batch_size=3)
    some = embedding.embed_rows(made, several, "fp32", busy, "t", rows=np.arange(count))
    assert some.tobytes() == whole[:count].tobytes()


def test_chosen_rows_come_in_their_order_and_twice_where_asked_twice(several: Shards) -> None:
    whole = embedding.embed_rows(backbone(Means(), 3), several, "fp32", runtime(), "t")
    rows = np.array([6, 0, 6, 5])
    network = Means()
    found = embedding.embed_rows(backbone(network, 3), several, "fp32", runtime(1), "t", rows=rows)
    np.testing.assert_allclose(found, whole[rows], atol=1e-6)
    assert network.seen == 3


def test_the_sidecar_says_how_vectors_came_about() -> None:
    made = embedding.provenance(backbone(Means(), 3), "bf16")
    assert made["precision"] == "bf16"
    assert made["versions"]["torch"] == torch.__version__
    assert made["versions"].keys() == {"torch", "pillow", "numpy", "timm"}
