from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from tellapart.errors import ModelError
from tellapart.models.backbones import find_backbones
from tellapart.models.feature_network import bare_network
from tellapart.models.timm_networks import VARIANTS, build_network, build_variant
from tellapart.models.weights_files import FAMILIES, WeightsFile, fit_weights, likeliest_network, plain_names, read_weights


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(name: str, seed: int, **options: Any) -> Any:
    torch.manual_seed(seed)
    return timm.create_model(name, pretrained=False, **options).eval()


def torchvisions_names(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A VGG of timm's as torchvision would save it."""
    layers = {"pre_logits.fc1": "classifier.0", "pre_logits.fc2": "classifier.3", "head.fc": "classifier.6"}
    found = {}
    for key, value in state.items():
        layer, _, kind = key.rpartition(".")
        found[f"{layers.get(layer, layer)}.{kind}"] = value.flatten(1) if layer in layers and value.ndim == 4 else value
    return found


def test_prefixes_of_wrappers_are_removed_in_any_order() -> None:
    one = torch.zeros(1)
    names = {"module.model.conv1.weight": one, "backbone.layer1.0.weight": one, "model.backbone.fc.bias": one, "head.fc.weight": one}
    assert list(plain_names(names)) == ["conv1.weight", "layer1.0.weight", "fc.bias", "head.fc.weight"]
    assert list(plain_names({"modules.x": one, "model": one})) == ["modules.x", "model"]


@pytest.mark.parametrize("within", ["state_dict", "model", "model_state_dict", "model_ema"])
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "backbone.", "module.backbone."])
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin"])
def test_tensors_are_found_within_a_checkpoint(tmp_path: Path, within: str, prefix: str, suffix: str) -> None:
    content = {within: {f"{prefix}conv1.weight": torch.ones(2)}, "epoch": 3, "optimizer": {"lr": torch.ones(1)}}
    path = tmp_path / f"weights{suffix}"
    torch.save(content, path)
    read = read_weights(path, "resnet18")
    assert list(read.tensors) == ["conv1.weight"]
    assert (read.architecture, read.mean, read.std) == ("resnet18", None, None)


def test_averaged_tensors_go_before_the_last_ones(tmp_path: Path) -> None:
    torch.save({"state_dict": {"w": torch.zeros(1)}, "state_dict_ema": {"w": torch.ones(1)}}, tmp_path / "w.pth")
    assert read_weights(tmp_path / "w.pth", "resnet18").tensors["w"].item() == 1


def test_prefixes_in_safetensors_are_removed_too(tmp_path: Path) -> None:
    save_file({"model.conv1.weight": torch.ones(2)}, tmp_path / "w.SAFETENSORS")
    assert list(read_weights(tmp_path / "w.SAFETENSORS", "resnet18").tensors) == ["conv1.weight"]


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [torch.ones(1)], {"state_dict": {}}])
def test_a_file_without_tensors_is_a_clear_error(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(ModelError, match="holds no tensors"):
        read_weights(tmp_path / "w.pth", "resnet18")


def test_a_wrapped_checkpoint_gives_the_networks_own_tensors(tmp_path: Path, own_cache: Path) -> None:
    model = network("resnet10t", 1, num_classes=7)
    torch.save({"state_dict": {f"module.model.{key}": value for key, value in model.state_dict().items()}}, tmp_path / "w.pth")
    (found,) = find_backbones("resnet10t", weights=tmp_path / "w.pth")
    state = found.state()
    assert set(state) == {key for key in model.state_dict() if not key.startswith("fc.")}
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in state.items())


def test_torchvisions_vgg_is_understood() -> None:
    small = {"mlp_ratio": 1 / 64}
    model, other = network("vgg11", 1, **small), network("vgg11", 2, **small)
    state = torchvisions_names(model.state_dict())
    state["classifier.3.weight"] = state["classifier.3.weight"].reshape(4096, -1)
    assert model.state_dict()["pre_logits.fc1.weight"].shape == (64, 512, 7, 7)
    with pytest.raises(ModelError, match="4 are missing") as caught:  # timm's renaming knows the full width only
        fit_weights(other, WeightsFile(Path("w"), "vgg11", state))
    assert "first: pre_logits.fc1.weight" in str(caught.value)


def test_torchvisions_densenet_is_understood() -> None:
    model, other = network("densenet121", 1), network("densenet121", 2)
    state = {
        key.replace("norm1", "norm.1").replace("conv1", "conv.1").replace("norm2", "norm.2").replace("conv2", "conv.2"): value
        for key, value in model.state_dict().items()
    }
    assert set(state) != set(model.state_dict())
    fit_weights(other, WeightsFile(Path("w"), "densenet121", state))
    wanted, got = model.state_dict(), other.state_dict()
    assert all(torch.equal(wanted[key], got[key]) for key in wanted if not key.startswith("classifier"))


