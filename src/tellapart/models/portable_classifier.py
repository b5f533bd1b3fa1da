"""A whole saved model as one torch module, uint8 squares to probabilities: what is exported to other formats.

Everything that happens to a square when it is predicted is inside: normalization, the networks, the average with the mirror
image, heads, the mean over members, temperature and clip, and how familiar the image is. All of it in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tellapart.errors import ModelError
from tellapart.models.backbone_card import CLIP, PIXELS, PROBABILITIES, Backbone, BackboneCard
from tellapart.models.clip import ImageSide
from tellapart.models.feature_network import bare_network
from tellapart.models.heads import LinearHead
from tellapart.models.out_of_distribution import NEIGHBORS, STRONGEST, Familiarity
from tellapart.models.saved_model import Classifier, Member


@dataclass(frozen=True, order=True)
class Square:
    """A square that an image is made into before the networks see it.

    Attributes:
        size: its side in pixels.
        resize: the resize policy.
    """

    size: int
    resize: str


def squares_of(classifier: Classifier) -> tuple[Square, ...]:
    """The different squares that a classifier's networks take, in a fixed order."""
    return tuple(sorted({Square(b.card.image_size, m.resize) for m in classifier.members for b in m.backbones}))


def check_portable(classifier: Classifier) -> None:
    """Check that a classifier is a function of squares alone.

    Raises:
        ModelError: it is not; the message is the reason.
    """
    for backbone in (backbone for member in classifier.members for backbone in member.backbones):
        card = backbone.card
        if card.is_faces:
            raise ModelError(
                "faces cannot be exported: it searches each photo for faces and cuts the largest out before a network sees it, "
                "which is a program and no network",
                hint="use tellapart predict, or train on crops: tellapart crop FOLDER --target faces --out faces, then --backbone lite2",
            )
        if card.layer not in ("", PROBABILITIES):
            raise ModelError(f"features of the layer {card.layer} cannot be exported", hint="train on the layer before the classifier")


