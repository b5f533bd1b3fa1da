from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from tellapart.dataset.in_memory_images import image_list, in_memory_dataset, is_in_memory
from tellapart.errors import DataError
from tellapart.images import decode

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 30, 3), dtype=np.uint8)


def seen(image: Any) -> Any:
    """The pixels that a model is shown of an image."""
    with in_memory_dataset([image]) as dataset:
        return decode(dataset.file(dataset.entries[0]).read_bytes()).pixels


def png(pixels: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def read_before(data: bytes) -> io.BytesIO:
    """An open file at its end."""
    file = io.BytesIO(data)
    file.read()
    return file


@pytest.mark.parametrize(
    "image",
    [
        PIXELS,
        PIXELS / 255,
        (PIXELS / 255).astype(np.float32),
        np.asfortranarray(PIXELS),
        Image.fromarray(PIXELS),
        Image.fromarray(PIXELS).convert("RGBA"),
        np.dstack([PIXELS, np.full(PIXELS.shape[:2], 255, np.uint8)]),
        png(PIXELS),
        bytearray(png(PIXELS)),
        memoryview(png(PIXELS)),
        io.BytesIO(png(PIXELS)),
        read_before(png(PIXELS)),
        Image.fromarray(PIXELS).convert("RGBA").convert("RGBa"),
    ],
    ids=lambda image: type(image).__name__,
)
def test_every_kind_shows_the_same_pixels(image: Any) -> None:
    assert np.array_equal(seen(image), PIXELS)


@pytest.mark.parametrize("image", [PIXELS[..., 0], PIXELS[..., :1], Image.fromarray(PIXELS[..., 0])])
def test_grays_are_grays(image: Any) -> None:
    assert np.array_equal(seen(image), np.repeat(PIXELS[..., :1], 3, axis=2))


def test_other_modes_and_a_turned_photo() -> None:
    assert seen(Image.new("CMYK", (8, 8), (0, 255, 255, 0)))[0, 0, 0] > 150
    assert np.abs(seen(Image.fromarray(PIXELS).convert("HSV")).astype(int) - PIXELS).mean() < 2
    assert seen(Image.new("La", (8, 8), (90, 255)))[0, 0].tolist() == [90, 90, 90]
    assert np.array_equal(seen(PIXELS[..., 0] > 100)[..., 0], np.where(PIXELS[..., 0] > 100, 255, 0))
    turned, exif = Image.fromarray(PIXELS), Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    turned.save(out, "PNG", exif=exif)
    assert seen(Image.open(out)).shape == (30, 24, 3)


def test_paths_stay_absolute_and_others_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with in_memory_dataset(["a.png", PIXELS, tmp_path / "b.png"]) as dataset:
        assert [entry.path for entry in dataset.entries] == [str(tmp_path / "a.png"), "image 2", str(tmp_path / "b.png")]
        assert dataset.file(dataset.entries[2]) == tmp_path / "b.png"
        held = dataset.file(dataset.entries[1])
        assert held.exists()
    assert not held.exists()


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (PIXELS.astype(np.float32), "image 2 is an array of float32 from 0.0 to 255.0"),
        (PIXELS.astype(np.int64), "image 2 is an array of int64"),
        (PIXELS.astype(np.uint16) * 200, "image 2 is an array of uint16"),
        (np.full((4, 4), np.nan), "image 2 is an array of float64"),
        (PIXELS.transpose(2, 0, 1), "image 2 is an array of shape"),
        (PIXELS[..., :2], "image 2 is an array of shape"),
        (np.zeros((0, 4, 3), np.uint8), "image 2 is an array of shape"),
        (np.zeros(9, np.uint8), "image 2 is an array of shape"),
        (np.array(["a"]), "image 2 is a ndarray"),
        (None, "image 2 is a NoneType"),
        (3, "image 2 is a int"),
        (["a"], "image 2 is a list"),
        (io.StringIO("a"), "image 2 is a file opened as text"),
        (io.TextIOWrapper(io.BytesIO(png(PIXELS))), "image 2 is a file opened as text"),
        ((PIXELS / 255).astype(np.uint8), "image 2 is an array of uint8 from 0 to 1, so it is black"),
        (PIXELS / 255**2, "image 2 is an array of float64 from 0.0 to 0.00"),
        (torch.zeros(8, 8, 3, dtype=torch.bfloat16), "a Tensor cannot be read as an array"),
        (torch.zeros(8, 8, 3, requires_grad=True), "a Tensor cannot be read as an array"),
        (torch.zeros(8, 8, 3).to_sparse(), "a Tensor cannot be read as an array"),
    ],
)
def test_what_is_no_image_is_said(image: Any, said: str) -> None:
    with pytest.raises(DataError) as error, in_memory_dataset([PIXELS, image]):
        pass
    assert said in str(error.value) and error.value.hint
    if getattr(image, "shape", ()) == (3, 24, 30):
        assert "transpose(1, 2, 0)" in str(error.value.hint)


