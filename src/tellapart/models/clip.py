"""CLIP and SigLIP: networks that put images and words into one space, by open_clip (MIT; the extra ``clip``).

The weights come from a file of yours or from the model hub. Images go the way of every backbone, so that their features
are cached; words are put into the same space when they are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tellapart.array_types import FloatArray
from tellapart.errors import MissingExtra, ModelError, closest_name
from tellapart.models.backbones import CLIP, Backbone, BackboneCard
from tellapart.models.feature_network import FeatureNetwork
from tellapart.models.hub import hub_within_reach

TEMPLATES = ("a photo of {}.", "a photo of a {}.", "a close-up photo of a {}.", "an image of the {}.")
"""What a word is put into; the mean over them is steadier than any one of them (Radford et al. 2021)."""
USUAL_SCALE = 100.0


class ClipFeatures(FeatureNetwork):
    """The image side: features of length 1, float32 (n, d)."""

    def _made_ready(self, model: Any) -> tuple[torch.dtype, Any]:
        network = _ImageSide(model.to(self.device))
        with torch.inference_mode():
            network(torch.zeros(1, 3, self.card.image_size, self.card.image_size, device=self.device))
        return torch.float32, network


class _ImageSide(nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model.encode_image(x, normalize=True)  # type: ignore[no-any-return]


def open_clip() -> Any:
    """The package.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import open_clip as package
    except ModuleNotFoundError as error:
        if error.name != "open_clip":
            raise
        raise MissingExtra("open_clip is not installed, and words need it", hint="pip install 'tellapart[clip]'") from error
    return package


def build_clip(architecture: str) -> Any:
    """A network of open_clip's without weights, in evaluation mode; ``architecture`` is ``clip:`` and its name.

    Raises:
        ModelError: open_clip knows no such name.
        MissingExtra: open_clip is not installed.
    """
    package, name = open_clip(), architecture.removeprefix(CLIP).partition("/")[0]
    if name not in package.list_models():
        hint = closest_name(name, package.list_models()) or "open_clip.list_models() names them"
        raise ModelError(f"open_clip has no network {name!r}", hint=hint)
    return package.create_model(name, pretrained=None, load_weights=False, pretrained_text=False).eval()


def filled_clip(architecture: str, weights: Path | None) -> Any:
    """The network with its weights: from a file, or from the hub; ``clip:NAME/TAG`` chooses among the hub's.

    Raises:
        ModelError: the file does not fit, or the hub cannot be reached.
    """
    package, model = open_clip(), build_clip(architecture)
    name, _, tag = architecture.removeprefix(CLIP).partition("/")
    if weights is not None:
        try:
            package.load_checkpoint(model, str(weights), strict=True, weights_only=True)
        except Exception as error:
            said = " ".join(str(error).split())[:300]
            raise ModelError(f"{weights} does not fit {name}: {said}", hint="give the open_clip name it was made for") from error
        return model
    tags = package.list_pretrained_tags_by_model(name)
    with hub_within_reach() as silence:
        try:
            return package.create_model(name, pretrained=tag or next(iter(tags), None), require_pretrained=True).eval()
        except Exception as error:
            raise ModelError(
                f"the weights of {name} could not be fetched from the model hub: {silence or f'{type(error).__name__}: {error}'}",
                hint="download them yourself and give --weights FILE",
            ) from error


def clip_card(architecture: str, model: Any, sha256: str) -> BackboneCard:
    """What there is to know of a network: input size, colors and width."""
    wanted = open_clip().get_model_preprocess_cfg(model)
    size = wanted["size"]
    side = int(size[0] if isinstance(size, Sequence) else size)
    with torch.inference_mode():
        width = model.encode_image(torch.zeros(1, 3, side, side)).shape[1]
    mean, std = tuple(wanted["mean"]), tuple(wanted["std"])
    return BackboneCard(architecture, architecture, sha256, side, mean, std, int(width))


def word_features(backbone: Backbone, words: Sequence[str], templates: Sequence[str] = TEMPLATES) -> tuple[FloatArray, float]:
    """Words in the space of the images, float32 (m, d) of length 1, and the scale that cosines are multiplied with.

    Raises:
        ModelError: it is no network of open_clip's.
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
