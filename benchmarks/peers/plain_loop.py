"""The plain loop most people write: Pillow, a DataLoader with two workers, eager float32, batches of 32.

python peers/plain_loop.py lite0 < list_of_files            prints images a second
python peers/plain_loop.py lite0 TRAIN VALIDATION           also fits scikit-learn's logistic regression; prints accuracy and log loss
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from tellapart.models.backbones import find_backbones
from tellapart.models.timm_networks import build_network


class Photos(Dataset):  # type: ignore[type-arg]
    """Files to normalized tensors."""

    def __init__(self, files: list[Path], size: int) -> None:
        self.files = files
        self.transform = transforms.Compose(
            [transforms.Resize(size), transforms.CenterCrop(size), transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        tensor: torch.Tensor = self.transform(Image.open(self.files[index]).convert("RGB"))
        return tensor


def features(name: str, files: list[Path]) -> np.ndarray:
    backbone = find_backbones(name)[0]
    model = build_network(backbone.card.architecture)
    model.reset_classifier(0)
    model.load_state_dict(load_file(backbone.tensors))
    with torch.no_grad():
        return np.concatenate([model(x).numpy() for x in DataLoader(Photos(files, backbone.card.image_size), batch_size=32, num_workers=2)])


def main() -> None:
    name, *folders = sys.argv[1:]
    if not folders:
        files = [Path(line) for line in sys.stdin.read().splitlines()]
        find_backbones(name)
        begin = time.perf_counter()
        features(name, files)
        print(len(files) / (time.perf_counter() - begin))
        return
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.preprocessing import StandardScaler

    parts = [sorted(path for path in Path(folder).rglob("*.*")) for folder in folders]
    x_train, x_test = (features(name, files) for files in parts)
    y_train, y_test = ([file.parent.name for file in files] for files in parts)
    scaler = StandardScaler().fit(x_train)
    model = LogisticRegression(C=0.01, max_iter=1000).fit(scaler.transform(x_train), y_train)
    probabilities = model.predict_proba(scaler.transform(x_test))
    print(f"accuracy {model.score(scaler.transform(x_test), y_test):.4f} log_loss {log_loss(y_test, probabilities):.4f}")


if __name__ == "__main__":
    main()
