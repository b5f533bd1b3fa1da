"""Tensors of ONNX and TensorFlow graph files, read without either library.

Both are protocol buffers: fields of a number, a wire type and a value, messages within messages. Only what holds
float32 tensors is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.errors import ModelError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FLOAT32 = 1
"""The number of float32 among the types of either format."""


def onnx_tensors(path: Path) -> dict[str, FloatArray]:
    """The float32 initializers of an ONNX file by name.

    Raises:
        ModelError: the file cannot be read as one.
    """
    found: dict[str, FloatArray] = {}
    for graph in _messages(_bytes(path), 7, path):
        for tensor in _messages(graph, 5, path):
            values = dict(_fields(tensor, path))
            if values.get(2) == _FLOAT32:
                shape = [size for number, value in _fields(tensor, path) if number == 1 for size in _sizes(value, path)]
                data = values.get(9) or values.get(4) or b""
                found[_text(values[8])] = _array(data, shape, path)
    return found


def tensorflow_tensors(path: Path) -> dict[str, FloatArray]:
    """The float32 constants of a frozen TensorFlow graph by the name of their node.

    Raises:
        ModelError: the file cannot be read as one.
    """
    found: dict[str, FloatArray] = {}
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
                found[_text(values[1])] = _array(content.get(4) or content.get(5) or b"", shape, path)
    return found


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error


def _fields(message: bytes | int, path: Path) -> Iterator[tuple[int, bytes | int]]:
    """Number and value of each field of a message: an int for a varint, else its bytes."""
    if isinstance(message, int):
        raise _damaged(path)
    place, end = 0, len(message)
    while place < end:
        key, place = _varint(message, place, path)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            whole, place = _varint(message, place, path)
            yield number, whole
            continue
        if kind == _BYTES:
            size, place = _varint(message, place, path)
        elif kind in (_FIXED32, _FIXED64):
            size = 4 if kind == _FIXED32 else 8
        else:
            raise _damaged(path)
        if place + size > end:
            raise _damaged(path)
        yield number, message[place : place + size]
        place += size


def _messages(message: bytes | int, number: int, path: Path) -> list[bytes]:
    """The fields of one number that are messages or texts."""
    return [value for found, value in _fields(message, path) if found == number and isinstance(value, bytes)]


def _first(message: bytes | int, number: int, path: Path) -> bytes | None:
    return next(iter(_messages(message, number, path)), None)


def _varint(message: bytes, place: int, path: Path) -> tuple[int, int]:
    """A varint, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            break
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise _damaged(path)


def _sizes(value: bytes | int, path: Path) -> list[int]:
    """Dimensions, packed into one field or in a field each."""
    if isinstance(value, int):
        return [value]
    found, place = [], 0
    while place < len(value):
        size, place = _varint(value, place, path)
        found.append(size)
    return found


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
