"""Feature specifications: which features of an image are computed, and how; from the names that users give on the command line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tellapart.array_types import ByteArray
from tellapart.augmentation.counter_rng import image_keys
from tellapart.augmentation.policy import parse_augmentation
from tellapart.augmentation.tta_views import view
from tellapart.cache_dir import cache_root
from tellapart.errors import OptionError
from tellapart.images.pixel_store import PixelStore
from tellapart.models.backbone_card import PIXELS, Backbone
from tellapart.models.backbones import check_fixed, find_backbones, find_classifier
from tellapart.models.devices import used_device

PREPROCESSING = 6
"""Version of the preprocessing, raised when a file gives other features than before: 2 reads deep, inverted and XMP-rotated images,
3 decodes for each size at its own scale, 4 finds faces in one image at a time, 5 reads separate 16-bit
bands and the sign of TIFF values, 6 takes an alpha that is 0 everywhere in a BMP, TGA, ICO or DDS for none."""
RUN = "run:"
IMAGENET = "imagenet"
AUTOENCODER = "autoencoder"
WORDS_OF = "lite2"


@dataclass(frozen=True)
class FeatureSpec:
    """Which features of each image are computed, and how.

    Attributes:
        backbones: networks whose features are computed.
        resize: resize policy.
        mirror: whether features are averaged with those of the mirror image.
        pixel_sizes: sides, in pixels, of the squares to keep in the pixel store.
        view: number of the view of an image; 0 is the unmodified image (see :mod:`tellapart.augmentation.tta_views`).
        augment: augmentation that other views are drawn from; by default they are crops.
        device: device to compute on.
    """

    backbones: tuple[Backbone, ...]
    resize: str = "crop"
    mirror: bool = True
    pixel_sizes: tuple[int, ...] = ()
    view: int = 0
    augment: str = ""
    device: str = "auto"

    def computed(self, device: str, precision: str = "auto") -> FeatureSpec:
        """The same features on a device and in a number format.

        Raises:
            OptionError: bfloat16 for a network that runs in float32 only.
            ModelError: the device is not available.
        """
        device = used_device(device)
        return replace(self, device=device, backbones=tuple(b.in_precision(precision, device) for b in self.backbones))

    def apply_view(self, pixels: ByteArray, image_ids: Sequence[str]) -> ByteArray:
        """The view of uint8 (n, s, s, 3) squares that the networks get, in the same form."""
        if not self.view:
            return pixels
        if self.augment:
            return view(pixels, self.view, augmentation=parse_augmentation(self.augment), keys=image_keys(tuple(image_ids)))
        return view(pixels, 2 * self.view if self.mirror else self.view)

    @property
    def largest(self) -> int:
        """The largest side, in pixels, of the squares made of an image, which decides how it is decoded."""
        return max([b.card.image_size for b in self.backbones] + list(self.pixel_sizes), default=0)

    def square_of(self, backbone: Backbone) -> tuple[int, str]:
        """Side and resize policy of the square that a backbone gets."""
        return backbone.card.image_size, self.resize_of(backbone)

    def resize_of(self, backbone: Backbone) -> str:
        """The resize policy for a backbone; face backbones get the whole image."""
        return "pad" if backbone.card.is_faces else self.resize

    def pixel_stores(self) -> tuple[PixelStore, ...]:
        """The stores of the squares to keep."""
        return tuple(PixelStore(cache_root() / "pixels", size, self.resize) for size in self.pixel_sizes)

    def fingerprint(self, backbone: Backbone) -> str:
        """Identifies everything that the vectors of a backbone depend on, except the image."""
        card = backbone.card
        resize = self.resize_of(backbone)
        used = backbone.in_precision("auto", used_device(self.device)) if card.architecture != PIXELS else backbone
        network = (card.architecture, backbone.digest, card.image_size, card.mean, card.std, used.precision, used_device(self.device))
        made_with: tuple[object, ...] = (PREPROCESSING, *network, resize, self.mirror)
        made_with += (card.layer,) if card.layer else ()
        content = (*made_with, self.view, self.augment) if self.view else made_with
        return f"{re.sub('[/:]', '_', card.name)}-{hashlib.sha256(repr(content).encode()).hexdigest()[:16]}"

    def provenance(self) -> dict[str, object]:
        """Provenance for the feature matrix and the saved model."""
        names = "+".join(b.card.name for b in self.backbones)
        layers = "+".join(dict.fromkeys(b.card.layer or "pooled" for b in self.backbones))
        return {"backbone": names, "layer": layers, "resize": self.resize, "mirror": self.mirror}


def spec_of(
    features: str, *, layer: str | None = None, weights: Path | None = None, image_size: int | None = None, resize: str = "crop"
) -> FeatureSpec:
    """The feature specification for a name.

    Args:
        features: one of

            - backbones as for ``train``: ``lite2``, ``lite0+lite2``, ``faces``, any timm name;
            - ``imagenet``: the probabilities of the 1,000 ImageNet classes by lite2; ``imagenet:NAME`` by another network;
            - ``pixels``: the image itself at 32 x 32, or ``image_size``;
            - ``run:FOLDER``: the features of the network of a run.
        layer: of the network, such as ``blocks.3``; by default the last one before the classifier.
        weights: a weights file, if ``features`` is one timm name.
        image_size: side of the input in pixels; by default the network's.
        resize: the resize policy; a run has its own.

    Raises:
        OptionError: an option does not apply to these features.
        ModelError: the network, layer or weights do not exist.
        DataError: the run does not exist.
    """
    if features.startswith(RUN):
        if weights is not None:
            raise OptionError("weights has no effect on a run, which has its own", hint="leave --weights out")
        return _run_spec(features.removeprefix(RUN), layer, image_size)
    if features == PIXELS:
        from tellapart.models.pixel_features import pixel_backbone

        check_fixed([PIXELS], weights=weights, image_size=None)
        if layer:
            raise OptionError("pixels have no layers", hint="leave --layer out, or name a network with --features")
        return FeatureSpec((pixel_backbone(image_size),), resize, mirror=False)
    if features == AUTOENCODER:
        raise OptionError("an autoencoder has to be trained first", hint="tellapart autoencode FOLDER, then --features run:RUN")
    kind, _, network = features.partition(":")
    if kind == IMAGENET:
        if layer:
            raise OptionError(f"{features} is the last layer itself", hint="leave --layer out, or name a network with --features")
        return FeatureSpec((find_classifier(network or WORDS_OF, weights=weights).sized(image_size),), resize)
    return FeatureSpec(_at_layer(find_backbones(features, weights=weights, image_size=image_size), layer), resize)


def _run_spec(folder: str, layer: str | None, image_size: int | None) -> FeatureSpec:
    from tellapart.models.saved_model import load_model, model_folder

    if image_size is not None:
        raise OptionError("a run has its own image size", hint="leave --image-size out")
    member = load_model(model_folder(folder)).members[0]
    return FeatureSpec(_at_layer(member.backbones, layer), member.resize, member.mirror)


def _at_layer(backbones: tuple[Backbone, ...], layer: str | None) -> tuple[Backbone, ...]:
    if not layer:
        return backbones
    from tellapart.models.layer_features import layer_features

    return tuple(layer_features(backbone, layer) for backbone in backbones)
