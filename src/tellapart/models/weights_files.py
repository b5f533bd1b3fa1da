"""Read weights files of any kind (.safetensors, .pth, Keras .h5), guess their network, and load them into a timm network."""

from __future__ import annotations

import inspect
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.atomic_files import regular_file
from tellapart.errors import ModelError
from tellapart.models.keras_weights import read_keras_weights

if TYPE_CHECKING:
    import torch


Tensors = dict[str, "torch.Tensor"]
Colors = tuple[float, float, float]

WITHIN = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model", "net")
"""Where training scripts keep the tensors among other things; averaged ones first."""
PREFIXES = ("module.", "model.", "backbone.")
"""What wrappers (DataParallel, Lightning, OpenMMLab) put before every name."""
DEEPEST = 8
"""Maximum nesting of the dictionary with the tensors."""
ROOM, GROWTH = 64 << 20, 16
"""A file may unpack to so many bytes, or so many times its own size."""
OTHER_FILE = "give a .safetensors or .pth file of plain tensors"
RENAMINGS = ("checkpoint_filter_fn", "_filter_fn", "_filter_torchvision_pretrained")
"""timm's functions that turn a foreign file's names into its own."""


@dataclass(frozen=True, eq=False)
class WeightsFile:
    """A weights file that has been read.

    Attributes:
        path: where it lies.
        architecture: the network that the tensors are loaded into: the one given, or the variant that the file needs.
        tensors: by name, wrappers' prefixes removed.
        mean, std: of the input on the scale 0 to 1, where the kind of file decides them.
    """

    path: Path
    architecture: str
    tensors: Tensors
    mean: Colors | None = None
    std: Colors | None = None


def read_weights(path: Path, architecture: str) -> WeightsFile:
    """Read a .safetensors file, a .h5 file of Keras, or any other as a file of PyTorch.

    Args:
        path: the file.
        architecture: timm's name of the network.

    Raises:
        ModelError: it cannot be read, holds no tensors, or is a Keras file of another network.
        MissingExtra: a Keras file, and h5py is not installed.
    """
    if path.suffix.lower() in (".h5", ".hdf5"):
        keras = read_keras_weights(path)
        if keras.network != architecture.partition(".")[0] and keras.architecture != architecture:
            raise ModelError(
                f"{path} holds Keras's weights of {keras.network}, not of {architecture}", hint=f"give --backbone {keras.network}"
            )
        return WeightsFile(path, keras.architecture, keras.tensors, keras.mean, keras.std)
    tensors = plain_names(_tensors(path))
    if not tensors:
        raise ModelError(f"{path} cannot be read as weights: it holds no tensors", hint=OTHER_FILE)
    return WeightsFile(path, architecture, tensors)


