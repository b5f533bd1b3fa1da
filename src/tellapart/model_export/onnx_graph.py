"""A saved model as one ONNX graph: squares, or a photo of any size, to calibrated probabilities."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from tellapart.errors import MissingExtra, ModelError
from tellapart.images.resizing import LONGEST_ASPECT, PAD_GRAY
from tellapart.models.onnx_classifier import METADATA, PHOTO, input_names
from tellapart.printable import printable

if TYPE_CHECKING:
    from tellapart.models.portable_classifier import PortableClassifier, Square


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
    """Nodes that resize uint8 (1, h, w, 3) to uint8 (1, size, size, 3), and the name of the result; whole numbers have shape (1,).

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


OPSET = 18
HINT = "pip install 'tellapart[onnx]'"


def check_onnx() -> None:
    """Check that the packages that write and run ONNX files are installed.

    Raises:
        MissingExtra: one of them is not.
    """
    from importlib.util import find_spec

    missing = [name for name in ("onnx", "onnxruntime", "onnxscript") if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"{' and '.join(missing)} is not installed, and exporting to ONNX needs it", hint=HINT)


def network_graph(classifier: PortableClassifier) -> Any:
    """The ONNX model with the squares as inputs, any number of images: an ``onnx.ModelProto``.

    Raises:
        ModelError: torch cannot express one of the networks in ONNX.
    """
    import torch

    batch = torch.export.Dim("n", min=1, max=1 << 20)
    samples = tuple(torch.zeros(2, square.size, square.size, 3, dtype=torch.uint8) for square in classifier.squares)
    try:
        with _quiet():
            program = torch.onnx.export(
                classifier,
                samples,
                dynamo=True,
                opset_version=OPSET,
                input_names=list(input_names(classifier.squares)),
                output_names=list(classifier.outputs),
                dynamic_shapes=(tuple({0: batch} for _ in samples),),
                verbose=False,
            )
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"torch cannot write this model as ONNX: {reason}", hint="--to torch writes it for torch") from error
    if program is None:
        raise ModelError("torch wrote no ONNX model", hint="--to torch writes it for torch")
    return program.model_proto


def with_photo_input(model: Any, squares: Sequence[Square]) -> Any:
    """The same model with the optional input ``photo``, whose answer is the last row.

    ``photo`` is uint8 (1, h, w, 3) and by default empty; the other inputs may have no rows.
    """
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    names = input_names(squares)
    before: list[Any] = []
    size = helper.make_node("Size", [PHOTO], ["photo_size"])
    none = helper.make_node("Constant", [], ["photo_none"], value=numpy_helper.from_array(np.array(0, np.int64)))
    before += [size, none, helper.make_node("Greater", ["photo_size", "photo_none"], ["has_photo"])]
    for number, (name, square) in enumerate(zip(names, squares, strict=True)):
        before += _appended(name, square, f"photo_{number}_")
        for node in graph.node:
            node.input[:] = [f"all_{name}" if given == name else given for given in node.input]
    nodes = [*before, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.input.append(helper.make_tensor_value_info(PHOTO, TensorProto.UINT8, [1, "height", "width", 3]))
    graph.initializer.append(numpy_helper.from_array(np.zeros((1, 0, 0, 3), np.uint8), PHOTO))
    for value in graph.output:
        value.type.tensor_type.shape.dim[0].dim_param = "answers"
    del graph.value_info[:]
    return model


def _appended(name: str, square: Square, prefix: str) -> list[Any]:
    """Nodes that put the square of the photo, if there is one, behind the squares of an input."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, result = photo_square(PHOTO, square.size, square.resize, prefix)
    shape: list[str | int | None] = ["rows", square.size, square.size, 3]
    made = helper.make_graph(nodes, f"{prefix}square", [], [helper.make_tensor_value_info(result, TensorProto.UINT8, shape)])
    empty = numpy_helper.from_array(np.zeros((0, square.size, square.size, 3), np.uint8))
    constant = helper.make_node("Constant", [], [f"{prefix}empty"], value=empty)
    nothing = helper.make_graph(
        [constant], f"{prefix}nothing", [], [helper.make_tensor_value_info(f"{prefix}empty", TensorProto.UINT8, shape)]
    )
    return [
        helper.make_node("If", ["has_photo"], [f"{prefix}rows"], then_branch=made, else_branch=nothing),
        helper.make_node("Concat", [name, f"{prefix}rows"], [f"all_{name}"], axis=0),
    ]


def described(model: Any, metadata: Mapping[str, Any]) -> Any:
    """The model with its metadata: ``class_names`` for everybody, and all of it for tellapart."""
    model.producer_name, model.producer_version = "tellapart", str(metadata["versions"]["tellapart"])
    model.doc_string = f"Image classifier: {', '.join(map(printable, metadata['class_names'][:20]))}"
    del model.metadata_props[:]
    entries = {"class_names": metadata["class_names"], METADATA: metadata}
    for key, value in entries.items():
        model.metadata_props.add(key=key, value=json.dumps(value, ensure_ascii=False, allow_nan=False))
    for node in model.graph.node:  # torch writes where in the source each node came from: half of a small file, and paths
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*model.graph.input, *model.graph.output, *model.graph.value_info, *model.graph.initializer]:
        del value.metadata_props[:]
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's warnings and messages about itself."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
