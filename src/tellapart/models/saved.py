"""A saved model: ``model.json``, the card that says how to use it, and beside it the tensors of each member.

A probe has one member; a run with folds has one a fold, an ensemble those of its runs. The tensors of a member lie in
a file of their own and are read when the member's turn comes, so that members never lie in memory together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tellapart import calibration
from tellapart.errors import ModelError
from tellapart.models.backbones import Backbone, BackboneCard
from tellapart.models.heads import LinearHead, mean_logits
from tellapart.models.tensors import disk_errors
from tellapart.paths import replacing_folder
from tellapart.types import FloatArray

FORMAT = 1
CARD = "model.json"
HEAD_TENSORS = ("mean", "scale", "weight", "bias")


@dataclass(frozen=True, eq=False)
class Member:
    """One way from a picture to logits.

    Attributes:
        backbones: whose features stand side by side.
        resize, mirror: how a picture becomes input.
        heads: from features to logits, which are averaged.
        weight: of its logits among those of the other members.
    """

    backbones: tuple[Backbone, ...]
    resize: str
    mirror: bool
    heads: tuple[LinearHead, ...]
    weight: float = 1.0

    def logits(self, features: FloatArray) -> FloatArray:
        """Logits, float64 (n, k), of features (n, d)."""
        return mean_logits(self.heads, features)


@dataclass(frozen=True, eq=False)
class Classifier:
    """Everything between a picture and its probabilities.

    Attributes:
        class_names: the order of the outputs.
        members: whose logits are averaged by weight.
        temperature, clip: from logits to probabilities.
    """

    class_names: tuple[str, ...]
    members: tuple[Member, ...]
    temperature: float
    clip: float

    def logits(self, of_members: Sequence[FloatArray]) -> FloatArray:
        """The weighted mean of the members' logits, float64 (n, k)."""
        weights = np.array([member.weight for member in self.members])
        return np.asarray(np.tensordot(weights / weights.sum(), np.stack(list(of_members)), axes=1))

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """Calibrated probabilities, float64 (n, k), of logits (n, k)."""
        return calibration.apply(logits, self.temperature, self.clip)


@dataclass(frozen=True, eq=False)
class SavedModel(Classifier):
    """A classifier as it ships: the folder it lies in, and versions, data hash and the like."""

    folder: Path
    details: Mapping[str, Any]


def save_model(folder: Path, classifier: Classifier, details: Mapping[str, Any]) -> None:
    """Write a classifier into ``folder``, whole or not at all."""
    card = {
        "format": FORMAT,
        "class_names": list(classifier.class_names),
        "members": [_member_card(member, number) for number, member in enumerate(classifier.members)],
        "temperature": classifier.temperature,
        "clip": classifier.clip,
        **details,
    }
    with replacing_folder(folder) as partial:
        for number, member in enumerate(classifier.members):
            _save_tensors(member, partial / _file_name(number))
        (partial / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load_model(folder: Path) -> SavedModel:
    """Read a saved model's card and heads; backbones are read when they are first used.

    Raises:
        ModelError: absent, damaged, or written by a newer version.
    """
    from safetensors import SafetensorError

    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if card["format"] > FORMAT:
            raise ModelError(f"{folder} was written by a newer tellapart", hint="pip install --upgrade tellapart")
        members = [_member(folder, known) for known in card["members"]]
        return SavedModel(
            class_names=tuple(card["class_names"]),
            members=tuple(members),
            temperature=card["temperature"],
            clip=card["clip"],
            folder=folder,
            details=card,
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ModelError(
            f"there is no usable model in {folder}: {error}", hint="give the folder of a finished run, such as runs/photos-1"
        ) from error


def _file_name(number: int) -> str:
    return f"member-{number + 1}.safetensors"


def _member_card(member: Member, number: int) -> dict[str, Any]:
    return {
        "tensors": _file_name(number),
        "backbones": [asdict(backbone.card) for backbone in member.backbones],
        "preprocessing": {"resize": member.resize, "interpolation": "bicubic, antialiased", "mirror": member.mirror},
        "heads": [{"power": head.power} for head in member.heads],
        "weight": member.weight,
    }


def _save_tensors(member: Member, path: Path) -> None:
    from safetensors.torch import save_file
    from torch import from_numpy

    tensors = {
        f"head.{number}.{name}": from_numpy(np.array(getattr(head, name), np.float32, order="C"))
        for number, head in enumerate(member.heads)
        for name in HEAD_TENSORS
    }
    for number, backbone in enumerate(member.backbones):
        tensors.update({f"backbone.{number}.{key}": value.contiguous() for key, value in backbone.state().items()})
    with disk_errors():
        save_file(tensors, path)


def _member(folder: Path, known: Mapping[str, Any]) -> Member:
    from safetensors import safe_open

    path = folder / known["tensors"]
    with safe_open(path, framework="np") as file:
        heads = [
            LinearHead(power=head["power"], **{name: file.get_tensor(f"head.{place}.{name}") for name in HEAD_TENSORS})
            for place, head in enumerate(known["heads"])
        ]
    cards = [BackboneCard.from_dict(content) for content in known["backbones"]]
    return Member(
        backbones=tuple(Backbone(card, path, f"backbone.{place}.") for place, card in enumerate(cards)),
        resize=known["preprocessing"]["resize"],
        mirror=known["preprocessing"]["mirror"],
        heads=tuple(heads),
        weight=known["weight"],
    )
