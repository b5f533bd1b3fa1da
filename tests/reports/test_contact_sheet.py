from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tellapart.reports.contact_sheet import (
    BORDER,
    EMPTY,
    FRAMES,
    GAP,
    INK,
    MARGIN,
    MOST_TILES,
    PAPER,
    TILE,
    Tile,
    contact_sheet,
    write_line,
)

GREEN = (20, 160, 40)
STEP = TILE + 2 * BORDER + GAP


def pixels(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), GREEN, np.uint8)


def jpeg(height: int, width: int, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels(height, width)).save(out, "JPEG", **options)
    return out.getvalue()


def at(sheet: Image.Image, x: int, y: int) -> tuple[int, ...]:
    found = sheet.getpixel((x, y))
    assert isinstance(found, tuple)
    return found


def test_images_stand_in_rows_and_keep_their_shape() -> None:
    sheet = contact_sheet([Tile(pixels(40, 80)), Tile(pixels(400, 200)), Tile(pixels(64, 64))], columns=2)
    assert sheet.mode == "RGB" and sheet.width == 2 * MARGIN + 2 * STEP - GAP
    middle = MARGIN + BORDER + TILE // 2
    assert at(sheet, middle, middle) == GREEN
    assert at(sheet, middle, MARGIN + BORDER + 3) == EMPTY
    assert at(sheet, MARGIN + BORDER + 3, middle) == GREEN
    assert at(sheet, middle + STEP, MARGIN + BORDER + 3) == GREEN
    assert at(sheet, MARGIN + STEP + BORDER + 3, middle) == EMPTY
    assert at(sheet, middle, middle + STEP) == GREEN
    assert at(sheet, middle + STEP, middle + STEP) == PAPER


def test_frames_are_colored_and_counted_in_the_head() -> None:
    bare = contact_sheet([Tile(pixels(9, 9)), Tile(pixels(9, 9))])
    sheet = contact_sheet([Tile(pixels(9, 9), frame="kept"), Tile(pixels(9, 9), frame="set aside")])
    top = MARGIN + sheet.height - bare.height
    assert at(sheet, MARGIN, top) == FRAMES["kept"]
    assert at(sheet, MARGIN + STEP, top + TILE) == FRAMES["set aside"]
    head = np.asarray(sheet.crop((0, 0, sheet.width, top))).reshape(-1, 3)
    for color in FRAMES.values():
        assert (head == color).all(axis=1).any()


def test_captions_take_two_lines_and_never_leave_their_column() -> None:
    plain = contact_sheet([Tile(pixels(9, 9))])
    long = contact_sheet([Tile(None, "W" * 300 + "\n" + "W" * 300 + "\nthird"), Tile(None)], columns=2)
    two = contact_sheet([Tile(None, "one\ntwo"), Tile(None)], columns=2)
    assert plain.height < two.height == long.height
    between = long.crop((MARGIN + TILE + 2 * BORDER, MARGIN, MARGIN + STEP, long.height))
    assert between.getcolors() == [(between.width * between.height, PAPER)]


@pytest.mark.parametrize("caption", ["", "\n", "Ünïcödé 猫 🦊", "tab\there", "lone \udcff surrogate", "a" * 100_000])
def test_any_caption_can_be_written(caption: str) -> None:
    assert contact_sheet([Tile(pixels(9, 9), caption)], title=caption).width > 0


def test_bytes_are_decoded_upright_and_what_is_no_image_stays_empty() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    sheet = contact_sheet([Tile(jpeg(40, 80, exif=exif)), Tile(b"<html>"), Tile(None)])
    middle = MARGIN + BORDER + TILE // 2
    assert at(sheet, middle, MARGIN + BORDER + 3) != EMPTY
    assert at(sheet, MARGIN + BORDER + 3, middle) == EMPTY
    assert at(sheet, middle + STEP, MARGIN + BORDER + 3) == EMPTY


def test_a_sheet_of_very_many_ends_and_says_so() -> None:
    some, many = ([Tile(None)] * n for n in (MOST_TILES, 100_000))
    assert contact_sheet(many).height - contact_sheet(some).height == 34
    assert contact_sheet([]).height > 0 and contact_sheet([Tile(None)], columns=0).width > TILE


def test_a_line_is_cut_to_its_room() -> None:
    drawing = ImageDraw.Draw(Image.new("RGB", (300, 30)))
    assert write_line(drawing, (0, 0), "short", 13, INK, 200) < 60
    assert 150 < write_line(drawing, (0, 0), "long " * 50, 13, INK, 200) <= 200