def test_counters_of_batches_may_be_lacking() -> None:
    model, other = network("resnet10t", 1), network("resnet10t", 2)
    state = {key: value for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")}
    fit_weights(other, WeightsFile(Path("w"), "resnet10t", state))
    assert torch.equal(other.conv1[0].weight, model.conv1[0].weight)


def test_the_classifier_keeps_what_it_has() -> None:
    model, other = network("resnet10t", 1), network("resnet10t", 2)
    before = other.fc.weight.clone()
    fit_weights(other, WeightsFile(Path("w"), "resnet10t", model.state_dict()))
    assert torch.equal(other.fc.weight, before)


@pytest.mark.parametrize("name", ["vgg16", "vgg16.tv_in1k"])
def test_vgg_gives_the_features_of_its_dense_layers(name: str, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, **options: create(name, mlp_ratio=1 / 64, **options))
    model = network(name, 1)
    torch.save(model.state_dict(), tmp_path / "w.pth")
    (found,) = find_backbones(name, weights=tmp_path / "w.pth", image_size=64)
    assert (found.card.num_features, found.card.architecture) == (4096, name)
    bare = bare_network(found.card)
    bare.load_state_dict(found.state(), strict=True)
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        wanted = model.forward_head(model.forward_features(images), pre_logits=True)
        assert torch.allclose(bare(images), wanted, rtol=1e-5, atol=1e-6)


def test_an_unknown_name_is_told_before_the_file_is_read(tmp_path: Path, own_cache: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="no backbone 'resnet81'"):
        find_backbones("resnet81", weights=tmp_path / "w.pth")


def shapes(model: Any) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}


GUESSED = (
    "resnet34 wide_resnet50_2 vgg16_bn densenet169 legacy_xception convnext_nano efficientnet_b3 xception41 mobilenetv3_large_100"
    " vit_small_patch16_224 swin_tiny_patch4_window7_224"
)


@pytest.mark.parametrize("name", GUESSED.split())
def test_the_network_of_a_file_is_guessed(name: str) -> None:
    with torch.device("meta"):
        found = shapes(timm.create_model(name, num_classes=3))
    assert likeliest_network(found) == name


def test_a_file_like_no_network_is_not_guessed_at() -> None:
    assert likeliest_network({"layer1.0.strange": (3,), "features.0.weight": (3, 3)}) is None
    assert likeliest_network({}) is None


def test_every_candidate_is_a_network_of_timms_and_no_family_is_large() -> None:
    names = [name for names in FAMILIES.values() for name in names.split()]
    assert [name for name in names if not timm.is_model(name)] == []
    assert len(set(names)) == len(names)
    assert max(len(family.split()) for family in FAMILIES.values()) <= 40


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_built_by_name_and_gives_features(name: str) -> None:
    model = build_network(name) if name == "keras_xception" else build_variant(name).eval()
    model.reset_classifier(0)
    with torch.inference_mode():
        assert model(torch.zeros(1, 3, 75, 75)).shape == (1, 2048 if name == "keras_xception" else 512)


def endless() -> dict[str, Any]:
    content: dict[str, Any] = {}
    content["state_dict"] = content
    return content


HOSTILE = {
    "in itself": endless,
    "sparse": lambda: {"w": torch.ones(4).to_sparse()},
    "without memory": lambda: {"w": torch.empty(1 << 40, device="meta")},
    "a number": lambda: 3,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_plain_tensor_is_a_clear_error(tmp_path: Path, kind: str) -> None:
    torch.save(HOSTILE[kind](), tmp_path / "w.pth")
    with pytest.raises(ModelError, match="cannot be read as weights"):
        read_weights(tmp_path / "w.pth", "resnet18")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_weights_that_are_no_numbers_are_a_clear_error(tmp_path: Path, own_cache: Path, value: float, suffix: str) -> None:
    model = network("resnet10t", 1, num_classes=0)
    state = {key: tensor.contiguous() for key, tensor in model.state_dict().items()}
    state["layer1.0.conv1.weight"][0, 0, 0, 0] = value
    path = tmp_path / f"w.{suffix}"
    save_file(state, path) if suffix == "safetensors" else torch.save(state, path)
    with pytest.raises(ModelError, match=r"layer1\.0\.conv1\.weight contains values that are not numbers"):
        find_backbones("resnet10t", weights=path)


def test_a_tensor_that_claims_a_huge_shape_takes_no_memory(tmp_path: Path, own_cache: Path) -> None:
    torch.save({"conv1.0.weight": torch.ones(1).expand(1 << 30, 1 << 10)}, tmp_path / "w.pth")
    with pytest.raises(ModelError, match="does not fit"):
        find_backbones("resnet10t", weights=tmp_path / "w.pth")


def test_a_file_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w/data/0", bytes(100_000_000))
    with pytest.raises(ModelError, match="unpacks to 100,000,000 bytes"):
        read_weights(path, "resnet18")


@pytest.mark.parametrize("suffix", ["pth", "safetensors", "h5"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"w.{suffix}")
    with pytest.raises(ModelError, match="not a regular file"):
        read_weights(tmp_path / f"w.{suffix}", "vgg16")
