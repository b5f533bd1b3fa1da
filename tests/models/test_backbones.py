from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from tellapart.atomic_files import read_sealed, write_sealed
from tellapart.errors import ModelError
from tellapart.models import backbones
from tellapart.models.backbone_card import Backbone, BackboneCard
from tellapart.models.backbones import find_backbones
from tellapart.models.feature_network import FeatureNetwork


@pytest.fixture(scope="module")
def resnet() -> torch.nn.Module:
    torch.manual_seed(0)
    return timm.create_model("resnet18", pretrained=False).eval()


def weights_file(folder: Path, model: torch.nn.Module, suffix: str, **changes: torch.Tensor) -> Path:
    state = {key: value.contiguous() for key, value in model.state_dict().items()} | changes
    path = folder / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


def features(backbone: Backbone, pixels: np.ndarray) -> np.ndarray:
    return FeatureNetwork(backbone, device="cpu").features(pixels, mirror=False)


def pixels(n: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_weights_file_gives_the_features_of_its_network(tmp_path: Path, own_cache: Path, resnet: torch.nn.Module, suffix: str) -> None:
    (found,) = find_backbones("resnet18", weights=weights_file(tmp_path, resnet, suffix), image_size=64)
    assert (found.card.num_features, found.card.image_size, found.card.architecture) == (512, 64, "resnet18")
    batch = pixels(3, 64)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (found.card.mean, found.card.std))
    with torch.inference_mode():
        x = (torch.from_numpy(batch).permute(0, 3, 1, 2) / 255 - mean) / std
        wanted = resnet.forward_head(resnet.forward_features(x), pre_logits=True).numpy()
    got = features(found, batch)
    assert got.dtype == np.float32
    assert np.abs(got - wanted).max() < 0.03 * np.abs(wanted).max()


def test_a_head_of_ones_own_classes_does_not_matter(tmp_path: Path, own_cache: Path, resnet: torch.nn.Module) -> None:
    path = weights_file(tmp_path, resnet, ".pth", **{"fc.weight": torch.zeros(7, 512), "fc.bias": torch.zeros(7)})
    (found,) = find_backbones("resnet18", weights=path)
    assert found.card.num_features == 512


def test_other_weights_never_share_the_cached_features(tmp_path: Path, own_cache: Path, resnet: torch.nn.Module) -> None:
    first = find_backbones("resnet18", weights=weights_file(tmp_path, resnet, ".pth"))[0]
    second = find_backbones("resnet18", weights=weights_file(tmp_path, resnet, ".pth", **{"conv1.weight": torch.ones(64, 3, 7, 7)}))[0]
    assert first.card.weights_sha256 != second.card.weights_sha256
    assert first.tensors != second.tensors


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "cannot be read as weights"), (b"not weights at all" * 99, "cannot be read as weights"), (None, "no weights file")],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_that_is_no_weights_is_a_clear_error(tmp_path: Path, own_cache: Path, content: bytes | None, said: str, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=said) as caught:
        find_backbones("resnet18", weights=path)
    assert str(path) in str(caught.value)


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path, own_cache: Path) -> None:
    torch.save({"conv1.weight": Path("/")}, tmp_path / "evil.pth")
    with pytest.raises(ModelError, match="cannot be read as weights") as caught:
        find_backbones("resnet18", weights=tmp_path / "evil.pth")
    assert "plain tensors" in str(caught.value.hint)


def test_weights_of_another_network_are_counted(tmp_path: Path, own_cache: Path, resnet: torch.nn.Module) -> None:
    path = weights_file(tmp_path, resnet, ".safetensors")
    said = r"of its 180 tensors 100 fit, 80 are missing and 0 have another shape \(first: layer1.2.conv1.weight, .*, .*\)"
    with pytest.raises(ModelError, match=said) as caught:
        find_backbones("resnet34", weights=path)
    assert caught.value.hint == "the file looks like resnet18: give --backbone resnet18"
    with pytest.raises(ModelError, match="are missing"):
        find_backbones("mobilenetv3_small_100", weights=path)


def test_weights_of_another_shape_are_refused(tmp_path: Path, own_cache: Path, resnet: torch.nn.Module) -> None:
    path = weights_file(tmp_path, resnet, ".pth", **{"conv1.weight": torch.ones(64, 1, 7, 7)})
    said = r"of its 100 tensors 99 fit, 0 are missing and 1 have another shape \(first: conv1.weight\)"
    with pytest.raises(ModelError, match=said) as caught:
        find_backbones("resnet18", weights=path)
    assert "timm name" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("resnet81", "resnet"), ("lite9", "lite"), ("tf_efficientnet_lit0", "tf_efficientnet_lite0"), ("resnet18.zz", "resnet18.")],
)
def test_an_unknown_backbone_names_the_closest(own_cache: Path, name: str, hint: str) -> None:
    with pytest.raises(ModelError, match=f"there is no backbone '{name}'") as caught:
        find_backbones(name)
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("names", ["", "lite0+", "+", "lite0++lite1"])
def test_an_empty_name_is_refused(names: str) -> None:
    with pytest.raises(ModelError, match="does not name backbones"):
        find_backbones(names)


