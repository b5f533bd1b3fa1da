"""A backbone before it is loaded: its card, and the file of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.errors import ModelError, OptionError, reason_of
from tellapart.models.face_weights import FACES
from tellapart.models.precision import used_precision
from tellapart.models.safetensors_files import tensors_digest

if TYPE_CHECKING:
    import torch


PIXELS = "pixels"


CLIP = "clip:"
"""How the names of networks of open_clip begin."""


PROBABILITIES = "probabilities"
"""Name of the layer of class probabilities, after the classifier."""


@dataclass(frozen=True)
class BackboneCard:
    """Description of a backbone without its weights.

    Attributes:
        name: as in ``--backbone``: ``lite2``, ``resnet50.a1_in1k``, ...
        architecture: timm's name of the network.
        weights_sha256: of the file the tensors came from.
        image_size: side of the square input in pixels.
        mean, std: of the input normalization, one value per channel, on the scale 0 to 1.
        num_features: width of the feature vector.
        layer: source of the features: empty for the pooled features before the classifier, ``probabilities`` for its output,
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
        """Whether it has no layers to choose from."""
        return self.architecture in (PIXELS, FACES) or self.architecture.startswith(CLIP) or self.layer == PROBABILITIES

    @property
    def is_faces(self) -> bool:
        """Whether it detects and embeds faces: its input is the whole photo, and it is not fine-tuned."""
        return self.architecture == FACES

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> BackboneCard:
        """Read the card back from its JSON form."""
        fields = {name: content[name] for name in cls.__dataclass_fields__ if name != "layer" or name in content}
        return cls(**{**fields, "mean": tuple(fields["mean"]), "std": tuple(fields["std"])})


@dataclass(frozen=True)
class Backbone:
    """A card, and the file of the weights.

    Attributes:
        card: description of the backbone.
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
        """sha256 of the weights, independent of the card; empty for pixels.

        Raises:
            ModelError: the file is absent or damaged.
        """
        if self.card.architecture == PIXELS:
            return ""
        try:
            return tensors_digest(self.tensors, self.prefix)
        except (OSError, ValueError) as error:
            raise ModelError(f"the tensors of {self.card.name} in {self.tensors} cannot be read: {reason_of(error)}") from error

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
            raise ModelError(f"the tensors of {self.card.name} in {self.tensors} cannot be read: {reason_of(error)}") from error
