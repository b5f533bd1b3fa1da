from __future__ import annotations

import subprocess
import sys

import pytest
import timm
import torch

from tellapart.models.efficientnet_lite import MULTIPLIERS, efficientnet_lite
from tellapart.models.fused_inference import fused_network


@pytest.mark.parametrize(("architecture", "has_classifier"), [*((name, True) for name in MULTIPLIERS), ("tf_efficientnet_lite0", False)])
def test_the_tensors_are_timms_and_so_are_the_bits(architecture: str, has_classifier: bool) -> None:
    torch.manual_seed(0)
    timms = timm.create_model(architecture, num_classes=1000 if has_classifier else 0).eval()
    for name, tensor in timms.state_dict().items():
        if tensor.dtype == torch.float32:
            tensor.uniform_(0.5, 1.5) if "var" in name else tensor.mul_(1.5).add_(0.01)
    ours = efficientnet_lite(architecture, has_classifier=has_classifier)
    ours.load_state_dict(timms.state_dict(), strict=True)
    images = torch.rand(2, 3, 65, 72)
    with torch.inference_mode():
        assert torch.equal(ours(images), timms(images))
        if architecture == "tf_efficientnet_lite0":
            graphs = [fused_network(network) for network in (ours, timms)]
            assert torch.equal(*(graph(images) for graph in graphs))
            halves = [graph.to(torch.bfloat16, memory_format=torch.channels_last)(images.bfloat16()) for graph in graphs]
            assert torch.equal(*halves)


def test_timms_names_of_layers_hold() -> None:
    timms = {name for name, _ in timm.create_model("tf_efficientnet_lite2").named_modules()}
    ours = {name for name, _ in efficientnet_lite("tf_efficientnet_lite2", has_classifier=True).named_modules()}
    assert {name for name in ours if not name.startswith("global_pool.")} <= timms


def test_a_default_backbone_needs_neither_timm_nor_torchvision() -> None:
    code = (
        "import sys; from tellapart.models.feature_network import bare_network; from tellapart.models.backbone_card import BackboneCard;"
        "bare_network(BackboneCard('lite2', 'tf_efficientnet_lite2', '', 260, (.5,) * 3, (.5,) * 3, 1280));"
        "sys.exit(', '.join({'timm', 'torchvision', 'torch._dynamo'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
