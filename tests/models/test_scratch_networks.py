from __future__ import annotations

from collections.abc import Iterator

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional

from tellapart.errors import ModelError
from tellapart.models.scratch_networks import NETS, ImageNetwork, ResidualBlock, build_image_network

SIZES = (32, 50, 100, 128)
SMALL_TIMM = ("resnet10t", "vit_tiny_patch16_224", "tf_efficientnet_lite0")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small networks are quicker so, beside other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def built(net: str, size: int, seed: int = 0, **options: float) -> ImageNetwork:
    torch.manual_seed(seed)
    return build_image_network(net, 5, size, **options)


@pytest.mark.parametrize("net", [*NETS, *SMALL_TIMM])
@pytest.mark.parametrize("size", SIZES)
def test_images_become_features_and_features_logits(net: str, size: int) -> None:
    network = built(net, size).eval()
    images = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        features = network.backbone(images)
        assert features.shape == (2, network.num_features)
        assert torch.equal(network.head(features), network(images))
    assert isinstance(network.head, nn.Linear)
    assert network(images).shape == (2, 5)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("size", [24, 33, 57, 160, 400])
def test_our_networks_take_every_size(net: str, size: int) -> None:
    assert built(net, size)(torch.zeros(2, 3, size, size)).shape == (2, 5)


@pytest.mark.parametrize("size", [50, 100])
def test_vgg_takes_small_images(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, **options: create(name, mlp_ratio=1 / 64, **options))
    for net in ("vgg16", "vgg16_bn", "vgg19"):
        assert built(net, size).num_features == 4096


@pytest.mark.parametrize("net", [*NETS, *SMALL_TIMM])
def test_a_step_reaches_every_parameter(net: str) -> None:
    network = built(net, 50, dropout=0.0)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    images, targets = torch.randn(6, 3, 50, 50), torch.arange(6) % 5
    for _ in range(2):  # the branches of a residual network open with the first step
        optimizer.zero_grad()
        functional.cross_entropy(network(images), targets).backward()
        optimizer.step()
    lost = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all() or not p.grad.any()]
    assert lost == []


@pytest.mark.parametrize("net", [*NETS, "resnet10t"])
def test_the_seed_makes_the_network(net: str) -> None:
    first, again, other = (built(net, 50, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize("size", SIZES)
def test_maps_keep_their_size_at_the_start(size: int) -> None:
    """As many features as differ at the start, neither vanishing nor growing: that is what He's weights are for."""
    for net in NETS:
        features = built(net, size, dropout=0.0)(torch.randn(8, 3, size, size)).detach()
        assert 1e-3 < features.std() < 10, net


def test_resnet_is_small_and_begins_with_its_shortcuts() -> None:
    network = built("resnet", 100)
    blocks = [module for module in network.modules() if isinstance(module, ResidualBlock)]
    assert len(blocks) == 8
    assert not any(block.bn2.weight.any() for block in blocks)
    assert 1e6 < sum(p.numel() for p in network.parameters()) < 3e6
    assert all(p.shape[0] % 32 == 0 for p in network.backbone.parameters())


def test_resnet_works_on_much_the_same_map_at_any_size() -> None:
    for size in (50, 100, 160, 224):
        stem = built("resnet", size).eval().backbone.get_submodule("0")
        assert 28 <= stem(torch.zeros(1, 3, size, size)).shape[-1] <= 56, size


def test_dropout_is_what_was_asked_for() -> None:
    def rates(net: str, **options: float) -> set[float]:
        return {module.p for module in built(net, 50, **options).modules() if isinstance(module, nn.Dropout)}

    assert rates("tiny") == {0.5}
    assert rates("classic") == {0.25, 0.5}
    assert rates("resnet") == {0.1}
    assert rates("resnet", dropout=0.3) == {0.3}
    assert built("resnet10t", 50, dropout=0.3).backbone.drop_rate == 0.3


def test_networks_are_built_in_training_mode() -> None:
    assert all(built(net, 50).backbone.training for net in (*NETS, "resnet10t"))


@pytest.mark.parametrize(("net", "hint"), [("resnt", "resnet"), ("clasic", "classic"), ("vgg61", "vgg"), ("resnet50.a9_in1k", "resnet50.")])
def test_an_unknown_network_names_the_closest(net: str, hint: str) -> None:
    with pytest.raises(ModelError, match=f"there is no backbone '{net}'") as caught:
        build_image_network(net, 2, 64)
    assert hint in str(caught.value.hint)


def test_a_name_like_no_other_is_told_what_there_is() -> None:
    with pytest.raises(ModelError) as caught:
        build_image_network("qqqqqqqqqq", 2, 64)
    assert "resnet, classic, tiny" in str(caught.value.hint)


@pytest.mark.parametrize(("net", "size"), [("vgg11", 24), ("convnext_atto", 24)])
def test_a_size_a_network_cannot_take_is_a_clear_error(net: str, size: int) -> None:
    with pytest.raises(ModelError, match=f"{net} cannot take images of {size} x {size} pixels") as caught:
        build_image_network(net, 2, size)
    assert "--image-size" in str(caught.value.hint)
