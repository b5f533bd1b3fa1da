from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tellapart.models.autoencoder import build_autoencoder
from tellapart.training.config import TrainingConfig
from tellapart.training.data_loader import DataLoader
from tellapart.training.loop import FoldRows, Loop
from tellapart.training.reconstruction import AutoencoderLearner, Reconstruction, reconstruct
from tests.training import toy_feed

SIDE = 32


def feed_of(folder: Path, pixels: np.ndarray) -> DataLoader:
    return toy_feed.feed_of(folder, pixels, np.zeros(len(pixels), np.int64), augment="none", mean=(0.0,) * 3, std=(1.0,) * 3)


def learner(seed: int = 0, latent: int = 8) -> AutoencoderLearner:
    torch.manual_seed(seed)
    return AutoencoderLearner(build_autoencoder("small", SIDE, latent), is_autocast=False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def flat_squares(n: int, seed: int = 0) -> np.ndarray:
    """Images of one color each: three numbers are enough to give them back."""
    colors = np.random.default_rng(seed).integers(20, 236, (n, 1, 1, 3))
    return np.broadcast_to(colors, (n, SIDE, SIDE, 3)).astype(np.uint8)


def test_the_loss_is_the_mean_squared_error_of_the_images_shown() -> None:
    x = torch.rand(4, 3, 5, 5)
    assert float(Reconstruction().loss(x + 0.1, x, torch.zeros(4))) == pytest.approx(0.01, rel=1e-4)


def test_images_of_one_color_are_learned_and_the_history_has_no_accuracy(tmp_path: Path) -> None:
    pixels = flat_squares(40)
    feed = feed_of(tmp_path, pixels)
    rows, held = np.arange(32), np.arange(32, 40)
    plan = TrainingConfig(epochs=25, batch_size=8, lr=5e-3, averaging=0.9)
    loop = Loop(learner(), feed, FoldRows(rows, held), plan, objective=Reconstruction())
    trained = loop.run()
    spread = float((pixels[:, 0, 0] / 255).var(axis=0).mean())
    last = trained.history[-1]
    assert last["held_out"]["loss"] < spread / 4
    assert set(last["train"]) == {"loss"}
    assert set(last["held_out"]) == {"loss", "n"}
    errors, _ = Reconstruction().judged(trained.learner, feed, held, 1)
    assert errors.mean() == pytest.approx(min(e["held_out"]["loss"] for e in trained.history), rel=0.2)


def test_what_is_judged_is_each_image_by_itself(tmp_path: Path) -> None:
    network, feed = learner(), feed_of(tmp_path, flat_squares(40))
    together, _ = Reconstruction().judged(network, feed, np.arange(40), 2)
    alone = [Reconstruction().judged(network, feed, np.array([i]), 1)[0][0] for i in (0, 17, 39)]
    assert together[[0, 17, 39]] == pytest.approx(alone, rel=1e-5)
    errors = np.concatenate([errors for _, errors in reconstruct(network, feed, np.arange(40), 2)])
    assert errors == pytest.approx(together, rel=1e-5)


def test_an_answer_that_is_no_number_is_told_as_one(tmp_path: Path) -> None:
    network, feed = learner(), feed_of(tmp_path, flat_squares(4))
    with torch.no_grad():
        network.head[0].bias.fill_(math.nan)
    errors, _ = Reconstruction().judged(network, feed, np.arange(4), 1)
    assert np.isnan(errors).all()
