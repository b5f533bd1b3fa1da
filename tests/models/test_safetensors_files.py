from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tellapart.models.safetensors_files import tensors_digest

TENSORS = {"b.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "b.bias": np.zeros(2, np.float16), "a": np.zeros(0, np.float32)}


def written(path: Path, tensors: dict[str, np.ndarray]) -> Path:
    save_file(tensors, path)
    return path


def test_the_digest_is_that_of_what_the_tensors_hold(tmp_path: Path) -> None:
    wanted = hashlib.sha256()
    for name, dtype in (("a", "F32"), ("b.bias", "F16"), ("b.weight", "F32")):
        wanted.update(f"{name} {dtype} {list(TENSORS[name].shape)}\n".encode() + TENSORS[name].tobytes())
    assert tensors_digest(written(tmp_path / "one", TENSORS)) == wanted.hexdigest()


def test_neither_file_nor_order_nor_prefix_nor_neighbors_matter(tmp_path: Path) -> None:
    prefixed = {f"x.{name}": value for name, value in reversed(TENSORS.items())} | {"head": np.ones(5)}
    assert tensors_digest(written(tmp_path / "one", TENSORS)) == tensors_digest(written(tmp_path / "two", prefixed), "x.")


@pytest.mark.parametrize(
    "change",
    [
        {"b.bias": np.ones(2, np.float16)},
        {"b.bias": np.zeros((2, 1), np.float16)},
        {"b.bias": np.zeros(2, np.int16)},
        {"c": np.zeros(1)},
        {"a": np.zeros((0, 1), np.float32)},
    ],
)
def test_any_other_tensor_is_another_digest(tmp_path: Path, change: dict[str, np.ndarray]) -> None:
    assert tensors_digest(written(tmp_path / "one", TENSORS)) != tensors_digest(written(tmp_path / "two", {**TENSORS, **change}))


@pytest.mark.parametrize("kind", ["empty", "cut", "no header", "garbage", "list"])
def test_what_is_no_file_of_tensors_is_refused(tmp_path: Path, kind: str) -> None:
    data = written(tmp_path / "whole", TENSORS).read_bytes()
    header = b'{"a": [1]}'
    bad = {
        "empty": b"",
        "cut": data[:-3],
        "no header": data[:20],
        "garbage": bytes(range(256)) * 9,
        "list": len(header).to_bytes(8, "little") + header,
    }
    (tmp_path / "bad").write_bytes(bad[kind])
    with pytest.raises(ValueError, match=r"no safetensors file|cut off|header is damaged"):
        tensors_digest(tmp_path / "bad")
