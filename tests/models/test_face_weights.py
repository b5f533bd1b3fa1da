from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tellapart.errors import ModelError
from tellapart.models.face_weights import onnx_tensors, tensorflow_tensors


def varint(value: int) -> bytes:
    found = b""
    while value >= 0x80:
        found, value = found + bytes([value & 0x7F | 0x80]), value >> 7
    return found + bytes([value])


def whole(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def initializer(name: str, dims: bytes, values: bytes, kind: int = 1, field: int = 9) -> bytes:
    return message(5, dims + whole(2, kind) + message(8, name.encode()) + message(field, values))


def onnx_file(path: Path, *tensors: bytes) -> Path:
    path.write_bytes(whole(1, 8) + message(7, b"".join(tensors)) + varint(3 << 3 | 5) + b"abcd" + varint(4 << 3 | 1) + b"12345678")
    return path


@pytest.mark.parametrize(("dims", "field"), [(whole(1, 2) + whole(1, 3), 9), (message(1, varint(2) + varint(3)), 4)])
def test_onnx_tensors_are_read_however_they_were_written(tmp_path: Path, dims: bytes, field: int) -> None:
    file = onnx_file(
        tmp_path / "net.onnx",
        initializer("a", dims, VALUES.tobytes(), field=field),
        initializer("shape", whole(1, 1), np.int64(7).tobytes(), kind=7),
    )
    found = onnx_tensors(file)
    assert list(found) == ["a"]
    assert found["a"].dtype == np.float32
    assert np.array_equal(found["a"], VALUES)


def constant(name: str, shape: tuple[int, ...], content: bytes, field: int = 4, op: bytes = b"Const", kind: int = 1) -> bytes:
    dims = message(2, b"".join(message(2, whole(1, size)) for size in shape))
    tensor = whole(1, kind) + dims + message(field, content)
    attributes = message(5, message(1, b"value") + message(2, message(8, tensor))) + message(
        5, message(1, b"dtype") + message(2, whole(6, 1))
    )
    return message(1, message(1, name.encode()) + message(2, op) + attributes)


def test_constants_of_a_tensorflow_graph_are_read(tmp_path: Path) -> None:
    file = tmp_path / "graph.pb"
    file.write_bytes(
        constant("net/weights", (2, 3), VALUES.tobytes())
        + constant("net/scale", (), np.float32(0.25).tobytes(), field=5)
        + constant("net/same", (4,), np.float32(1.5).tobytes(), field=5)
        + constant("net/size", (1,), np.int32(3).tobytes(), kind=3)
        + constant("net/add", (1,), np.float32(3).tobytes(), op=b"Add")
    )
    found = tensorflow_tensors(file)
    assert set(found) == {"net/weights", "net/scale", "net/same"}
    assert np.array_equal(found["net/weights"], VALUES)
    assert found["net/scale"].shape == ()
    assert float(found["net/scale"]) == 0.25
    assert found["net/same"].tolist() == [1.5] * 4


def test_a_damaged_file_is_refused_at_every_length(tmp_path: Path) -> None:
    file = onnx_file(tmp_path / "net.onnx", initializer("a", whole(1, 2) + whole(1, 3), VALUES.tobytes()))
    data = file.read_bytes()
    refused = 0
    for length in range(1, len(data)):
        file.write_bytes(data[:length])
        try:
            onnx_tensors(file)
        except ModelError as error:
            refused += "damaged" in str(error)
    assert refused > len(data) // 2
    file.write_bytes(initializer("a", whole(1, 2) + whole(1, 4), VALUES.tobytes()).replace(b"\x2a", b"\x3a", 1))
    onnx_file(file, initializer("a", whole(1, 2) + whole(1, 4), VALUES.tobytes()))
    with pytest.raises(ModelError, match="damaged"):
        onnx_tensors(file)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.onnx cannot be read"):
        onnx_tensors(tmp_path / "absent.onnx")
