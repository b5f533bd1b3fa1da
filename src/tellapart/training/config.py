"""The configuration of a training, and its state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TrainingConfig:
    """Hyperparameters of a training.

    Attributes:
        epochs: number of epochs.
        batch_size: images per batch.
        lr, weight_decay: of AdamW; ``lr`` is the peak of the one-cycle learning-rate schedule, for the head.
        layer_decay: layer-wise decay of the learning rate, from each stage to the one below it.
        label_smoothing: label smoothing factor.
        averaging: decay of the EMA of the weights; 0 for none.
        mixup, cutmix: parameter of the Beta distribution of mixup and of CutMix; 0 for none.
        balance: see :mod:`tellapart.training.sampler`.
        patience: early stopping after so many epochs without improvement.
        clip_norm: maximum norm of the gradient.
        time_s: time limit in seconds, or None.
        selects_epoch: whether the held-out images choose the epoch; otherwise the last one is kept, and what the network says of
            these images does not flatter it.
        seed: random seed.
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
    selects_epoch: bool = True
    seed: int = 0


@dataclass
class TrainingState:
    """State of a training; all of it is in the checkpoint.

    Attributes:
        steps: total number of steps planned.
        seconds: training time over all sessions; ``judging_s`` is the time of the last evaluation of the held-out images.
        kept_epoch: the best epoch so far, whose weights are kept; -1 for the initial weights.
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