def _tensors(path: Path) -> Tensors:
    try:
        regular_file(path)
        if path.suffix.lower() == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        import torch

        _check_unpacked_size(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(
            f"{path} cannot be read as weights: {error}", hint="give a .safetensors file or a .pth file of plain tensors"
        ) from error
    for _ in range(DEEPEST):
        if not isinstance(content, Mapping):
            return {}
        inner = next((content[name] for name in WITHIN if isinstance(content.get(name), Mapping)), None)
        if inner is None:
            return {str(key): value.detach() for key, value in content.items() if _is_plain(value)}
        content = inner
    raise ModelError(f"{path} cannot be read as weights: dictionaries are nested more than {DEEPEST} deep", hint=OTHER_FILE)


def _is_plain(value: Any) -> bool:
    """Whether a value is an ordinary tensor: one that is not sparse, quantized or without memory."""
    import torch

    return isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_quantized and value.device.type == "cpu"


def _check_unpacked_size(path: Path) -> None:
    """See that a file of PyTorch, which is a zip archive, does not unpack to far more than it is.

    Raises:
        ValueError: it does.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        total = sum(member.file_size for member in archive.infolist())
    if total > ROOM + GROWTH * path.stat().st_size:
        raise ValueError(f"it unpacks to {total:,} bytes, and has {path.stat().st_size:,}")


def plain_names(tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """The tensors with every prefix of ``PREFIXES`` removed from their names, in any order and number."""
    plain = {}
    for name, tensor in tensors.items():
        while name.startswith(PREFIXES):
            name = name.partition(".")[2]
        plain[name] = tensor
    return plain


def fit_weights(model: Any, file: WeightsFile, *, has_classifier: bool = False) -> None:
    """Put the tensors into a timm network; the classifier keeps what it has, and the file's may have any shape, unless it is wanted.

    Raises:
        ModelError: a tensor is missing or has another shape; the message says how many fit, and which network would.
    """
    starts = ("\0",) if has_classifier else classifier_names(model)
    own = {key: value for key, value in model.state_dict().items() if not key.startswith(starts)}
    tensors = file.tensors
    missing, wrong = _misfits(own, tensors)
    if missing or wrong:
        tensors = _renamed_by_timm(model, tensors)
        if _misfits(own, tensors) != ([], []):
            raise _does_not_fit(file, own, missing, wrong)
    fitting = {key: tensors[key] for key in own if key in tensors}
    if unusable := next((key for key, value in fitting.items() if not _is_finite(value)), None):
        raise ModelError(f"{file.path} cannot be used as weights: {unusable} contains values that are not numbers", hint=OTHER_FILE)
    model.load_state_dict(fitting, strict=False)


def _is_finite(tensor: torch.Tensor) -> bool:
    return bool(tensor.isfinite().all()) if tensor.is_floating_point() or tensor.is_complex() else True


def _misfits(own: Tensors, tensors: Tensors) -> tuple[list[str], list[str]]:
    """The network's tensors that the file lacks, and those of another shape; counters of batches may be lacking."""
    missing = [key for key in own if key not in tensors and not key.endswith("num_batches_tracked")]
    return missing, [key for key in own if key in tensors and tensors[key].shape != own[key].shape]


def _renamed_by_timm(model: Any, tensors: Tensors) -> Tensors:
    """A foreign file under timm's names (torchvision's VGG, Facebook's ConvNeXt ...), where timm's module can do that."""
    module = sys.modules[type(model).__module__]
    rename = next((getattr(module, name) for name in RENAMINGS if hasattr(module, name)), None)
    if rename is None:
        return tensors
    try:
        takes_model = "model" in inspect.signature(rename).parameters
        return dict(rename(dict(tensors), model) if takes_model else rename(dict(tensors)))
    except Exception:  # it was written for files of its own network only
        return tensors


def _does_not_fit(file: WeightsFile, own: Tensors, missing: list[str], wrong: list[str]) -> ModelError:
    count = sum(not key.endswith("num_batches_tracked") for key in own)
    first = ", ".join([*missing, *wrong][:3])
    likely = likeliest_network({key: tuple(value.shape) for key, value in file.tensors.items()})
    is_other = likely is not None and likely != file.architecture.partition(".")[0]
    return ModelError(
        f"{file.path} does not fit {file.architecture}: of its {count} tensors {count - len(missing) - len(wrong)} fit,"
        f" {len(missing)} are missing and {len(wrong)} have another shape (first: {first})",
        hint=f"the file looks like {likely}: give --backbone {likely}" if is_other else "give the timm name of the network it was made for",
    )


Shapes = Mapping[str, tuple[int, ...]]

SURE = 0.6
"""Share of all names and shapes, of the file and the network together, that must agree for a guess to be shown."""

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
    shared = {(key, shape) for key, shape in shapes.items() if _counts(key, starts)}
    return len(own & shared) / max(len(own | shared), 1)


def classifier_names(model: object) -> tuple[str, ...]:
    """What the names of a timm network's classifier tensors begin with."""
    names = getattr(model, "pretrained_cfg", {}).get("classifier") or "classifier"
    return (names,) if isinstance(names, str) else tuple(names)


def _counts(key: str, classifier: tuple[str, ...]) -> bool:
    return not key.startswith(classifier) and not key.endswith("num_batches_tracked")
