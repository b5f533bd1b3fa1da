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
from tellapart.model_export.photo_graph import photo_square
from tellapart.models.onnx_classifier import METADATA, PHOTO, input_names
from tellapart.printable import printable

if TYPE_CHECKING:
    from tellapart.models.portable_classifier import PortableClassifier, Square

OPSET = 18
OUTPUTS = ("probabilities", "logits")
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
                output_names=list(OUTPUTS),
                dynamic_shapes=(tuple({0: batch} for _ in samples),),
                verbose=False,
            )
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise ModelError(f"torch cannot write this model as ONNX: {said}", hint="--to torch writes it for torch") from error
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
