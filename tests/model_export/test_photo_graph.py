"""The graph makes a photo the square that ``resize`` makes, but for single gray levels."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tellapart.array_types import ByteArray
from tellapart.images import resize
from tellapart.model_export.photo_graph import photo_square

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
SIZE = 48
SHAPES = [(75, 100), (100, 75), (48, 48), (30, 20), (500, 61), (61, 500), (3, 300), (300, 1), (49, 97), (1, 1), (400, 50), (401, 50)]


@cache
def session(policy: str) -> Any:
    nodes, result = photo_square("photo", SIZE, policy, "square_")
    photo = onnx.helper.make_tensor_value_info("photo", onnx.TensorProto.UINT8, [1, "H", "W", 3])
    square = onnx.helper.make_tensor_value_info(result, onnx.TensorProto.UINT8, [1, SIZE, SIZE, 3])
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "square", [photo], [square]), opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8
    )
    onnx.checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def photo(height: int, width: int) -> ByteArray:
    """Smooth colors with hard edges and bright corners, so that a wrong weight at the border shows."""
    noise = np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    small = Image.fromarray(noise).resize((max(1, width // 3), max(1, height // 3)))
    pixels = np.array(small.resize((width, height)))
    pixels[0], pixels[:, -1] = 255, 0
    return pixels


@pytest.mark.parametrize("policy", ["crop", "pad", "squash"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_square_is_that_of_resize(policy: str, shape: tuple[int, int]) -> None:
    pixels = photo(*shape)
    (found,) = session(policy).run(None, {"photo": pixels[None]})
    off = np.abs(found[0].astype(int) - resize(pixels, SIZE, policy))  # type: ignore[arg-type]
    assert found.shape == (1, SIZE, SIZE, 3)
    assert off.max() <= 2 and (off > 0).mean() < 0.03


@pytest.mark.parametrize("policy", ["crop", "squash"])
def test_the_border_is_weighed_as_the_middle_is(policy: str) -> None:
    pixels = photo(160, 200)
    (found,) = session(policy).run(None, {"photo": pixels[None]})
    off = np.abs(found[0].astype(int) - resize(pixels, SIZE, policy))  # type: ignore[arg-type]
    border = np.concatenate([off[0], off[-1], off[:, 0], off[:, -1]])
    assert border.max() <= 1
