"""Forms of timm networks that weights of other libraries need, under names of our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