class PortableClassifier(nn.Module):
    """A classifier in float32, in evaluation mode, on the CPU; several members that use the same network share it.

    Args:
        classifier: a saved model.
        has_familiarity: whether the familiarity of images is an output, where the model knows it.

    Raises:
        ModelError: it cannot be exported, or its tensors are absent or damaged.
    """

    def __init__(self, classifier: Classifier, *, has_familiarity: bool = True) -> None:
        super().__init__()
        check_portable(classifier)
        self.squares = squares_of(classifier)
        self.temperature, self.clip = classifier.temperature, classifier.clip
        networks: dict[Any, int] = {}
        self.networks = nn.ModuleList()
        self._squares: list[int] = []
        self.members = nn.ModuleList()
        self.sources: list[list[int]] = []
        for member in classifier.members:
            self.sources.append([self._place(networks, member, backbone) for backbone in member.backbones])
            self.members.append(_MeanHead(member.heads))
        weights = torch.tensor([member.weight for member in classifier.members], dtype=torch.float64)
        self.weights: list[float] = (weights / weights.sum()).tolist()
        known = classifier.familiarity if has_familiarity else None
        self.familiarity = None if known is None else _FamiliarityValues(known)
        self.eval().requires_grad_(False)

    def _place(self, known: dict[Any, int], member: Member, backbone: Backbone) -> int:
        """The number of the network that gives a backbone's features, built where it is new."""
        card = backbone.card
        square = self.squares.index(Square(card.image_size, member.resize))
        same = (backbone.digest, card.architecture, card.mean, card.std, card.layer, square, member.mirror)
        if same not in known:
            known[same] = len(self.networks)
            self.networks.append(_SquareFeatures(backbone, is_mirrored=member.mirror))
            self._squares.append(square)
        return known[same]

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what is computed."""
        return ("probabilities", "logits") if self.familiarity is None else ("probabilities", "logits", "familiarity")

    def forward(self, *squares: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The ``outputs`` in float32, of uint8 (n, s, s, 3) for each of ``squares`` in their order.

        Probabilities and logits are (n, k); the familiarity, where it is known, is (n,).
        """
        features = [network(squares[place]) for network, place in zip(self.networks, self._squares, strict=True)]
        logits = sum(
            weight * member(torch.cat([features[i] for i in sources], dim=1))
            for weight, member, sources in zip(self.weights, self.members, self.sources, strict=True)
        )
        if self.familiarity is None:
            return self.probabilities(logits), logits
        of_first = torch.cat([features[i] for i in self.sources[0]], dim=1)
        return self.probabilities(logits), logits, self.familiarity(of_first, logits)

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Softmax of logits (n, k) at the temperature, raised to at least the clip, rows sum to 1."""
        raised = torch.softmax(logits / self.temperature, dim=1).clamp(min=self.clip)
        return raised / raised.sum(dim=1, keepdim=True)


class _SquareFeatures(nn.Module):
    """uint8 squares (n, s, s, 3) to features (n, d), averaged with those of the mirror image where the member asks for it."""

    def __init__(self, backbone: Backbone, *, is_mirrored: bool) -> None:
        super().__init__()
        self.is_mirrored = is_mirrored
        self.network = _filled_network(backbone)
        self.has_probabilities = backbone.card.layer == PROBABILITIES
        self.register_buffer("mean", 255.0 * torch.tensor(backbone.card.mean).view(1, 3, 1, 1))
        self.register_buffer("factor", 1.0 / (255.0 * torch.tensor(backbone.card.std)).view(1, 3, 1, 1))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        x = (pixels.permute(0, 3, 1, 2).to(self.get_buffer("mean").dtype) - self.get_buffer("mean")) * self.get_buffer("factor")
        if self.is_mirrored:
            x = torch.cat([x, x.flip(3)])
        features = self.network(x)
        if self.has_probabilities:
            features = features.softmax(dim=1)
        if self.is_mirrored:
            features = features.view(2, pixels.shape[0], features.shape[1]).mean(dim=0)
        return features  # type: ignore[no-any-return]


def _filled_network(backbone: Backbone) -> nn.Module:
    """The plain network of a backbone, with its weights."""
    card: BackboneCard = backbone.card
    if card.architecture == PIXELS:
        return _Cells()
    network = bare_network(card)
    try:
        network.load_state_dict(backbone.state(), strict=True)
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"the tensors of {card.name} do not fit {card.architecture}: {error}") from error
    return ImageSide(network) if card.architecture.startswith(CLIP) else network


class _Cells(nn.Module):
    """The colors themselves, row by row."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class _MeanHead(nn.Module):
    """The mean over linear heads of a member: features (n, d) to logits (n, k)."""

    def __init__(self, heads: Sequence[LinearHead]) -> None:
        super().__init__()
        self.powers = [head.power for head in heads]
        for number, head in enumerate(heads):
            for name in ("mean", "scale", "weight", "bias"):
                self.register_buffer(f"{name}_{number}", torch.tensor(getattr(head, name), dtype=torch.float32))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        logits = []
        for number, power in enumerate(self.powers):
            x = features if power == 1.0 else features.sign() * features.abs().pow(power)
            mean, scale, weight, bias = (self.get_buffer(f"{name}_{number}") for name in ("mean", "scale", "weight", "bias"))
            logits.append((x - mean) / scale @ weight + bias)
        return torch.stack(logits).mean(dim=0)


class _FamiliarityValues(nn.Module):
    """What :meth:`Familiarity.p_values` computes, in float32: features (n, d) and logits (n, k) to p-values (n,)."""

    def __init__(self, familiarity: Familiarity) -> None:
        super().__init__()
        self.distance, self.energy, self.groups = familiarity.distance, familiarity.energy, familiarity.scale.groups
        self.register_buffer("units", torch.from_numpy(familiarity.units))
        self.register_buffer("scores", torch.from_numpy(familiarity.scale.scores))
        self.register_buffer("weights", torch.from_numpy(familiarity.scale.weights))

    def forward(self, features: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        units = features / features.norm(dim=1, keepdim=True).clamp(min=1e-12)
        reference = self.get_buffer("units").to(torch.float32)
        nearest = (units @ reference.T).topk(min(NEIGHBORS, len(reference)), dim=1).values.mean(dim=1)
        strangeness = (1 - nearest - self.distance.mean) / self.distance.deviation
        if self.energy is not None:
            energies = (-logits.logsumexp(dim=1) - self.energy.mean) / self.energy.deviation
            strangeness = strangeness + energies.clamp(min=STRONGEST)
        is_stranger = self.get_buffer("scores") >= strangeness[:, None]
        at_least = torch.where(is_stranger, self.get_buffer("weights"), 0.0).sum(dim=1)
        return ((1 + at_least) / (1 + self.groups)).clamp(max=1.0)
