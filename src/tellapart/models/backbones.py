"""Backbones: the networks that turn pixels into features, by name, with their weights converted once.

A backbone is known by its card, a few lines of JSON beside its tensors in the cache. The card alone names the
cached features, so a warm run loads neither torch nor timm.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.errors import ModelError, OptionError, closest_name
from tellapart.models.efficientnet_lite import PACKAGED, PackagedWeights, packaged_state
from tellapart.models.face_weights import FACES, SIDE, faces_sha256, faces_state
from tellapart.models.hub import hub_within_reach
from tellapart.models.precision import used_precision
from tellapart.models.tensors import disk_errors, tensors_digest
from tellapart.models.timm_variants import VARIANTS, build_variant
from tellapart.models.weights_files import fit_weights, read_weights
from tellapart.paths import cache_root, read_sealed, replacing, write_sealed

if TYPE_CHECKING:
    import torch

FORMAT = 2
PIXELS = "pixels"
CLIP = "clip:"
"""How the names of networks of open_clip begin."""
PROBABILITIES = "probabilities"
"""The layer after the last: what the network was trained to say."""


@dataclass(frozen=True)
class BackboneCard:
    """What there is to know of a backbone without its tensors.

    Attributes:
        name: as the user says it: ``lite2``, ``resnet50.a1_in1k``, ...
        architecture: timm's name of the network.
        weights_sha256: of the file the tensors came from.
        image_size: side of the square input in pixels.
        mean, std: of the input, one value a color, on the scale 0 to 1.
        num_features: width of the feature vector.
        layer: where the features are taken; empty for what the classifier is given, ``probabilities`` for what it says,
            else the name of a module.
    """

    name: str
    architecture: str
    weights_sha256: str
    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    num_features: int
    layer: str = ""

    @property
    def is_special(self) -> bool:
        """Whether it is no network of layers."""
        return self.architecture in (PIXELS, FACES) or self.architecture.startswith(CLIP) or self.layer == PROBABILITIES

    @property
    def is_faces(self) -> bool:
        """Whether it finds and describes faces: it must see the whole photo, and there is nothing to fine-tune."""
        return self.architecture == FACES

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> BackboneCard:
        """Read the card back from its JSON form."""
        fields = {name: content[name] for name in cls.__dataclass_fields__ if name != "layer" or name in content}
        return cls(**{**fields, "mean": tuple(fields["mean"]), "std": tuple(fields["std"])})


@dataclass(frozen=True)
class Backbone:
    """A card, and where its tensors lie.

    Attributes:
        card: what there is to know without them.
        tensors: a safetensors file with the tensors under timm's names, classifier left out.
        prefix: what their names begin with in that file.
        precision: number format it runs in: ``float32``, ``bfloat16`` or ``float16``, or ``auto`` for what suits the device.
    """

    card: BackboneCard
    tensors: Path
    prefix: str = ""
    precision: str = "auto"

    def sized(self, image_size: int | None) -> Backbone:
        """The same backbone for another input size; the face networks have only one."""
        if image_size is None or self.card.is_faces:
            return self
        width = 3 * image_size * image_size if self.card.architecture == PIXELS else self.card.num_features
        return self.with_card(image_size=image_size, num_features=width)

    def with_card(self, **changes: Any) -> Backbone:
        """The same tensors under another card."""
        return replace(self, card=replace(self.card, **changes))

    def in_precision(self, precision: str, device: str) -> Backbone:
        """The same backbone in a number format; ``auto`` keeps what it has, or else takes what suits the device.

        Args:
            precision: one of :data:`tellapart.models.precision.PRECISIONS`.
            device: ``cpu``, ``cuda`` or ``mps``.

        Raises:
            OptionError: bfloat16 is asked of a network that runs in float32 only.
        """
        is_float32_only = (self.card.is_special and self.card.layer != PROBABILITIES) or self.card.layer not in ("", PROBABILITIES)
        if precision == "bfloat16" and is_float32_only:
            raise OptionError(f"{self.card.name} runs in float32 only", hint="leave --precision out")
        chosen = self.precision if precision == "auto" else precision
        return replace(self, precision=used_precision(device, is_float32_only=is_float32_only) if chosen == "auto" else chosen)

    @cached_property
    def digest(self) -> str:
        """Names the tensors by what they hold, never by what the card says of them; empty for pixels.

        Raises:
            ModelError: the file is absent or damaged.
        """
        if self.card.architecture == PIXELS:
            return ""
        try:
            return tensors_digest(self.tensors, self.prefix)
        except (OSError, ValueError) as error:
            raise ModelError(f"the tensors of {self.card.name} in {self.tensors} cannot be read: {error}") from error

    def state(self) -> dict[str, torch.Tensor]:
        """The tensors under timm's names; none for pixels.

        Raises:
            ModelError: the file is absent or damaged, or has changed since its digest was taken.
        """
        from safetensors import SafetensorError, safe_open

        if self.card.architecture == PIXELS:
            return {}
        if replace(self).digest != self.digest:
            raise ModelError(f"the tensors of {self.card.name} in {self.tensors} have changed", hint="run the same command again")
        try:
            with safe_open(self.tensors, framework="pt") as file:
                names = [name for name in file.keys() if name.startswith(self.prefix)]  # noqa: SIM118
                return {name.removeprefix(self.prefix): file.get_tensor(name) for name in names}
        except (OSError, SafetensorError) as error:
            raise ModelError(f"the tensors of {self.card.name} in {self.tensors} cannot be read: {error}") from error


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
    """See that networks take the weights and the input size that are given to them.

    Raises:
        OptionError: each of them brings its own.
    """
    packaged = [name for name in names if name in (*PACKAGED, FACES, PIXELS)]
    if weights is not None and packaged:
        what = "has no weights" if packaged[0] == PIXELS else "brings its own weights"
        raise OptionError(f"weights has no effect on {packaged[0]}, which {what}", hint="leave --weights out, or give it with a timm name")
    if image_size is not None and all(name == FACES or name.startswith(CLIP) for name in names):
        raise OptionError(
            f"image_size has no effect on {' and '.join(names)}, which sees images of its own size", hint="leave --image-size out"
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
    found = _read(card_file, tensors)
    if name == FACES and weights is None:
        return found or _convert_faces(card_file, tensors)
    return found or _convert(name, weights, card_file, tensors, has_classifier=has_classifier)


def _read(card_file: Path, tensors: Path) -> Backbone | None:
    """The converted backbone if it is there and whole."""
    try:
        content = read_sealed(card_file)
        is_whole = content["format"] == FORMAT and content["tensors_sha256"] == tensors_digest(tensors)
        return Backbone(BackboneCard.from_dict(content), tensors) if is_whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _kept(card: BackboneCard, tensors: Path, card_file: Path) -> Backbone:
    """The backbone whose tensors have been written, its card beside them."""
    write_sealed(card_file, {"format": FORMAT, "tensors_sha256": tensors_digest(tensors), **asdict(card)})
    return Backbone(card, tensors)


@dataclass(frozen=True, eq=False)
class _Filled:
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
    return _kept(card, tensors, card_file)


def _convert_faces(card_file: Path, tensors: Path) -> Backbone:
    """The face networks as one backbone; half precision halves the file and moves no descriptor by 0.001."""
    from safetensors.torch import save_file

    from tellapart.models.facenet import WIDTH

    state = {name: tensor.half() for name, tensor in faces_state().items()}
    with replacing(tensors) as partial, disk_errors():
        save_file(state, partial)
    half = (0.5, 0.5, 0.5)
    card = BackboneCard(FACES, FACES, faces_sha256(), SIDE, half, half, WIDTH + 1)
    return _kept(card, tensors, card_file)


def _convert_clip(name: str, weights: Path | None, card_file: Path, tensors: Path) -> Backbone:
    """A network for images and words as one backbone; its features are those of the images."""
    from safetensors.torch import save_file

    from tellapart.models.clip import clip_card, filled_clip

    model = filled_clip(name, weights)
    with replacing(tensors) as partial, disk_errors():
        save_file({key: value.contiguous().clone() for key, value in model.state_dict().items()}, partial)
    card = clip_card(name, model, _sha256(weights) if weights else _sha256(tensors))
    return _kept(card, tensors, card_file)


def _from_package(packaged: PackagedWeights) -> _Filled:
    model = build_network(packaged.architecture)
    model.load_state_dict(packaged_state(packaged, [len(stage) for stage in model.blocks]), strict=True)
    return _Filled(model, packaged.architecture, packaged.sha256, packaged.image_size, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def _from_file(name: str, weights: Path, *, has_classifier: bool) -> _Filled:
    if name not in VARIANTS:
        check_network_name(name, [*PACKAGED, FACES])
    file = read_weights(weights, name)
    model = build_network(file.architecture)
    fit_weights(model, file, has_classifier=has_classifier)
    config = model.pretrained_cfg
    mean, std = file.mean or tuple(config["mean"]), file.std or tuple(config["std"])
    return _Filled(model, file.architecture, _sha256(weights), config["input_size"][-1], mean, std)


def _from_hub(name: str) -> _Filled:
    model = build_network(name, is_pretrained=True)
    config = model.pretrained_cfg
    return _Filled(model, name, None, config["input_size"][-1], tuple(config["mean"]), tuple(config["std"]))


def build_network(architecture: str, *, is_pretrained: bool = False) -> Any:
    """A timm network, or a variant of one, in evaluation mode.

    Raises:
        ModelError: timm knows no such name, or its pretrained weights cannot be fetched.
    """
    import timm

    if architecture in VARIANTS and not is_pretrained:
        return build_variant(architecture).eval()
    check_network_name(architecture, [*PACKAGED, FACES])
    if not is_pretrained:
        return timm.create_model(architecture).eval()
    with hub_within_reach() as silence:
        try:
            return timm.create_model(architecture, pretrained=True).eval()
        except Exception as error:
            raise ModelError(
                f"the weights of {architecture} could not be fetched from the model hub: {silence or f'{type(error).__name__}: {error}'}",
                hint=f"download them yourself and give --weights FILE, or use one of {', '.join(PACKAGED)}, which need no network",
            ) from error


def check_network_name(name: str, others: Sequence[str]) -> None:
    """See that timm knows the network ``name``, with or without the tag of its weights.

    Args:
        name: to be looked up.
        others: names that would have done as well, for the hint.

    Raises:
        ModelError: it does not; the hint is the closest name.
    """
    import timm

    models = timm.list_models()
    architecture = name.partition(".")[0]
    is_known = architecture in models
    if is_known and name != architecture:
        models = timm.list_pretrained(f"{architecture}.*")
        is_known = name in models or _has_tag(name)
    if not is_known:
        hint = closest_name(name, [*others, *models]) or f"our own are {', '.join(others)}; others are timm names"
        raise ModelError(f"there is no backbone {name!r}", hint=hint)


def _has_tag(name: str) -> bool:
    """Whether timm knows the tag of a name, though it has no weights for it."""
    import timm

    try:
        return timm.get_pretrained_cfg(name) is not None
    except RuntimeError:
        return False


def _width(model: torch.nn.Module, image_size: int) -> int:
    import torch

    with torch.inference_mode():
        return int(model(torch.zeros(1, 3, image_size, image_size)).shape[1])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
