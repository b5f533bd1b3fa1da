"""CLIP and SigLIP: networks that put images and words into one space, by open_clip (MIT; the extra ``clip``).

The weights come from a file of yours or from the model hub. Images go the way of every backbone, so that their features
are cached; words are put into the same space when they are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from tellapart.array_types import FloatArray
from tellapart.models.backbone_card import CLIP, Backbone
from tellapart.models.clip_networks import build_clip, open_clip
from tellapart.models.feature_network import FeatureNetwork

TEMPLATES = ("a photo of {}.", "a photo of a {}.", "a close-up photo of a {}.", "an image of the {}.")
"""What a word is put into; the mean over them is steadier than any one of them (Radford et al. 2021)."""
USUAL_SCALE = 100.0


class ClipFeatures(FeatureNetwork):
    """The image side: features of length 1, float32 (n, d)."""

    def _prepare(self, model: Any) -> tuple[torch.dtype, Any]:
        network = ImageSide(model.to(self.device))
        with torch.inference_mode():
            network(torch.zeros(1, 3, self.card.image_size, self.card.image_size, device=self.device))
        return torch.float32, network


class ImageSide(nn.Module):
    """The image side of a network of open_clip: images (n, 3, s, s) to features (n, d) of length 1."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (n, d)."""
        return self.model.encode_image(x, normalize=True)  # type: ignore[no-any-return]


def word_features(backbone: Backbone, words: Sequence[str], templates: Sequence[str] = TEMPLATES) -> tuple[FloatArray, float]:
    """Words in the space of the images, float32 (m, d) of length 1, and the scale that cosines are multiplied with.

    Raises:
        ModelError: it is not a network of open_clip.
    """
    model = build_clip(backbone.card.architecture)
    model.load_state_dict(backbone.state())
    tokenizer = open_clip().get_tokenizer(backbone.card.architecture.removeprefix(CLIP).partition("/")[0])
    rows = []
    with torch.inference_mode():
        for word in words:
            sentences = [template.format(word) for template in templates]
            mean = model.encode_text(tokenizer(sentences), normalize=True).mean(dim=0)
            rows.append((mean / mean.norm()).numpy())
        scale = float(model.logit_scale.exp()) if getattr(model, "logit_scale", None) is not None else USUAL_SCALE
    return np.stack(rows).astype(np.float32), scale


def word_probabilities(images: FloatArray, words: FloatArray, scale: float) -> FloatArray:
    """Zero-shot probabilities (n, m) of words (m, d) for images (n, d): the softmax of scaled cosines."""
    logits = scale * (images / np.linalg.norm(images, axis=1, keepdims=True)) @ words.T
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float64)
