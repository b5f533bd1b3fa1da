"""Keras's networks computed here once more from Keras's own arrays, in Keras's way, beside the converted ones."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch.nn import functional

from tellapart.errors import MissingExtra, ModelError
from tellapart.models.backbone_card import Backbone
from tellapart.models.backbones import find_backbones
from tellapart.models.feature_network import bare_network
from tellapart.models.keras_weights import read_keras_weights

Layers = Mapping[str, tuple[np.ndarray, ...]]
NAMES = {
    1: ("kernel",),
    2: ("kernel", "bias"),
    4: ("gamma", "beta", "moving_mean", "moving_variance"),
    -2: ("depthwise_kernel", "pointwise_kernel"),
}
CAFFE_MEAN = torch.tensor([103.939, 116.779, 123.68])
"""Of blue, green and red (keras.applications.imagenet_utils)."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# The networks as Keras writes them


def normal(rng: np.random.Generator, *shape: int, std: float) -> np.ndarray:
    return std * rng.standard_normal(shape, np.float32)


def vgg(blocks: tuple[int, ...], widths: tuple[int, ...], *, has_top: bool = False) -> Layers:
    rng, layers, here = np.random.default_rng(0), {}, 3
    for block, (count, there) in enumerate(zip(blocks, widths, strict=True), start=1):
        for number in range(1, count + 1):
            layers[f"block{block}_conv{number}"] = (normal(rng, 3, 3, here, there, std=(2 / 9 / here) ** 0.5), normal(rng, there, std=0.1))
            here = there
    if has_top:
        for name, inputs, outputs in (("fc1", 49 * here, 8 * here), ("fc2", 8 * here, 8 * here), ("predictions", 8 * here, 1000)):
            layers[name] = (normal(rng, inputs, outputs, std=(2 / inputs) ** 0.5), normal(rng, outputs, std=0.1))
    return layers


def xception() -> Layers:
    rng = np.random.default_rng(0)
    layers: dict[str, tuple[np.ndarray, ...]] = {}

    def norm(name: str, width: int) -> None:
        variance = rng.uniform(0.02, 1.0, width).astype(np.float32)
        layers[name] = (1 + normal(rng, width, std=0.1), *(normal(rng, width, std=0.1) for _ in range(2)), variance)

    def conv(name: str, side: int, here: int, there: int, norm_name: str) -> None:
        layers[name] = (normal(rng, side, side, here, there, std=(1 / side**2 / here) ** 0.5),)
        norm(norm_name, there)

    def separable(name: str, here: int, there: int) -> None:
        layers[name] = (normal(rng, 3, 3, here, 1, std=0.2), normal(rng, 1, 1, here, there, std=here**-0.5))
        norm(f"{name}_bn", there)

    conv("block1_conv1", 3, 3, 32, "block1_conv1_bn")
    conv("block1_conv2", 3, 32, 64, "block1_conv2_bn")
    for number, (here, there) in enumerate(((64, 128), (128, 256), (256, 728), (728, 1024)), start=1):
        conv(f"conv2d_{number}", 1, here, there, f"batch_normalization_{number}")
    for block, widths in {2: (64, 128, 128), 3: (128, 256, 256), 4: (256, 728, 728), 13: (728, 728, 1024), 14: (1024, 1536, 2048)}.items():
        for number in (1, 2):
            separable(f"block{block}_sepconv{number}", widths[number - 1], widths[number])
    for block in range(5, 13):
        for number in (1, 2, 3):
            separable(f"block{block}_sepconv{number}", 728, 728)
    return layers


# The files of Keras


def weight_names(layer: str, arrays: tuple[np.ndarray, ...]) -> tuple[str, ...]:
    return NAMES[-2 if "sepconv" in layer and len(arrays) == 2 else len(arrays)]


def write_layer(group: Any, layer: str, arrays: tuple[np.ndarray, ...], naming: Callable[[str, str], str]) -> None:
    names = [naming(layer, kind) for kind in weight_names(layer, arrays)]
    group.attrs["weight_names"] = [*(name.encode() for name in group.attrs.get("weight_names", [])), *(name.encode() for name in names)]
    for name, array in zip(names, arrays, strict=True):
        group[name] = array


