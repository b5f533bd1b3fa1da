"""Which network a file of weights was made for, guessed from the names and shapes of its tensors."""

from __future__ import annotations

from collections.abc import Mapping

Shapes = Mapping[str, tuple[int, ...]]

SURE = 0.6
"""Part of all names and shapes, the file's and the network's together, that must agree for a guess to be told."""

FAMILIES: dict[str, str] = {
    "layer1.": "resnet18 resnet34 resnet50 resnet101 resnet152 resnet26 resnet14t resnet18d resnet26d resnet34d resnet50d resnet101d"
    " resnext50_32x4d resnext101_32x8d wide_resnet50_2 wide_resnet101_2 seresnet50 seresnext50_32x4d res2net50_26w_4s resnest50d"
    " resnetrs50 ecaresnet50d",
    "features.0.": "vgg11 vgg13 vgg16 vgg19 vgg11_bn vgg13_bn vgg16_bn vgg19_bn",
    "features.denseblock1.": "densenet121 densenet161 densenet169 densenet201",
    "block1.": "legacy_xception",
    "stem.0.": "xception41 xception65 xception71",
    "stages.": "convnext_atto convnext_femto convnext_pico convnext_nano convnext_tiny convnext_small convnext_base convnext_large"
    " convnextv2_atto convnextv2_femto convnextv2_pico convnextv2_nano convnextv2_tiny convnextv2_base"
    " regnety_008 regnety_016 regnety_032 repvgg_b0 edgenext_small",
    "blocks.0.0.": "efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 tf_efficientnet_b5 tf_efficientnet_b6"
    " tf_efficientnet_b7 tf_efficientnetv2_b0 tf_efficientnetv2_b3 tf_efficientnetv2_s tf_efficientnetv2_m tf_efficientnet_lite0"
    " tf_efficientnet_lite1 tf_efficientnet_lite2 tf_efficientnet_lite3 tf_efficientnet_lite4 mobilenetv2_100 mobilenetv2_140"
    " mobilenetv3_large_100 mobilenetv3_small_100 mobilenetv3_small_075 mobilenetv4_conv_small mobilenetv4_conv_medium mnasnet_100",
    "patch_embed.": "vit_tiny_patch16_224 vit_small_patch16_224 vit_base_patch16_224 vit_large_patch16_224 vit_base_patch32_224"
    " vit_small_patch14_dinov2 vit_base_patch14_dinov2 deit_tiny_distilled_patch16_224 deit3_small_patch16_224 deit3_base_patch16_224"
    " swin_tiny_patch4_window7_224 swin_small_patch4_window7_224 swin_base_patch4_window7_224",
}
"""What names of tensors begin with: the networks of timm that have such names."""


def likeliest_network(shapes: Shapes) -> str | None:
    """Timm's name of the network whose tensors are most like these, or None when none is much like them.

    Args:
        shapes: of the file's tensors by name, prefixes of other libraries removed.
    """
    candidates = [n for start, names in FAMILIES.items() if any(key.startswith(start) for key in shapes) for n in names.split()]
    scores = {name: _likeness(shapes, name) for name in candidates}
    best = max(scores, key=lambda name: scores[name], default=None)
    return best if best is not None and scores[best] >= SURE else None


def _likeness(shapes: Shapes, name: str) -> float:
    """Part of the names and shapes that file and network share, classifiers left out; 0 for a network that cannot be built."""
    import timm
    import torch

    try:
        with torch.device("meta"):
            model = timm.create_model(name, pretrained=False)
    except Exception:  # a version of timm without it, or a network that cannot be built without memory
        return 0.0
    starts = classifier_names(model)
    own = {(key, tuple(value.shape)) for key, value in model.state_dict().items() if _counts(key, starts)}
    found = {(key, shape) for key, shape in shapes.items() if _counts(key, starts)}
    return len(own & found) / max(len(own | found), 1)


def classifier_names(model: object) -> tuple[str, ...]:
    """What the names of a timm network's classifier tensors begin with."""
    names = getattr(model, "pretrained_cfg", {}).get("classifier") or "classifier"
    return (names,) if isinstance(names, str) else tuple(names)


def _counts(key: str, classifier: tuple[str, ...]) -> bool:
    return not key.startswith(classifier) and not key.endswith("num_batches_tracked")
