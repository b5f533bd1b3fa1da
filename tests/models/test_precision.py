from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import nn

from tellapart.errors import ModelError, OptionError
from tellapart.models import precision
from tellapart.models.backbone_card import Backbone, BackboneCard
from tellapart.models.devices import used_device
from tellapart.models.feature_network import FeatureNetwork
from tellapart.models.precision import has_fast_bfloat16, training_precision, used_precision
from tellapart.models.timm_networks import build_network


def card(architecture: str, layer: str = "") -> BackboneCard:
    return BackboneCard(architecture, architecture, "", 64, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 512, layer)


@pytest.mark.parametrize(
    ("text", "is_fast"),
    [
        ("processor : 0\nflags\t\t: fpu avx512f avx512_bf16 amx_tile\n", True),
        ("flags : fpu amx_bf16\n", True),
        ("flags : fpu avx2 avx512f\nflags : amx_bf16\n", False),
        ("Features : fp asimd bf16\n", False),
        ("", False),
    ],
)
def test_the_cpu_decides_and_no_clock(tmp_path: Path, text: str, is_fast: bool) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert has_fast_bfloat16(tmp_path / "cpuinfo") is is_fast
    assert not has_fast_bfloat16(tmp_path / "nothing")


def test_what_a_device_computes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for is_fast, word in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(precision, "has_fast_bfloat16", lambda is_fast=is_fast: is_fast)
        assert used_precision("cpu") == word
    assert (used_precision("cuda"), used_precision("mps")) == ("bfloat16", "float16")
    assert used_precision("cuda", is_float32_only=True) == "float32"


def test_what_a_network_is_trained_in(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, depthwise = nn.Conv2d(4, 4, 3), nn.Sequential(nn.Conv2d(4, 4, 3, groups=4))
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda: True)
    found = [training_precision(network, size, "cpu", "auto") for network in (plain, depthwise) for size in (64, 224)]
    assert found == ["bfloat16", "bfloat16", "float32", "bfloat16"]
    assert training_precision(plain, 64, "cpu", "float32") == "float32"
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda: False)
    assert training_precision(plain, 64, "cpu", "auto") == "float32"
    assert training_precision(plain, 64, "cuda", "auto") == "bfloat16"


def test_what_is_asked_for_is_taken_and_what_has_one_format_refuses_the_other() -> None:
    backbone = Backbone(card("resnet18"), Path())
    assert backbone.in_precision("float32", "cpu").in_precision("auto", "cpu").precision == "float32"
    assert backbone.in_precision("bfloat16", "cpu").in_precision("auto", "cuda").precision == "bfloat16"
    for other in (card("faces"), card("clip:ViT-B-32"), card("pixels"), card("resnet18", "layer2")):
        assert Backbone(other, Path()).in_precision("auto", "cuda").precision == "float32"
        with pytest.raises(OptionError, match="float32 only"):
            Backbone(other, Path()).in_precision("bfloat16", "cpu")
    assert Backbone(card("resnet18", "probabilities"), Path()).in_precision("bfloat16", "cpu").precision == "bfloat16"


def test_a_cpu_without_bfloat16_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    with pytest.raises(ModelError, match="does not compute in bfloat16"):
        training_precision(nn.Conv2d(4, 4, 3), 64, "cpu", "bfloat16")


def test_torch_is_not_loaded_to_learn_that_there_is_only_a_cpu() -> None:
    assert used_device("cpu") == "cpu"
    code = "import sys; from tellapart.models import devices as d, precision as p; d.ACCELERATORS = (); "
    code += "d.used_device('auto' if sys.platform == 'linux' else 'cpu'); p.has_fast_bfloat16(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("layer", ["", "probabilities"])
@pytest.mark.parametrize("number_format", ["float32", "bfloat16"])
def test_features_of_an_image_do_not_depend_on_the_images_beside_it(tmp_path: Path, layer: str, number_format: str) -> None:
    """A dense layer multiplies one row with another kernel than several: 1,000 probabilities of one image came out otherwise."""
    if number_format == "bfloat16" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this CPU has no bfloat16")
    torch.manual_seed(0)
    model = build_network("resnet18") if layer else timm.create_model("resnet18", num_classes=0)
    from safetensors.torch import save_file

    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, tmp_path / "tensors")
    network = FeatureNetwork(Backbone(card("resnet18", layer), tmp_path / "tensors", precision=number_format), device="cpu")
    pixels = np.random.default_rng(0).integers(0, 256, (11, 64, 64, 3), dtype=np.uint8)
    whole = network.features(pixels, mirror=True)
    assert len(network.features(pixels[:0], mirror=True)) == 0
    for rows in ([0], [7], [10, 3], [8, 9, 10], list(range(10, -1, -1))):
        assert np.array_equal(network.features(pixels[rows], mirror=True), whole[rows]), rows
