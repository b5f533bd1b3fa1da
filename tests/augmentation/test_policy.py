from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.array_types import ByteArray, FloatArray
from tellapart.augmentation.affine import warp
from tellapart.augmentation.counter_rng import uniforms
from tellapart.augmentation.policy import COLUMNS, FILLS, PRESETS, Augmentation, parse_augmentation
from tellapart.errors import OptionError
from tests import sample_images

SIDE = 64
PHOTOS = np.stack([sample_images.photo_pixels(seed, SIDE, SIDE) for seed in range(6)])
KEYS = np.arange(6, dtype=np.uint64) * np.uint64(7919)
NOTHING = Augmentation(flip=False)
ALL = Augmentation(
    vertical_flip=True,
    rotation=20,
    shift=0.1,
    shear=10,
    zoom=0.2,
    crop=0.3,
    brightness=0.2,
    contrast=0.2,
    color=0.2,
    noise=0.02,
    erasing=0.5,
)


def only(**values: Any) -> Augmentation:
    return Augmentation(**{"flip": False, **values})


def draws(**columns: float) -> FloatArray:
    """One row of neutral draws but for those given."""
    row = np.full(len(COLUMNS), 0.5)
    row[COLUMNS.index("erasing")] = 1.0
    for name, value in columns.items():
        row[COLUMNS.index(name)] = value
    return row[None]


def drawn(augmentation: Augmentation, photo: ByteArray = PHOTOS[0], **columns: float) -> ByteArray:
    return augmentation.drawn(photo[None], draws(**columns))[0]


def place(augmentation: Augmentation, x: float, y: float, size: int = SIDE, **columns: float) -> tuple[float, float]:
    """Where in the source the pixel x, y of the result comes from."""
    found = augmentation.matrices(draws(**columns), size)[0] @ [x, y, 1]
    return float(found[0]), float(found[1])


def test_nothing_changes_nothing() -> None:
    assert NOTHING.is_nothing
    assert (NOTHING.augmented(PHOTOS, KEYS, seed=0, epoch=0) == PHOTOS).all()


def test_flips_are_exact() -> None:
    assert (drawn(only(flip=True), flip=0.49) == PHOTOS[0, :, ::-1]).all()
    assert (drawn(only(flip=True), flip=0.5) == PHOTOS[0]).all()
    assert (drawn(only(vertical_flip=True), vertical_flip=0.0) == PHOTOS[0, ::-1]).all()
    both = only(flip=True, vertical_flip=True)
    assert (drawn(both, flip=0.0, vertical_flip=0.0) == PHOTOS[0, ::-1, ::-1]).all()


def test_half_of_the_images_are_mirrored() -> None:
    keys = np.arange(4000, dtype=np.uint64)
    turned = Augmentation().matrices(uniforms(0, 0, keys, len(COLUMNS)), SIDE)[:, 0, 0] < 0
    assert abs(turned.mean() - 0.5) < 0.03


@pytest.mark.parametrize(("draw", "turns"), [(1.0, 1), (0.0, -1)])
@pytest.mark.parametrize("fill", FILLS)
def test_a_quarter_turn_is_exact(draw: float, turns: int, fill: str) -> None:
    assert (drawn(only(rotation=90, fill=fill), rotation=draw) == np.rot90(PHOTOS[0], turns)).all()


def test_the_center_stays_where_it_is() -> None:
    center = (SIDE - 1) / 2
    for moved in (only(zoom=0.5), only(rotation=30), only(shear=20), only(zoom=0.3, rotation=70, shear=10)):
        for draw in (0.0, 0.3, 1.0):
            assert place(moved, center, center, zoom=draw, rotation=draw, shear=draw) == pytest.approx((center, center))


def test_zoom_makes_larger_and_smaller() -> None:
    assert place(only(zoom=0.2), center_plus(12), center_plus(0), zoom=1.0) == pytest.approx((center_plus(10), center_plus(0)))
    assert place(only(zoom=0.2), center_plus(8), center_plus(0), zoom=0.0) == pytest.approx((center_plus(10), center_plus(0)))


def center_plus(pixels: float) -> float:
    return (SIDE - 1) / 2 + pixels


def test_shift_moves_by_a_share_of_the_side() -> None:
    moved = drawn(only(shift=0.25), shift_x=1.0)
    assert (moved[:, 16:] == PHOTOS[0][:, :-16]).all()
    assert (drawn(only(shift=0.25), shift_y=0.0)[:-16] == PHOTOS[0][16:]).all()


