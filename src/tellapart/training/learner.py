"""A network to train: backbone and head, trainable parameters by stage, and the number format (mixed precision)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypedDict

import torch
from torch import nn

Stages = Sequence[tuple[str, Sequence[nn.Parameter]]]


class ParameterGroup(TypedDict):
    """Parameters of an optimizer with the scale of their learning rate."""

    params: list[nn.Parameter]
    scale: float
    weight_decay: float


class Learner(nn.Module):
    """Logits (n, k) of normalized images (n, 3, s, s).

    Args:
        backbone: images to features (n, d).
        head: features to logits.
        stages: the backbone's trainable parameters, from the input to the features; a stage left out stays frozen.
        is_autocast: whether it runs under autocast in bfloat16.
    """

    def __init__(self, backbone: nn.Module, head: nn.Linear, stages: Stages, *, is_autocast: bool) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.stages = [(name, list(parameters)) for name, parameters in stages]
        self.is_autocast = is_autocast
        for parameter in self.backbone.parameters():
            parameter.requires_grad_(False)
        for parameter in self.trained():
            parameter.requires_grad_(True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits float32 (n, k) of images (n, 3, s, s)."""
        with self.precision(x.device.type):
            features = self.backbone(x)
        return self.head(features.float())  # type: ignore[no-any-return]

    def precision(self, device: str) -> AbstractContextManager[Any]:
        """Autocast to bfloat16, if this learner uses it."""
        return torch.autocast(device, torch.bfloat16) if self.is_autocast else nullcontext()

    def trained(self) -> Iterator[nn.Parameter]:
        """Every trainable parameter."""
        for _, parameters in self.stages:
            yield from parameters
        yield from self.head.parameters()

    def parameter_groups(self, layer_decay: float, weight_decay: float) -> list[ParameterGroup]:
        """Parameter groups for an optimizer: the learning rate of a stage is ``layer_decay`` times that of the stage above it.

        Each group has its ``scale`` of the learning rate; vectors (biases, norms) have no weight decay.
        """
        groups: list[ParameterGroup] = []
        everything = [*self.stages, ("head", list(self.head.parameters()))]
        for depth, (_, parameters) in enumerate(reversed(everything)):
            for is_vector in (False, True):
                chosen = [p for p in parameters if (p.ndim < 2) == is_vector]
                if chosen:
                    groups.append({"params": chosen, "scale": layer_decay**depth, "weight_decay": 0.0 if is_vector else weight_decay})
        return groups
