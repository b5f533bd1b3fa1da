from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import numpy as np
import pytest
import timm
import torch
from torch import nn
from torch.nn import functional

from tellapart.errors import ModelError
from tellapart.models import finetunable
from tellapart.models.backbones import find_backbones
from tellapart.models.finetunable import FinetunableNetwork, finetunable_network
from tellapart.models.folded_conv import TunedConv
from tellapart.models.timm_networks import build_network
from tests.folders import KINDS, class_image
from tests.models.test_fused_inference import network


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


REWRITTEN = ["tf_efficientnet_lite0", "resnet18", "mobilenetv3_small_100", "efficientnet_b0"]
SIZE = 64


def tuned(name: str, precision: str = "float32") -> FinetunableNetwork:
    return finetunable_network(network(name), SIZE, precision=precision)


def noise(count: int = 5, size: int = SIZE) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def assert_near(got: torch.Tensor, wanted: torch.Tensor, part: float = 1e-3) -> None:
    assert (got.float() - wanted.float()).abs().max() <= part * wanted.abs().max()


def assert_along(got: torch.Tensor, wanted: torch.Tensor, part: float = 2e-2) -> None:
    """For gradients: a rounding error at the corner of a rectifier changes single entries."""
    assert (got - wanted).norm() <= part * wanted.norm()


def lite0() -> nn.Module:
    from safetensors.torch import load_file

    backbone = find_backbones("lite0")[0]
    model = build_network(backbone.card.architecture)
    model.reset_classifier(0)
    model.load_state_dict(load_file(backbone.tensors))
    return model  # type: ignore[no-any-return]


def toy() -> tuple[torch.Tensor, torch.Tensor]:
    """Eight images of each of three classes, and their classes."""
    pixels = np.stack([np.asarray(class_image(kind, seed).resize((96, 96))) for kind in KINDS for seed in range(8)])
    x = (torch.from_numpy(pixels).float().permute(0, 3, 1, 2) - 127.5) / 127.5
    return x.contiguous(memory_format=torch.channels_last), torch.arange(3).repeat_interleave(8)


def train(body: nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int, width: int, rate: float = 1e-3) -> list[float]:
    """Loss before each step and after the last."""
    torch.manual_seed(0)
    model = nn.Sequential(body, nn.Linear(width, 3)).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate)
    losses = []
    for step in range(steps + 1):
        loss = functional.cross_entropy(model(x), y)
        losses.append(loss.detach().item())
        if step < steps:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return losses


@pytest.mark.parametrize("name", [*REWRITTEN, "vgg11", "vgg11_bn", "convnext_atto"])
def test_features_are_the_plain_network_s(name: str) -> None:
    fast = tuned(name)
    assert fast.is_rewritten
    assert_near(fast(noise()), network(name)(noise()))
    assert_near(fast.train()(noise()), network(name)(noise()))


def test_batch_norms_are_gone() -> None:
    for name in ("tf_efficientnet_lite0", "resnet18", "mobilenetv3_small_100"):
        assert not any(isinstance(module, nn.BatchNorm2d) for module in tuned(name).modules()), name


def test_a_network_that_cannot_be_rewritten_is_trained_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetunable, "_rewrite", lambda plain, size: None)
    plain, fast = network("resnet18"), tuned("resnet18").train()
    assert not fast.is_rewritten
    assert not any(module.training for module in fast.body.modules())
    assert torch.equal(fast(noise()), plain.to(memory_format=torch.channels_last)(noise()))
    fast(noise()).sum().backward()
    assert all(p.grad is not None for _, parameters in fast.stages() for p in parameters)
    assert [name for name, _ in fast.stages()] == ["conv1", "layer1.0", "layer2.0", "layer3.0", "layer4.0"]
    assert fast.exported().keys() == plain.state_dict().keys()
    below, above = fast.split_at(3)
    assert above is fast and isinstance(below, nn.Identity)


