"""An image's embedding as each library documents it, from the local hub and with none of our code."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import open_clip
import timm
import torch
from numpy.typing import NDArray
from PIL import Image
from timm.data import create_transform, resolve_data_config
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize, ToTensor
from transformers import AutoImageProcessor, AutoModel

from src.entries import Model

IMAGENET = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
BICUBIC = InterpolationMode.BICUBIC

Transform = Callable[[Image.Image], Tensor]
Encoder = Callable[[Tensor], Tensor]


def embed(model: Model, photos: Sequence[bytes], root: Path) -> NDArray[np.float32]:
    """Vectors [N, D] of photos, one at a time; `root` is what the local hub serves."""
    libraries = {"timm": of_timm, "open_clip": of_open_clip, "transformers": of_transformers}
    transform, encode = of_file(model, root) if model.url else libraries[model.library](model)
    opened = [Image.open(io.BytesIO(data)).convert("RGB") for data in photos]
    with torch.inference_mode():
        return torch.cat([encode(transform(image)[None]) for image in opened]).numpy()


def of_timm(model: Model) -> tuple[Transform, Encoder]:
    """huggingface.co/docs/timm, feature extraction: forward_features, then forward_head(pre_logits=True)."""
    record = timm.get_pretrained_cfg(model.checkpoint)
    side = model.size or record.input_size[-1]
    fixed = {"img_size": side} if record.fixed_input_size else {}
    network = timm.create_model(model.checkpoint, pretrained=True, **fixed).eval()
    settings = resolve_data_config({"input_size": (3, side, side)}, model=network)

    def encode(pictures: Tensor) -> Tensor:
        return network.forward_head(network.forward_features(pictures), pre_logits=True)

    return create_transform(**settings, is_training=False), encode


def of_open_clip(model: Model) -> tuple[Transform, Encoder]:
    """open_clip's README: create_model_and_transforms, then encode_image."""
    name, _, tag = (model.checkpoint, "", None) if ":" in model.checkpoint else model.checkpoint.partition("/")
    network, _, transform = open_clip.create_model_and_transforms(name, pretrained=tag, force_image_size=model.size)
    return transform, network.eval().encode_image


def of_transformers(model: Model) -> tuple[Transform, Encoder]:
    """Model cards at huggingface.co: the processor, then get_image_features, or the pooled output of an image model."""
    network = AutoModel.from_pretrained(model.checkpoint).eval()
    processor = AutoImageProcessor.from_pretrained(model.checkpoint, backend="pil")

    def encode(pictures: Tensor) -> Tensor:
        return getattr(network, "get_image_features", network)(pixel_values=pictures).pooler_output.flatten(1)

    return lambda image: processor(image, return_tensors="pt")["pixel_values"][0], encode


def of_file(model: Model, root: Path) -> tuple[Transform, Encoder]:
    """hubconf.py of facebookresearch/dino, model_builder.py of facebookresearch/maws; their evaluation transforms."""
    file = root / urlsplit(model.url).path.lstrip("/")
    weights = torch.load(file, weights_only=True)
    if file.name == "dino_resnet50_pretrain.pth":
        network: nn.Module = ResNet(Bottleneck, [count(weights, f"layer{stage}.") for stage in range(1, 5)])
        network.fc = nn.Identity()
        resize = 256
    else:
        assert file.name == "vit_b16.pt", f"say here how {file.name} is used by its authors"
        network = VisionTransformer(
            patch_size=16, embed_dim=768, depth=count(weights, "blocks."), num_heads=12, num_classes=0
        )
        resize = 224
    network.load_state_dict(weights)
    return Compose([Resize(resize, BICUBIC), CenterCrop(224), ToTensor(), IMAGENET]), network.eval()


def count(weights: dict[str, Tensor], prefix: str) -> int:
    """How many blocks lie below a prefix."""
    return 1 + max(int(name.removeprefix(prefix).split(".")[0]) for name in weights if name.startswith(prefix))
