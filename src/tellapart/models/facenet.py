"""FaceNet's Inception-ResNet-v1: a 512-dimensional embedding of a face, similar for the same person.

The network and its weights are D. Sandberg's (MIT), batch norm folded into the convolutions. Names of tensors are those of
the TensorFlow graph, so that a graph's constants fit by name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from tellapart.array_types import FloatArray

SIDE = 160
"""Of the face it sees, in pixels."""
WIDTH = 512
"""Of a descriptor."""
_ROOT = "InceptionResnetV1/"
_EPSILON = 1e-3

Layer = tuple[str, int, int | tuple[int, int], int]
"""Name, width, kernel and stride of a convolution; stride 2 goes without padding."""


def _conv(before: int, width: int, kernel: int | tuple[int, int], stride: int = 1, *, is_padded: bool = True) -> nn.Conv2d:
    sides = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (sides[0] // 2, sides[1] // 2) if is_padded and stride == 1 else (0, 0)
    return nn.Conv2d(before, width, sides, stride, padding)


class _Branch(nn.Module):
    """Convolutions one after another, each followed by a ReLU."""

    def __init__(self, before: int, layers: tuple[Layer, ...]) -> None:
        super().__init__()
        for name, width, kernel, stride in layers:
            self.add_module(name, _conv(before, width, kernel, stride))
            before = width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features to features."""
        for conv in self.children():
            x = torch.relu(conv(x))
        return x


class _Residual(nn.Module):
    """Branches side by side, brought back to the width of their input and added to it."""

    def __init__(self, width: int, branches: tuple[tuple[Layer, ...], ...], *, is_last: bool = False) -> None:
        super().__init__()
        for number, layers in enumerate(branches):
            self.add_module(f"Branch_{number}", _Branch(width, layers))
        self.branches = len(branches)
        self.Conv2d_1x1 = _conv(sum(layers[-1][1] for layers in branches), width, 1)
        self.is_last = is_last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (n, width, h, w) to as many."""
        branches = torch.cat([self.get_submodule(f"Branch_{number}")(x) for number in range(self.branches)], 1)
        y: torch.Tensor = x + self.Conv2d_1x1(branches)
        return y if self.is_last else torch.relu(y)


class _Reduction(nn.Module):
    """Branches side by side that halve the sides, and a pooling beside them."""

    def __init__(self, width: int, branches: tuple[tuple[Layer, ...], ...]) -> None:
        super().__init__()
        for number, layers in enumerate(branches):
            self.add_module(f"Branch_{number}", _Branch(width, layers))
        self.branches = len(branches)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (n, width, h, w) to features of half the sides."""
        branches = [self.get_submodule(f"Branch_{number}")(x) for number in range(self.branches)]
        return torch.cat([*branches, torch.max_pool2d(x, 3, 2)], 1)


def _block35() -> _Residual:
    first: Layer = ("Conv2d_0a_1x1", 32, 1, 1)
    second: Layer = ("Conv2d_0b_3x3", 32, 3, 1)
    return _Residual(256, ((("Conv2d_1x1", 32, 1, 1),), (first, second), (first, second, ("Conv2d_0c_3x3", 32, 3, 1))))


def _block17() -> _Residual:
    long: tuple[Layer, ...] = (("Conv2d_0a_1x1", 128, 1, 1), ("Conv2d_0b_1x7", 128, (1, 7), 1), ("Conv2d_0c_7x1", 128, (7, 1), 1))
    return _Residual(896, ((("Conv2d_1x1", 128, 1, 1),), long))


def _block8(*, is_last: bool = False) -> _Residual:
    long: tuple[Layer, ...] = (("Conv2d_0a_1x1", 192, 1, 1), ("Conv2d_0b_1x3", 192, (1, 3), 1), ("Conv2d_0c_3x1", 192, (3, 1), 1))
    return _Residual(1792, ((("Conv2d_1x1", 192, 1, 1),), long), is_last=is_last)


