"""Where in an image a classifier looks: Grad-CAM and occlusion, both in log odds of the class asked about.

Grad-CAM (Selvaraju et al. 2017) weighs the maps of the last spatial layer by the gradient; occlusion (Zeiler and
Fergus 2014) covers one place after another and sees what it costs. Both are checked against captum in the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from tellapart.array_types import ByteArray, FloatArray
from tellapart.errors import ModelError, closest_name
from tellapart.images import resize
from tellapart.models.backbone_card import Backbone
from tellapart.models.feature_network import FeatureNetwork, bare_network
from tellapart.models.heads import LinearHead
from tellapart.models.saved_model import Member

SMALLEST_FEATURE = 1e-6
"""Below it the slope of a signed square root is not followed any further up."""
COVER = 0.5
"""Gray of what covers a place, on the scale 0 to 1."""
AT_ONCE = 32


class MemberNetwork(nn.Module):
    """A member of a saved model as one differentiable network in float32: images (n, 3, s, s), 0 to 1, to logits (n, k).

    Backbones of other input sizes see the image resized.
    """

    def __init__(self, member: Member) -> None:
        super().__init__()
        self.backbones = nn.ModuleList(_loaded(backbone) for backbone in member.backbones)
        self._cards = [backbone.card for backbone in member.backbones]
        self._heads = [_tensors(head) for head in member.heads]
        self._powers = [head.power for head in member.heads]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (n, k), the mean of the heads'."""
        features = torch.cat([self._features(place, x) for place in range(len(self._cards))], dim=1)
        logits = []
        for power, (mean, scale, weight, bias) in zip(self._powers, self._heads, strict=True):
            sized = features if power == 1.0 else features.sign() * features.abs().clamp_min(SMALLEST_FEATURE) ** power
            logits.append((sized - mean) / scale @ weight + bias)
        return torch.stack(logits).mean(dim=0)

    def _features(self, place: int, x: torch.Tensor) -> torch.Tensor:
        card = self._cards[place]
        if x.shape[-1] != card.image_size:
            x = nn.functional.interpolate(x, (card.image_size, card.image_size), mode="bicubic", antialias=True).clamp(0, 1)
        mean, std = torch.tensor(card.mean).view(3, 1, 1), torch.tensor(card.std).view(3, 1, 1)
        return self.backbones[place]((x - mean) / std)  # type: ignore[no-any-return]

    def spatial_layers(self, x: torch.Tensor) -> list[list[str]]:
        """For each backbone: the names of the modules that give maps (n, c, h, w), in the order they work."""
        found: list[list[str]] = []
        for place, backbone in enumerate(self.backbones):
            names: list[str] = []

            def note(name: str, names: list[str] = names) -> Callable[..., None]:
                def hook(module: nn.Module, inputs: Any, output: Any) -> None:
                    if isinstance(output, torch.Tensor) and output.ndim == 4 and output.shape[-1] > 1:
                        names.append(name)

                return hook

            handles = [module.register_forward_hook(note(name)) for name, module in backbone.named_modules() if name]
            try:
                with torch.no_grad():
                    self._features(place, x)
            finally:
                for handle in handles:
                    handle.remove()
            found.append(list(dict.fromkeys(names)))
        return found


def log_odds(logits: torch.Tensor, target: int) -> torch.Tensor:
    """The log odds of a class (n,): its logit over the summed others'."""
    others = torch.cat([logits[:, :target], logits[:, target + 1 :]], dim=1)
    return logits[:, target] - others.logsumexp(dim=1)


