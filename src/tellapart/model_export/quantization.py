"""Quantization of a graph to 8-bit integers: a quarter of the size, but a different model, which has to be evaluated again."""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.array_types import ByteArray
from tellapart.models.onnx_classifier import SquareLike, input_names

CALIBRATED_ON = 128
"""Training photos whose values set the ranges."""
QUANTIZED = ("Conv", "MatMul", "Gemm", "Add", "AveragePool", "GlobalAveragePool")
HEADS = "members."
"""How the names of the heads' tensors begin: heads are small, and stay in float32."""


def quantized(model: Any, squares: Sequence[SquareLike], photos: Sequence[Sequence[ByteArray]]) -> Any:
    """Static quantization of an ``onnx.ModelProto``: weights by channel, values by the mean ranges of the photos (QDQ).

    Args:
        model: with squares as its only inputs.
        squares: what it takes.
        photos: for each photo its squares, uint8 (s, s, 3).
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Photos(CalibrationDataReader):  # type: ignore[misc, unused-ignore]
        """One photo a call."""

        def __init__(self) -> None:
            self._left: Iterator[Sequence[ByteArray]] = iter(photos)

        def get_next(self) -> dict[str, ByteArray] | None:
            """The inputs of the next photo."""
            photo = next(self._left, None)
            return None if photo is None else dict(zip(input_names(squares), (np.asarray(one)[None] for one in photo), strict=True))

    heads = [node.name for node in model.graph.node if any(name.startswith(HEADS) for name in node.input)]
    with tempfile.TemporaryDirectory() as folder, _without_messages():
        before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, before)
        quantize_static(
            before,
            after,
            Photos(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTIZED),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=heads,
            extra_options={"CalibMovingAverage": True},  # the range of one extreme photo would leave too few levels for the rest
        )
        return onnx.load(after)


@contextmanager
def _without_messages() -> Iterator[None]:
    """Within, the quantizer neither prints nor logs its advice to preprocess the graph: batch norms are folded already."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