def released(path: Path, layers: Layers) -> None:
    """As keras-applications publishes them; the first releases had no slash in their names."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"input_1", *(name.encode() for name in layers)]
        for number, (layer, arrays) in enumerate(layers.items()):
            write_layer(file.create_group(layer), layer, arrays, lambda own, kind, n=number: f"{own}_{kind}_{n}:0")


def flat(path: Path, layers: Layers) -> None:
    with h5py.File(path, "w") as file:
        for layer, arrays in layers.items():
            write_layer(file.create_group(layer), layer, arrays, lambda own, kind: f"{own}/{kind}:0")


def nested(path: Path, layers: Layers) -> None:
    """A whole model of one's own, optimizer and all, with the network as one of its layers."""
    with h5py.File(path, "w") as file:
        around = (normal(np.random.default_rng(1), 256, std=1.0),) * 4
        write_layer(
            file.create_group("model_weights/batch_normalization"), "batch_normalization", around, lambda own, kind: f"{own}/{kind}:0"
        )
        inner = file.create_group("model_weights/network")
        for layer, arrays in layers.items():
            renamed = layer.replace("batch_normalization_1", "batch_normalization")
            write_layer(inner, renamed, arrays, lambda own, kind: f"network/{own}/{kind}:0")
        write_layer(file.create_group("optimizer_weights"), "x", (around[0],), lambda _, kind: f"Adam/block1_conv1/{kind}:0")


def keras_3(path: Path, layers: Layers) -> None:
    """``model.save_weights("x.weights.h5")`` of a model of one's own around the network."""
    with h5py.File(path, "w") as file:
        around = (normal(np.random.default_rng(1), 256, std=1.0),) * 4
        for place, name, arrays in [
            ("layers/batch_normalization", "batch_normalization", around),
            *((f"layers/functional/layers/layer_{n}", name, arrays) for n, (name, arrays) in enumerate(layers.items())),
        ]:
            group = file.create_group(f"{place}/vars")
            group.attrs["name"] = name.replace("batch_normalization_1", "batch_normalization")
            for number, array in enumerate(arrays):
                group[str(number)] = array


FORMS = (released, flat, nested, keras_3)


# Keras's arithmetic


def conv_2d(x: torch.Tensor, kernel: np.ndarray, bias: np.ndarray | None = None, *, stride: int = 1, padding: str = "same") -> torch.Tensor:
    """Maps (n, c, h, w); kernel (h, w, in, out)."""
    weight = torch.from_numpy(kernel).permute(3, 2, 0, 1)
    x = padded(x, kernel.shape[0], stride, 0.0) if padding == "same" else x
    return functional.conv2d(x, weight, None if bias is None else torch.from_numpy(bias), stride)


