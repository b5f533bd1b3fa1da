"""Networks trained from scratch: three of our own, and any timm architecture without its weights.

``tiny`` and ``classic`` are the small networks of the Keras tutorials, kept because people compare with them;
``resnet`` is ours. All have one shape: images to features, features to logits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from tellapart.errors import ModelError
from tellapart.models.timm_networks import check_network_name

WIDTHS = (32, 64, 128, 256)
"""Channels of the four stages of ``resnet``."""
BLOCKS = (2, 2, 2, 2)
FIRST_MAP = 56
"""The stem of ``resnet`` makes the image smaller until its side is at most this, in pixels."""
DENSE_MAP = 28
"""``classic`` repeats its block until the side of the map is at most this, so that its dense layer stays small."""


class ImageNetwork(nn.Module):
    """Images (n, 3, s, s), float, to logits (n, k): ``backbone`` gives features (n, d), ``head`` the logits.

    Attributes:
        backbone: ends with the dropout, so that ``head`` is nothing but a linear layer.
        head: d to k.
        num_features: d.
    """

    def __init__(self, backbone: nn.Module, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.num_features = num_features
        self.head = nn.Linear(num_features, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (n, k) of images (n, 3, s, s)."""
        return self.head(self.backbone(x))  # type: ignore[no-any-return]


def build_image_network(net: str, num_classes: int, image_size: int, *, dropout: float | None = None) -> ImageNetwork:
    """A network with random weights, in training mode; the same one again after the same ``torch.manual_seed``.

    Args:
        net: a name of ``NETS`` or of a timm architecture; transformers are built for ``image_size``.
        num_classes: k.
        image_size: side of the square images in pixels; our own networks take any from 24 to 512.
        dropout: probability that a feature is dropped in training; None for the network's own.

    Raises:
        ModelError: no such network, or it cannot take images of this size.
    """
    if net in NETS:
        backbone = NETS[net](image_size, dropout)
        _he_initialize(backbone)
    else:
        check_network_name(net, [*NETS])
        backbone = _timm_backbone(net, image_size, dropout)
    network = ImageNetwork(backbone, _width(backbone, net, image_size), num_classes)
    nn.init.normal_(network.head.weight, std=0.01)
    nn.init.zeros_(network.head.bias)
    return network


def _tiny(image_size: int, dropout: float | None) -> nn.Module:
    """The network of the Keras blog (Chollet 2016): three convolutions, one dense layer."""
    layers: list[nn.Module] = []
    for here, there in ((3, 32), (32, 32), (32, 64)):
        layers += [nn.Conv2d(here, there, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()]  # as with ReLU first, for a quarter of the work
    side = image_size // 8
    return nn.Sequential(*layers, *_dense(64 * side * side, 64, 0.5 if dropout is None else dropout))


def _classic(image_size: int, dropout: float | None) -> nn.Module:
    """Pairs of convolutions, each pair with pool and dropout, then a dense layer; 2 pairs at 50 pixels, 3 at 100."""
    rate = 0.5 if dropout is None else dropout
    layers: list[nn.Module] = []
    here, side = 3, image_size
    for number in range(5):
        if side <= DENSE_MAP and number >= 2:
            break
        there = min(32 * 2**number, 128)
        layers += [nn.Conv2d(here, there, 3, padding=1), nn.ReLU(), nn.Conv2d(there, there, 3, padding=1), nn.ReLU()]
        layers += [nn.MaxPool2d(2), nn.Dropout(rate / 2)]
        here, side = there, side // 2
    return nn.Sequential(*layers, *_dense(here * side * side, 128, rate))


def _dense(inputs: int, outputs: int, dropout: float) -> list[nn.Module]:
    return [nn.Flatten(), nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(dropout)]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut; a stride is taken by an average pool there (He et al. 2019, ResNet-D)."""

    def __init__(self, here: int, there: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1, self.act1 = _convolution(here, there, stride)
        self.conv2 = nn.Conv2d(there, there, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(there)
        shortcut: list[nn.Module] = [nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False)] if stride == 2 else []
        if here != there:
            shortcut += [nn.Conv2d(here, there, 1, bias=False), nn.BatchNorm2d(there)]
        self.shortcut = nn.Sequential(*shortcut)
        self.act2 = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (n, c, h, w) to maps (n, c', h / stride, w / stride), rounded up."""
        branch = self.bn2(self.conv2(self.act1(self.bn1(self.conv1(x)))))
        return self.act2(branch + self.shortcut(x))  # type: ignore[no-any-return]


def _resnet(image_size: int, dropout: float | None) -> nn.Module:
    """2.8 M parameters: a stem of 3x3 convolutions, four stages of two residual blocks, the mean over all places."""
    stem: list[nn.Module] = []
    here, side = 3, image_size
    while side > FIRST_MAP or len(stem) < 2 * 3:
        stride = 2 if side > FIRST_MAP else 1
        stem += _convolution(here, WIDTHS[0], stride)
        here, side = WIDTHS[0], -(-side // stride)
    blocks: list[nn.Module] = []
    for stage, (there, count) in enumerate(zip(WIDTHS, BLOCKS, strict=True)):
        for number in range(count):
            blocks.append(ResidualBlock(here, there, stride=2 if stage and not number else 1))
            here = there
    rate = 0.1 if dropout is None else dropout
    return nn.Sequential(nn.Sequential(*stem), nn.Sequential(*blocks), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(rate))


def _convolution(here: int, there: int, stride: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    return nn.Conv2d(here, there, 3, stride, 1, bias=False), nn.BatchNorm2d(there), nn.ReLU(inplace=True)


NETS: dict[str, Callable[[int, float | None], nn.Module]] = {"resnet": _resnet, "classic": _classic, "tiny": _tiny}
"""Our own networks: a backbone for an image size and a dropout. ``resnet`` is the one to take."""


def _he_initialize(backbone: nn.Module) -> None:
    """He et al. 2015; the last norm of each residual branch starts at zero, so that blocks begin as the identity."""
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, mode="fan_out" if isinstance(module, nn.Conv2d) else "fan_in", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in backbone.modules():
        if isinstance(module, ResidualBlock):
            nn.init.zeros_(module.bn2.weight)


def _timm_backbone(net: str, image_size: int, dropout: float | None) -> nn.Module:
    import timm

    config: Any = timm.get_pretrained_cfg(net)
    options: dict[str, Any] = {"num_classes": 0}
    if config is not None and config.fixed_input_size:
        options["img_size"] = image_size
    if dropout is not None:
        options["drop_rate"] = dropout
    try:
        return timm.create_model(net, pretrained=False, **options)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise _cannot_take(net, image_size, error) from error


def _width(backbone: nn.Module, net: str, image_size: int) -> int:
    """Features of one image, tried on a gray one."""
    backbone.eval()
    try:
        with torch.inference_mode():
            features = backbone(torch.zeros(1, 3, image_size, image_size))
        if features.ndim != 2:
            raise ValueError(f"it gives an array of shape {tuple(features.shape)}, not features")
    except (AssertionError, RuntimeError, ValueError, ZeroDivisionError) as error:
        raise _cannot_take(net, image_size, error) from error
    backbone.train()
    return int(features.shape[1])


def _cannot_take(net: str, image_size: int, error: Exception) -> ModelError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ModelError(
        f"{net} cannot take images of {image_size} x {image_size} pixels: {reason}",
        hint=f"choose another --image-size, such as 224, or one of our own networks ({', '.join(NETS)}), which take 24 to 512",
    )
