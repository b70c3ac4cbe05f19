"""Floor 2. The text tower that teaches `clip`: a small transformer over hashed words. It is thrown away afterwards."""

import re
import zlib

import torch
from torch import Tensor, nn

VOCABULARY, CAPTION_WORDS, WIDTH, LAYERS, HEADS = 2048, 24, 128, 2, 4


class TextTower(nn.Module):
    """A small transformer over hashed words: int64 [B, CAPTION_WORDS], 0 after the last -> [B, dim]."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH, padding_idx=0)
        self.position = nn.Parameter(0.02 * torch.randn(CAPTION_WORDS, WIDTH))
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 2 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.projection = nn.Linear(WIDTH, dim)

    def forward(self, words: Tensor) -> Tensor:
        ended = words == 0
        states = self.encoder(self.embedding(words) + self.position, src_key_padding_mask=ended)
        spoken = (~ended).to(states).unsqueeze(2)
        return self.projection((states * spoken).sum(dim=1) / spoken.sum(dim=1).clamp(min=1))


def tokenise(caption: str) -> Tensor:
    """Words as numbers from 1 to VOCABULARY - 1 by their CRC-32, cut or filled with 0 to [CAPTION_WORDS]."""
    words = re.findall("[a-z0-9]+", caption.lower())[:CAPTION_WORDS]
    assert words, "a caption without a word would have nothing to attend to"
    numbers = [1 + zlib.crc32(word.encode()) % (VOCABULARY - 1) for word in words]
    return torch.tensor(numbers + [0] * (CAPTION_WORDS - len(numbers)))
