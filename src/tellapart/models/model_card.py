"""The card of a saved model: the schema of ``model.json``, and checksums of it and its tensors.

A model may come from anybody. Nothing of the card is used before all of it has the right type and range, and no file is
read but those that lie beside the card under their usual names.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from tellapart.atomic_files import regular_file
from tellapart.counts import count
from tellapart.decision_rule import DECISION_SHAPE, DecisionFields, DecisionRule
from tellapart.errors import ModelError, reason_of
from tellapart.json_files import Shape, ShapeError, anything, fields, flag, mapping, read_json, real, several, text, whole

CARD = "model.json"
FORMAT = 1
LARGEST_CARD = 64 << 20
"""Bytes; a larger card is not read."""
LARGEST_IMAGE = 2048
RESIZES = ("crop", "pad", "squash")
TEMPERATURES = (1e-6, 1e6)
HINT = "give the folder of a finished run, such as runs/photos-1"
DAMAGED = "copy the run again from where it was trained, or train it again"
_TENSORS = re.compile(r"[a-z]+(-[0-9]+)?\.safetensors")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def _matching(pattern: re.Pattern[str], what: str) -> Shape:
    def check(value: Any, where: str) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ShapeError(f"{where} is {str(value)[:60]!r}, expected {what}")
        return value

    return check


_FILE = _matching(_TENSORS, "the name of a file beside the card, such as member-1.safetensors")
_DIGEST = _matching(_SHA256, "a sha256")
_COLORS = several(real(-1e6, 1e6), 3, 3)
_BACKBONE = fields(
    {
        "name": text(least=1),
        "architecture": text(least=1),
        "weights_sha256": text(),
        "image_size": whole(1, LARGEST_IMAGE),
        "mean": _COLORS,
        "std": several(real(0, 1e6, is_above=True), 3, 3),
        "num_features": whole(1, 1 << 26),
    },
    {"layer": text()},
)
_MEMBER = fields(
    {
        "tensors": _FILE,
        "backbones": several(_BACKBONE, 1, 64),
        "preprocessing": fields({"resize": text(*RESIZES), "mirror": flag}, {"interpolation": text()}),
        "heads": several(fields({"power": real(0, 1, is_above=True)}), 0, 10_000),
        "weight": real(0, 1e9),
    }
)
_CARD = fields(
    {
        "format": whole(1, FORMAT),
        "class_names": several(text(least=1), is_unique=True),
        "members": several(_MEMBER, 1, 10_000),
        "temperature": real(*TEMPERATURES),
        "clip": real(0, 1),
        "checksums": mapping(_DIGEST),
        "sha256": _DIGEST,
    },
    {"run": text(), "tellapart": text(), "data_sha256": text(), "decoder": _FILE, "conformal": _FILE, "decision": DECISION_SHAPE},
)


class BackboneFields(TypedDict):
    """A backbone in a card."""

    name: str
    architecture: str
    weights_sha256: str
    image_size: int
    mean: list[float]
    std: list[float]
    num_features: int
    layer: NotRequired[str]
    precision: NotRequired[str]


class MemberFields(TypedDict):
    """A member in a card: its file of tensors, backbones, how images become squares, heads and weight."""

    tensors: str
    backbones: list[BackboneFields]
    preprocessing: dict[str, Any]
    heads: list[dict[str, float]]
    weight: float


class ModelCard(TypedDict):
    """The content of ``model.json``."""

    format: int
    class_names: list[str]
    members: list[MemberFields]
    temperature: float
    clip: float
    checksums: dict[str, str]
    sha256: str
    run: NotRequired[str]
    tellapart: NotRequired[str]
    data_sha256: NotRequired[str]
    decoder: NotRequired[str]
    conformal: NotRequired[str]
    decision: NotRequired[DecisionFields]


def sealed_card(card: Mapping[str, Any], folder: Path) -> str:
    """The text of a card, with the checksums of the tensors in ``folder`` and of itself."""
    files = sorted(path for path in folder.iterdir() if _TENSORS.fullmatch(path.name))
    whole_card = json.loads(json.dumps({**card, "checksums": {path.name: _file_digest(path) for path in files}}, allow_nan=False))
    return json.dumps({**whole_card, "sha256": _digest(whole_card)}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_card(folder: Path) -> ModelCard:
    """A card that can be used; the tensors are yet to be checked.

    Raises:
        ModelError: absent, damaged, changed by hand, of a wrong shape or of a newer version.
    """
    try:
        card: ModelCard = read_json(folder / CARD, _card_shape(folder), largest=LARGEST_CARD)
    except OSError as error:
        raise ModelError(f"there is no usable model in {folder}: {CARD}: {reason_of(error)}", hint=HINT) from error
    except ShapeError as error:
        raise ModelError(f"there is no usable model in {folder}: {CARD}: {error}", hint=DAMAGED) from error
    return card


def check_tensors(folder: Path, card: ModelCard, name: str) -> Path:
    """The file of tensors of that name, if its checksum matches.

    Raises:
        ModelError: it is absent or another.
    """
    path = folder / name
    try:
        is_same = _file_digest(regular_file(path)) == card["checksums"].get(name)
    except OSError as error:
        raise ModelError(f"there is no usable model in {folder}: {name}: {reason_of(error)}", hint=DAMAGED) from error
    if not is_same:
        raise ModelError(
            f"there is no usable model in {folder}: {name} has been changed since it was written (its sha256 differs)", hint=DAMAGED
        )
    return path


def _card_shape(folder: Path) -> Shape:
    """The shape of a card: of this version, sound, and as it was written."""

    def check(value: Any, where: str) -> Any:
        version = fields({"format": anything})(value, where)["format"]
        if isinstance(version, int) and not isinstance(version, bool) and version > FORMAT:
            raise ModelError(f"{folder} was written by a newer tellapart", hint="pip install --upgrade tellapart")
        card = _CARD(value, where)
        _check_consistency(card)
        if _digest({name: content for name, content in value.items() if name != "sha256"}) != card["sha256"]:
            raise ModelError(f"there is no usable model in {folder}: {CARD} has been changed since it was written", hint=DAMAGED)
        return card

    return check


def _check_consistency(card: Mapping[str, Any]) -> None:
    """See that the values of a card go together."""
    num_classes = len(card["class_names"])
    if num_classes and card["clip"] >= 1 / num_classes:
        raise ShapeError(f"clip is {card['clip']:g}, expected less than 1 / {count(num_classes, 'class', 'classes')}")
    if sum(member["weight"] for member in card["members"]) <= 0:
        raise ShapeError("the members' weights sum to 0")
    if "decision" in card:
        DecisionRule.from_fields(card["decision"], card["class_names"])
    for number, member in enumerate(card["members"]):
        if bool(member["heads"]) != bool(num_classes):
            raise ShapeError(f"members[{number}] has {count(len(member['heads']), 'head')} for {count(num_classes, 'class', 'classes')}")
        if member["tensors"] not in card["checksums"]:
            raise ShapeError(f"checksums.{member['tensors']} is missing")
    if card.get("conformal", card["members"][0]["tensors"]) not in card["checksums"]:
        raise ShapeError(f"checksums.{card['conformal']} is missing")


def _digest(card: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(card, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
