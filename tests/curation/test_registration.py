from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from tellapart.curation.near_duplicates import LEAST_AGREEING
from tellapart.curation.registration import best_agreement, box_move, compare_after_move
from tellapart.curation.registration_images import WHOLE, RegistrationImage, content_box
from tests import sample_images

WIDTH, HEIGHT = 320, 240


def photo(seed: int = 1) -> Image.Image:
    """Something with fine structure everywhere: blobs, lines and words at random."""
    rng = np.random.default_rng(seed)
    image = Image.fromarray(sample_images.photo_pixels(seed, WIDTH, HEIGHT))
    draw = ImageDraw.Draw(image)
    for x, y, r in zip(rng.uniform(0, WIDTH, 60), rng.uniform(0, HEIGHT, 60), rng.uniform(2, 14, 60), strict=True):
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(int(c) for c in rng.integers(0, 256, 3)))
    return image


def small(image: Image.Image) -> RegistrationImage:
    image = image.copy()
    image.thumbnail((128, 128))
    return RegistrationImage.of(np.asarray(image))


def cropped(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    return image.crop((round(left * WIDTH), round(top * HEIGHT), round((1 - right) * WIDTH), round((1 - bottom) * HEIGHT)))


def captioned(image: Image.Image) -> Image.Image:
    sheet = Image.new("RGB", (WIDTH, HEIGHT + 32), "white")
    sheet.paste(image)
    ImageDraw.Draw(sheet).text((12, HEIGHT + 8), "somebody's words, 2019", fill="black")
    return sheet


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "crop 3 %": lambda image: cropped(image, 0.03, 0.03, 0.03, 0.03),
    "crop 12 %": lambda image: cropped(image, 0.12, 0.12, 0.12, 0.12),
    "crop of one corner": lambda image: cropped(image, 0.0, 0.12, 0.14, 0.0),
    "white frame": lambda image: ImageOps.expand(image, 12, "white"),
    "black frame": lambda image: ImageOps.expand(image, 12, "black"),
    "caption": captioned,
    "turned": lambda image: image.rotate(3, Image.Resampling.BICUBIC),
    "squashed": lambda image: image.resize((200, 200)),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "gray": lambda image: ImageOps.grayscale(image).convert("RGB"),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("is_back", [False, True])
def test_a_changed_copy_agrees_in_detail_either_way_round(name: str, is_back: bool) -> None:
    pair = [small(photo()), small(CHANGES[name](photo()))]
    found = best_agreement(*(pair[::-1] if is_back else pair))
    assert found is not None
    assert found.detail > 0.83
    assert found.structure > 0.8
    assert found.agreeing > 0.85
    assert found.color > 0.75
    assert found.stretch < 1.06 or found.shift < 0.03
    framed = (False, name in ("white frame", "black frame", "caption"))
    assert found.is_framed == (framed[::-1] if is_back else framed)


def test_a_mirror_image_agrees_when_mirrored_only() -> None:
    own, mirrored = small(photo()), small(ImageOps.mirror(photo()))
    found = best_agreement(own, mirrored, is_mirrored=True)
    assert found is not None
    assert (found.detail > 0.95, found.is_mirrored) == (True, True)
    plain = best_agreement(own, mirrored)
    assert plain is None or plain.detail < 0.5


def test_other_images_do_not_agree_whatever_the_move() -> None:
    for seed in range(2, 12):
        found = best_agreement(small(photo(1)), small(photo(seed)))
        assert found is None or found.detail < 0.5


def shirt(seed: int) -> Image.Image:
    """A dark shape on one tiled floor; only its folds and the exact outline differ."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (WIDTH, HEIGHT), (200, 190, 180))
    draw = ImageDraw.Draw(image)
    for x in range(0, WIDTH, 64):
        draw.line((x, 0, x, HEIGHT), fill=(120, 110, 100), width=2)
    wide, tall = rng.uniform(70, 80), rng.uniform(80, 90)
    draw.rounded_rectangle((160 - wide, 120 - tall, 160 + wide, 120 + tall), 30, fill=(40, 42, 50))
    for _ in range(14):
        x, y = rng.uniform(100, 220), rng.uniform(60, 180)
        draw.line((x, y, x + rng.uniform(-25, 25), y + rng.uniform(-25, 25)), fill=(70, 72, 82), width=3)
    return image


def test_two_shirts_on_one_floor_are_like_but_do_not_agree_in_detail() -> None:
    one = small(shirt(1))
    for seed in range(2, 8):
        other = small(shirt(seed))
        assert np.corrcoef(one.coarse.ravel(), other.coarse.ravel())[0, 1] > 0.9
        found = best_agreement(one, other)
        assert found is None or found.agreeing < LEAST_AGREEING
    again = best_agreement(one, small(cropped(shirt(1), 0.03, 0.03, 0.03, 0.03)))
    assert again is not None
    assert (again.detail > 0.83, again.agreeing > 0.9) == (True, True)


def test_another_color_is_told() -> None:
    image = photo()
    red, green, blue = image.split()
    found = best_agreement(small(image), small(Image.merge("RGB", (blue, red, green))))
    assert found is None or found.color < 0.5


def test_flat_and_tiny_images_agree_with_nothing() -> None:
    flat, tiny = RegistrationImage.of(np.full((90, 128, 3), 120, np.uint8)), RegistrationImage.of(np.full((1, 1, 3), 7, np.uint8))
    for one, other in ((flat, flat), (flat, small(photo())), (small(photo()), tiny)):
        assert best_agreement(one, other) is None
        lying = compare_after_move(one, other, box_move(WHOLE, WHOLE))
        assert lying is not None
        assert (lying.detail < 0.1, lying.detailed_blocks < 6 or other is tiny or one is flat) == (True, True)


@pytest.mark.parametrize(("top", "left", "bottom", "right"), [(10, 0, 0, 0), (0, 0, 14, 0), (6, 6, 6, 6), (0, 9, 0, 9), (0, 0, 0, 0)])
@pytest.mark.parametrize("color", [0, 128, 255])
def test_plain_bars_are_taken_off(top: int, left: int, bottom: int, right: int, color: int) -> None:
    gray = np.random.default_rng(0).integers(0, 256, (100, 120), np.uint8)
    whole = np.pad(gray, ((top, bottom), (left, right)), constant_values=color)
    box = content_box(whole)
    height, width = whole.shape
    if not top + left + bottom + right:
        assert box is None
    else:
        assert box is not None
        np.testing.assert_allclose(np.array(box) * (width, height, width, height), (left, top, width - right, height - bottom), atol=1)


def test_a_bar_with_words_is_a_bar_and_a_plain_image_has_none() -> None:
    box = content_box(np.asarray(captioned(photo()).convert("L")))
    assert box is not None
    assert box[:2] == (0.0, 0.0)
    assert box[2] > 0.99
    assert box[3] == pytest.approx(HEIGHT / (HEIGHT + 32), abs=0.01)
    assert content_box(np.full((80, 80), 255, np.uint8)) is None
