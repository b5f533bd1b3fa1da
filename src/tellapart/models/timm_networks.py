"""Networks of timm by name, with or without their weights, and the variants that weights of other libraries need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tellapart.errors import ModelError, closest_name
from tellapart.models.efficientnet_lite_weights import PACKAGED
from tellapart.models.face_weights import FACES
from tellapart.models.hub import hub_within_reach

if TYPE_CHECKING:
    pass


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
    """Check that timm knows the network ``name``, with or without the tag of its weights.

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


KERAS_EPSILON = 1e-3


def build_variant(name: str) -> Any:
    """The network ``name`` of ``VARIANTS`` with random weights, made from timm's by changing some of its layers."""
    import timm

    architecture, changed = VARIANTS[name]
    model = timm.create_model(architecture, pretrained=False)
    changed(model)
    return model


def _as_in_keras(model: Any) -> None:
    """Pools padded as TensorFlow pads, more after the image than before it, and Keras's epsilon in every norm."""
    import timm.layers
    from torch import nn

    layers: Any = timm.layers
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                setattr(module, name, layers.create_pool2d("max", child.kernel_size, child.stride, padding="same"))
            elif isinstance(child, nn.BatchNorm2d):
                child.eps = KERAS_EPSILON


def _without_dense_layers(model: Any) -> None:
    """The mean over all places of the last pool's 512 maps, in place of the two dense layers of 4,096."""
    import timm.layers
    from torch import nn

    layers: Any = timm.layers
    model.pre_logits = nn.Identity()
    model.head = layers.ClassifierHead(model.num_features, model.num_classes, pool_type="avg")
    model.head_hidden_size = model.num_features


VARIANTS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "keras_xception": ("legacy_xception", _as_in_keras),
    "vgg16_conv": ("vgg16", _without_dense_layers),
    "vgg19_conv": ("vgg19", _without_dense_layers),
}
"""Our name: timm's name, and what is changed."""
