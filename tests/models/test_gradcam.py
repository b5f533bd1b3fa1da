from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam, Occlusion
from torch import nn

from tellapart.array_types import ByteArray
from tellapart.cropping.geometry import activation_box
from tellapart.errors import ModelError
from tellapart.images import resize
from tellapart.models.backbone_card import Backbone, BackboneCard
from tellapart.models.feature_network import FeatureNetwork
from tellapart.models.gradcam import SIDE, ActivationNetwork, MemberNetwork, MemberScore, grad_cam, log_odds, occlusion
from tellapart.models.heads import LinearHead
from tellapart.models.imagenet_classes import imagenet_classes
from tellapart.models.saved_model import Member
from tellapart.models.scratch_networks import build_image_network
from tests import faces, sample_images

SIZE, CLASSES = 48, 3


def member(folder: Path, *nets: str, powers: tuple[float, ...] = (1.0, 0.5)) -> Member:
    """A member of untrained networks with random heads."""
    from safetensors.torch import save_file

    torch.manual_seed(3)
    rng = np.random.default_rng(3)
    backbones = []
    for place, net in enumerate(nets):
        network = build_image_network(net, CLASSES, SIZE)
        for parameter in network.backbone.parameters():
            parameter.data += 0.1 * torch.rand_like(parameter)
        path = folder / f"{place}.safetensors"
        save_file({key: value.contiguous() for key, value in network.backbone.state_dict().items()}, path)
        card = BackboneCard(net, net, f"{place}", SIZE, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), network.num_features)
        backbones.append(Backbone(card, path))
    width = sum(backbone.card.num_features for backbone in backbones)
    heads = tuple(
        LinearHead(
            power,
            rng.normal(size=width).astype(np.float32),
            rng.uniform(0.5, 2, width).astype(np.float32),
            rng.normal(size=(width, CLASSES)).astype(np.float32),
            rng.normal(size=CLASSES).astype(np.float32),
        )
        for power in powers
    )
    return Member(tuple(backbones), "crop", False, heads)


@pytest.fixture
def pixels() -> ByteArray:
    return np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


class Odds(nn.Module):
    def __init__(self, network: MemberNetwork, target: int) -> None:
        super().__init__()
        self.network, self.target = network, target

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return log_odds(self.network(x), self.target)


def tensor(pixels: ByteArray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def test_the_differentiable_network_says_what_the_fast_one_says(tmp_path: Path, pixels: ByteArray) -> None:
    one = member(tmp_path, "resnet", "tiny")
    slow = Odds(MemberNetwork(one), 1)(tensor(pixels))
    np.testing.assert_allclose(
        MemberScore(one, [FeatureNetwork(backbone, device="cpu") for backbone in one.backbones]).of(1)(pixels[None]),
        slow.detach().numpy(),
        atol=0.05,
        rtol=0.01,
    )


@pytest.mark.parametrize("layer", [None, "1.3.conv2"])
def test_grad_cam_is_captums(tmp_path: Path, pixels: ByteArray, layer: str | None) -> None:
    network = MemberNetwork(member(tmp_path, "resnet"))
    chosen = network.backbones[0].get_submodule(layer or network.spatial_layers(tensor(pixels))[0][-1])
    hottest = []
    for target in range(CLASSES):
        ours = grad_cam(network, pixels, target, layer=layer)
        theirs = LayerGradCam(Odds(network, target), chosen).attribute(tensor(pixels).requires_grad_(), relu_attributions=False)
        places = theirs.shape[2] * theirs.shape[3]
        enlarged = nn.functional.interpolate(theirs * places, (SIZE, SIZE), mode="bilinear").relu()[0, 0].detach().numpy()
        np.testing.assert_allclose(ours, enlarged, atol=1e-3 * max(ours.max(), 1e-6))
        hottest.append(ours.max())
    assert max(hottest) > 0


def test_maps_of_joined_backbones_are_added(tmp_path: Path, pixels: ByteArray) -> None:
    network = MemberNetwork(member(tmp_path, "resnet", "tiny"))
    heat = grad_cam(network, pixels, 0)
    assert heat.shape == (SIZE, SIZE)
    assert np.isfinite(heat).all()
    assert [bool(names) for names in network.spatial_layers(tensor(pixels))] == [True, True]


def test_occlusion_is_captums(tmp_path: Path, pixels: ByteArray) -> None:
    network = MemberNetwork(member(tmp_path, "tiny"))
    odds = Odds(network, 1)

    def score(several: ByteArray) -> np.ndarray:
        with torch.inference_mode():
            return odds(torch.from_numpy(several.copy()).permute(0, 3, 1, 2).float() / 255).numpy()

    ours = occlusion(score, pixels, side=16, step=8)
    theirs = Occlusion(odds).attribute(tensor(pixels), sliding_window_shapes=(3, 16, 16), strides=(3, 8, 8), baselines=128 / 255)
    np.testing.assert_allclose(ours, theirs[0, 0].numpy(), atol=2e-4 * np.abs(ours).max())


def test_occlusion_covers_every_pixel_whatever_the_step(pixels: ByteArray) -> None:
    bright = np.zeros((50, 50, 3), np.uint8)
    bright[40:48, 5:13] = 255
    heat = occlusion(lambda several: several.reshape(len(several), -1).max(axis=1).astype(np.float32), bright, side=20, step=15)
    assert heat.shape == (50, 50)
    assert (heat >= 0).all()
    assert heat[44, 9] == heat.max() > 0
    assert heat[5, 45] == 0


def test_a_layer_that_is_not_there_is_said_with_the_closest(tmp_path: Path, pixels: ByteArray) -> None:
    with pytest.raises(ModelError, match=r"no layer '1\.3\.conv' with maps") as error:
        grad_cam(MemberNetwork(member(tmp_path, "resnet")), pixels, 0, layer="1.3.conv")
    assert "1.3.conv" in str(error.value.hint)


@pytest.fixture(scope="module")
def network(cache: Path) -> ActivationNetwork:
    return ActivationNetwork(device="cpu")


def test_a_cat_is_found_where_it_sits(network: ActivationNetwork) -> None:
    cat = resize(faces.shipped("chelsea.png"), 200, "crop")
    scene = np.full((400, 800, 3), 200, np.uint8)
    scene[180:380, 550:750] = cat
    maps, sure = network.maps(resize(scene, SIDE, "squash")[None], imagenet_classes("cats"))
    assert maps.shape == (1, 10, 10)
    assert sure[0] > 0.15
    box = activation_box(maps[0], 800, 400)
    assert box is not None
    center = (box[:2] + box[2:]) / 2
    assert abs(center[0] - 650) < 110
    assert abs(center[1] - 280) < 80


def test_a_thing_that_is_not_there_is_improbable(network: ActivationNetwork) -> None:
    pixels = resize(sample_images.photo_pixels(1, 300, 200), SIDE, "squash")[None]
    _, sure = network.maps(pixels, imagenet_classes("cats"))
    assert sure[0] < 0.05
    _, sure = network.maps(pixels)
    assert sure[0] == 1
