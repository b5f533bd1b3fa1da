"""Keras's VGG16, VGG19 and Xception: their ``.h5`` files as tensors under timm's names.

Read are the files of keras-applications (``vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5`` and its kin), whole
models saved as ``.h5``, networks of one's own that contain one of the three, and Keras 3's ``.weights.h5``. Features
are Keras's own up to rounding: checked against Keras 3.15 on TensorFlow 2.21, largest difference below 3e-6 of the
largest feature, at 101 to 299 pixels. Three things differ between the libraries:

- Keras gives VGG blue, green, red from 0 to 255 without their mean; here the first kernels are turned and scaled
  instead, and the mean is Keras's;
- Keras pads Xception's pools as TensorFlow does and its norms have another epsilon: the variant ``keras_xception``;
- files without the dense layers ("notop") have only the convolutions: the variants ``vgg16_conv`` and ``vgg19_conv``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tellapart.atomic_files import regular_file
from tellapart.errors import MissingExtra, ModelError, reason_of

if TYPE_CHECKING:
    import torch

Layers = Mapping[str, list[Any]]
"""Name of a layer: its arrays in Keras's order (kernel, bias; gamma, beta, mean, variance; depthwise, pointwise)."""

VGG_MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)
VGG_STD = (0.229, 0.224, 0.225)
VGG_BLOCKS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
SHORTCUTS = {128: "block1", 256: "block2", 728: "block3", 1024: "block12"}
"""Width of Xception's four shortcuts, whose layers Keras left without names: timm's block."""
ROOM, GROWTH = 64 << 20, 16
"""The arrays of a file may take so many bytes, or so many times its size; more is made to fill the memory."""
BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
_LAYER = re.compile(r"block\d+_(?:sep)?conv\d+(?:_bn)?|fc[12]")