def test_shear_leans_by_its_angle() -> None:
    x, y = place(only(shear=45), center_plus(0), center_plus(10), shear=1.0)
    assert (x, y) == pytest.approx((center_plus(10), center_plus(10)))


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 0.95))
def test_a_crop_lies_inside_and_keeps_its_share(area: float, aspect: float, x: float, y: float, crop: float) -> None:
    matrix = only(crop=crop).matrices(draws(crop_area=area, crop_aspect=aspect, crop_x=x, crop_y=y), 100)[0]
    corners = matrix @ np.array([[-0.5, 99.5], [-0.5, 99.5], [1, 1]])
    assert corners.min() >= -0.5 - 1e-9
    assert corners.max() <= 99.5 + 1e-9
    wide, tall = corners[:, 1] - corners[:, 0]
    assert wide * tall / 10_000 == pytest.approx(1 - area * crop)
    if max(wide, tall) < 100 - 1e-9:
        assert 3 / 4 - 1e-9 <= wide / tall <= 4 / 3 + 1e-9


def test_fills_are_what_they_say() -> None:
    moved = {fill: drawn(only(shift=0.25, fill=fill), shift_x=1.0) for fill in FILLS}
    assert (moved["black"][:, :16] == 0).all()
    assert (moved["nearest"][:, :16] == PHOTOS[0][:, :1]).all()
    assert (moved["reflect"][:, :16] == PHOTOS[0][:, :16][:, ::-1]).all()


def test_the_result_may_have_another_size() -> None:
    small = NOTHING.augmented(PHOTOS, KEYS, seed=0, epoch=0, out_size=(32, 48))
    assert small.shape == (6, 32, 48, 3)
    matrix = NOTHING.matrices(draws(), (100, 200), (50, 100))[0]
    assert matrix.tolist() == [[2, 0, 0.5], [0, 2, 0.5]]


def test_wide_images_are_turned_without_being_squashed() -> None:
    matrix = only(rotation=30).matrices(draws(rotation=0.9), (100, 300))[0]
    assert matrix[:, :2] @ matrix[:, :2].T == pytest.approx(np.eye(2))


def test_neutral_colors_change_nothing() -> None:
    assert (drawn(only(brightness=0.5, contrast=0.5, color=0.5)) == PHOTOS[0]).all()


def test_light_is_multiplied() -> None:
    dark = drawn(only(brightness=0.5), brightness=0.0)
    assert abs(dark - PHOTOS[0] / 2).max() <= 0.5
    assert (drawn(only(brightness=1), brightness=0.0) == 0).all()


