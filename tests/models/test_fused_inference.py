from __future__ import annotations

from collections.abc import Iterator

import pytest
import timm
import torch
from torch import nn

from tellapart.models.fused_inference import FusedConv, RotatedInput, fast_network, fused_network
from tellapart.models.timm_networks import build_variant


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As in the workers of an extraction; and quicker beside other work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(name: str, **options: float) -> nn.Module:
    """A network with random weights whose batch norms do something, and sizes that stay ordinary."""
    torch.manual_seed(0)
    narrow = {"mlp_ratio": 1 / 64} if name.startswith("vgg") else {}  # instead of 4,096 x 25,088 random numbers
    model = timm.create_model(name, pretrained=False, num_classes=0, **narrow, **options).eval().requires_grad_(False)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.uniform_(0.7, 1.3)
            module.bias.normal_(0, 0.1)
    return model


FUSED = ["tf_efficientnet_lite0", "resnet18", "mobilenetv3_small_100"]


def assert_same(fast: nn.Module, plain: nn.Module, size: int) -> None:
    images = torch.randn(9, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = plain(images)
        for start, stop in ((0, 1), (0, 8), (3, 9), (0, 9), (8, 9)):
            got = fast(images[start:stop].contiguous(memory_format=torch.channels_last))
            assert (got - wanted[start:stop]).abs().max() <= 1e-3 * wanted.abs().max(), (start, stop)


@pytest.mark.parametrize("name", FUSED)
def test_the_fused_network_is_the_plain_one_at_any_batch_size(name: str) -> None:
    assert_same(fused_network(network(name)), network(name), 64)


@pytest.mark.parametrize("name", FUSED)
def test_the_fused_network_is_the_one_that_runs(name: str) -> None:
    assert sum(isinstance(module, FusedConv) for module in fast_network(network(name), 64).modules()) >= 8


@pytest.mark.parametrize(("name", "convolutions"), [("vgg16", 13), ("vgg11_bn", 8)])
@pytest.mark.parametrize("size", [32, 100])
def test_vgg_is_fused_and_right(name: str, convolutions: int, size: int) -> None:
    fast = fast_network(network(name), size)
    assert sum(isinstance(module, FusedConv) for module in fast.modules()) == convolutions
    assert_same(fast, network(name), size)


def test_a_pool_padded_like_tensorflows_does_not_hinder() -> None:
    model = build_variant("keras_xception").eval().requires_grad_(False)
    assert any(isinstance(module, FusedConv) for module in fast_network(model, 75).modules())


@pytest.mark.parametrize("name", FUSED)
def test_something_was_fused(name: str) -> None:
    fused = fused_network(network(name))
    assert sum(isinstance(module, FusedConv) for module in fused.modules()) >= 8
    assert isinstance(fused, RotatedInput) == (name == "tf_efficientnet_lite0")


def test_sizes_the_stride_does_not_divide_are_right_too() -> None:
    plain = network("tf_efficientnet_lite0")
    for size in (65, 75, 130):
        images = torch.randn(2, 3, size, size)
        with torch.inference_mode():
            wanted = plain(images)
            got = fused_network(network("tf_efficientnet_lite0"))(images.contiguous(memory_format=torch.channels_last))
        assert (got - wanted).abs().max() <= 1e-3 * wanted.abs().max(), size


def test_a_network_that_cannot_be_fused_runs_as_it_is() -> None:
    plain = network("vit_tiny_patch16_224")
    images = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        wanted = plain(images)
        got = fast_network(plain, 224)(images)
    assert torch.allclose(got, wanted, atol=1e-4)


def test_a_wrong_rewriting_is_noticed_and_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = network("resnet18")

    class Wrong(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 1.01 * plain(x)

    monkeypatch.setattr("tellapart.models.fused_inference.fused_network", lambda _: Wrong())
    assert fast_network(plain, 64) is plain
