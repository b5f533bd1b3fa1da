"""FeatureNetwork: a loaded backbone, from uint8 pixels to float32 features."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch

from tellapart.array_types import ByteArray, FloatArray
from tellapart.errors import ModelError
from tellapart.models.autoencoder import ARCHITECTURE, bare_encoder
from tellapart.models.backbone_card import CLIP, PROBABILITIES, Backbone, BackboneCard
from tellapart.models.devices import chosen_device
from tellapart.models.efficientnet_lite import MULTIPLIERS, efficientnet_lite
from tellapart.models.fused_inference import fast_network
from tellapart.models.normalization import Normalization
from tellapart.models.precision import check_bfloat16
from tellapart.models.scratch_networks import NETS, build_image_network
from tellapart.models.timm_networks import build_network

BATCH = 8
"""Batch size, always the same: a different number of rows rounds differently."""


class FeatureNetwork:
    """A backbone ready to run; safe to call from several threads at once.

    On a CPU each caller should hold one torch thread (``torch.set_num_threads(1)``): several images side by
    side use the cores better than one image on all of them.
    """

    def __init__(self, backbone: Backbone, *, device: str = "auto") -> None:
        self.card = card = backbone.card
        self.device = chosen_device(device)
        self.precision = backbone.in_precision("auto", self.device).precision
        model = bare_network(card)
        try:
            model.load_state_dict(backbone.state(), strict=True)
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"the tensors of {card.name} do not fit {card.architecture} for images of {card.image_size} pixels: {error}",
                hint="leave --image-size out to use the network's own",
            ) from error
        try:
            self.dtype, self._network = self._prepare(model.requires_grad_(False))
        except (AssertionError, RuntimeError, ValueError) as error:
            raise ModelError(
                f"{card.name} cannot take images of {card.image_size} x {card.image_size} pixels: {error}",
                hint="leave --image-size out to use the network's own",
            ) from error
        self._normalize = Normalization(card.mean, card.std, card.image_size, self.device)

    def _prepare(self, model: Any) -> tuple[torch.dtype, Any]:
        """The number format and the network in it, after one forward pass."""
        size, dtype = self.card.image_size, getattr(torch, self.precision)
        if self.device == "cpu":
            if dtype is torch.bfloat16:
                check_bfloat16()
            model = fast_network(model, size)
        network = model.to(self.device, dtype, memory_format=torch.channels_last)
        with torch.inference_mode():
            x = torch.zeros(BATCH, 3, size, size, device=self.device, dtype=dtype)
            network(x.contiguous(memory_format=torch.channels_last))
        return dtype, network

    def _answer(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self._network(x).float()
        return output.softmax(dim=1) if self.card.layer == PROBABILITIES else output

    def features(self, pixels: ByteArray, *, mirror: bool) -> FloatArray:
        """Features float32 (n, d) of images.

        The features of an image do not depend on the other images of the batch, nor on their number.

        Args:
            pixels: uint8 (n, size, size, 3).
            mirror: average with the features of the mirror image (flip test-time augmentation).
        """
        if not len(pixels):
            return np.zeros((0, self.card.num_features), np.float32)
        batches = (pixels[start : start + BATCH] for start in range(0, len(pixels), BATCH))
        return np.concatenate([self._of_batch(batch, mirror=mirror) for batch in batches])

    def _of_batch(self, pixels: ByteArray, *, mirror: bool) -> FloatArray:
        """Features of up to ``BATCH`` images; the last is repeated until the batch is full.

        Up to half a batch has room for its mirror images too, which halves the time of a single image.
        """
        rows = BATCH // 2 if mirror and len(pixels) <= BATCH // 2 else BATCH
        x = self._normalize(pixels[np.minimum(np.arange(rows), len(pixels) - 1)]).to(self.dtype)
        with torch.inference_mode():
            if not mirror:
                features = self._answer(x)
            elif rows < BATCH:
                both = self._answer(_channels_last(torch.cat([x, x.flip(3)])))
                features = (both[:rows] + both[rows:]) / 2
            else:
                features = (self._answer(x) + self._answer(_channels_last(x.flip(3)))) / 2
        values: FloatArray = features.cpu().numpy()[: len(pixels)]
        return values


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    return x.contiguous(memory_format=torch.channels_last)


class Features(Protocol):
    """Anything that computes features of squares."""

    def features(self, pixels: ByteArray, *, mirror: bool) -> FloatArray:
        """float32 (n, d) of uint8 pixels (n, size, size, 3)."""


def bare_network(card: BackboneCard) -> Any:
    """The network of a card without its classifier, in evaluation mode; its weights are yet to be loaded."""
    if card.architecture.startswith(CLIP):
        from tellapart.models.clip_networks import build_clip

        return build_clip(card.architecture)
    if card.architecture in NETS:
        return build_image_network(card.architecture, 2, card.image_size).backbone.eval()
    if card.architecture.startswith(ARCHITECTURE):
        return bare_encoder(card.architecture, card.image_size, card.num_features).eval()
    if card.architecture in MULTIPLIERS:
        return efficientnet_lite(card.architecture, has_classifier=card.layer == PROBABILITIES)
    model = build_network(card.architecture)
    config = model.pretrained_cfg
    if config.get("fixed_input_size") and config["input_size"][-1] != card.image_size:
        return build_image_network(card.architecture, 2, card.image_size).backbone.eval()
    if card.layer != PROBABILITIES:
        model.reset_classifier(0)
    return model