def test_contrast_keeps_the_mean_gray() -> None:
    photo = (PHOTOS[0] // 2 + 64).astype(np.uint8)
    for draw, factor in ((0.0, 0.7), (1.0, 1.3)):
        found = drawn(only(contrast=0.3), photo, contrast=draw)
        assert np.dot(found.mean(axis=(0, 1)), [0.299, 0.587, 0.114]) == pytest.approx(
            np.dot(photo.mean(axis=(0, 1)), [0.299, 0.587, 0.114]), abs=0.5
        )
        assert found.std(axis=(0, 1)) == pytest.approx(factor * photo.std(axis=(0, 1)), rel=0.02)


def test_without_color_all_is_gray_and_as_light_as_before() -> None:
    gray = drawn(only(color=1), color=0.0).astype(int)
    assert np.ptp(gray, axis=2).max() <= 1
    assert abs(gray[..., 0] - PHOTOS[0] @ [0.299, 0.587, 0.114]).max() <= 1


def test_noise_has_its_deviation_and_comes_from_its_draw() -> None:
    flat = np.full((SIDE, SIDE, 3), 128, np.uint8)
    one, same, other = (drawn(only(noise=0.05), flat, noise=draw) for draw in (0.3, 0.3, 0.3000001))
    assert (one == same).all()
    assert (one != other).any()
    assert one.std() == pytest.approx(255 * 0.05, rel=0.05)
    assert one.mean() == pytest.approx(128, abs=0.5)


def test_erasing_takes_2_to_20_percent_as_often_as_it_says() -> None:
    keys = np.arange(400, dtype=np.uint64)
    blank = np.zeros((400, 50, 50, 3), np.uint8)
    shares = (only(erasing=0.25).augmented(blank, keys, seed=0, epoch=0)[..., 0] > 0).mean(axis=(1, 2))
    assert abs((shares > 0).mean() - 0.25) < 0.08
    assert shares[shares > 0].min() > 0.015
    assert 0.15 < shares.max() < 0.22


@pytest.mark.parametrize("name", PRESETS)
def test_a_image_does_not_depend_on_its_batch(name: str) -> None:
    augmentation = PRESETS[name]
    together = augmentation.augmented(PHOTOS, KEYS, seed=1, epoch=2)
    assert together.shape == PHOTOS.shape
    order = [4, 1]
    assert (augmentation.augmented(PHOTOS[order], KEYS[order], seed=1, epoch=2) == together[order]).all()
    if not augmentation.is_nothing:
        others = [augmentation.augmented(PHOTOS, KEYS, seed=seed, epoch=epoch) for seed, epoch in ((1, 3), (2, 2))]
        assert all((other != together).any() for other in others)


def test_images_given_are_never_changed() -> None:
    photos = PHOTOS.copy()
    found = ALL.augmented(photos, KEYS, seed=0, epoch=0)
    NOTHING.augmented(photos, KEYS, seed=0, epoch=0)[:] = 0
    assert (photos == PHOTOS).all()
    assert not np.shares_memory(found, photos)


def test_one_option_leaves_the_draws_of_the_others_alone() -> None:
    row = uniforms(0, 0, KEYS, len(COLUMNS))
    alone, beside = (augmentation.matrices(row, SIDE) for augmentation in (only(rotation=20), only(rotation=20, noise=0.1, brightness=0.2)))
    assert (alone == beside).all()


def test_a_image_on_its_way_is_interpolated_once() -> None:
    """All moves together are one matrix: composed by hand, the result is the same."""
    row = uniforms(3, 1, KEYS[:1], len(COLUMNS))
    assert (ALL.drawn(PHOTOS[:1], row).shape) == PHOTOS[:1].shape
    moves = Augmentation(rotation=20, shift=0.1, shear=10, zoom=0.2)
    matrix = moves.matrices(row, SIDE)
    assert (warp(PHOTOS[:1], matrix) == moves.drawn(PHOTOS[:1], row)).all()


def test_presets_are_named() -> None:
    for name, augmentation in PRESETS.items():
        assert parse_augmentation(name) == augmentation
    assert PRESETS["flip"] == Augmentation()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("flip,rotation=20,zoom=0.2", Augmentation(rotation=20, zoom=0.2)),
        ("rotation=20", Augmentation(flip=False, rotation=20)),
        (" rotation=20  vertical_flip ", Augmentation(flip=False, vertical_flip=True, rotation=20)),
        (
            "light, flip=no, noise=0.05,",
            Augmentation(flip=False, rotation=10, shift=0.08, zoom=0.1, brightness=0.1, contrast=0.1, noise=0.05),
        ),
        ("zoom=.1,fill=black", Augmentation(flip=False, zoom=0.1, fill="black")),
        ("flip=yes", Augmentation()),
    ],
)
def test_words_are_understood(words: str, wanted: Augmentation) -> None:
    assert parse_augmentation(words) == wanted


@pytest.mark.parametrize("augmentation", [*PRESETS.values(), ALL, only(zoom=0.1, fill="nearest")])
def test_an_augmentation_says_itself_in_words(augmentation: Augmentation) -> None:
    assert parse_augmentation(str(augmentation)) == augmentation


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ("rotaton=20", "there is no augmentation 'rotaton'", "did you mean 'rotation'?"),
        ("lihgt", "there is no augmentation 'lihgt'", "did you mean 'light'?"),
        ("xyz", "there is no augmentation 'xyz'", "presets: none, flip, light, strong"),
        ("", "there is no augmentation named", "presets: none"),
        ("rotation", "rotation must be a number", "presets"),
        ("rotation=much", "rotation must be a number, such as rotation=20, got 'rotation=much'", "presets"),
        ("rotation=300", "rotation must be at most 180", "presets"),
        ("flip=maybe", "flip must be named alone, or =yes or =no", "presets"),
        ("fill=pink", "fill must be one of reflect, nearest, black", "presets"),
        ("fill", "fill must be one of reflect, nearest, black", "presets"),
        ("rotation=10,light", "'light' is a preset and must stand first", "presets"),
        ("zoom=nan", "zoom must be at least 0", "presets"),
    ],
)
def test_wrong_words_are_clear_errors(words: str, said: str, hint: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_augmentation(words)
    assert said in str(caught.value)
    assert hint in str(caught.value.hint)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(OptionError) as caught:
        parse_augmentation("rotaton=20,zoom=7,shift=x,crop=0.99")
    said = str(caught.value).splitlines()
    assert len(said) == 4
    assert [word for line in said for word in ("rotaton", "shift", "zoom", "crop") if word in line] == ["rotaton", "shift", "zoom", "crop"]


def test_every_option_has_its_words_and_its_range() -> None:
    for f in fields(Augmentation):
        assert f.metadata["help"].endswith(".")
        if isinstance(f.default, float):
            assert f.metadata["minimum"] == 0
            assert f.metadata["maximum"] > 0
