from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
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
    ],
)
def test_what_is_no_image_is_said(image: Any, said: str) -> None:
    with pytest.raises(DataError) as error, in_memory_dataset([PIXELS, image]):
        pass
    assert said in str(error.value) and error.value.hint
    if getattr(image, "shape", ()) == (3, 24, 30):
        assert "transpose(1, 2, 0)" in str(error.value.hint)


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


@pytest.mark.parametrize("images", [{"a.jpg": 1}, pd.DataFrame({"path": ["a.jpg"]})])
def test_a_table_is_no_list_of_images(images: Any) -> None:
    """Its keys or columns were looked for as files."""
    with pytest.raises(DataError, match=f"several images are wanted, got a {type(images).__name__}"):
        image_list(images)
