"""A trainable convolution with batch norm folded in, activation fused, and gradients by the fast kernels of oneDNN.

Three gradients of depthwise convolutions run here by other routes than torch's own, because oneDNN 3.12 has no fast
kernel for them (lite0, 16 images of 224 pixels, one core, milliseconds a step; figures in docs/log.md):

1. by the weights, kernels wider than 3 columns (bfloat16 344, float32 194): two overlapping windows of 3 columns (19);
2. by the input, stride 2 (bfloat16 361, float32 15): zeros put between, then a forward convolution (17);
3. by the input, stride 1: a forward convolution with turned kernels, a third faster.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from tellapart.models.fused_inference import FusedConv

aten = torch.ops.aten
PLAIN = {"relu": torch.relu, "swish": functional.silu}
WINDOW = 3
"""Widest depthwise kernel, in columns, whose gradient by the weights oneDNN does fast."""


class TunedConv(FusedConv):
    """Convolution, folded batch norm and activation (or an addition) whose weight and bias can be trained.

    Under autocast it computes in autocast's number format; its parameters stay as they are. Where neither the
    convolution nor a norm had a bias, there is none to train.
    """

    def __init__(self, conv: nn.Conv2d, norm: nn.Module | None, activation: tuple[str, list[float]], *, is_turned: bool) -> None:
        super().__init__(conv, norm, activation, is_turned=is_turned)
        weight, bias = self.weight, self.bias
        del self.weight, self.bias
        self.weight = nn.Parameter(weight.clone(memory_format=torch.channels_last))
        has_bias = conv.bias is not None or norm is not None
        if has_bias:
            self.bias = nn.Parameter(bias.clone())
        else:
            self.register_buffer("bias", bias, persistent=False)
        self.is_turned = is_turned
        self.epsilon = norm.eps if isinstance(norm, nn.BatchNorm2d) else 0.0

    def forward(self, x: torch.Tensor, other: torch.Tensor | None = None) -> torch.Tensor:
        """Features (n, c, h, w) to features; ``other`` is added to the result.

        The bias stays in float32, which oneDNN takes beside bfloat16 features, but for an addition.
        """
        kind = x.device.type
        if torch.is_autocast_enabled(kind):
            x = x.to(torch.get_autocast_dtype(kind))
        other = other.to(x.dtype) if other is not None else None
        if kind != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
            return self._plain(x, other)
        y: torch.Tensor = _Step.apply(x, self.weight, self.bias, other, self)
        return functional.silu(y) if self.activation == "swish" else y

    def _plain(self, x: torch.Tensor, other: torch.Tensor | None) -> torch.Tensor:
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        y = functional.conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        if other is not None:
            return y + other
        if self.activation == "hardtanh":
            return functional.hardtanh(y, self.scalars[0], self.scalars[1])
        return y if self.activation == "none" else PLAIN[self.activation](y)

    def plain_weight(self) -> torch.Tensor:
        """A copy of the weight (out, in, k, k) as in the original network, not rotated."""
        weight = self.weight.detach()
        return (weight.flip(2, 3) if self.is_turned else weight.clone()).contiguous()


class _Step(torch.autograd.Function):
    """One convolution forward and backward; a swish is left to the caller, its gradient needs what comes before it."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, other: torch.Tensor | None, conv: TunedConv
    ) -> torch.Tensor:
        weight = weight.to(x.dtype)
        geometry = (conv.padding, conv.stride, conv.dilation, conv.groups)
        op = torch.ops.mkldnn._convolution_pointwise
        activation = "none" if conv.activation == "swish" else conv.activation
        y: torch.Tensor
        if other is not None:
            y = op.binary(x, other, weight, bias.to(x.dtype), *geometry, "add", 1.0, None, [], None)
        else:
            y = op(x, weight, bias, *geometry, activation, conv.scalars, "")
        ctx.conv, ctx.activation = conv, activation
        ctx.save_for_backward(x, weight, None if activation == "none" else y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight, y = ctx.saved_tensors
        needs_x, needs_weight, needs_bias, needs_other, _ = ctx.needs_input_grad
        by_other = gradients[0] if needs_other else None
        g = gradients[0].contiguous(memory_format=torch.channels_last)
        if ctx.activation == "relu":
            g = aten.threshold_backward(g, y, 0)
        elif ctx.activation == "hardtanh":
            g = aten.hardtanh_backward(g, y, *ctx.conv.scalars)
        if _is_depthwise(ctx.conv, x):
            by_x = depthwise_by_input(g, x, weight, ctx.conv.stride[0]) if needs_x else None
            by_weight, by_bias = depthwise_by_weight(g, x, weight, ctx.conv.stride[0]) if needs_weight or needs_bias else (None, None)
        else:
            by_x, by_weight, by_bias = _backward(g, x, weight, ctx.conv, [needs_x, needs_weight, needs_bias])
        return by_x, _single(by_weight), _single(by_bias), by_other, None


def _single(gradient: torch.Tensor | None) -> torch.Tensor | None:
    return None if gradient is None else gradient.float()


def _backward(g: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, conv: TunedConv, needs: list[bool]) -> Any:
    geometry = (conv.stride, conv.padding, conv.dilation)
    return aten.convolution_backward(g, x, weight, [len(weight)], *geometry, False, [0, 0], conv.groups, needs)


def _is_depthwise(conv: TunedConv, x: torch.Tensor) -> bool:
    """Whether the routes below know it: depthwise, 3 x 3 or 5 x 5, stride 1 or 2, padded by half the kernel."""
    side = conv.weight.shape[2]
    is_ordinary = conv.dilation == [1, 1] and conv.stride in ([1, 1], [2, 2]) and conv.padding == [side // 2] * 2
    return 1 < conv.groups == x.shape[1] == len(conv.weight) and side in (3, 5) and conv.weight.shape[3] == side and is_ordinary


def depthwise_by_input(g: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
    """Gradient by the input of a depthwise convolution, as a forward convolution with turned kernels.

    Args:
        g: gradient by the output (n, c, ceil(h / stride), ceil(w / stride)), channels last.
        x: input (n, c, h, w), channels last.
        weight: (c, 1, k, k), k odd; the convolution is padded by k // 2.
        stride: 1 or 2.
    """
    if stride > 1:
        spread = torch.zeros_like(x)
        spread[:, :, ::stride, ::stride] = g
        g = spread
    side = weight.shape[2] // 2
    return aten.convolution(g, weight.flip(2, 3), None, [1, 1], [side, side], [1, 1], False, [0, 0], len(weight))  # type: ignore[no-any-return]


def depthwise_by_weight(g: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients by weight (c, 1, k, k) and bias (c) of a depthwise convolution; arguments as above, k is 3 or 5."""
    side = weight.shape[2]
    if side <= WINDOW:
        return _by_weight(g, x, weight, stride, [side // 2, side // 2])
    rows = side // 2
    if x.shape[2] < side:
        x, rows = functional.pad(x, (0, 0, rows, rows)), 0
    left, right = _shifted(x, side - WINDOW)
    gradient, kernel = torch.empty_like(weight), weight[..., :WINDOW]
    gradient[..., :WINDOW], bias = _by_weight(g, left, kernel, stride, [rows, 0])
    gradient[..., -WINDOW:], _ = _by_weight(g, right, kernel, stride, [rows, 0])
    return gradient, bias


def _by_weight(
    g: torch.Tensor, x: torch.Tensor, weight: torch.Tensor, stride: int, padding: list[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    geometry: Any = ([stride, stride], padding, [1, 1], False, [0, 0], len(weight))
    _, by_weight, by_bias = aten.convolution_backward(g, x, weight, [len(weight)], *geometry, [False, True, True])
    return by_weight, by_bias


def _shifted(x: torch.Tensor, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    """``x`` with so many columns of zeros before it, and with as many behind it: two views of one copy."""
    n, c, height, width = x.shape
    pitch = width + columns
    size = n * height * pitch * c
    memory = x.new_zeros(columns * c + size)
    memory[columns * c :].view(n, height, pitch, c)[:, :, :width] = x.permute(0, 2, 3, 1)
    before, behind = (memory[start : start + size].view(n, height, pitch, c).permute(0, 3, 1, 2) for start in (0, columns * c))
    return before, behind
