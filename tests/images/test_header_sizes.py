from __future__ import annotations

import pytest

from tellapart.images.header_sizes import declared_size
from tests import sample_images


@pytest.mark.parametrize("name", ["PNG", "GIF", "BMP", "WEBP"])
def test_declared_size_reads_the_header(name: str) -> None:
    assert declared_size(sample_images.photo(width=203, height=77, name=name), name) == (203, 77)


def test_declared_size_of_lossless_and_extended_webp() -> None:
    assert declared_size(sample_images.photo(width=203, height=77, name="WEBP", lossless=True), "WEBP") == (203, 77)
    assert declared_size(sample_images.photo(width=203, height=77, name="WEBP", icc_profile=sample_images.srgb_profile()), "WEBP") == (
        203,
        77,
    )
