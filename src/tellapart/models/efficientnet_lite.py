"""EfficientNet-Lite 0 to 4 in plain torch, with timm's names and timm's numbers.

timm imports torchvision, and that torch's compiler: two thirds of the time to the first answer. The default backbones need neither.
The networks are those of timm's ``tf_efficientnet_lite*`` in evaluation mode: the same tensors under the same names, and the
same bits (tests/models/test_efficientnet_lite.py). Tan and Le 2019; the Lite variants leave squeeze-and-excitation out and use ReLU6.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

import torch
from torch import nn
from torch.nn import functional

MULTIPLIERS = {
    "tf_efficientnet_lite0": (1.0, 1.0),
    "tf_efficientnet_lite1": (1.0, 1.1),
    "tf_efficientnet_lite2": (1.1, 1.2),
    "tf_efficientnet_lite3": (1.2, 1.4),
    "tf_efficientnet_lite4": (1.4, 1.8),
}
"""By timm's name, how much wider and deeper than the first one; stem, head and the depth of the first and last stage are fixed."""
STAGES = ((1, 3, 1, 16), (2, 3, 2, 24), (2, 5, 2, 40), (3, 3, 2, 80), (3, 5, 1, 112), (4, 5, 2, 192), (1, 3, 1, 320))
"""Number of blocks, kernel size, stride of the first block, and channels of each stage."""
STEM, HEAD, EXPANSION, EPSILON = 32, 1280, 6, 1e-3


class Conv2dSame(nn.Conv2d):
    """A convolution that pads like TensorFlow: the odd row and column after the image."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (n, c, h, w) to features."""
        down, across = (
            max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
            for size, stride, kernel in zip(x.shape[-2:], self.stride, self.kernel_size, strict=True)
        )
        x = functional.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))
        return functional.conv2d(x, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class BatchNormAct2d(nn.BatchNorm2d):
    """Batch norm and the activation after it."""

    def __init__(self, channels: int, *, is_linear: bool = False) -> None:
        super().__init__(channels, eps=EPSILON)
        self.act: nn.Module = nn.Identity() if is_linear else nn.ReLU6()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (n, c, h, w) to features."""
        return self.act(super().forward(x))  # type: ignore[no-any-return]


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    if stride > 1:
        return Conv2dSame(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return nn.Conv2d(inputs, outputs, kernel, padding=(kernel - 1) // 2, groups=groups, bias=False)


class LiteBlock(nn.Module):
    """Expansion, depthwise convolution and projection; the first stage has no expansion."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        layers: list[tuple[nn.Conv2d, nn.Module]] = [(_conv(inner, inner, kernel, stride, inner), BatchNormAct2d(inner))]
        names: tuple[str, ...] = ("conv_dw", "conv_pw")
        if expansion > 1:
            layers.insert(0, (_conv(inputs, inner, 1), BatchNormAct2d(inner)))
            names = ("conv_pw", "conv_dw", "conv_pwl")
        layers.append((_conv(inner, outputs, 1), BatchNormAct2d(outputs, is_linear=True)))
        for number, (name, (conv, norm)) in enumerate(zip(names, layers, strict=True), 1):
            self.add_module(name, conv)
            self.add_module(f"bn{number}", norm)
        self.has_skip = inputs == outputs and stride == 1
        if self.has_skip:
            self.drop_path = nn.Identity()  # timm's graph has it, and without it bfloat16 rounds once less than in earlier versions

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (n, c, h, w) to features."""
        before = x
        for layer in self.children():
            x = layer(x)
        return x + before if self.has_skip else x


class LiteNetwork(nn.Module):
    """Images (n, 3, h, w) to pooled features (n, 1280), or to the scores of ImageNet's classes (n, 1000).

    Args:
        architecture: one of ``MULTIPLIERS``.
        has_classifier: whether the scores are wanted.
    """

    def __init__(self, architecture: str, *, has_classifier: bool) -> None:
        super().__init__()
        width, depth = MULTIPLIERS[architecture]
        self.conv_stem = _conv(3, STEM, 3, 2)
        self.bn1 = BatchNormAct2d(STEM)
        stages, inputs = [], STEM
        for index, (count, kernel, stride, channels) in enumerate(STAGES):
            blocks, outputs = [], _rounded(channels * width)
            is_fixed = index in (0, len(STAGES) - 1)
            for number in range(count if is_fixed else math.ceil(count * depth)):
                blocks.append(LiteBlock(inputs, outputs, kernel, 1 if number else stride, EXPANSION if index else 1))
                inputs = outputs
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)
        self.conv_head = _conv(inputs, HEAD, 1)
        self.bn2 = BatchNormAct2d(HEAD)
        self.global_pool = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(1)))
        self.classifier = nn.Linear(HEAD, 1000) if has_classifier else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (n, 3, h, w) to features (n, 1280) or scores (n, 1000)."""
        x = self.bn1(self.conv_stem(x))
        x = self.bn2(self.conv_head(self.blocks(x)))
        return self.classifier(self.global_pool(x))  # type: ignore[no-any-return]


def efficientnet_lite(architecture: str, *, has_classifier: bool) -> Any:
    """A network of ``MULTIPLIERS`` in evaluation mode; its weights are yet to be loaded, so they are not drawn at random."""
    with torch.device("meta"):
        network = LiteNetwork(architecture, has_classifier=has_classifier)
    return network.to_empty(device="cpu").eval()


def _rounded(channels: float) -> int:
    """To the nearest multiple of 8, but not more than a tenth below."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded
