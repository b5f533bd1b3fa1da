import numpy as np
import pytest
from PIL import Image

from tellapart.images.orientation import exif_orientation, swaps_sides, upright, xmp_orientation
from tests import sample_images


def test_unreadable_exif_says_nothing() -> None:
    for junk in (b"", b"II", b"MM\x00*", b"II*\x00\xff\xff\xff\xff", b"XX*\x00", bytes(40)):
        assert exif_orientation(junk) is None


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_nonsense_values_say_nothing(value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    assert exif_orientation(exif.tobytes()[6:]) is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_undoes_every_turn_as_pillow_does(orientation: int) -> None:
    from PIL import ImageOps

    stored = sample_images.photo_pixels(3, 12, 7)
    image = Image.fromarray(stored)
    image.getexif()[0x0112] = orientation
    turned = upright(stored, orientation)
    np.testing.assert_array_equal(turned, np.asarray(ImageOps.exif_transpose(image)))
    assert turned.flags.c_contiguous
    assert swaps_sides(orientation) == (turned.shape != stored.shape)


@pytest.mark.parametrize(
    ("packet", "orientation"),
    [
        (b'<rdf:Description tiff:Orientation="6"/>', 6),
        (b"<rdf:Description tiff:Orientation = '3'/>", 3),
        (b"<tiff:Orientation>8</tiff:Orientation>", 8),
        (b"<tiff:Orientation>\n 5 </tiff:Orientation>", 5),
        (b'<x tiff:Orientation="0"/>', 1),
        (b'<x tiff:Orientation="66"/>', 1),
        (b'<x exif:Orientation="6"/>', 1),
        (b"", 1),
    ],
)
def test_xmp_says_it_as_an_attribute_or_an_element(packet: bytes, orientation: int) -> None:
    assert xmp_orientation(packet) == orientation
