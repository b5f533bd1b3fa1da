"""A saved model: ``model.safetensors`` with every tensor, and ``model.json``, the card that says how to use them."""

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
WEIGHTS, CARD = "model.safetensors", "model.json"
HEAD_TENSORS = ("mean", "scale", "weight", "bias")


@dataclass(frozen=True, eq=False)
class SavedModel:
    """A classifier as it ships: backbones, head, calibration, and the preprocessing that belongs to them.

    Attributes:
        folder: where it lies.
        class_names: the order of the outputs.
        backbones: their cards; their tensors lie in the weights file.
        resize, mirror: how a picture becomes input.
        heads: from features to logits, which are averaged.
        temperature, clip: from logits to probabilities.
        details: versions, data hash and the like.
    """

    folder: Path
    class_names: tuple[str, ...]
    backbones: tuple[BackboneCard, ...]
    resize: str
    mirror: bool
    heads: tuple[LinearHead, ...]
    temperature: float
    clip: float
    details: Mapping[str, Any]

    def probabilities(self, features: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Probabilities and logits, float64 (n, k) each, of features (n, d)."""
        logits = mean_logits(self.heads, features)
        return calibration.apply(logits, self.temperature, self.clip), logits

    def backbone_tensors(self, number: int) -> dict[str, Any]:
        """The torch tensors of one backbone under timm's names."""
        from safetensors import safe_open

        prefix = f"backbone.{number}."
        with safe_open(self.folder / WEIGHTS, framework="pt") as file:
            return {key.removeprefix(prefix): file.get_tensor(key) for key in file.keys() if key.startswith(prefix)}  # noqa: SIM118


def save_model(
    folder: Path,
    *,
    class_names: tuple[str, ...],
    backbones: tuple[Backbone, ...],
    resize: str,
    mirror: bool,
    heads: Sequence[LinearHead],
    temperature: float,
    clip: float,
    details: Mapping[str, Any],
) -> None:
    """Write a saved model into ``folder``, whole or not at all."""
    from safetensors.numpy import load_file, save_file

    tensors = {
        f"head.{number}.{name}": np.ascontiguousarray(getattr(head, name), np.float32)
        for number, head in enumerate(heads)
        for name in HEAD_TENSORS
    }
    for number, backbone in enumerate(backbones):
        tensors.update({f"backbone.{number}.{key}": value for key, value in load_file(backbone.tensors).items()})
    card = {
        "format": FORMAT,
        "class_names": list(class_names),
        "backbones": [asdict(backbone.card) for backbone in backbones],
        "preprocessing": {"resize": resize, "interpolation": "bicubic, antialiased", "mirror": mirror},
        "heads": [{"power": head.power} for head in heads],
        "temperature": temperature,
        "clip": clip,
        **details,
    }
    with replacing_folder(folder) as partial:
        with disk_errors():
            save_file(tensors, partial / WEIGHTS)
        (partial / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load_model(folder: Path) -> SavedModel:
    """Read a saved model's card and head; backbones are read when they are first used.

    Raises:
        ModelError: absent, damaged, or written by a newer version.
    """
    from safetensors import SafetensorError, safe_open

    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if card["format"] > FORMAT:
            raise ModelError(f"{folder} was written by a newer tellapart", hint="pip install --upgrade tellapart")
        with safe_open(folder / WEIGHTS, framework="np") as file:
            heads = tuple(
                LinearHead(power=known["power"], **{name: file.get_tensor(f"head.{number}.{name}") for name in HEAD_TENSORS})
                for number, known in enumerate(card["heads"])
            )
        return SavedModel(
            folder=folder,
            class_names=tuple(card["class_names"]),
            backbones=tuple(BackboneCard.from_dict(content) for content in card["backbones"]),
            resize=card["preprocessing"]["resize"],
            mirror=card["preprocessing"]["mirror"],
            heads=heads,
            temperature=card["temperature"],
            clip=card["clip"],
            details=card,
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ModelError(
            f"there is no usable model in {folder}: {error}", hint="give the folder of a finished run, such as runs/photos-1"
        ) from error
