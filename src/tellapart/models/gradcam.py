"""Grad-CAM, class activation maps (CAM) and occlusion: heat maps of where a classifier looks, in log odds of one class.

Grad-CAM (Selvaraju et al. 2017) weights the maps of the last spatial layer by their gradients; occlusion (Zeiler and
Fergus 2014) covers one place after another and measures the loss in score. The tests check both against captum. A CAM of the
packaged ImageNet classifier (Zhou et al. 2016) weights the features before pooling by a class's row of the classifier; without a
class, the maps of the most probable classes are averaged by their probability.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from tellapart.array_types import ByteArray, FloatArray
from tellapart.concurrency import parallel_map
from tellapart.errors import ModelError, closest_name
from tellapart.images import resize
from tellapart.models.backbone_card import Backbone
from tellapart.models.devices import chosen_device
from tellapart.models.efficientnet_lite_weights import PACKAGED, packaged_state
from tellapart.models.feature_network import BATCH, Features, bare_network
from tellapart.models.heads import LinearHead
from tellapart.models.malloc import tune_malloc
from tellapart.models.normalization import Normalization
from tellapart.models.saved_model import Member
from tellapart.models.timm_networks import build_network

SMALLEST_FEATURE = 1e-6
"""Smallest absolute value in a signed square root, whose gradient is infinite at 0."""
COVER = 0.5
"""Gray value of the covering square, from 0 to 1."""


class MemberNetwork(nn.Module):
    """A member of a saved model as one differentiable network: images float32 (n, 3, s, s) from 0 to 1, to logits (n, k).

    The images are resized for backbones of another input size.
    """

    def __init__(self, member: Member) -> None:
        super().__init__()
        self.backbones = nn.ModuleList(_load_backbone(backbone) for backbone in member.backbones)
        self._cards = [backbone.card for backbone in member.backbones]
        self._heads = [_head_tensors(head) for head in member.heads]
        self._powers = [head.power for head in member.heads]
        self._spatial_layers: list[list[str]] | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (n, k), the mean over the heads."""
        features = torch.cat([self._features(index, x) for index in range(len(self._cards))], dim=1)
        logits = []
        for power, (mean, scale, weight, bias) in zip(self._powers, self._heads, strict=True):
            sized = features if power == 1.0 else features.sign() * features.abs().clamp_min(SMALLEST_FEATURE) ** power
            logits.append((sized - mean) / scale @ weight + bias)
        return torch.stack(logits).mean(dim=0)

    def _features(self, index: int, x: torch.Tensor) -> torch.Tensor:
        card = self._cards[index]
        if x.shape[-1] != card.image_size:
            x = nn.functional.interpolate(x, (card.image_size, card.image_size), mode="bicubic", antialias=True).clamp(0, 1)
        mean, std = torch.tensor(card.mean).view(3, 1, 1), torch.tensor(card.std).view(3, 1, 1)
        return self.backbones[index]((x - mean) / std)  # type: ignore[no-any-return]

    def spatial_layers(self, x: torch.Tensor) -> list[list[str]]:
        """For each backbone, the names of the modules that output maps (n, c, h, w), in forward order; ``x`` is an input of the network."""
        if self._spatial_layers is not None:
            return self._spatial_layers
        layers: list[list[str]] = []
        for index, backbone in enumerate(self.backbones):
            names: list[str] = []

            def note(name: str, names: list[str] = names) -> Callable[..., None]:
                def hook(module: nn.Module, inputs: Any, output: Any) -> None:
                    if isinstance(output, torch.Tensor) and output.ndim == 4 and output.shape[-1] > 1:
                        names.append(name)

                return hook

            handles = [module.register_forward_hook(note(name)) for name, module in backbone.named_modules() if name]
            try:
                with torch.no_grad():
                    self._features(index, x)
            finally:
                for handle in handles:
                    handle.remove()
            layers.append(list(dict.fromkeys(names)))
        self._spatial_layers = layers
        return layers