class FaceNet(nn.Module):
    """Faces (n, 3, 160, 160), from -1 to 1, to descriptors (n, 512) of length 1."""

    def __init__(self) -> None:
        super().__init__()
        stem: tuple[tuple[str, int, int, int, int, bool], ...] = (
            ("Conv2d_1a_3x3", 3, 32, 3, 2, False),
            ("Conv2d_2a_3x3", 32, 32, 3, 1, False),
            ("Conv2d_2b_3x3", 32, 64, 3, 1, True),
            ("Conv2d_3b_1x1", 64, 80, 1, 1, True),
            ("Conv2d_4a_3x3", 80, 192, 3, 1, False),
            ("Conv2d_4b_3x3", 192, 256, 3, 2, False),
        )
        for name, before, width, kernel, stride, is_padded in stem:
            self.add_module(name, _conv(before, width, kernel, stride, is_padded=is_padded))
        self.stem = tuple(name for name, *_ in stem)
        self.Repeat = nn.Sequential(OrderedDict((f"block35_{i}", _block35()) for i in range(1, 6)))
        self.Mixed_6a = _Reduction(
            256,
            ((("Conv2d_1a_3x3", 384, 3, 2),), (("Conv2d_0a_1x1", 192, 1, 1), ("Conv2d_0b_3x3", 192, 3, 1), ("Conv2d_1a_3x3", 256, 3, 2))),
        )
        self.Repeat_1 = nn.Sequential(OrderedDict((f"block17_{i}", _block17()) for i in range(1, 11)))
        narrow: Layer = ("Conv2d_0a_1x1", 256, 1, 1)
        self.Mixed_7a = _Reduction(
            896,
            (
                (narrow, ("Conv2d_1a_3x3", 384, 3, 2)),
                (narrow, ("Conv2d_1a_3x3", 256, 3, 2)),
                (narrow, ("Conv2d_0b_3x3", 256, 3, 1), ("Conv2d_1a_3x3", 256, 3, 2)),
            ),
        )
        self.Repeat_2 = nn.Sequential(OrderedDict((f"block8_{i}", _block8()) for i in range(1, 6)))
        self.Block8 = _block8(is_last=True)
        self.Bottleneck = nn.Linear(1792, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Faces (n, 3, 160, 160) to descriptors (n, 512)."""
        for name in self.stem:
            if name == "Conv2d_3b_1x1":
                x = torch.max_pool2d(x, 3, 2)
            x = torch.relu(self.get_submodule(name)(x))
        x = self.Mixed_6a(self.Repeat(x))
        x = self.Mixed_7a(self.Repeat_1(x))
        x = self.Block8(self.Repeat_2(x))
        return torch.nn.functional.normalize(self.Bottleneck(x.mean((2, 3))), dim=1)


def facenet_state(constants: Mapping[str, FloatArray]) -> dict[str, torch.Tensor]:
    """The tensors of :class:`FaceNet` from the constants of the TensorFlow graph, by name."""
    state: dict[str, FloatArray] = {}
    for name, values in constants.items():
        parts = name.removeprefix(_ROOT).split("/")
        layer, kind = ".".join(parts[:-1]), parts[-1]
        scale = _scale(constants, name)
        if kind == "weights" and values.ndim == 4:
            state[f"{layer}.weight"] = values.transpose(3, 2, 0, 1) * scale
        elif kind == "biases" or kind.endswith("_bn_offset"):
            state[f"{layer}.bias"] = values * scale
    norm = {key: constants[f"{_ROOT}Bottleneck/BatchNorm/{key}"] for key in ("Const", "beta", "moving_mean", "moving_variance")}
    factor = norm["Const"] / np.sqrt(norm["moving_variance"] + _EPSILON)
    state["Bottleneck.weight"] = (constants[f"{_ROOT}Bottleneck/weights"] * factor).T
    state["Bottleneck.bias"] = norm["beta"] - norm["moving_mean"] * factor
    return {name: torch.from_numpy(np.array(values, np.float32, order="C")) for name, values in state.items()}


def _scale(constants: Mapping[str, FloatArray], name: str) -> float:
    """By how much the output of a convolution is multiplied before it is added to the input of its block."""
    block, _, layer = name.rpartition("/Conv2d_1x1/")
    factor = constants.get(f"{block}/mul/x")
    return float(factor) if factor is not None and layer and "/Branch_" not in name else 1.0