def padded(x: torch.Tensor, kernel: int, stride: int, value: float) -> torch.Tensor:
    """TensorFlow's "same": the odd row comes after the image."""
    total = max((-(-x.shape[-1] // stride) - 1) * stride + kernel - x.shape[-1], 0)
    return functional.pad(x, (total // 2, total - total // 2) * 2, value=value)


def vgg_features(layers: Layers, blocks: tuple[int, ...], pixels: np.ndarray) -> torch.Tensor:
    x = torch.from_numpy(pixels).float().flip(3) - CAFFE_MEAN
    x = x.permute(0, 3, 1, 2)
    for block, count in enumerate(blocks, start=1):
        for number in range(1, count + 1):
            x = conv_2d(x, *layers[f"block{block}_conv{number}"]).relu()
        x = functional.max_pool2d(x, 2)
    if "fc1" not in layers:
        return x.mean((2, 3))
    x = x.permute(0, 2, 3, 1).flatten(1)
    for name in ("fc1", "fc2"):
        kernel, bias = (torch.from_numpy(array) for array in layers[name])
        x = (x @ kernel + bias).relu()
    return x


def xception_features(layers: Layers, pixels: np.ndarray) -> torch.Tensor:
    def normed(x: torch.Tensor, name: str) -> torch.Tensor:
        gamma, beta, mean, variance = (torch.from_numpy(array)[:, None, None] for array in layers[name])
        return (x - mean) / torch.sqrt(variance + 1e-3) * gamma + beta

    def separated(x: torch.Tensor, name: str) -> torch.Tensor:
        depthwise, pointwise = layers[name]
        weight = torch.from_numpy(depthwise).permute(2, 3, 0, 1)
        x = functional.conv2d(padded(x, 3, 1, 0.0), weight, groups=len(weight))
        return normed(conv_2d(x, pointwise), f"{name}_bn")

    x = (torch.from_numpy(pixels).float() / 127.5 - 1).permute(0, 3, 1, 2)
    x = normed(conv_2d(x, *layers["block1_conv1"], stride=2, padding="valid"), "block1_conv1_bn").relu()
    x = normed(conv_2d(x, *layers["block1_conv2"], padding="valid"), "block1_conv2_bn").relu()
    for block, number in ((2, 1), (3, 2), (4, 3), *((b, 0) for b in range(5, 13)), (13, 4)):
        residual = normed(conv_2d(x, *layers[f"conv2d_{number}"], stride=2), f"batch_normalization_{number}") if number else x
        for place in range(1, 3 if number else 4):
            x = separated(x if block == 2 and place == 1 else x.relu(), f"block{block}_sepconv{place}")
        x = (functional.max_pool2d(padded(x, 3, 2, -torch.inf), 3, 2) if number else x) + residual
    for number in (1, 2):
        x = separated(x, f"block14_sepconv{number}").relu()
    return x.mean((2, 3))


# The comparisons


def pixels(size: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (2, size, size, 3), dtype=np.uint8)


def features(backbone: Backbone, batch: np.ndarray) -> torch.Tensor:
    network = bare_network(backbone.card)
    network.load_state_dict(backbone.state(), strict=True)
    mean, std = torch.tensor(backbone.card.mean), torch.tensor(backbone.card.std)
    return network(((torch.from_numpy(batch) / 255 - mean) / std).permute(0, 3, 1, 2))


def assert_same(got: torch.Tensor, wanted: torch.Tensor) -> None:
    assert got.shape == wanted.shape
    assert (got - wanted).abs().max() < 1e-5 * wanted.abs().max()


VGG16, VGG19, WIDTHS = (2, 2, 3, 3, 3), (2, 2, 4, 4, 4), (64, 128, 256, 512, 512)


@pytest.mark.parametrize(("name", "blocks", "form"), [("vgg16", VGG16, released), ("vgg16.tv_in1k", VGG16, nested), ("vgg19", VGG19, flat)])
def test_vgg_without_dense_layers_gives_kerass_features(
    tmp_path: Path, own_cache: Path, name: str, blocks: tuple[int, ...], form: Callable[[Path, Layers], None]
) -> None:
    layers, batch = vgg(blocks, WIDTHS), pixels(50)
    form(tmp_path / "notop.h5", layers)
    (found,) = find_backbones(name, weights=tmp_path / "notop.h5", image_size=50)
    assert (found.card.name, found.card.architecture) == (name, f"{name[:5]}_conv")
    assert found.card.num_features == 512
    with torch.inference_mode():
        assert_same(features(found, batch), vgg_features(layers, blocks, batch))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "blocks"), [("vgg16", VGG16), ("vgg19", VGG19)])
def test_vgg_with_dense_layers_gives_kerass_features(
    tmp_path: Path, name: str, blocks: tuple[int, ...], form: Callable[[Path, Layers], None]
) -> None:
    layers, batch = vgg(blocks, (4,) * 5, has_top=True), pixels(224)
    form(tmp_path / "top.h5", layers)
    read = read_keras_weights(tmp_path / "top.h5")
    assert read.network == read.architecture == name
    x = ((torch.from_numpy(batch) / 255 - torch.tensor(read.mean)) / torch.tensor(read.std)).permute(0, 3, 1, 2)
    places = iter(sorted(int(key.split(".")[1]) for key in read.tensors if key.startswith("features.") and key.endswith("weight")))
    for count in blocks:
        for _ in range(count):
            place = next(places)
            x = functional.conv2d(x, read.tensors[f"features.{place}.weight"], read.tensors[f"features.{place}.bias"], padding=1).relu()
        x = functional.max_pool2d(x, 2)
    for name in ("fc1", "fc2"):
        x = functional.conv2d(x, read.tensors[f"pre_logits.{name}.weight"], read.tensors[f"pre_logits.{name}.bias"]).relu()
    assert_same(x.flatten(1), vgg_features(layers, blocks, batch))


def test_a_dense_layer_of_ones_own_with_kerass_name_is_left_out(tmp_path: Path) -> None:
    layers = {**vgg(VGG16, (4,) * 5), "fc1": (np.zeros((196, 7), np.float32), np.zeros(7, np.float32))}
    flat(tmp_path / "own.h5", layers)
    read = read_keras_weights(tmp_path / "own.h5")
    assert read.architecture == "vgg16_conv"
    assert all(key.startswith("features.") for key in read.tensors)


@pytest.mark.parametrize("form", FORMS)
def test_xception_gives_kerass_features(tmp_path: Path, own_cache: Path, form: Callable[[Path, Layers], None]) -> None:
    layers, batch = xception(), pixels(75)
    form(tmp_path / "xception.h5", layers)
    (found,) = find_backbones("legacy_xception", weights=tmp_path / "xception.h5", image_size=75)
    assert (found.card.architecture, found.card.num_features) == ("keras_xception", 2048)
    assert found.card.mean == found.card.std == (0.5, 0.5, 0.5)
    with torch.inference_mode():
        assert_same(features(found, batch), xception_features(layers, batch))


def test_a_long_list_of_weights_that_keras_cut_is_read_whole(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "cut.h5", "w") as file:
        group = file.create_group("network")
        for layer, arrays in vgg(VGG16, (4,) * 5).items():
            write_layer(group, layer, arrays, lambda own, kind: f"network/{own}/{kind}:0")
        names = list(group.attrs["weight_names"])
        del group.attrs["weight_names"]
        for number in range(0, len(names), 2):
            group.attrs[f"weight_names{number // 2}"] = names[number : number + 2]
    assert len(read_keras_weights(tmp_path / "cut.h5").tensors) == 26


# What is said when it does not work


def test_another_network_of_keras_is_named(tmp_path: Path, own_cache: Path) -> None:
    flat(tmp_path / "w.h5", vgg(VGG19, (4,) * 5))
    for name in ("vgg16", "resnet50", "vgg19_bn"):
        with pytest.raises(ModelError, match=f"holds Keras's weights of vgg19, not of {name}") as caught:
            find_backbones(name, weights=tmp_path / "w.h5")
        assert caught.value.hint == "give --backbone vgg19"


def test_a_network_that_cannot_be_converted_is_a_clear_error(tmp_path: Path) -> None:
    flat(tmp_path / "w.h5", {"conv1_conv": (np.zeros((7, 7, 3, 64), np.float32),), "conv1_bn": (np.zeros(64, np.float32),) * 4})
    with pytest.raises(ModelError, match=r"none of Keras's VGG16, VGG19 and Xception, only the layers conv1_bn, conv1_conv") as caught:
        read_keras_weights(tmp_path / "w.h5")
    assert ".safetensors" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("layers", "lost"),
    [
        (vgg(VGG16, (4,) * 5), "block4_conv2"),
        (xception(), "block9_sepconv3_bn"),
        (xception(), "batch_normalization_3"),
        (xception(), "conv2d_4"),
    ],
)
def test_a_file_that_lacks_a_layer_is_a_clear_error(tmp_path: Path, layers: Layers, lost: str) -> None:
    flat(tmp_path / "w.h5", {name: arrays for name, arrays in layers.items() if name != lost})
    with pytest.raises(ModelError, match="but not all of it"):
        read_keras_weights(tmp_path / "w.h5")


def test_arrays_of_another_size_are_a_clear_error(tmp_path: Path, own_cache: Path) -> None:
    flat(tmp_path / "w.h5", vgg(VGG16, (4,) * 5))
    with pytest.raises(ModelError, match="does not fit vgg16_conv: of its 26 tensors 0 fit, 0 are missing and 26 have another shape"):
        find_backbones("vgg16", weights=tmp_path / "w.h5")


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all" * 99])
def test_a_file_that_is_no_hdf5_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.h5").write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read as weights"):
        read_keras_weights(tmp_path / "w.h5")


def test_without_h5py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtra, match="h5py") as caught:
        read_keras_weights(tmp_path / "w.h5")
    assert caught.value.hint == "pip install 'tellapart[keras]'"