def log_odds(logits: torch.Tensor, target: int) -> torch.Tensor:
    """Log odds (n,) of class ``target`` from logits (n, k): its logit minus the logsumexp of the others."""
    others = torch.cat([logits[:, :target], logits[:, target + 1 :]], dim=1)
    return logits[:, target] - others.logsumexp(dim=1)


def grad_cam(network: MemberNetwork, pixels: ByteArray, target: int, *, layer: str | None = None) -> FloatArray:
    """Grad-CAM: how much each place contributes to the log odds of a class, float32 (s, s); negative contributions are 0.

    The maps of several backbones are added. Each is the first-order contribution of the places of its layer.

    Args:
        network: in evaluation mode.
        pixels: uint8 (s, s, 3).
        target: index of the class.
        layer: of the first backbone; by default the last spatial layer of every backbone.

    Raises:
        ModelError: there is no such layer (the hint names the closest), or no layer is spatial.
    """
    x = _image(pixels)
    layers = network.spatial_layers(x)
    chosen = [(0, _check_layer(layer, layers[0]))] if layer else [(index, names[-1]) for index, names in enumerate(layers) if names]
    if not chosen:
        raise ModelError("this network has no spatial layer", hint="occlusion works with any network")
    activations: dict[int, torch.Tensor] = {}

    def keep(index: int) -> Callable[..., torch.Tensor]:
        def hook(module: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
            activations[index] = output
            return output.clone()

        return hook

    handles = [network.backbones[index].get_submodule(name).register_forward_hook(keep(index)) for index, name in chosen]
    try:
        with torch.enable_grad():
            score = log_odds(network(x.requires_grad_()), target)
            gradients = torch.autograd.grad(score.sum(), [activations[index] for index, _ in chosen])
    finally:
        for handle in handles:
            handle.remove()
    total = torch.zeros(1, 1, *pixels.shape[:2])
    for (index, _), gradient in zip(chosen, gradients, strict=True):
        weighted = (gradient.mean(dim=(2, 3), keepdim=True) * activations[index].detach()).sum(dim=1, keepdim=True)
        num_places = weighted.shape[2] * weighted.shape[3]
        total += nn.functional.interpolate(num_places * weighted, tuple(pixels.shape[:2]), mode="bilinear")
    heat: FloatArray = total.relu()[0, 0].numpy()
    return heat


def occlusion(score: Callable[[ByteArray], FloatArray], pixels: ByteArray, *, side: int, step: int) -> FloatArray:
    """Occlusion map, float32 (s, s): the drop in score when a gray square covers a pixel, averaged over all squares that do.

    Batches are scored in parallel, each with one torch thread.

    Args:
        score: scores (m,) of images uint8 (m, s, s, 3); called from several threads.
        pixels: uint8 (s, s, 3).
        side: side of the square, in pixels.
        step: from one square to the next, in pixels; at most ``side``.
    """
    size = len(pixels)
    starts = sorted({*range(0, size - side + 1, step), size - side})
    corners = [(top, left) for top in starts for left in starts]
    batches = [corners[start : start + BATCH] for start in range(0, len(corners), BATCH)]

    def batch_scores(batch: list[tuple[int, int]]) -> FloatArray:
        covered = np.repeat(pixels[None], len(batch), axis=0)
        for image, (top, left) in zip(covered, batch, strict=True):
            image[top : top + side, left : left + side] = round(255 * COVER)
        return score(covered)

    with _one_torch_thread():
        uncovered = float(score(pixels[None])[0])
        scores = np.concatenate(parallel_map(batch_scores, batches))
    drop, count = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    for value, (top, left) in zip(scores, corners, strict=True):
        drop[top : top + side, left : left + side] += uncovered - float(value)
        count[top : top + side, left : left + side] += 1
    return drop / count


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """Within, each torch operation uses one thread."""
    tune_malloc()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class MemberScore:
    """Log odds of a member by the fast inference network, for occlusion, which needs no gradient."""

    def __init__(self, member: Member, networks: Sequence[Features]) -> None:
        self._member = member
        self._networks = list(zip(networks, [backbone.card.image_size for backbone in member.backbones], strict=True))

    def of(self, target: int) -> Callable[[ByteArray], FloatArray]:
        """Function from images uint8 (m, s, s, 3) to the log odds of class ``target``, float32 (m,)."""

        def score(pixels: ByteArray) -> FloatArray:
            features = [network.features(_resize_images(pixels, side), mirror=False) for network, side in self._networks]
            logits = torch.from_numpy(self._member.logits(np.concatenate(features, axis=1)))
            odds: FloatArray = log_odds(logits, target).float().numpy()
            return odds

        return score


def _resize_images(pixels: ByteArray, side: int) -> ByteArray:
    return pixels if pixels.shape[1] == side else np.stack([resize(image, side, "squash") for image in pixels])


def _load_backbone(backbone: Backbone) -> Any:
    model = bare_network(backbone.card)
    try:
        model.load_state_dict(backbone.state(), strict=True)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"the tensors of {backbone.card.name} do not fit {backbone.card.architecture}: {error}") from error
    return model.requires_grad_(False)