def grad_cam(network: MemberNetwork, pixels: ByteArray, target: int, *, layer: str | None = None) -> FloatArray:
    """How much each place speaks for a class, float32 (s, s); what speaks against it is 0.

    The maps of several backbones are added. Each is what its layer's places add to the log odds, to first order.

    Args:
        network: asked; its batch norms use their statistics.
        pixels: uint8 (s, s, 3).
        target: number of the class.
        layer: of the first backbone; by default the last that has maps, in every backbone.

    Raises:
        ModelError: there is no such layer (it names the closest), or none has maps.
    """
    x = _image(pixels)
    layers = network.spatial_layers(x)
    chosen = [(0, _known(layer, layers[0]))] if layer else [(place, names[-1]) for place, names in enumerate(layers) if names]
    if not chosen:
        raise ModelError("no layer of this network keeps the places of an image apart", hint="occlusion works with any network")
    kept: dict[int, torch.Tensor] = {}

    def keep(place: int) -> Callable[..., torch.Tensor]:
        def hook(module: nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor:
            kept[place] = output
            return output.clone()

        return hook

    handles = [network.backbones[place].get_submodule(name).register_forward_hook(keep(place)) for place, name in chosen]
    try:
        with torch.enable_grad():
            score = log_odds(network(x.requires_grad_()), target)
            slopes = torch.autograd.grad(score.sum(), [kept[place] for place, _ in chosen])
    finally:
        for handle in handles:
            handle.remove()
    total = torch.zeros(1, 1, *pixels.shape[:2])
    for (place, _), slope in zip(chosen, slopes, strict=True):
        found = (slope.mean(dim=(2, 3), keepdim=True) * kept[place].detach()).sum(dim=1, keepdim=True)
        places = found.shape[2] * found.shape[3]
        total += nn.functional.interpolate(places * found, tuple(pixels.shape[:2]), mode="bilinear")
    heat: FloatArray = total.relu()[0, 0].numpy()
    return heat


def occlusion(score: Callable[[ByteArray], FloatArray], pixels: ByteArray, *, side: int, step: int) -> FloatArray:
    """How much of a score is lost where a gray square covers the image, float32 (s, s): the mean over all squares that cover a pixel.

    Args:
        score: gives (m,) for images uint8 (m, s, s, 3).
        pixels: uint8 (s, s, 3).
        side: of the square, in pixels.
        step: from one place to the next, in pixels; at most ``side``.
    """
    size = len(pixels)
    starts = sorted({*range(0, size - side + 1, step), size - side})
    places = [(top, left) for top in starts for left in starts]
    whole = float(score(pixels[None])[0])
    lost, count = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    for first in range(0, len(places), AT_ONCE):
        batch = places[first : first + AT_ONCE]
        covered = np.repeat(pixels[None], len(batch), axis=0)
        for image, (top, left) in zip(covered, batch, strict=True):
            image[top : top + side, left : left + side] = round(255 * COVER)
        for value, (top, left) in zip(score(covered), batch, strict=True):
            lost[top : top + side, left : left + side] += whole - float(value)
            count[top : top + side, left : left + side] += 1
    return lost / count


class MemberScore:
    """The log odds of a member, as fast as it predicts; for occlusion, which needs no gradient."""

    def __init__(self, member: Member, device: str = "auto") -> None:
        self._member = member
        self._networks = [FeatureNetwork(backbone, device=device) for backbone in member.backbones]

    def of(self, target: int) -> Callable[[ByteArray], FloatArray]:
        """Gives the log odds of a class, float32 (m,), for images uint8 (m, s, s, 3)."""

        def score(pixels: ByteArray) -> FloatArray:
            features = [network.features(_sized(pixels, network.card.image_size), mirror=False) for network in self._networks]
            logits = torch.from_numpy(self._member.logits(np.concatenate(features, axis=1)))
            found: FloatArray = log_odds(logits, target).float().numpy()
            return found

        return score


def _sized(pixels: ByteArray, side: int) -> ByteArray:
    return pixels if pixels.shape[1] == side else np.stack([resize(image, side, "squash") for image in pixels])


def _loaded(backbone: Backbone) -> Any:
    model = bare_network(backbone.card)
    try:
        model.load_state_dict(backbone.state(), strict=True)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"the tensors of {backbone.card.name} do not fit {backbone.card.architecture}: {error}") from error
    return model.requires_grad_(False)


def _tensors(head: LinearHead) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(getattr(head, name)) for name in ("mean", "scale", "weight", "bias"))


def _image(pixels: ByteArray) -> torch.Tensor:
    return _images(pixels[None])


def _images(pixels: ByteArray) -> torch.Tensor:
    return torch.from_numpy(pixels.copy()).permute(0, 3, 1, 2).float() / 255


def _known(layer: str, names: Sequence[str]) -> str:
    if layer not in names:
        close = closest_name(layer, names)
        raise ModelError(f"there is no layer {layer!r} with maps", hint=close or f"the last ones are {', '.join(names[-5:])}")
    return layer
