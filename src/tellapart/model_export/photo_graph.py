"""The ONNX graph of a photo of any size becoming a square, as :func:`tellapart.images.resize` makes it.

Resizing is antialiased bicubic by two Resize nodes, columns first, each rounded and clipped to 8 bits. Exporters write one node
with ``exclude_outside=0``, which weighs the border wrongly: up to 2.2 gray levels, 0.045 of a probability (docs/log.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tellapart.images.resizing import LONGEST_ASPECT, PAD_GRAY


class GraphBuilder:
    """Nodes of a graph in the making; every method gives the name of what it adds.

    Args:
        prefix: what all names begin with.
    """

    def __init__(self, prefix: str) -> None:
        self.nodes: list[Any] = []
        self._prefix = prefix

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output."""
        from onnx import helper

        name = f"{self._prefix}{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, value: Any, dtype: Any = np.int64) -> str:
        """A constant array."""
        from onnx import numpy_helper

        return self.add("Constant", value=numpy_helper.from_array(np.asarray(value, dtype)))

    def cast(self, name: str, dtype: Any) -> str:
        """The same values in another format."""
        from onnx import helper

        return self.add("Cast", name, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def half_even(self, numerator: str, denominator: str) -> str:
        """Python's ``round(numerator / denominator)`` of whole numbers."""
        quotient = self.add("Div", self.cast(numerator, np.float64), self.cast(denominator, np.float64))
        return self.cast(self.add("Round", quotient), np.int64)


def photo_square(photo: str, size: int, policy: str, prefix: str) -> tuple[list[Any], str]:
    """Nodes that make uint8 (1, h, w, 3) into uint8 (1, size, size, 3), and the name of the result; whole numbers have shape (1,).

    Args:
        photo: name of the input.
        size: side of the square in pixels.
        policy: ``crop``, ``pad`` or ``squash``.
        prefix: what the names of the nodes begin with.
    """
    b = GraphBuilder(prefix)
    shape = b.add("Shape", photo)
    height, width = (b.add("Slice", shape, b.constant([axis]), b.constant([axis + 1])) for axis in (1, 2))
    side = b.constant([size])
    planes = b.cast(b.add("Transpose", photo, perm=[0, 3, 1, 2]), np.float32)
    if policy == "squash":
        made = _resample(b, planes, height, side, side)
    elif policy == "pad":
        made = _padded(b, planes, (height, width), side)
    else:
        made = _cropped(b, planes, (height, width), side)
    result = b.add("Transpose", b.cast(made, np.uint8), perm=[0, 2, 3, 1])
    return b.nodes, result


def _resample(b: GraphBuilder, planes: str, height: str, tall: str, wide: str) -> str:
    """Columns, then rows; ``height`` is that before."""
    columns = _one_direction(b, planes, height, wide)
    return _one_direction(b, columns, tall, wide)


def _one_direction(b: GraphBuilder, planes: str, height: str, width: str) -> str:
    sizes = b.add("Concat", b.constant([1, 3]), height, width, axis=0)
    resized = b.add(
        "Resize",
        *(planes, "", "", sizes),
        mode="cubic",
        antialias=1,
        exclude_outside=1,
        cubic_coeff_a=-0.5,
        coordinate_transformation_mode="half_pixel",
    )
    return b.add("Clip", b.add("Round", resized), b.constant(0, np.float32), b.constant(255, np.float32))


def _slice(b: GraphBuilder, planes: str, first: tuple[str, str], lengths: tuple[str, str]) -> str:
    starts = b.add("Concat", *first, axis=0)
    ends = b.add("Add", starts, b.add("Concat", *lengths, axis=0))
    return b.add("Slice", planes, starts, ends, b.constant([2, 3]))


def _cropped(b: GraphBuilder, planes: str, sides: tuple[str, str], side: str) -> str:
    shorter = b.add("Min", *sides)
    lengths = _middle(b, sides, shorter)
    two = b.constant([2])
    first, second = (b.add("Div", b.add("Sub", whole, part), two) for whole, part in zip(sides, lengths, strict=True))
    planes = _slice(b, planes, (first, second), lengths)
    tall, wide = (b.add("Max", side, b.add("Div", b.add("Mul", side, length), shorter)) for length in lengths)
    resized = _resample(b, planes, lengths[0], tall, wide)
    top, left = (b.half_even(b.add("Sub", length, side), two) for length in (tall, wide))
    return _slice(b, resized, (top, left), (side, side))


def _middle(b: GraphBuilder, sides: tuple[str, str], shorter: str) -> tuple[str, str]:
    """Height and width of what is cut from the middle of a very long image; those of the image itself for others."""
    longer, two = b.add("Max", *sides), b.constant([2])
    length = b.add("Add", shorter, b.add("Mul", two, b.add("Max", b.constant([4]), shorter)))
    length = b.add("Add", length, b.add("Mod", b.add("Sub", longer, length), two))
    is_long = b.add("Greater", longer, b.add("Mul", b.constant([LONGEST_ASPECT]), shorter))
    limit = b.add("Where", is_long, length, longer)
    height, width = (b.add("Min", side, limit) for side in sides)
    return height, width


def _padded(b: GraphBuilder, planes: str, sides: tuple[str, str], side: str) -> str:
    longer, one, two = b.add("Max", *sides), b.constant([1]), b.constant([2])
    tall, wide = (b.add("Max", one, b.half_even(b.add("Mul", side, length), longer)) for length in sides)
    resized = _resample(b, planes, sides[0], tall, wide)
    spare = [b.add("Sub", side, length) for length in (tall, wide)]
    before = [b.add("Div", room, two) for room in spare]
    after = [b.add("Sub", room, first) for room, first in zip(spare, before, strict=True)]
    none = b.constant([0, 0])
    pads = b.add("Concat", none, *before, none, *after, axis=0)
    return b.add("Pad", resized, pads, b.constant(PAD_GRAY, np.float32), mode="constant")
