"""A saved model: ``model.json``, the card that says how to use it, and beside it the tensors of each member.

A probe has one member; a run with folds has one for each fold, an ensemble those of its runs. The tensors of a member lie in
a file of their own and are read when they are first used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tellapart import calibration
from tellapart.array_types import FloatArray
from tellapart.atomic_files import replacing_folder
from tellapart.conformal import ConformalScale
from tellapart.decision_rule import DecisionRule
from tellapart.errors import ModelError, reason_of
from tellapart.models.backbone_card import Backbone, BackboneCard
from tellapart.models.heads import LinearHead, mean_logits
from tellapart.models.model_card import (
    CARD,
    DAMAGED,
    FORMAT,
    MemberFields,
    ModelCard,
    check_tensors,
    read_card,
    sealed_card,
)
from tellapart.models.out_of_distribution import Familiarity, conformal_tensors, read_conformal
from tellapart.models.precision import has_fast_bfloat16
from tellapart.models.safetensors_files import disk_errors
from tellapart.run_folder import open_run

if TYPE_CHECKING:
    import torch

HEAD_TENSORS = ("mean", "scale", "weight", "bias")
CONFORMAL = "conformal.safetensors"


@dataclass(frozen=True, eq=False)
class Member:
    """One member of a classifier: backbones, and heads on their features.

    Attributes:
        backbones: their features are concatenated.
        resize: resize policy.
        mirror: whether features are averaged with those of the mirror image.
        heads: from features to logits, which are averaged.
        weight: of its logits in the mean over members.
    """

    backbones: tuple[Backbone, ...]
    resize: str
    mirror: bool
    heads: tuple[LinearHead, ...]
    weight: float = 1.0

    def logits(self, features: FloatArray) -> FloatArray:
        """Logits float64 (n, k) of features float32 (n, d).

        Raises:
            ModelError: the width of the features is wrong, or a logit is not finite.
        """
        for head in self.heads:
            if features.shape[1] != len(head.mean):
                raise ModelError(f"the backbone gives {features.shape[1]:,} features, and the head takes {len(head.mean):,}", hint=DAMAGED)
        logits = mean_logits(self.heads, features)
        if not np.isfinite(logits).all():
            raise ModelError("the model answers with values that are no numbers: its weights are damaged", hint=DAMAGED)
        return logits


@dataclass(frozen=True, eq=False)
class Classifier:
    """An ensemble of members with calibrated probabilities.

    Attributes:
        class_names: in the order of the outputs.
        members: their logits are averaged by weight.
        temperature, clip: of the calibration.
        familiarity: of images, in the features of the first member; None where the model does not know it.
        true_classes: the scale for prediction sets (:func:`tellapart.conformal.true_class_scale`); None where there is none.
        decision: what is answered; None for the most probable class.
    """

    class_names: tuple[str, ...]
    members: tuple[Member, ...]
    temperature: float
    clip: float
    familiarity: Familiarity | None = None
    true_classes: ConformalScale | None = None
    decision: DecisionRule | None = None

    def logits(self, of_members: Sequence[FloatArray]) -> FloatArray:
        """The weighted mean of the members' logits, float64 (n, k)."""
        weights = np.array([member.weight for member in self.members])
        return np.asarray(np.tensordot(weights / weights.sum(), np.stack(list(of_members)), axes=1))

    def probabilities(self, logits: FloatArray) -> FloatArray:
        """Calibrated probabilities, float64 (n, k), of logits (n, k)."""
        return calibration.apply(logits, self.temperature, self.clip)


@dataclass(frozen=True, eq=False, kw_only=True)
class SavedModel(Classifier):
    """A classifier as it ships: the folder it lies in, and versions, data hash and the like."""

    folder: Path
    details: Mapping[str, Any]


def save_model(
    folder: Path, classifier: Classifier, details: Mapping[str, Any], others: Mapping[str, Mapping[str, torch.Tensor]] | None = None
) -> None:
    """Write a classifier into ``folder``, whole or not at all.

    Args:
        folder: new, or replaced.
        classifier: what is written.
        details: what else the card says: versions, data hash and the like.
        others: tensors of further files by the file's name, such as ``decoder.safetensors``.
    """
    conformal = conformal_tensors(classifier.familiarity, classifier.true_classes)
    card = {
        "format": FORMAT,
        "class_names": list(classifier.class_names),
        "members": [_member_card(member, number) for number, member in enumerate(classifier.members)],
        "temperature": classifier.temperature,
        "clip": classifier.clip,
        **({"conformal": CONFORMAL} if conformal else {}),
        **({"decision": classifier.decision.as_fields()} if classifier.decision else {}),
        **details,
    }
    with replacing_folder(folder) as partial:
        for number, member in enumerate(classifier.members):
            _save_tensors(_tensors_of(member), partial / _file_name(number))
        for name, tensors in {**(others or {}), **({CONFORMAL: conformal} if conformal else {})}.items():
            _save_tensors(tensors, partial / name)
        (partial / CARD).write_text(sealed_card(card, partial), encoding="utf-8")


