"""The plain loop around a timm network: AdamW, a cosine, random crops and flips, every epoch of everything.

    python peers/timm_habit.py lite0 PHOTOS VALID_FOLDER_NAME WEIGHTS.safetensors [EPOCHS] [ANSWERS.json]

What most people write: float32, a new head on ImageNet's backbone, one learning rate for both. Prints and writes what
fastai_habit.py does; judged once, with the last weights. Needs timm, torchvision and safetensors.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file
from torch.nn import functional
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

SIZES = {"lite0": 224, "lite1": 240, "lite2": 260}
BATCH = 16
LR = 1e-4


def main() -> None:
    name, photos, valid, weights, *more = sys.argv[1:]
    epochs = int(more[0]) if more else 1
    torch.manual_seed(0)
    model = timm.create_model(f"tf_efficientnet_{name}", num_classes=0)
    model.load_state_dict(load_file(weights))
    square = {"input_size": (3, SIZES[name], SIZES[name]), "mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bicubic"}
    train_set = ImageFolder(f"{photos}/train", timm.data.create_transform(**square, is_training=True, scale=(0.5, 1.0), color_jitter=0.2))
    valid_set = ImageFolder(f"{photos}/{valid}", timm.data.create_transform(**square, crop_pct=0.875))
    model.reset_classifier(len(train_set.classes))
    train = DataLoader(train_set, BATCH, shuffle=True, drop_last=True, num_workers=2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(train))
    timed = []
    for _ in range(epochs):
        model.train()
        begin, images = time.perf_counter(), 0
        for x, y in train:
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()
            schedule.step()
            images += len(y)
        timed.append({"seconds": time.perf_counter() - begin, "images": images})
    model.eval()
    with torch.inference_mode():
        logits = torch.cat([model(x) for x, _ in DataLoader(valid_set, 64, num_workers=2)])
    probabilities, targets = logits.softmax(1), torch.tensor(valid_set.targets)
    if len(more) > 1:
        paths = [str(Path(path).relative_to(photos)) for path, _ in valid_set.samples]
        answers = dict(zip(paths, probabilities.double().tolist(), strict=True))
        Path(more[1]).write_text(json.dumps({"class_names": valid_set.classes, "answers": answers, "epochs": timed}))
    loss = functional.nll_loss(probabilities.clamp(1e-7).log(), targets)
    print(f"accuracy {(probabilities.argmax(1) == targets).float().mean():.4f} log_loss {loss:.4f}")


if __name__ == "__main__":
    main()
