"""The training objective of an autoencoder: reconstruct the image."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import nn

from tellapart.array_types import FloatArray, IntArray
from tellapart.concurrency import prefetch
from tellapart.models.autoencoder import Autoencoder
from tellapart.training.activation_cache import ActivationFeed
from tellapart.training.data_loader import DataLoader
from tellapart.training.learner import Learner

BATCH = 32


class AutoencoderLearner(Learner):
    """An autoencoder to train: the encoder is the backbone, the decoder the head."""

    def __init__(self, network: Autoencoder, *, is_autocast: bool) -> None:
        stages = [("encoder", list(network.encoder.parameters()))]
        super().__init__(network.encoder, cast(nn.Linear, network.decoder), stages, is_autocast=is_autocast)
        self.latent_width = network.num_features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Reconstructions of images, float32 (n, 3, s, s) from 0 to 1."""
        with self.precision(x.device.type):
            return self.head(self.backbone(x)).float()  # type: ignore[no-any-return]

    def encode_decode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents float32 (n, d) and reconstructions float32 (n, 3, s, s)."""
        with self.precision(x.device.type):
            latents = self.backbone(x)
            return latents.float(), self.head(latents).float()


@dataclass(frozen=True)
class Reconstruction:
    """Mean squared error of images on the scale 0 to 1; it has no accuracy."""

    has_accuracy: bool = False

    def loss(self, answers: torch.Tensor, x: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean squared error of the reconstructions float32 (n, 3, s, s)."""
        return torch.nn.functional.mse_loss(answers, x)

    def weight(self, targets: torch.Tensor) -> float:
        """The number of images of targets int64 (n,)."""
        return float(len(targets))

    def right(self, answers: torch.Tensor, targets: torch.Tensor) -> float:
        """Always 0."""
        return 0.0

    def judged(self, network: Learner, feed: DataLoader | ActivationFeed, rows: IntArray, threads: int) -> tuple[FloatArray, float]:
        """Mean squared error of each row, float64 (n,); NaN where an output is not finite."""

        def errors(x: torch.Tensor) -> FloatArray:
            with torch.inference_mode():
                return squared_errors(network(x), x)

        network.eval()
        parts = list(prefetch(errors, feed.plain(rows, BATCH), threads if threads > 1 else 0))
        losses = np.concatenate(parts) if parts else np.empty(0)
        return np.where(np.isfinite(losses), losses, math.nan), 0.0


def squared_errors(answers: torch.Tensor, x: torch.Tensor) -> FloatArray:
    """The mean squared error of each image, float64 (n,)."""
    return np.asarray((answers - x).square().mean(dim=(1, 2, 3)).double().cpu().numpy())


def reconstruct(network: AutoencoderLearner, feed: DataLoader, rows: IntArray, threads: int = 1) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Latents float32 (b, d) and mean squared errors float64 (b,) of the images of ``rows`` int64 (n,), batch by batch."""

    def encode_batch(x: torch.Tensor) -> tuple[FloatArray, FloatArray]:
        with torch.inference_mode():
            latents, answers = network.encode_decode(x)
            return latents.cpu().numpy(), squared_errors(answers, x)

    network.eval()
    yield from prefetch(encode_batch, feed.plain(rows, BATCH), threads if threads > 1 else 0)
