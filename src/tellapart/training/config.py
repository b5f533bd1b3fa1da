"""What a training is to do, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Attributes:
        epochs: times every image is seen.
        batch_size: images a step.
        lr, weight_decay: of AdamW; ``lr`` is the highest of the one-cycle schedule, reached by the head.
        layer_decay: factor of the learning rate from each stage to the one below it.
        label_smoothing: share of the truth spread over all classes.
        averaging: decay of the moving average of the weights; 0 for none.
        mixup, cutmix: their Beta parameters; 0 for none.
        balance: see :mod:`tellapart.training.epoch_sampling`.
        patience: epochs in a row that are not kept after which training stops.
        clip_norm: longest gradient.
        time_s: seconds within which training has to end, or None.
        seed: of everything random.
    """

    epochs: int
    batch_size: int = 32
    lr: float = 1e-3
    weight_decay: float = 0.05
    layer_decay: float = 1.0
    label_smoothing: float = 0.0
    averaging: float = 0.99
    mixup: float = 0.0
    cutmix: float = 0.0
    balance: str = "none"
    patience: int = 1000
    clip_norm: float = 5.0
    time_s: float | None = None
    seed: int = 0


@dataclass
class TrainingState:
    """Where a training stands; everything here is in the checkpoint.

    Attributes:
        steps: planned in all.
        seconds: of training, over all its sessions; ``judging_s`` is what the last look at the held-out images took.
        kept_epoch: the epoch whose weights are kept; -1 while those of the start are.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    steps: int = 0
    loss: float = 0.0
    right: float = 0.0
    seen: int = 0
    images: int = 0
    seconds: float = 0.0
    judging_s: float = 0.0
    kept_epoch: int = -1
    is_over: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
