"""Whatever happens to the bytes of a file, decoding it ends soon and raises nothing but ImageError."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tellapart.errors import ImageError
from tellapart.images import decode
from tests import sample_images

VALID = {
    "jpeg": sample_images.oriented_photo(6, icc_profile=sample_images.swapped_profile()),
    "progressive": sample_images.photo(1, 64, 48, progressive=True),
    "cmyk": sample_images.cmyk_photo(1),
    "png": sample_images.photo(1, 64, 48, name="PNG"),
    "palette": sample_images.palette_png(1, see_through=True),
    "gif": sample_images.animated_gif(),
    "webp": sample_images.photo(1, 64, 48, name="WEBP"),
    "bmp": sample_images.photo(1, 64, 48, name="BMP"),
    "tiff": sample_images.photo(1, 64, 48, name="TIFF", compression="tiff_lzw"),
    "avif": sample_images.photo(1, 64, 48, name="AVIF"),
}


def survives(data: bytes, min_size: int | None) -> None:
    try:
        image = decode(data, min_size=min_size)
    except ImageError as error:
        assert 0 < len(str(error)) < 200
    else:
        assert image.pixels.ndim == 3
        assert image.pixels.shape[2] == 3


@pytest.mark.parametrize("kind", sorted(VALID))
@settings(max_examples=60, deadline=5_000, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_changed_and_cut_files(kind: str, data: st.DataObject) -> None:
    valid = VALID[kind]
    changed = bytearray(valid)
    reach = data.draw(st.sampled_from([64, 512, len(valid)]))  # headers break in more ways than pixels
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, min(reach, len(valid)) - 1), st.integers(0, 255)), max_size=6)):
        changed[at] = value
    end = data.draw(st.one_of(st.just(len(valid)), st.integers(0, len(valid))))
    survives(bytes(changed[:end]), data.draw(st.sampled_from([None, 8])))


@settings(max_examples=100, deadline=5_000)
@given(
    start=st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\x00", b"RIFF....WEBP", b"....ftypavif"]),
    rest=st.binary(max_size=200),
)
def test_any_bytes(start: bytes, rest: bytes) -> None:
    survives(start + rest, None)
