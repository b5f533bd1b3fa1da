"""Features of any layer: the output of a named module of the network, averaged over all places."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import nn

from tellapart.errors import ModelError, closest_name
from tellapart.models.backbone_card import Backbone, BackboneCard
from tellapart.models.feature_network import FeatureNetwork, bare_network

NAMED = 8


class _Reached(Exception):
    """The layer has done its work; the rest of the network is not needed."""


class LayerNetwork(nn.Module):
    """A network up to one of its modules: images (n, 3, s, s) to features (n, d). Safe in several threads at once."""

    def __init__(self, network: nn.Module, layer: str) -> None:
        super().__init__()
        self.network = network
        self._kept = threading.local()
        network.get_submodule(layer).register_forward_hook(self._keep)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The layer's output (n, d) for images (n, 3, s, s); maps and tokens are averaged over their places."""
        self._kept.output = None
        with suppress(_Reached):
            self.network(x)
        activation: torch.Tensor | None = self._kept.output
        if activation is None:
            raise RuntimeError("the layer takes no part in the network's answer")
        return activation.mean(dim=(2, 3)) if activation.ndim == 4 else activation.mean(dim=1) if activation.ndim == 3 else activation

    def _keep(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor):
            self._kept.output = output
            raise _Reached


class LayerFeatures(FeatureNetwork):
    """A backbone that ends at the layer its card names."""

    def _prepare(self, model: Any) -> tuple[torch.dtype, Any]:
        network = LayerNetwork(model.to(self.device, memory_format=torch.channels_last), self.card.layer)
        with torch.inference_mode():
            network(torch.zeros(1, 3, self.card.image_size, self.card.image_size, device=self.device))
        return torch.float32, network


def layer_features(backbone: Backbone, layer: str | None) -> Backbone:
    """The backbone ending at a layer; the same one without.

    Raises:
        ModelError: the network has no such layer (it names the closest), or it gives nothing to average.
    """
    if not layer:
        return backbone
    card = backbone.card
    if card.is_special:
        raise ModelError(f"{card.name} has no layers to choose from", hint="leave --layer out, or name a network such as lite2")
    network = bare_network(card)
    names = [name for name, _ in network.named_modules() if name]
    if layer not in names:
        raise ModelError(f"{card.name} has no layer {layer!r}", hint=closest_name(layer, names) or f"its layers are {_listed(names)}")
    width = _width(network, card, layer)
    return backbone.with_card(layer=layer, num_features=width)


def _width(network: Any, card: BackboneCard, layer: str) -> int:
    try:
        with torch.inference_mode():
            features = LayerNetwork(network, layer)(torch.zeros(1, 3, card.image_size, card.image_size))
    except RuntimeError as error:
        raise ModelError(f"the layer {layer!r} of {card.name} gives no features: {error}", hint="choose the layer around it") from error
    return int(features.shape[1])


def _listed(names: Sequence[str]) -> str:
    """Those at the top and one level below, a few of them."""
    short = [name for name in names if name.count(".") <= 1]
    return ", ".join(short[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")