@dataclass(frozen=True, eq=False)
class KerasWeights:
    """What a file holds.

    Attributes:
        network: timm's name of the network Keras calls by another.
        architecture: the form of it that the tensors fit.
        tensors: under timm's names, classifier left out.
        mean, std: of the input, on the scale 0 to 1.
    """

    network: str
    architecture: str
    tensors: dict[str, torch.Tensor]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def read_keras_weights(path: Path) -> KerasWeights:
    """Read VGG16, VGG19 or Xception from a Keras file.

    Raises:
        ModelError: the file cannot be read, or holds none of the three, or not all of it.
        MissingExtra: h5py is not installed.
    """
    from torch import from_numpy

    layers = _layers(path)
    network = _network(layers)
    if network is None:
        names = ", ".join(name.rpartition("/")[2] for name in list(layers)[:5])
        raise ModelError(
            f"{path} contains none of Keras's VGG16, VGG19 and Xception, only the layers {names or '(none)'}",
            hint="other Keras networks cannot be converted; give a .safetensors or .pth file",
        )
    try:
        arrays = _xception(layers) if network == "legacy_xception" else _vgg(layers, VGG_BLOCKS[network])
    except (LookupError, ValueError, TypeError, MemoryError) as error:
        raise ModelError(f"{path} holds {network}, but not all of it: {error}", hint="download the file again") from error
    tensors = {name: from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    if network == "legacy_xception":
        return KerasWeights(network, "keras_xception", tensors, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    return KerasWeights(network, network if "pre_logits.fc1.weight" in tensors else f"{network}_conv", tensors, VGG_MEAN, VGG_STD)


def _layers(path: Path) -> Layers:
    try:
        import h5py
    except ModuleNotFoundError as error:
        if error.name != "h5py":
            raise
        raise MissingExtra("reading Keras's .h5 files needs h5py, which is not installed", hint="pip install 'tellapart[keras]'") from error
    layers: dict[str, list[Any]] = {}
    try:
        with h5py.File(regular_file(path), "r") as file:
            room = ROOM + GROWTH * path.stat().st_size
            for layer, values in _arrays(file):
                room -= _size(values)
                if room < 0:
                    raise ValueError("its arrays are far larger than the file")
                layers.setdefault(layer, []).append(np.asarray(values, np.float32))
                if not np.isfinite(layers[layer][-1]).all():
                    raise ValueError(f"{layer} contains values that are not numbers")
    except (OSError, LookupError, RuntimeError, ValueError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise ModelError(f"{path} cannot be read as weights: {reason_of(error)}", hint="give a .h5 file of Keras") from error
    return layers


def _size(values: Any) -> int:
    """Bytes of a dataset in memory; its data must be in the file itself.

    Raises:
        ValueError: it is not a dataset of numbers, or is stored in another file.
    """
    if not hasattr(values, "shape") or values.dtype.kind not in "fiu":
        raise ValueError(f"{values.name} is no array of numbers")
    if values.external is not None or values.is_virtual:
        raise ValueError(f"{values.name} lies in another file")
    return int(values.size) * max(4, int(values.dtype.itemsize))


def _arrays(file: Any) -> Iterator[tuple[str, Any]]:
    """Layer and array, in the order of the file's lists of weights, or of Keras 3's numbers.

    A network inside another comes before the layers around it: it is one group (Keras 2) or lies deeper (Keras 3).
    """
    groups: list[tuple[str, Any]] = []
    file.visititems(lambda name, item: groups.append((name, item)) if hasattr(item, "keys") else None)
    for path, group in sorted(groups, key=lambda item: (not _is_known(item[1]), -item[0].count("/"), _by_number(item[0]))):
        if path.startswith("optimizer"):
            continue
        for weight in _weight_names(group):
            yield _layer_name(path, weight), group[weight]
        if path.rpartition("/")[2] == "vars" and "name" in group.attrs:
            for number in sorted(group, key=int):
                yield _layer_name(path, f"{group.attrs['name']}/{number}"), group[number]


def _is_known(group: Any) -> bool:
    """Whether a group holds a layer of the three networks, or one of them as a whole."""
    return any(_LAYER.fullmatch(part) for name in _weight_names(group) for part in name.split("/"))


def _weight_names(group: Any) -> list[str]:
    """The list kept with a group; Keras cuts one that is too long into several."""
    lists = sorted((key for key in group.attrs if key.startswith("weight_names")), key=_by_number)
    return [name.decode() if isinstance(name, bytes) else str(name) for key in lists for name in group.attrs[key]]


def _layer_name(path: str, weight: str) -> str:
    """The layer of a weight called ``block1_conv1/kernel:0``, ``xception/block1_conv1/kernel`` or ``block1_conv1_W_1:0``.

    Names that Keras generated, such as ``conv2d_2``, are matched by their position.
    """
    layer = weight.split("/")[-2] if "/" in weight else path.rpartition("/")[2]
    known = _LAYER.match(layer)
    return known[0] if known else f"{path}/{layer}"


def _by_number(name: str) -> list[Any]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _network(layers: Layers) -> str | None:
    if "block14_sepconv2" in layers:
        return "legacy_xception"
    if "block3_conv3" in layers:
        return "vgg19" if "block3_conv4" in layers else "vgg16"
    return None


def _vgg(layers: Layers, blocks: tuple[int, ...]) -> dict[str, Any]:
    arrays, index = {}, 0
    for block, count in enumerate(blocks, start=1):
        for number in range(1, count + 1):
            kernel, bias = layers[f"block{block}_conv{number}"]
            arrays[f"features.{index}.weight"], arrays[f"features.{index}.bias"] = kernel.transpose(3, 2, 0, 1), bias
            index += 2
        index += 1
    scale = 255 * np.array(VGG_STD, np.float32)
    arrays["features.0.weight"] = arrays["features.0.weight"][:, ::-1] * scale[:, None, None]
    maps = len(arrays[f"features.{index - 3}.bias"])
    if "fc1" in layers and layers["fc1"][0].shape == (7 * 7 * maps, 8 * maps):
        (first, first_bias), (second, second_bias) = layers["fc1"], layers["fc2"]
        arrays["pre_logits.fc1.weight"] = first.reshape(7, 7, maps, 8 * maps).transpose(3, 2, 0, 1)
        arrays["pre_logits.fc2.weight"] = second.T[:, :, None, None]
        arrays["pre_logits.fc1.bias"], arrays["pre_logits.fc2.bias"] = first_bias, second_bias
    return arrays


def _xception(layers: Layers) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for number in (1, 2):
        arrays[f"conv{number}.weight"] = layers[f"block1_conv{number}"][0].transpose(3, 2, 0, 1)
        _put_norm(arrays, f"bn{number}", layers[f"block1_conv{number}_bn"])
    for block in range(2, 14):
        for number in range(1, 3 if block in (2, 3, 4, 13) else 4):
            index = 3 * number - (3 if block == 2 else 2)
            keras = f"block{block}_sepconv{number}"
            _put_separable(arrays, f"block{block - 1}.rep.{index}", layers[keras])
            _put_norm(arrays, f"block{block - 1}.rep.{index + 1}", layers[f"{keras}_bn"])
    for number in (1, 2):
        _put_separable(arrays, f"conv{number + 2}", layers[f"block14_sepconv{number}"])
        _put_norm(arrays, f"bn{number + 2}", layers[f"block14_sepconv{number}_bn"])
    _put_shortcuts(arrays, layers)
    return arrays


def _put_shortcuts(arrays: dict[str, Any], layers: Layers) -> None:
    """The shortcuts' layers are those of their width among the ones Keras named; of several the first, the network's own."""
    unnamed = [own for name, own in layers.items() if not _LAYER.fullmatch(name)]
    for width, block in SHORTCUTS.items():
        kernels = [own[0] for own in unnamed if len(own) == 1 and own[0].ndim == 4 and own[0].shape[3] == width]
        norms = [own for own in unnamed if len(own) == 4 and own[0].shape == (width,)]
        if not kernels or not norms:
            raise KeyError(f"the shortcut of width {width}")
        arrays[f"{block}.skip.weight"] = kernels[0].transpose(3, 2, 0, 1)
        _put_norm(arrays, f"{block}.skipbn", norms[0])


def _put_separable(arrays: dict[str, Any], name: str, layer: list[Any]) -> None:
    depthwise, pointwise = layer
    arrays[f"{name}.conv1.weight"], arrays[f"{name}.pointwise.weight"] = depthwise.transpose(2, 3, 0, 1), pointwise.transpose(3, 2, 0, 1)


def _put_norm(arrays: dict[str, Any], name: str, layer: list[Any]) -> None:
    arrays.update({f"{name}.{own}": array for own, array in zip(BATCH_NORM, layer, strict=True)})