def load_model(folder: Path) -> SavedModel:
    """Read a saved model's card and heads; backbones are read when they are first used.

    Raises:
        ModelError: absent, damaged, of a wrong shape, or written by a newer version.
    """
    card = read_card(folder)
    members = tuple(_member(folder, card, known) for known in card["members"])
    familiarity, true_classes = _conformal(folder, card, members[0])
    return SavedModel(
        class_names=tuple(card["class_names"]),
        members=members,
        temperature=card["temperature"],
        clip=card["clip"],
        familiarity=familiarity,
        true_classes=true_classes,
        decision=DecisionRule.from_fields(card["decision"], card["class_names"]) if "decision" in card else None,
        folder=folder,
        details=card,
    )


def model_folder(run: str | Path) -> Path:
    """The model folder of a run folder; a model folder is returned unchanged."""
    folder = Path(run).expanduser()
    return folder if (folder / CARD).is_file() else open_run(folder).model_folder


def _file_name(number: int) -> str:
    return f"member-{number + 1}.safetensors"


def _member_card(member: Member, number: int) -> dict[str, Any]:
    return {
        "tensors": _file_name(number),
        "backbones": [{**asdict(backbone.card), "precision": backbone.precision} for backbone in member.backbones],
        "preprocessing": {"resize": member.resize, "interpolation": "bicubic, antialiased", "mirror": member.mirror},
        "heads": [{"power": head.power} for head in member.heads],
        "weight": member.weight,
    }


def _tensors_of(member: Member) -> dict[str, torch.Tensor]:
    from torch import from_numpy

    tensors = {
        f"head.{number}.{name}": from_numpy(np.array(getattr(head, name), np.float32, order="C"))
        for number, head in enumerate(member.heads)
        for name in HEAD_TENSORS
    }
    for number, backbone in enumerate(member.backbones):
        tensors.update({f"backbone.{number}.{key}": value.contiguous() for key, value in backbone.state().items()})
    return tensors


def _save_tensors(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    from safetensors.torch import save_file

    with disk_errors():
        save_file(dict(tensors), path)


def _member(folder: Path, card: ModelCard, known: MemberFields) -> Member:
    from safetensors import SafetensorError, safe_open

    path = check_tensors(folder, card, known["tensors"])
    try:
        with safe_open(path, framework="np") as file:
            _check_names(file.keys(), known)
            heads = [_head(file, index, head["power"], len(card["class_names"])) for index, head in enumerate(known["heads"])]
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(f"there is no usable model in {folder}: {known['tensors']}: {reason_of(error)}", hint=DAMAGED) from error
    cards = [BackboneCard.from_dict(content) for content in known["backbones"]]
    return Member(
        backbones=tuple(
            Backbone(card, path, f"backbone.{index}.", _precision_here(content.get("precision", "auto")))
            for index, (card, content) in enumerate(zip(cards, known["backbones"], strict=True))
        ),
        resize=known["preprocessing"]["resize"],
        mirror=known["preprocessing"]["mirror"],
        heads=tuple(heads),
        weight=known["weight"],
    )


def _check_names(names: Iterable[str], known: MemberFields) -> None:
    """Refuse tensors that neither a head nor a backbone of the card reads: then the card is not that of these tensors."""
    heads = {f"head.{place}.{name}" for place in range(len(known["heads"])) for name in HEAD_TENSORS}
    backbones = tuple(f"backbone.{place}." for place in range(len(known["backbones"])))
    strange = [name for name in names if name not in heads and not name.startswith(backbones)]
    if strange:
        raise ValueError(f"it holds a tensor {strange[0][:60]!r} that the card does not name")


def _conformal(folder: Path, card: ModelCard, first: Member) -> tuple[Familiarity | None, ConformalScale | None]:
    """What the model knows of the familiarity of images and of its true classes; models of older versions know neither."""
    if "conformal" not in card:
        return None, None
    path = check_tensors(folder, card, card["conformal"])
    try:
        return read_conformal(path, width=sum(backbone.card.num_features for backbone in first.backbones))
    except (OSError, ValueError) as error:
        raise ModelError(f"there is no usable model in {folder}: {card['conformal']}: {reason_of(error)}", hint=DAMAGED) from error


def _head(file: Any, index: int, power: float, num_classes: int) -> LinearHead:
    """A head whose tensors fit each other and the classes, every number finite; no tensor is read before its shape is known.

    Raises:
        ValueError: they do not.
    """
    slices = {name: file.get_slice(f"head.{index}.{name}") for name in HEAD_TENSORS}
    shapes = {name: tuple(one.get_shape()) for name, one in slices.items()}
    width = shapes["weight"][0] if len(shapes["weight"]) == 2 else 0
    expected = {"mean": (width,), "scale": (width,), "weight": (width, num_classes), "bias": (num_classes,)}
    for name, one in slices.items():
        if shapes[name] != expected[name] or width < 1 or one.get_dtype() != "F32":
            raise ValueError(f"head.{index}.{name} is {one.get_dtype()} {shapes[name]}, expected F32 {expected[name]}")
    tensors = {name: file.get_tensor(f"head.{index}.{name}") for name in HEAD_TENSORS}
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all() or (name == "scale" and not (tensor > 0).all()):
            raise ValueError(f"head.{index}.{name} holds values that cannot be used")
    return LinearHead(power=power, **tensors)


def _precision_here(recorded: str) -> str:
    """The number format a model was made with, where this machine is fast in it; else what suits the device."""
    return recorded if recorded == "float32" or (recorded == "bfloat16" and has_fast_bfloat16()) else "auto"