@pytest.mark.parametrize("fault", ["value", "slope"])
def test_a_wrong_rewriting_is_noticed_and_not_used(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    class Wrong(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = network("resnet18")(x)
            return 1.01 * y if fault == "value" else y + 0.1 * (y - y.detach())

    monkeypatch.setattr(finetunable, "fused_network", lambda *_: Wrong())
    assert not tuned("resnet18").is_rewritten


@pytest.mark.parametrize("name", REWRITTEN)
@pytest.mark.parametrize("precision", finetunable.PRECISIONS)
def test_what_was_trained_goes_back_under_timm_s_names(name: str, precision: str) -> None:
    fast = tuned(name, precision)
    before = fast(noise()).detach()
    optimizer = torch.optim.Adam(fast.parameters(), lr=1e-3)
    for _ in range(3):
        optimizer.zero_grad()
        fast(noise()).square().mean().backward()
        optimizer.step()
    fast.precision = "float32"
    after = fast(noise()).detach()
    assert (after - before).abs().max() > 0.01 * before.abs().max()
    plain = timm.create_model(name, pretrained=False, num_classes=0).eval()
    plain.load_state_dict(fast.exported(), strict=True)
    assert_near(plain(noise()).detach(), after)


@pytest.mark.parametrize("name", REWRITTEN)
def test_gradients_are_those_of_frozen_batch_norm_by_the_chain_rule(name: str) -> None:
    fast, plain = tuned(name), network(name).requires_grad_(True)
    fast(noise()).square().mean().backward()
    plain(noise()).square().mean().backward()
    modules = dict(plain.named_modules())
    convs = [module for module in fast.modules() if isinstance(module, TunedConv)]
    for conv in convs:
        base, norm = modules[conv.names[0]], modules[conv.names[1]] if conv.names[1] else None
        gradient = conv.weight.grad.flip(2, 3) if conv.is_turned else conv.weight.grad
        if norm is None:
            assert_along(gradient, base.weight.grad)
            continue
        factor = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
        assert_along(gradient * factor[:, None, None, None], base.weight.grad)
        assert_along(conv.bias.grad, norm.bias.grad)
        by_scale = (gradient * base.weight.detach()).sum((1, 2, 3)) - norm.running_mean * conv.bias.grad
        wanted = norm.weight.grad * torch.sqrt(norm.running_var + norm.eps)
        assert (by_scale - wanted).norm() <= 2e-2 * (wanted.norm() + conv.bias.grad.norm())
    assert len(convs) >= 20


def test_mixed_gradients_point_where_exact_ones_do() -> None:
    images, classes = toy()
    directions, head = [], nn.Linear(1280, 3)
    for precision in finetunable.PRECISIONS:
        body = finetunable_network(lite0(), 96, precision=precision)
        functional.cross_entropy(head(body(images)), classes).backward()
        directions.append(torch.cat([p.grad.flatten() for _, ps in body.stages() for p in ps]))
        assert all(p.grad.dtype is torch.float32 for _, ps in body.stages() for p in ps)
    assert functional.cosine_similarity(directions[0], directions[1], dim=0) > 0.9


def test_stages_go_from_the_image_to_the_features_and_leave_nothing_out() -> None:
    fast = tuned("tf_efficientnet_lite0")
    assert [name for name, _ in fast.stages()] == ["conv_stem", *(f"blocks.{number}" for number in range(7))]
    ours = [id(p) for _, parameters in fast.stages() for p in parameters]
    assert len(ours) == len(set(ours)) and set(ours) == {id(p) for p in fast.parameters()}
    assert all(p.requires_grad for p in fast.parameters())


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet18"])
@pytest.mark.parametrize("precision", finetunable.PRECISIONS)
def test_frozen_stages_get_no_gradient_and_do_not_change(name: str, precision: str) -> None:
    fast = tuned(name, precision)
    frozen = [p for _, parameters in fast.stages()[:-2] for p in parameters]
    for p in frozen:
        p.requires_grad_(False)
    copies = [p.clone() for p in frozen]
    train(fast, noise(3), torch.arange(3), 2, fast(noise(1)).shape[1])
    assert all(p.grad is None for p in frozen)
    assert all(torch.equal(p, copy) for p, copy in zip(frozen, copies, strict=True))
    assert all(p.grad is not None for _, parameters in fast.stages()[-2:] for p in parameters)


@pytest.mark.parametrize("name", REWRITTEN)
@pytest.mark.parametrize("precision", finetunable.PRECISIONS)
def test_a_split_network_is_the_whole_one(name: str, precision: str) -> None:
    fast = tuned(name, precision)
    wanted = fast(noise()).detach()
    for index in range(1, len(fast.stages())):
        below, above = fast.split_at(index)
        kept = below(noise())
        assert not kept.requires_grad and kept.shape[0] == 5 and kept.ndim == 4
        assert_near(above(kept).detach(), wanted)
        shared = {id(p) for p in fast.parameters()}
        assert {id(p) for p in above.parameters()} == {id(p) for _, ps in fast.stages()[index:] for p in ps} <= shared
        assert {id(p) for p in below.parameters()} == {id(p) for _, ps in fast.stages()[:index] for p in ps} <= shared


def test_the_lowest_split_keeps_the_images() -> None:
    fast = tuned("resnet18")
    below, above = fast.split_at(0)
    assert below(noise()).equal(noise()) and above is fast


@pytest.mark.parametrize("index", [-1, 5])
def test_there_is_no_split_outside_the_stages(index: int) -> None:
    with pytest.raises(ModelError, match="no stage"):
        tuned("resnet18").split_at(index)


def test_training_the_upper_part_trains_the_network() -> None:
    images, classes = toy()
    body = finetunable_network(lite0(), 96, precision="float32")
    below, above = body.split_at(6)
    kept = below(images)
    before = body(images).detach()
    losses = train(above, kept, classes, 4, 1280)
    assert losses[-1] < losses[0]
    assert not torch.allclose(body(images), before, rtol=1e-2)
    assert_near(body(images).detach(), above(kept).detach())


def test_fine_tuning_learns_in_either_precision_as_the_plain_network_does(monkeypatch: pytest.MonkeyPatch) -> None:
    images, classes = toy()
    exact, mixed = (
        train(finetunable_network(lite0(), 96, precision=p), images, classes, 8, 1280, rate=3e-4) for p in finetunable.PRECISIONS
    )
    monkeypatch.setattr(finetunable, "_rewrite", lambda plain, size: None)
    plain = train(finetunable_network(lite0(), 96, precision="float32"), images, classes, 8, 1280, rate=3e-4)
    assert abs(exact[0] - plain[0]) < 1e-4 and abs(mixed[0] - plain[0]) < 0.02
    for losses in (exact, mixed, plain):
        assert losses[-1] < 0.1 * losses[0]


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ModelError, match="half"):
        tuned("resnet18", "half")


def test_a_copy_is_a_network_of_its_own_and_a_saved_state_comes_back() -> None:
    fast = tuned("tf_efficientnet_lite0")
    twin = deepcopy(fast)
    with torch.no_grad():
        next(twin.parameters()).zero_()
    assert not torch.allclose(twin(noise()), fast(noise()))
    twin.load_state_dict(fast.state_dict())
    assert torch.equal(twin(noise()), fast(noise()))


def test_without_onednn_it_is_the_same_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU or on a Mac."""
    for name in ("tf_efficientnet_lite0", "efficientnet_b0"):
        fast = tuned(name)
        wanted = fast(noise())
        wanted.square().mean().backward()
        slopes = [p.grad.clone() for p in fast.parameters()]
        fast.zero_grad()
        with monkeypatch.context() as patch:
            patch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
            assert_near(fast(noise()).detach(), wanted.detach())
            fast(noise()).square().mean().backward()
        for p, slope in zip(fast.parameters(), slopes, strict=True):
            assert_along(p.grad, slope)
