"""A pretrained network rewritten for fast fine-tuning, with frozen batch norm statistics.

Each frozen batch norm is folded into its convolution, whose weight and bias are then what is trained
(:mod:`tellapart.models.folded_conv`); the image is turned where the network pads like TensorFlow
(:mod:`tellapart.models.fused_inference`). What is trained is written back under timm's names, and timm's plain network
gives the same features. A network that cannot be rewritten is trained as it is, channels last, with the same interface.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from copy import deepcopy
from typing import Any

import torch
from torch import fx, nn

from tellapart.errors import ModelError
from tellapart.models.folded_conv import TunedConv
from tellapart.models.fused_inference import RotatedInput, fused_network

logger = logging.getLogger(__name__)

PRECISIONS = ("float32", "mixed")
"""All in float32; or convolutions and products in bfloat16 with parameters and their gradients in float32."""
TOLERANCE = 1e-3
GRADIENT_TOLERANCE = 1e-2
"""Of the gradient's length; where a rectifier is at its corner a rounding error turns one entry on or off."""


class NetworkPart(nn.Module):
    """A network, or its lower or upper part, in its number format and always in evaluation mode.

    Attributes:
        precision: one of ``PRECISIONS``.
    """

    def __init__(self, body: nn.Module, precision: str) -> None:
        super().__init__()
        self.body = body.eval()
        self.precision = precision

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (n, 3, s, s) or what the part below gave, to features (n, d) or what the part above takes."""
        with self._format(x.device.type):
            return self.body(x)  # type: ignore[no-any-return]

    def train(self, mode: bool = True) -> NetworkPart:
        """Note the mode; batch norm keeps its statistics, nothing is dropped."""
        super().train(mode)
        self.body.eval()
        return self

    def _format(self, device: str) -> AbstractContextManager[Any]:
        return torch.autocast(device, torch.bfloat16, enabled=self.precision == "mixed")


class TopPart(NetworkPart):
    """The part that ends in the features, float32 (n, d)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features, float32 (n, d)."""
        return super().forward(x).float()


class FinetunableNetwork(TopPart):
    """Features, float32 (n, d), of normalized images (n, 3, s, s); made by :func:`finetunable_network`.

    Attributes:
        is_rewritten: whether batch norms were folded; False for a network that runs as it was.
    """

    def __init__(self, body: nn.Module, groups: list[tuple[str, list[str]]], timm_state: dict[str, torch.Tensor], precision: str) -> None:
        super().__init__(body, precision)
        self._groups = groups
        self._state = timm_state
        self.is_rewritten = isinstance(body, RotatedInput | fx.GraphModule)

    def stages(self) -> list[tuple[str, list[nn.Parameter]]]:
        """Name and parameters of each stage, from the input to the features; a head is not among them."""
        own = self._owned()
        stages = [(name, [p for key in names for p in own.get(key, ())]) for name, names in self._groups]
        return [(name, parameters) for name, parameters in stages if parameters]

    def exported(self) -> dict[str, torch.Tensor]:
        """Copies of all tensors under timm's names, on the CPU; a folded norm as one that does nothing but add the bias."""
        own = dict(self.network.named_parameters()) | dict(self.network.named_buffers())
        state = {key: own.get(key, value).detach().to("cpu", copy=True) for key, value in self._state.items()}
        for conv in self._convs():
            name, norm = conv.names
            state[f"{name}.weight"] = conv.plain_weight().cpu()
            bias = conv.bias.detach().to("cpu", copy=True)
            if norm is not None:
                variance = state[f"{norm}.running_var"]
                state[f"{norm}.running_var"] = torch.full_like(variance, 1.0 - conv.epsilon)
                state[f"{norm}.running_mean"] = torch.zeros_like(variance)
                state[f"{norm}.weight"], state[f"{norm}.bias"] = torch.ones_like(variance), bias
                bias = torch.zeros_like(bias)
            if f"{name}.bias" in state:
                state[f"{name}.bias"] = bias
        return state

    def split_at(self, index: int) -> tuple[nn.Module, nn.Module]:
        """The stages below ``index`` without gradients, and the rest; both share this network's parameters.

        What the first gives for an image may be kept and given to the second as often as one likes, as long as
        the stages below are not trained. The cut lies lower where more than one tensor passes between the stages,
        and below everything (the first part then returns the images) where the network was not rewritten.

        Args:
            index: into ``stages()``; 0 gives a first part that does nothing.

        Raises:
            ModelError: there is no such stage.
        """
        last = len(self.stages()) - 1
        if not 0 <= index <= last:
            raise ModelError(f"there is no stage {index}", hint=f"the network has the stages 0 to {last}")
        for cut in range(index, 0, -1) if self.is_rewritten else ():
            parts = _cut(self.network, self._depths(), cut)
            if parts is not None:
                lower: nn.Module = RotatedInput(parts[0]) if isinstance(self.body, RotatedInput) else parts[0]
                return FrozenPart(lower, self.precision), TopPart(parts[1], self.precision)
        return nn.Identity(), self

    @property
    def network(self) -> Any:
        """What runs, without the turning of the image."""
        return self.body.network if isinstance(self.body, RotatedInput) else self.body

    def _convs(self) -> list[TunedConv]:
        return [module for module in self.network.modules() if isinstance(module, TunedConv)]

    def _owned(self) -> dict[str, list[nn.Parameter]]:
        """Parameters by the timm name they stand for; what is folded into a convolution stands with its weight."""
        folded = {id(p) for conv in self._convs() for p in conv.parameters()}
        own = {name: [p] for name, p in self.network.named_parameters() if id(p) not in folded}
        return own | {f"{conv.names[0]}.weight": list(conv.parameters()) for conv in self._convs()}

    def _depths(self) -> dict[int, int]:
        """The stage of each parameter, by its identity."""
        return {id(p): depth for depth, (_, parameters) in enumerate(self.stages()) for p in parameters}


