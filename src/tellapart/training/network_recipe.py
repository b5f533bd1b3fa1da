"""Recipes that train a network (scratch, finetune): architecture, config, and the learner before its first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from tellapart.array_types import IntArray
from tellapart.augmentation.counter_rng import image_keys
from tellapart.augmentation.policy import Augmentation
from tellapart.counts import count, is_whole_number
from tellapart.errors import OptionError
from tellapart.images.pixel_store import Pixels
from tellapart.models.backbone_card import Backbone, BackboneCard
from tellapart.models.feature_network import bare_network
from tellapart.models.finetunable import finetunable_network
from tellapart.models.heads import HeadSpace, LinearHead
from tellapart.models.precision import training_precision
from tellapart.models.scratch_networks import build_image_network
from tellapart.run_metrics import HeadChoice
from tellapart.training.config import TrainingConfig
from tellapart.training.data_loader import DataLoader
from tellapart.training.learner import Learner
from tellapart.training.linear_probe import LabeledFeatures, fit_heads

MEAN = STD = (0.5, 0.5, 0.5)


@dataclass(frozen=True, eq=False)
class NetworkRecipe:
    """A network and how to train it.

    Attributes:
        name: ``scratch`` or ``finetune``.
        card: of the network; its weights' hash is that of the start (empty for a network from scratch).
        backbone: where a fine-tuning starts; None from scratch.
        resize: how an image becomes a square.
        unfreeze: ``all``, ``last`` or a number of stages from the top.
        augmentation: of the training images.
        plan: how to train.
        folds: 1 to hold one inner fold out, else the number of members, each with a fold of its own held out.
        head: how the head of a fine-tuning is fitted to begin with.
        precision: number format of training and features, or ``auto``.
    """

    name: str
    card: BackboneCard
    backbone: Backbone | None
    resize: str
    unfreeze: str
    augmentation: Augmentation
    plan: TrainingConfig
    folds: int
    head: HeadChoice | None = None
    precision: str = "auto"

    @property
    def title(self) -> str:
        """What the report calls it."""
        return f"{self.name}, {self.card.name}" + (f", {count(self.folds, 'fold')}" if self.folds > 1 else "")

    def data_loader(self, pixels: Pixels, targets: IntArray, image_ids: Sequence[str], *, device: str, num_workers: int) -> DataLoader:
        """The data loader of its training images.

        Args:
            pixels: of the images, at the recipe's size.
            targets: class indices, int64 (n,).
            image_ids: of the images.
            device: of the batches.
            num_workers: threads that prepare batches.
        """
        return DataLoader(
            pixels=pixels,
            targets=targets,
            keys=image_keys(tuple(image_ids)),
            mean=self.card.mean,
            std=self.card.std,
            augmentation=None if self.augmentation.is_nothing else self.augmentation,
            device=device,
            num_workers=num_workers,
        )


def scratch_card(net: str, image_size: int) -> BackboneCard:
    """The card of a network from scratch."""
    network = build_image_network(net, 2, image_size)
    return BackboneCard(net, net, "", image_size, MEAN, STD, network.num_features)


def learner_of(recipe: NetworkRecipe, train: LabeledFeatures, device: str) -> Learner:
    """A learner before its first step: random weights, or a pretrained backbone under a fitted head.

    Args:
        recipe: what is to be trained.
        train: the images to learn from, with the backbone's features where the recipe has one.
        device: where it will be trained.
    """
    torch.manual_seed(recipe.plan.seed)
    if recipe.backbone is None:
        network = build_image_network(recipe.card.architecture, len(train.class_names), recipe.card.image_size)
        stages: list[tuple[str, Sequence[nn.Parameter]]] = [("network", list(network.backbone.parameters()))]
        precision = training_precision(network, recipe.card.image_size, device, recipe.precision)
        learner = Learner(network.backbone, network.head, stages, is_autocast=precision == "bfloat16")
        return learner.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
    model = bare_network(recipe.card)
    model.load_state_dict(recipe.backbone.state(), strict=True)
    size = recipe.card.image_size
    tuned = finetunable_network(model, size, precision="float32")
    tuned.precision = "mixed" if training_precision(tuned, size, device, recipe.precision) == "bfloat16" else "float32"
    head = nn.Linear(recipe.card.num_features, len(train.class_names))
    if recipe.head is not None:
        space = HeadSpace.of(train.features, power=1.0)
        (fitted,) = fit_heads(train, [HeadChoice(1.0, recipe.head.strength)], [space])
        _put(fitted, head)
    learner = Learner(tuned, head, unfrozen(tuned.stages(), recipe.unfreeze), is_autocast=False)
    return learner.to(device)


def unfrozen(stages: Sequence[tuple[str, Sequence[nn.Parameter]]], unfreeze: str) -> Sequence[tuple[str, Sequence[nn.Parameter]]]:
    """The stages that learn: ``all``, the ``last`` one, or the last so many.

    Raises:
        OptionError: neither a word nor a number of stages.
    """
    if unfreeze == "all":
        return stages
    count = 1 if unfreeze == "last" else int(unfreeze) if is_whole_number(unfreeze) else -1
    if not 0 <= count <= len(stages):
        raise OptionError(f"unfreeze must be all, last or a number from 0 to {len(stages)}, got {unfreeze!r}")
    return stages[len(stages) - count :]


def head_of(learner: Learner) -> LinearHead:
    """The learner's head as it is saved."""
    weight, bias = (p.detach().float().cpu().numpy() for p in (learner.head.weight, learner.head.bias))
    d = weight.shape[1]
    return LinearHead(1.0, np.zeros(d, np.float32), np.ones(d, np.float32), np.ascontiguousarray(weight.T), bias)


def exported(learner: Learner) -> dict[str, torch.Tensor]:
    """The backbone's tensors under timm's names."""
    backbone: Any = learner.backbone
    state = backbone.exported() if hasattr(backbone, "exported") else backbone.state_dict()
    return {key: value.detach().cpu().contiguous() for key, value in state.items()}


def _put(fitted: LinearHead, head: nn.Linear) -> None:
    """Give a linear layer the weights of a fitted head, its standardization folded in."""
    weight = fitted.weight / fitted.scale[:, None]
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight.T, np.float32)))
        head.bias.copy_(torch.from_numpy(np.asarray(fitted.bias - fitted.mean @ weight, np.float32)))