def _head_tensors(head: LinearHead) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(getattr(head, name)) for name in ("mean", "scale", "weight", "bias"))


def _image(pixels: ByteArray) -> torch.Tensor:
    return _images(pixels[None])


def _images(pixels: ByteArray) -> torch.Tensor:
    return torch.from_numpy(pixels.copy()).permute(0, 3, 1, 2).float() / 255


def _check_layer(layer: str, names: Sequence[str]) -> str:
    if layer not in names:
        close = closest_name(layer, names)
        raise ModelError(f"there is no layer {layer!r} with maps", hint=close or f"the last ones are {', '.join(names[-5:])}")
    return layer


NETWORK = "lite0"
SIDE = 320
"""Of the square the whole image is squashed to: maps of 10 x 10."""
FIRST_FEW = 5
SURE_ENOUGH = 0.1
"""Probability of all classes of a word together from which on its thing is taken to be there."""


class ActivationNetwork:
    """A packaged classifier that gives class activation maps; thread-safe."""

    def __init__(self, *, device: str = "auto") -> None:
        packaged = PACKAGED[NETWORK]
        self.device = chosen_device(device)
        model = build_network(packaged.architecture)
        model.load_state_dict(packaged_state(packaged, [len(stage) for stage in model.blocks]), strict=True)
        self._model = model.requires_grad_(False).to(self.device, memory_format=torch.channels_last)
        self._normalized = Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), SIDE, self.device)

    @property
    def fingerprint(self) -> str:
        """Names the weights and the device, on both of which the maps depend."""
        weights = hashlib.sha256(self._model.classifier.weight.detach().cpu().numpy().tobytes()).hexdigest()
        return f"{NETWORK}-{SIDE}-{self.device}-{weights}"

    def maps(self, pixels: ByteArray, classes: Sequence[int] = ()) -> tuple[FloatArray, FloatArray]:
        """Class activation maps of images.

        Args:
            pixels: uint8 (n, 320, 320, 3), whole images squashed.
            classes: indices of ImageNet classes; none for the most probable classes of each image.

        Returns:
            Maps float32 (n, 10, 10), and the total probability of ``classes``, float32 (n,); 1 without classes.
        """
        with torch.inference_mode():
            features = self._model.forward_features(self._normalized(pixels))
            probabilities = self._model.forward_head(features).softmax(1)
            is_wanted = torch.zeros_like(probabilities[0])
            is_wanted[list(classes) or slice(None)] = 1.0
            selected = probabilities * is_wanted
            strongest = selected.topk(min(FIRST_FEW, int(is_wanted.sum())), dim=1)
            shares = strongest.values / strongest.values.sum(1, keepdim=True).clamp(min=1e-12)
            rows = (self._model.classifier.weight[strongest.indices] * shares[..., None]).sum(1)
            maps = torch.einsum("nchw,nc->nhw", features, rows)
        sure = selected.sum(1) if len(classes) else torch.ones(len(pixels))
        return maps.float().cpu().numpy(), sure.float().cpu().numpy()