class FrozenPart(NetworkPart):
    """The part that is not trained: what it gives has no gradient and may be kept."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Images (n, 3, s, s) to what the part above takes."""
        with torch.no_grad():
            return super().forward(x)


def finetunable_network(model: nn.Module, image_size: int, *, precision: str) -> FinetunableNetwork:
    """A network of timm, without classifier, ready to be trained further; all its parameters are trainable.

    Args:
        model: used up: the result takes over its tensors.
        image_size: side of the square images in pixels, for the trial runs.
        precision: one of ``PRECISIONS``.

    Raises:
        ModelError: there is no such precision.
    """
    if precision not in PRECISIONS:
        raise ModelError(f"there is no precision {precision!r}", hint=f"choose one of {', '.join(PRECISIONS)}")
    plain = model.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    state = {key: value.detach().clone() for key, value in plain.state_dict().items()}
    groups = _groups(plain)
    return FinetunableNetwork(_rewrite(plain, image_size) or plain, groups, state, precision).requires_grad_(True)


def _noise(network: nn.Module, image_size: int, count: int) -> torch.Tensor:
    x = torch.randn(count, 3, image_size, image_size, generator=torch.Generator().manual_seed(0))
    return x.to(next(network.parameters()).device).contiguous(memory_format=torch.channels_last)


def _groups(model: Any) -> list[tuple[str, list[str]]]:
    """Stages by timm's own matcher, or by top-level modules: name, and names of the parameters."""
    names = [name for name, _ in model.named_parameters()]
    if hasattr(model, "group_matcher"):
        from timm.models import group_parameters

        groups = group_parameters(model, model.group_matcher(coarse=True))
        members = [list(groups[depth]) for depth in sorted(groups)]
    else:
        tops = dict.fromkeys(name.partition(".")[0] for name in names)
        members = [[name for name in names if name.partition(".")[0] == top] for top in tops]
    return [(".".join(group[0].split(".")[:-1][:2]) or group[0], group) for group in members]


def _rewrite(plain: nn.Module, image_size: int) -> nn.Module | None:
    """The folded form, or None where it cannot be made or gives other features or another gradient by the image."""
    try:
        rewritten = fused_network(deepcopy(plain), TunedConv)
        convs = [module for module in rewritten.modules() if isinstance(module, TunedConv)]
        is_shared = len({conv.names for conv in convs}) < len(convs)
        results = [_features_and_gradient(network, _noise(plain, image_size, 2)) for network in (plain, rewritten)]
        (expected, slope), (actual, other) = results
        is_equal = bool((expected - actual).abs().max() <= TOLERANCE * expected.abs().max())
        is_equal = is_equal and bool((slope - other).norm() <= GRADIENT_TOLERANCE * slope.norm())
    except Exception as error:
        logger.info("%s cannot be rewritten for fast fine-tuning and is trained as it is: %s", type(plain).__name__, error)
        return None
    if not is_equal or not convs or is_shared:
        logger.info("%s is trained as it is, not rewritten for fast fine-tuning", type(plain).__name__)
        return None
    return rewritten


def _features_and_gradient(network: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = x.clone(memory_format=torch.preserve_format).requires_grad_(True)
    features = network(x)
    (slope,) = torch.autograd.grad(features.square().sum(), x)
    return features.detach(), slope


def _cut(network: fx.GraphModule, depths: dict[int, int], cut: int) -> tuple[fx.GraphModule, fx.GraphModule] | None:
    """Two networks, of the stages below ``cut`` and of the others; None where not exactly one tensor passes between them."""
    modules, attributes = dict(network.named_modules()), dict(network.named_parameters())
    depth: dict[fx.Node, int] = {}
    for node in network.graph.nodes:
        owned = list(modules[str(node.target)].parameters()) if node.op == "call_module" else []
        owned += [attributes[str(node.target)]] if node.op == "get_attr" and str(node.target) in attributes else []
        depth[node] = max([*(depths.get(id(p), 0) for p in owned), *(depth[n] for n in node.all_input_nodes)], default=0)
    nodes = [node for node in network.graph.nodes if node.op != "output"]
    (output,) = (node for node in network.graph.nodes if node.op == "output")
    passing = [node for node in nodes if depth[node] < cut and any(u is output or depth[u] >= cut for u in node.users)]
    if len(passing) != 1:
        return None
    lower, upper = fx.Graph(), fx.Graph()
    below: dict[fx.Node, fx.Node] = {}
    above = {passing[0]: upper.placeholder("x")}
    for node in nodes:
        graph, copies = (lower, below) if depth[node] < cut else (upper, above)
        copies[node] = graph.node_copy(node, copies.__getitem__)
    lower.output(below[passing[0]])
    upper.node_copy(output, above.__getitem__)
    return fx.GraphModule(network, lower), fx.GraphModule(network, upper)
