"""Backbones: the networks that turn pixels into features, by name, with their weights converted once.

A backbone is known by its card, a few lines of JSON beside its tensors in the cache. The card alone names the
cached features, so a warm run loads neither torch nor timm.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.errors import ModelError, closest_name
from tellapart.models.efficientnet_lite import PACKAGED, packaged_state
from tellapart.models.tensors import disk_errors
from tellapart.paths import cache_root, replacing, write_json

if TYPE_CHECKING:
    import torch

FORMAT = 1


@dataclass(frozen=True)
class BackboneCard:
    """What there is to know of a backbone without its tensors.

    Attributes:
        name: as the user says it: ``lite2``, ``resnet50.a1_in1k``, ...
        architecture: timm's name of the network.
        weights_sha256: of the file the tensors came from.
        image_size: side of the square input in pixels.
        mean, std: of the input, one value a colour, on the scale 0 to 1.
        num_features: width of the feature vector.
    """

    name: str
    architecture: str
    weights_sha256: str
    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    num_features: int

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> BackboneCard:
        """Read the card back from its JSON form."""
        fields = {name: content[name] for name in cls.__dataclass_fields__}
        return cls(**{**fields, "mean": tuple(fields["mean"]), "std": tuple(fields["std"])})


@dataclass(frozen=True)
class Backbone:
    """A card and the safetensors file that holds its tensors under timm's names, classifier left out."""

    card: BackboneCard
    tensors: Path

    def sized(self, image_size: int | None) -> Backbone:
        """The same backbone for another input size."""
        return self if image_size is None else replace(self, card=replace(self.card, image_size=image_size))


def find_backbones(names: str, *, weights: Path | None = None, image_size: int | None = None) -> tuple[Backbone, ...]:
    """The backbones named in ``names``, several joined by ``+``; converted into the cache on first use.

    Args:
        names: ``lite0``, ``lite1``, ``lite2``, any timm name, or several joined by ``+``.
        weights: a .safetensors or .pth file for the one timm name given.
        image_size: overrides the networks' own input size.

    Raises:
        ModelError: unknown name, weights that do not fit, or no way to get them.
    """
    parts = [name.strip() for name in names.split("+")]
    if not all(parts):
        raise ModelError(f"{names!r} does not name backbones", hint="join names with +, for example lite0+lite2")
    if weights is not None and len(parts) > 1:
        raise ModelError("a weights file goes with one backbone", hint="give one timm name with --weights")
    return tuple(_find(name, weights).sized(image_size) for name in dict.fromkeys(parts))


def _find(name: str, weights: Path | None) -> Backbone:
    known = PACKAGED.get(name) if weights is None else None
    if weights is not None:
        if not weights.is_file():
            raise ModelError(f"there is no weights file {weights}")
        key = f"{name}-{_sha256(weights)[:24]}"
    else:
        key = f"{name}-{known.sha256[:24]}" if known else f"{name}-hub"
    folder = cache_root() / "backbones"
    card_file, tensors = folder / f"{key.replace('/', '_')}.json", folder / f"{key.replace('/', '_')}.safetensors"
    found = _read(card_file, tensors)
    return found or _convert(name, weights, card_file, tensors)


def _read(card_file: Path, tensors: Path) -> Backbone | None:
    """The converted backbone if it is there and whole."""
    try:
        content = json.loads(card_file.read_text(encoding="utf-8"))
        is_whole = content["format"] == FORMAT and tensors.stat().st_size == content["size_bytes"]
        return Backbone(BackboneCard.from_dict(content), tensors) if is_whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _convert(name: str, weights: Path | None, card_file: Path, tensors: Path) -> Backbone:
    from safetensors.torch import save_file

    packaged = PACKAGED.get(name) if weights is None else None
    architecture = packaged.architecture if packaged else name
    model = build_network(architecture, is_pretrained=packaged is None and weights is None)
    if packaged:
        model.load_state_dict(packaged_state(packaged, [len(stage) for stage in model.blocks]), strict=True)
        source = packaged.sha256
    elif weights is not None:
        _load_weights(model, weights, architecture)
        source = _sha256(weights)
    else:
        source = "hub"
    config = model.pretrained_cfg
    model.reset_classifier(0)
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    with replacing(tensors) as partial, disk_errors():
        save_file(state, partial)
    if source == "hub":
        source = _sha256(tensors)
    card = BackboneCard(
        name=name,
        architecture=architecture,
        weights_sha256=source,
        image_size=packaged.image_size if packaged else config["input_size"][-1],
        mean=(0.5, 0.5, 0.5) if packaged else tuple(config["mean"]),
        std=(0.5, 0.5, 0.5) if packaged else tuple(config["std"]),
        num_features=_width(model, config["input_size"][-1]),
    )
    write_json(card_file, {"format": FORMAT, "size_bytes": tensors.stat().st_size, **asdict(card)})
    return Backbone(card, tensors)


def build_network(architecture: str, *, is_pretrained: bool = False) -> Any:
    """A timm network in evaluation mode.

    Raises:
        ModelError: timm knows no such name, or its pretrained weights cannot be fetched.
    """
    import timm

    known = {*timm.list_models(), *timm.list_pretrained()}
    if architecture not in known and not is_pretrained_tag(architecture, known):
        names = [*PACKAGED, *timm.list_models()]
        raise ModelError(
            f"there is no backbone {architecture!r}",
            hint=closest_name(architecture, names) or "lite0, lite1 and lite2 come with tellapart; others are timm names",
        )
    try:
        return timm.create_model(architecture, pretrained=is_pretrained).eval()
    except Exception as error:
        if not is_pretrained:
            raise
        raise ModelError(
            f"the weights of {architecture} could not be fetched from the model hub: {type(error).__name__}: {error}",
            hint=f"download them yourself and give --weights FILE, or use one of {', '.join(PACKAGED)}, which need no network",
        ) from error


def is_pretrained_tag(name: str, known: set[str]) -> bool:
    """Whether ``name`` is a known architecture followed by a tag of its weights."""
    return name.partition(".")[0] in known


def _load_weights(model: Any, weights: Path, architecture: str) -> None:
    """Load a .safetensors or .pth file; only the classifier may differ."""
    from timm.models import load_state_dict

    try:
        state = load_state_dict(str(weights), weights_only=True)
    except Exception as error:
        raise ModelError(
            f"{weights} cannot be read as weights: {error}", hint="give a .safetensors file or a .pth file of plain tensors"
        ) from error
    own = model.state_dict()
    classifier = {key for key in own if key.startswith(tuple(_classifier_names(model)))}
    missing = [key for key in own if key not in classifier and key not in state]
    wrong = [key for key, value in state.items() if key in own and key not in classifier and value.shape != own[key].shape]
    if missing or wrong:
        example = missing[0] if missing else wrong[0]
        raise ModelError(
            f"{weights} does not fit {architecture}: {len(missing)} of {len(own)} tensors are missing"
            f" and {len(wrong)} have another shape (first: {example})",
            hint="give the timm name of the network the file was made for",
        )
    model.load_state_dict({key: value for key, value in state.items() if key in own and key not in classifier}, strict=False)


def _classifier_names(model: Any) -> list[str]:
    names = model.pretrained_cfg.get("classifier") or "classifier"
    return [names] if isinstance(names, str) else list(names)


def _width(model: torch.nn.Module, image_size: int) -> int:
    import torch

    with torch.inference_mode():
        return int(model(torch.zeros(1, 3, image_size, image_size)).shape[1])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
