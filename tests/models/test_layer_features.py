from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tellapart.errors import ModelError
from tellapart.models.backbone_card import Backbone, BackboneCard
from tellapart.models.layer_features import LayerFeatures, layer_features
from tellapart.models.network_loading import network_of
from tellapart.models.timm_networks import build_network

SIZE = 64


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    """An untrained small network with maps, and its tensors on disk."""
    torch.manual_seed(0)
    model = build_network("resnet10t")
    model.reset_classifier(0)
    path = tmp_path_factory.mktemp("layers") / "tensors.safetensors"
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, path)
    return Backbone(BackboneCard("small", "resnet10t", "0", SIZE, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 512), path)


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8)


def test_a_layers_features_are_the_mean_of_its_maps(backbone: Backbone, pixels: np.ndarray) -> None:
    chosen = layer_features(backbone, "layer2")
    found = network_of(chosen, device="cpu").features(pixels, mirror=False)
    model = build_network("resnet10t")
    model.reset_classifier(0)
    model.load_state_dict(backbone.state())
    with torch.inference_mode():
        x = model.maxpool(model.act1(model.bn1(model.conv1((torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5))))
        expected = model.layer2(model.layer1(x)).mean(dim=(2, 3)).numpy()
    assert chosen.card.num_features == expected.shape[1] == found.shape[1]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_rest_of_the_network_is_not_run(backbone: Backbone, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    network = LayerFeatures(layer_features(backbone, "layer1"), device="cpu")

    def refuse(*args: object) -> None:
        raise AssertionError("layer4 was run")

    monkeypatch.setattr(network._network.network.layer4, "forward", refuse)
    assert network.features(pixels, mirror=True).shape == (4, network.card.num_features)


def test_several_threads_do_not_mix_their_images(backbone: Backbone) -> None:
    network = network_of(layer_features(backbone, "layer3"), device="cpu")
    images = np.random.default_rng(1).integers(0, 256, (8, 1, SIZE, SIZE, 3), dtype=np.uint8)
    alone = [network.features(one, mirror=False) for one in images]
    found: dict[int, list[np.ndarray]] = {}

    def work(number: int) -> None:
        found[number] = [network.features(images[number], mirror=False) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, expected in enumerate(alone):
        for one in found[number]:
            np.testing.assert_allclose(one, expected, atol=1e-4)


@pytest.mark.parametrize(("layer", "hint"), [("layer22", "layer2"), ("zzzzzz", "conv1")])
def test_a_layer_that_is_not_there_is_answered_with_the_closest(backbone: Backbone, layer: str, hint: str) -> None:
    with pytest.raises(ModelError, match=f"small has no layer '{layer}'") as error:
        layer_features(backbone, layer)
    assert hint in str(error.value.hint)


def test_no_layer_is_the_backbone_itself(backbone: Backbone) -> None:
    assert layer_features(backbone, None) is backbone
