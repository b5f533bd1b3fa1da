"""Squares with classes in them, and a small network that learns them in a second."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tellapart.augmentation.counter_rng import image_keys
from tellapart.augmentation.policy import parse_augmentation
from tellapart.images.pixel_store import PixelStore
from tellapart.training.data_loader import DataLoader
from tellapart.training.learner import Learner

SIZE = 8
MEAN = STD = (0.5, 0.5, 0.5)


def ids(n: int) -> list[str]:
    return [hashlib.sha256(str(i).encode()).hexdigest() for i in range(n)]


def squares(n: int, *, k: int = 3, size: int = SIZE, noise: float = 60.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (n, size, size, 3) and targets (n,): a color a class under noise."""
    rng = np.random.default_rng(seed)
    colors = np.random.default_rng(99).uniform(40, 215, (k, 3))
    targets = np.arange(n) % k
    pixels = colors[targets][:, None, None] + rng.normal(scale=noise, size=(n, size, size, 3))
    return pixels.clip(0, 255).astype(np.uint8), targets


def feed_of(
    folder: Path, pixels: np.ndarray, targets: np.ndarray, *, num_workers: int = 0, augment: str = "flip", **changes: Any
) -> DataLoader:
    """A feed from a pixel store in ``folder``; its files are closed with the process."""
    store = PixelStore(folder / "pixels", pixels.shape[1], "crop")
    names = ids(len(pixels))
    if not store.image_ids():
        store.write(names, pixels)
    augmentation = parse_augmentation(augment)
    keys = image_keys(tuple(names))
    made = None if augmentation.is_nothing else augmentation
    return DataLoader(**{"pixels": store.open(names), "targets": targets, "keys": keys, "mean": MEAN, "std": STD, "augmentation": made}
                | {"device": "cpu", "num_workers": num_workers} | changes)  # fmt: skip


def learner(k: int = 3, size: int = SIZE, *, seed: int = 0, norm: bool = True) -> Learner:
    """Two convolutions, batch norm and dropout, channels last, as networks from scratch are."""
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8) if norm else nn.Identity(), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(8, 16, 3)]
    backbone = nn.Sequential(*layers, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2))
    made = Learner(backbone, nn.Linear(16, k), [("network", list(backbone.parameters()))], is_autocast=False)
    return made.to("cpu", memory_format=torch.channels_last)  # type: ignore[call-overload]


def equal(first: nn.Module, second: nn.Module) -> bool:
    """Whether two networks are the same, to the last bit."""
    pairs = zip(first.state_dict().items(), second.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)
