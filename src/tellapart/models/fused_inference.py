"""Rewrite a network for fast inference: fold batch norm, fuse activations and additions, avoid padding copies.

Three exact rewritings of the traced graph (figures in docs/log.md):

1. convolution, batch norm and activation become one oneDNN call, with the weights laid out once;
2. an addition whose one side is such a convolution is done inside it;
3. TensorFlow's "same" padding puts the odd row after the image where oneDNN's symmetric padding would put it
   before. Turning image and kernels by 180 degrees swaps the two, so that no padded copy is needed; features
   pooled over all places do not change.

The result is checked against the original on noise; a network that cannot be rewritten runs as it is.
"""

from __future__ import annotations

import logging
import operator
from typing import Any

import torch
from torch import fx, nn

logger = logging.getLogger(__name__)

ACTIVATIONS: dict[type, tuple[str, list[float]]] = {
    nn.Identity: ("none", []),
    nn.ReLU: ("relu", []),
    nn.ReLU6: ("hardtanh", [0.0, 6.0]),
    nn.SiLU: ("swish", []),
}
TOLERANCE = 1e-3


class FusedConv(nn.Module):
    """Convolution, folded batch norm and activation (or an addition) in one oneDNN call.

    Attributes:
        names: of the convolution and of the norm (None without one) in the network it was made from.
    """

    names: tuple[str, str | None]

    def __init__(self, conv: nn.Conv2d, norm: nn.Module | None, activation: tuple[str, list[float]], *, is_turned: bool) -> None:
        super().__init__()
        weight = conv.weight.detach()
        bias = conv.bias.detach() if conv.bias is not None else weight.new_zeros(len(weight))
        if isinstance(norm, nn.BatchNorm2d):
            mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
            factor = norm.weight / torch.sqrt(variance + norm.eps)
            weight, bias = weight * factor[:, None, None, None], (bias - mean) * factor + norm.bias
        self.weight = weight.flip(2, 3).contiguous().detach() if is_turned else weight
        self.bias = bias.detach()
        self.stride, self.dilation, self.groups = list(conv.stride), list(conv.dilation), conv.groups
        self.padding = [(k - 1) // 2 for k in conv.kernel_size] if is_turned else [int(side) for side in conv.padding]
        self.activation, self.scalars = activation
        self._packed: tuple[torch.Tensor, torch.Tensor] | None = None

    def forward(self, x: torch.Tensor, other: torch.Tensor | None = None) -> torch.Tensor:
        """Features (n, c, h, w) to features; ``other`` is added to the result."""
        if self._packed is None or self._packed[1].dtype != x.dtype:
            self._packed = self._pack(x)
        weight, bias = self._packed
        geometry = (self.padding, self.stride, self.dilation, self.groups)
        op = torch.ops.mkldnn._convolution_pointwise
        if other is not None:
            return op.binary(x, other, weight, bias, *geometry, "add", 1.0, None, [], None)  # type: ignore[no-any-return]
        return op(x, weight, bias, *geometry, self.activation, self.scalars, "")  # type: ignore[no-any-return]

    def _pack(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        weight = self.weight.to(x.dtype).contiguous(memory_format=torch.channels_last)
        packed = torch.ops.mkldnn._reorder_convolution_weight(weight, self.padding, self.stride, self.dilation, self.groups, list(x.shape))
        return packed, self.bias.to(x.dtype)


class RotatedInput(nn.Module):
    """Gives the network its image turned by 180 degrees."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (n, 3, h, w) to features (n, d)."""
        return self.network(x.flip(2, 3).contiguous(memory_format=torch.channels_last))  # type: ignore[no-any-return]


def fast_network(model: nn.Module, image_size: int) -> nn.Module:
    """The fused form of a network for the CPU, or the network itself (channels last) where fusing fails or differs."""
    plain = model.to(memory_format=torch.channels_last)
    sample = torch.randn(2, 3, image_size, image_size, generator=torch.Generator().manual_seed(0))
    sample = sample.contiguous(memory_format=torch.channels_last)
    try:
        with torch.inference_mode():
            fused = fused_network(model)
            expected, actual = plain(sample), fused(sample)
            is_equal = bool((expected - actual).abs().max() <= TOLERANCE * expected.abs().max())
    except Exception as error:
        logger.info("%s cannot be fused for inference and runs unfused: %s", type(model).__name__, error)
        return plain
    if not is_equal:
        logger.info("the fused %s gives other features, so it runs unfused", type(model).__name__)
    return fused if is_equal else plain


def fused_network(model: nn.Module, kind: type[FusedConv] = FusedConv) -> fx.GraphModule | RotatedInput:
    """Trace ``model`` and fuse it; raises whatever ``torch.fx`` raises for a network it cannot trace.

    Args:
        model: in evaluation mode; its modules live on in the traced form.
        kind: what a convolution becomes.
    """
    graph = _Tracer().trace(model)
    traced = fx.GraphModule(model, graph)
    modules: dict[str, nn.Module] = dict(traced.named_modules())
    convs = [node for node in graph.nodes if node.op == "call_module" and isinstance(modules[node.target], nn.Conv2d)]
    is_turned = _pads_like_tensorflow([modules[node.target] for node in convs])
    for number, node in enumerate(convs):
        _fuse_conv(traced, node, modules, f"fused_{number}", kind, is_turned=is_turned)
    for node in list(graph.nodes):
        if node.op == "call_function" and node.target in (operator.add, operator.iadd, torch.add):
            _fuse_add(graph, node, modules)
    graph.lint()
    traced.recompile()
    traced.delete_all_unused_submodules()
    return RotatedInput(traced) if is_turned else traced


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        is_whole = isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.MaxPool2d) or type(m).__name__ == "ConvMlp"  # of timm's vgg
        return is_whole or super().is_leaf_module(m, module_qualified_name)


def _pads_like_tensorflow(convs: list[nn.Module]) -> bool:
    strided = [conv for conv in convs if isinstance(conv, nn.Conv2d) and max(conv.stride) > 1]
    return bool(strided) and all(_is_same(conv) for conv in strided if max(conv.kernel_size) > 1)


def _is_same(conv: nn.Conv2d) -> bool:
    return type(conv).__name__ == "Conv2dSame"


def _fuse_conv(
    traced: fx.GraphModule, node: fx.Node, modules: dict[str, nn.Module], name: str, kind: type[FusedConv], *, is_turned: bool
) -> None:
    conv = modules[str(node.target)]
    if not isinstance(conv, nn.Conv2d) or (_is_same(conv) and not is_turned):
        return
    norm_node = _only_user(node, modules, nn.BatchNorm2d)
    norm = modules[str(norm_node.target)] if norm_node else None
    activation = getattr(norm, "act", nn.Identity())
    is_known = type(activation) in ACTIVATIONS
    fused = kind(conv, norm, ACTIVATIONS[type(activation) if is_known else nn.Identity], is_turned=is_turned)
    fused.names = (str(node.target), str(norm_node.target) if norm_node else None)
    traced.add_module(name, fused)
    modules[name] = fused
    node.target = name
    if norm_node is not None and is_known:
        norm_node.replace_all_uses_with(node)
        traced.graph.erase_node(norm_node)
    elif norm_node is not None:
        norm_node.target = f"{name}_activation"
        traced.add_module(norm_node.target, activation)


def _only_user(node: fx.Node, modules: dict[str, nn.Module], kind: type) -> fx.Node | None:
    users = list(node.users)
    is_one = len(users) == 1 and users[0].op == "call_module" and isinstance(modules[str(users[0].target)], kind)
    return users[0] if is_one else None


def _fuse_add(graph: fx.Graph, node: fx.Node, modules: dict[str, nn.Module]) -> None:
    """Move an addition into the later of its two sides, where that is a fused convolution without activation."""
    order = {n: index for index, n in enumerate(graph.nodes)}
    sides: list[Any] = list(node.args[:2])
    if len(sides) < 2 or not all(isinstance(side, fx.Node) for side in sides) or sides[0] is sides[1]:
        return
    conv, other = sorted(sides, key=lambda side: order[side], reverse=True)
    fused = modules.get(str(conv.target)) if conv.op == "call_module" else None
    if isinstance(fused, FusedConv) and fused.activation == "none" and len(conv.users) == 1:
        conv.args = (conv.args[0], other)
        node.replace_all_uses_with(conv)
        graph.erase_node(node)
