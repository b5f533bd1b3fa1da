"""Find backbones (pretrained networks that compute features) by name, and convert their weights into the cache.

Each has a card, a few lines of JSON beside its weights in the cache. The card is enough to find cached features, so
that a run with cached features loads neither torch nor timm.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.atomic_files import read_sealed, replacing, write_sealed
from tellapart.cache_dir import cache_root
from tellapart.errors import ModelError, OptionError
from tellapart.models.backbone_card import CLIP, PIXELS, PROBABILITIES, Backbone, BackboneCard
from tellapart.models.efficientnet_lite_weights import PACKAGED, PackagedWeights, packaged_state
from tellapart.models.face_weights import FACES, SIDE, faces_sha256, faces_state
from tellapart.models.safetensors_files import disk_errors, tensors_digest
from tellapart.models.timm_networks import VARIANTS, build_network, check_network_name
from tellapart.models.weights_files import fit_weights, read_weights

if TYPE_CHECKING:
    import torch

FORMAT = 2


def find_backbones(names: str, *, weights: Path | None = None, image_size: int | None = None) -> tuple[Backbone, ...]:
    """The backbones named in ``names``, several joined by ``+``; converted into the cache on first use.

    Args:
        names: ``lite0``, ``lite1``, ``lite2``, ``faces``, any timm name, ``clip:`` and an open_clip name, or several joined by ``+``.
        weights: a .safetensors, .pth or Keras .h5 file for the one timm name given.
        image_size: overrides the networks' own input size.

    Raises:
        OptionError: weights or a size for networks that have their own.
        ModelError: unknown name, weights that do not fit, or no way to get them.
        MissingExtra: a Keras file, and h5py is not installed; or ``faces``, and its weights are not.
    """
    parts = [name.strip() for name in names.split("+")]
    if not all(parts):
        raise ModelError(f"{names!r} does not name backbones", hint="join names with +, for example lite0+lite2")
    if weights is not None and len(parts) > 1:
        raise ModelError("a weights file goes with one backbone", hint="give one timm name with --weights")
    check_fixed(parts, weights=weights, image_size=image_size)
    return tuple(_find(name, weights).sized(image_size) for name in dict.fromkeys(parts))


def check_fixed(names: Sequence[str], *, weights: Path | None, image_size: int | None) -> None:
    """Check that networks take the weights and the input size that are given.

    Raises:
        OptionError: each of them brings its own.
    """
    packaged = [name for name in names if name in (*PACKAGED, FACES, PIXELS)]
    if weights is not None and packaged:
        what = "has no weights" if packaged[0] == PIXELS else "brings its own weights"
        raise OptionError(f"weights has no effect on {packaged[0]}, which {what}", hint="leave --weights out, or give it with a timm name")
    if image_size is not None and all(name == FACES or name.startswith(CLIP) for name in names):
        raise OptionError(
            f"image_size has no effect on {' and '.join(names)}, which takes images of its own size", hint="leave --image-size out"
        )


def find_classifier(name: str, *, weights: Path | None = None) -> Backbone:
    """A network with the classifier it was trained with; its features are the probabilities of the 1,000 ImageNet classes.

    Args:
        name: ``lite0``, ``lite1``, ``lite2`` or any timm name.
        weights: a file for a timm name, classifier included.

    Raises:
        OptionError: weights for a network that has its own.
        ModelError: unknown name, weights that do not fit or have no classifier, or no way to get them.
    """
    check_fixed([name], weights=weights, image_size=None)
    return _find(name, weights, has_classifier=True)


def _find(name: str, weights: Path | None, *, has_classifier: bool = False) -> Backbone:
    known = PACKAGED.get(name) if weights is None else None
    if weights is not None:
        if not weights.is_file():
            raise ModelError(f"there is no weights file {weights}")
        key = f"{name}-{_sha256(weights)[:24]}"
    else:
        sha256 = known.sha256 if known else faces_sha256() if name == FACES else None
        key = f"{name}-{sha256[:24]}" if sha256 else f"{name}-hub"
    if name == PIXELS and weights is None:
        from tellapart.models.pixel_features import pixel_backbone

        return pixel_backbone()
    key += "-classifier" if has_classifier else ""
    folder = cache_root() / "backbones"
    stem = re.sub(r"[/:]", "_", key)
    card_file, tensors = folder / f"{stem}.json", folder / f"{stem}.safetensors"
    cached = _read(card_file, tensors)
    if name == FACES and weights is None:
        return cached or _convert_faces(card_file, tensors)
    return cached or _convert(name, weights, card_file, tensors, has_classifier=has_classifier)


def _read(card_file: Path, tensors: Path) -> Backbone | None:
    """The converted backbone, or None where it is absent or damaged."""
    try:
        content = read_sealed(card_file)
        is_whole = content["format"] == FORMAT and content["tensors_sha256"] == tensors_digest(tensors)
        return Backbone(BackboneCard.from_dict(content), tensors) if is_whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_card(card: BackboneCard, tensors: Path, card_file: Path) -> Backbone:
    """Write the card beside the weights; returns the backbone."""
    write_sealed(card_file, {"format": FORMAT, "tensors_sha256": tensors_digest(tensors), **asdict(card)})
    return Backbone(card, tensors)


@dataclass(frozen=True, eq=False)
class _LoadedNetwork:
    """A network with its weights, and what its card will say."""

    model: Any
    architecture: str
    source: str | None
    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def _convert(name: str, weights: Path | None, card_file: Path, tensors: Path, *, has_classifier: bool) -> Backbone:
    from safetensors.torch import save_file

    if name.startswith(CLIP):
        return _convert_clip(name, weights, card_file, tensors)
    packaged = PACKAGED.get(name) if weights is None else None
    if packaged:
        filled = _from_package(packaged)
    else:
        filled = _from_file(name, weights, has_classifier=has_classifier) if weights else _from_hub(name)
    model = filled.model
    if not has_classifier:
        model.reset_classifier(0)
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    with replacing(tensors) as partial, disk_errors():
        save_file(state, partial)
    card = BackboneCard(
        name=name,
        architecture=filled.architecture,
        weights_sha256=filled.source or _sha256(tensors),
        image_size=filled.image_size,
        mean=filled.mean,
        std=filled.std,
        num_features=_width(model, model.pretrained_cfg["input_size"][-1]),
        layer=PROBABILITIES if has_classifier else "",
    )
    return _write_card(card, tensors, card_file)


def _convert_faces(card_file: Path, tensors: Path) -> Backbone:
    """The face networks as one backbone; half precision halves the file and moves no descriptor by 0.001."""
    from safetensors.torch import save_file

    from tellapart.models.facenet import WIDTH

    state = {name: tensor.half() for name, tensor in faces_state().items()}
    with replacing(tensors) as partial, disk_errors():
        save_file(state, partial)
    half = (0.5, 0.5, 0.5)
    card = BackboneCard(FACES, FACES, faces_sha256(), SIDE, half, half, WIDTH + 1)
    return _write_card(card, tensors, card_file)


def _convert_clip(name: str, weights: Path | None, card_file: Path, tensors: Path) -> Backbone:
    """A network for images and words as one backbone; its features are those of the images."""
    from safetensors.torch import save_file

    from tellapart.models.clip_networks import clip_card, filled_clip

    model = filled_clip(name, weights)
    with replacing(tensors) as partial, disk_errors():
        save_file({key: value.contiguous().clone() for key, value in model.state_dict().items()}, partial)
    card = clip_card(name, model, _sha256(weights) if weights else _sha256(tensors))
    return _write_card(card, tensors, card_file)


def _from_package(packaged: PackagedWeights) -> _LoadedNetwork:
    model = build_network(packaged.architecture)
    model.load_state_dict(packaged_state(packaged, [len(stage) for stage in model.blocks]), strict=True)
    return _LoadedNetwork(model, packaged.architecture, packaged.sha256, packaged.image_size, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def _from_file(name: str, weights: Path, *, has_classifier: bool) -> _LoadedNetwork:
    if name not in VARIANTS:
        check_network_name(name, [*PACKAGED, FACES])
    file = read_weights(weights, name)
    model = build_network(file.architecture)
    fit_weights(model, file, has_classifier=has_classifier)
    config = model.pretrained_cfg
    mean, std = file.mean or tuple(config["mean"]), file.std or tuple(config["std"])
    return _LoadedNetwork(model, file.architecture, _sha256(weights), config["input_size"][-1], mean, std)


def _from_hub(name: str) -> _LoadedNetwork:
    model = build_network(name, is_pretrained=True)
    config = model.pretrained_cfg
    return _LoadedNetwork(model, name, None, config["input_size"][-1], tuple(config["mean"]), tuple(config["std"]))


def _width(model: torch.nn.Module, image_size: int) -> int:
    import torch

    with torch.inference_mode():
        return int(model(torch.zeros(1, 3, image_size, image_size)).shape[1])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