@pytest.mark.parametrize(
    ("image", "hint"),
    [
        (PIXELS.astype(np.float32), 'array.astype("uint8")'),
        (PIXELS.astype(np.uint16) * 200, "divide by the value of white"),
        (PIXELS / 127.5 - 1, "undo its normalization"),
        (np.where(PIXELS > 250, np.nan, PIXELS / 255), "np.nan_to_num(array)"),
        (torch.from_numpy(PIXELS).permute(2, 0, 1), "give tensor.permute(1, 2, 0)"),
    ],
)
def test_the_hint_makes_the_same_pixels_of_an_array(image: Any, hint: str) -> None:
    with pytest.raises(DataError) as error, in_memory_dataset([image]):
        pass
    assert hint in str(error.value.hint)


def test_one_image_with_its_channels_first_is_not_three_gray_ones() -> None:
    turned = PIXELS.transpose(2, 0, 1)
    with pytest.raises(DataError, match="3 gray images, or one image with its channels first") as error:
        image_list(turned)
    assert error.value.hint == "give list(array), or [array.transpose(1, 2, 0)]"
    assert len(image_list(list(turned))) == 3


def test_a_folder_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="several paths are wanted, got the one folder") as error:
        image_list(tmp_path)
    assert "rglob" in str(error.value.hint)


def test_a_list_of_images() -> None:
    assert [one.shape for one in image_list(np.stack([PIXELS, PIXELS]))] == [PIXELS.shape] * 2
    assert [one.shape for one in image_list(np.zeros((5, 8, 8)))] == [(8, 8)] * 5
    assert image_list(np.array(["a.png", "b.png"])) == ["a.png", "b.png"]
    assert image_list(iter(["a.png"])) == ["a.png"]


@pytest.mark.parametrize(
    "image", ["a.png", Path("a.png"), b"x", PIXELS, PIXELS[..., 0], Image.fromarray(PIXELS), io.BytesIO(b"x"), 3, None]
)
def test_one_image_is_no_list(image: Any) -> None:
    with pytest.raises(DataError, match=r"several (images|paths) are wanted"):
        image_list(image)
    assert is_in_memory(image) == (image is not None and not isinstance(image, str | Path | int))


@pytest.mark.parametrize(
    ("images", "said", "hint"),
    [
        ({"a.jpg": 1}, "got a dict of 'a.jpg'", "a column or a value of it"),
        ({}, "got a dict of nothing", "a column or a value of it"),
        (pd.DataFrame({"path": ["a.jpg"]}), "got a DataFrame of 'path'", "table['path']"),
        (pd.DataFrame({"breed": ["x"], "Image Name": ["a.jpg"]}), "got a DataFrame of 'breed', 'Image Name'", "table['Image Name']"),
        (pd.DataFrame([["a.jpg"]]), "got a DataFrame of '0'", "a column or a value of it"),
        ({"a.jpg", "b.jpg"}, "got a set, which has no order", "sorted(files)"),
        (frozenset({"a.jpg"}), "got a frozenset, which has no order", "sorted(files)"),
        (np.array("a.jpg"), "got a ndarray", "give a list"),
        ([], "no images were given", "give files in a list"),
        (np.zeros((0, 8, 8, 3), np.uint8), "no images were given", "give files in a list"),
    ],
    ids=range(10),
)
def test_what_is_no_list_of_images_is_said(images: Any, said: str, hint: str) -> None:
    """Keys or columns were looked for as files, and a set gave its images in another order than their labels."""
    with pytest.raises(DataError) as error:
        image_list(images)
    assert said in str(error.value) and hint in str(error.value.hint)


def test_keys_have_an_order_and_paths_may_be_bytes_to_the_system(tmp_path: Path) -> None:
    assert image_list({"b.png": 1, "a.png": 2}.keys()) == ["b.png", "a.png"]

    class Place:
        def __fspath__(self) -> bytes:
            return os.fsencode(tmp_path / "b.png")

    with in_memory_dataset([Place(), "a\0b.png"]) as dataset:
        assert dataset.entries[0].path == str(tmp_path / "b.png")
        assert dataset.entries[1].path.endswith("/a?b.png")
