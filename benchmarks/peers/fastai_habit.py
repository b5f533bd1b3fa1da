"""fastai's best-known habit with the same backbone weights: vision_learner, then fine_tune(1).

    python peers/fastai_habit.py lite0 PHOTOS VALID_FOLDER_NAME WEIGHTS.safetensors       prints accuracy and log loss

Runs in an environment of its own (`pip install fastai timm safetensors`); needs nothing of tellapart.
"""

from __future__ import annotations

import sys
from pathlib import Path

import timm
from fastai.vision.all import ImageDataLoaders, Normalize, Resize, accuracy, aug_transforms, vision_learner
from safetensors.torch import load_file
from torch.nn import functional

SIZES = {"lite0": 224, "lite1": 240, "lite2": 260}


def main() -> None:
    name, photos, valid, weights = sys.argv[1:]

    def architecture(pretrained: bool = True, **_: object) -> object:
        model = timm.create_model(f"tf_efficientnet_{name}", num_classes=0, global_pool="")
        model.load_state_dict(load_file(weights))
        return model

    statistics = Normalize.from_stats((0.5,) * 3, (0.5,) * 3)
    transforms = [*aug_transforms(size=SIZES[name]), statistics]
    loaders = ImageDataLoaders.from_folder(
        Path(photos), train="train", valid=valid, item_tfms=Resize(460), batch_tfms=transforms, seed=0, num_workers=2
    )
    learner = vision_learner(loaders, architecture, metrics=accuracy, normalize=False, cut=lambda model: model, n_out=loaders.c)
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(1)
        probabilities, targets = learner.get_preds()
    loss = functional.nll_loss(probabilities.clamp(1e-7).log(), targets)
    print(f"accuracy {(probabilities.argmax(1) == targets).float().mean():.4f} log_loss {loss:.4f}")


if __name__ == "__main__":
    main()
