"""Augmentation: ours beside torchvision on Pillow images, and Keras where it can be imported; one core, uint8 to uint8.

    python benchmarks/augmentation_speed.py [--images 64] [--side 224] [--rounds 5]

All do the same: flip, rotation 20, shift 0.1, shear 10, zoom 0.2, brightness and contrast 0.2, bilinear. Rounds are interleaved, the
first is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from PIL import Image

from tellapart.augmentation.policy import Augmentation

Way = Callable[[Any], object]


def ours() -> Way:
    augmentation = Augmentation(rotation=20, shift=0.1, shear=10, zoom=0.2, brightness=0.2, contrast=0.2)
    epoch = iter(range(10**9))
    return lambda pixels: augmentation.augmented(pixels, np.arange(len(pixels)), seed=0, epoch=next(epoch))


def torchvision_on_pillow() -> Way:
    from torchvision.transforms import v2

    transform = v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(20, (0.1, 0.1), (0.8, 1.2), (-10, 10), interpolation=v2.InterpolationMode.BILINEAR),
            v2.ColorJitter(brightness=0.2, contrast=0.2),
        ]
    )
    return lambda pixels: np.stack([np.asarray(transform(Image.fromarray(image))) for image in pixels])


def keras_generator() -> Way:
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    generator = ImageDataGenerator(
        horizontal_flip=True,
        rotation_range=20,
        width_shift_range=0.1,
        height_shift_range=0.1,
        shear_range=10,
        zoom_range=0.2,
        brightness_range=(0.8, 1.2),
    )
    return lambda pixels: np.stack([generator.random_transform(image.astype(np.float32)) for image in pixels])


def images(count: int, side: int) -> Any:
    """Smooth colored noise, uint8 (count, side, side, 3)."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 12, 12, 3), np.uint8)
    return np.stack([np.asarray(Image.fromarray(c).resize((side, side), Image.Resampling.BICUBIC)) for c in coarse])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    pixels = images(chosen.images, chosen.side)
    ways = {"ours": ours(), "torchvision on Pillow": torchvision_on_pillow()}
    if find_spec("keras"):
        ways["Keras ImageDataGenerator"] = keras_generator()
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(chosen.rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way(pixels)
            rates[name].append(len(pixels) / (time.perf_counter() - start))
    best = statistics.median(rates["ours"][1:])
    print(f"{chosen.images} images of {chosen.side} px, one core, median of {chosen.rounds} rounds, images a second")
    for name, found in rates.items():
        rate = statistics.median(found[1:])
        print(f"{name:<26} {rate:7.0f}  (min {min(found[1:]):.0f}, max {max(found[1:]):.0f})  ours / this = {best / rate:.2f}")


if __name__ == "__main__":
    main()