def test_arrays_far_larger_than_the_file_are_not_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        group = file.create_group("block1_conv1")
        group.create_dataset("block1_conv1/kernel:0", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024))
        group.attrs["weight_names"] = [b"block1_conv1/kernel:0"]
    with pytest.raises(ModelError, match="far larger than the file"):
        read_keras_weights(tmp_path / "w.h5")


@pytest.mark.parametrize("kind", ["text", "group", "another file", "nan", "missing"])
def test_what_is_no_array_of_numbers_of_the_file_is_a_clear_error(tmp_path: Path, kind: str) -> None:
    (tmp_path / "secret").write_bytes(bytes(64))
    with h5py.File(tmp_path / "w.h5", "w") as file:
        group = file.create_group("block1_conv1")
        group.attrs["weight_names"] = [b"kernel"]
        if kind == "text":
            group["kernel"] = "words"
        elif kind == "group":
            group.create_group("kernel")
        elif kind == "another file":
            group.create_dataset("kernel", (16,), "f4", external=[(str(tmp_path / "secret"), 0, 64)])
        elif kind == "nan":
            group["kernel"] = np.full(4, np.nan, np.float32)
    with pytest.raises(ModelError, match="cannot be read as weights"):
        read_keras_weights(tmp_path / "w.h5")
