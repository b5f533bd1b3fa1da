"""Feature specifications from the names that users give on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.errors import OptionError
from tellapart.feature_extraction import FeatureSpec
from tellapart.models.backbone_card import PIXELS
from tellapart.models.backbones import check_fixed, find_backbones, find_classifier

if TYPE_CHECKING:
    from tellapart.models.backbone_card import Backbone

RUN = "run:"
IMAGENET = "imagenet"
AUTOENCODER = "autoencoder"
WORDS_OF = "lite2"


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