def test_one_weights_file_goes_with_one_backbone(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="goes with one backbone"):
        find_backbones("resnet18+resnet34", weights=tmp_path / "x.pth")


def test_weights_that_cannot_be_fetched_leave_a_way_out(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(name: str, *, pretrained: bool) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(ModelError, match="could not be fetched") as caught:
        find_backbones("resnet18")
    assert "--weights FILE" in str(caught.value.hint)


def test_packaged_tensors_must_fit_to_the_last_one(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = backbones.packaged_state
    monkeypatch.setattr(backbones, "packaged_state", lambda *arguments: dict(list(whole(*arguments).items())[1:]))
    with pytest.raises(RuntimeError, match="Missing key"):
        find_backbones("lite1")
    assert not list((own_cache / "backbones").glob("lite1*"))


def test_names_are_joined_and_counted_once(own_cache: Path) -> None:
    found = find_backbones("lite0 + lite0", image_size=96)
    assert [b.card.name for b in found] == ["lite0"]
    assert found[0].card.image_size == 96


def test_the_converted_backbone_is_read_back_without_torch(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = find_backbones("lite0")
    monkeypatch.setattr(backbones, "_convert", lambda *_: pytest.fail("converted again"))
    assert find_backbones("lite0") == first


@pytest.mark.parametrize("damage", ["cut", "absent", "card cut", "card of an older form", "card empty"])
def test_a_damaged_conversion_is_made_anew(own_cache: Path, damage: str) -> None:
    (first,) = find_backbones("lite0")
    card = first.tensors.with_suffix(".json")
    whole = first.tensors.read_bytes()
    if damage == "cut":
        first.tensors.write_bytes(whole[:-1000])
    elif damage == "absent":
        first.tensors.unlink()
    elif damage == "card cut":
        card.write_text(card.read_text()[:50])
    elif damage == "card empty":
        card.write_text("{}")
    else:
        write_sealed(card, {**read_sealed(card), "format": 0})
    assert find_backbones("lite0") == (first,)
    assert first.tensors.read_bytes() == whole


def test_tensors_damaged_within_are_a_clear_error(own_cache: Path) -> None:
    (found,) = find_backbones("lite0")
    data = bytearray(found.tensors.read_bytes())
    data[0:16] = b"\xff" * 16
    found.tensors.write_bytes(data)
    with pytest.raises(ModelError, match="tensors of lite0"):
        FeatureNetwork(found, device="cpu")


def test_a_card_survives_json() -> None:
    card = BackboneCard("a", "b", "c", 224, (0.5, 0.25, 0.1), (1.0, 1.0, 1.0), 10)
    assert BackboneCard.from_dict(json.loads(json.dumps(card.__dict__))) == card


def test_a_size_the_network_cannot_take_is_a_clear_error(tmp_path: Path, own_cache: Path) -> None:
    model = timm.create_model("vit_tiny_patch16_224", pretrained=False)
    (found,) = find_backbones("vit_tiny_patch16_224", weights=weights_file(tmp_path, model, ".safetensors"), image_size=64)
    with pytest.raises(ModelError, match="64"):
        FeatureNetwork(found, device="cpu")


def test_a_device_that_is_not_there_is_a_clear_error(own_cache: Path) -> None:
    (found,) = find_backbones("lite0")
    with pytest.raises(ModelError, match="no device 'tpu'") as caught:
        FeatureNetwork(found, device="tpu")
    assert "cpu" in str(caught.value.hint)


def test_mirroring_makes_a_image_and_its_mirror_image_the_same(own_cache: Path) -> None:
    (found,) = find_backbones("lite0", image_size=64)
    network = FeatureNetwork(found, device="cpu")
    batch = pixels(2, 64)
    here, there = (network.features(np.ascontiguousarray(p), mirror=True) for p in (batch, batch[:, :, ::-1]))
    plain = network.features(batch, mirror=False)
    assert np.abs(here - there).max() < 0.02 * np.abs(here).max()
    assert np.abs(here - plain).max() > 0.05 * np.abs(here).max()


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
@pytest.mark.parametrize("at", [-9, 20])
def test_a_kept_backbone_that_has_rotted_is_made_anew(own_cache: Path, suffix: str, at: int) -> None:
    (found,) = find_backbones("lite0")
    wanted, card = found.digest, found.card
    path = found.tensors.with_suffix(suffix)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    (again,) = find_backbones("lite0")
    assert (again.digest, again.card) == (wanted, card)
    assert find_backbones("lite0")[0].state().keys() == again.state().keys()


def test_tensors_that_change_between_digest_and_reading_are_refused(tmp_path: Path, resnet: torch.nn.Module) -> None:
    path = weights_file(tmp_path, resnet, ".safetensors")
    backbone = Backbone(BackboneCard("resnet18", "resnet18", "", 64, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 512), path)
    assert backbone.digest
    weights_file(tmp_path, resnet, ".safetensors", **{"conv1.weight": torch.ones(64, 3, 7, 7)})
    with pytest.raises(ModelError, match="have changed"):
        backbone.state()
