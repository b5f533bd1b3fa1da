from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from tellapart.models.folded_conv import depthwise_by_input, depthwise_by_weight


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("height", "width"), [(4, 4), (7, 7), (9, 12), (14, 13), (3, 20)])
def test_depthwise_gradients_are_autograd_s_in_float32(dtype: torch.dtype, side: int, stride: int, height: int, width: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 24, height, width).to(dtype).contiguous(memory_format=torch.channels_last)
    weight, bias = torch.randn(24, 1, side, side).to(dtype), torch.zeros(24)
    exact = [t.float().requires_grad_(True) for t in (x, weight, bias)]
    y = functional.conv2d(*exact, stride=stride, padding=side // 2, groups=24)
    g = torch.randn_like(y).to(dtype).contiguous(memory_format=torch.channels_last)
    wanted = torch.autograd.grad(y, exact, g.float())
    got = (depthwise_by_input(g, x, weight, stride), *depthwise_by_weight(g, x, weight, stride))
    for one, other in zip(got, wanted, strict=True):
        assert (one.float() - other).abs().max() <= (1e-5 if dtype is torch.float32 else 1e-2) * other.abs().max()
