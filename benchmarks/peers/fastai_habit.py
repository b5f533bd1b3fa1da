"""fastai's best-known habit with the same backbone weights: vision_learner, then fine_tune(EPOCHS).

    python peers/fastai_habit.py lite0 PHOTOS VALID_FOLDER_NAME WEIGHTS.safetensors [EPOCHS] [ANSWERS.json]

Prints accuracy and log loss. With ANSWERS.json every judged photo's probabilities are written there, and the seconds of
training (judging left out) and the number of images of each epoch; the first epoch teaches only the head. Runs in an
environment of its own (`pip install fastai timm safetensors`); needs nothing of tellapart.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import timm
from fastai.vision.all import Callback, ImageDataLoaders, Normalize, Resize, accuracy, aug_transforms, set_seed, vision_learner
from safetensors.torch import load_file
from torch.nn import functional

SIZES = {"lite0": 224, "lite1": 240, "lite2": 260}


class Clock(Callback):  # type: ignore[misc]
    """Seconds and images of each epoch's training."""

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []

    def before_train(self) -> None:
        """Start."""
        self.epochs.append({"seconds": -time.perf_counter(), "images": 0})

    def after_batch(self) -> None:
        """Count."""
        if self.training:
            self.epochs[-1]["images"] += len(self.yb[0])

    def after_train(self) -> None:
        """Stop."""
        self.epochs[-1]["seconds"] += time.perf_counter()


def main() -> None:
    name, photos, valid, weights, *more = sys.argv[1:]
    epochs = int(more[0]) if more else 1

    def architecture(pretrained: bool = True, **_: object) -> object:
        model = timm.create_model(f"tf_efficientnet_{name}", num_classes=0, global_pool="")
        model.load_state_dict(load_file(weights))
        return model

    set_seed(0, reproducible=True)
    statistics = Normalize.from_stats((0.5,) * 3, (0.5,) * 3)
    transforms = [*aug_transforms(size=SIZES[name]), statistics]
    loaders = ImageDataLoaders.from_folder(
        Path(photos), train="train", valid=valid, item_tfms=Resize(460), batch_tfms=transforms, seed=0, num_workers=2
    )
    clock = Clock()
    learner = vision_learner(loaders, architecture, metrics=accuracy, normalize=False, cut=lambda model: model, n_out=loaders.c, cbs=clock)
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(epochs)
        timed = clock.epochs[: epochs + 1]
        probabilities, targets = learner.get_preds()
    if len(more) > 1:
        paths = [str(Path(path).relative_to(photos)) for path in loaders.valid_ds.items]
        answers = dict(zip(paths, probabilities.double().tolist(), strict=True))
        Path(more[1]).write_text(json.dumps({"class_names": list(loaders.vocab), "answers": answers, "epochs": timed}))
    loss = functional.nll_loss(probabilities.clamp(1e-7).log(), targets)
    print(f"accuracy {(probabilities.argmax(1) == targets).float().mean():.4f} log_loss {loss:.4f}")


if __name__ == "__main__":
    main()
