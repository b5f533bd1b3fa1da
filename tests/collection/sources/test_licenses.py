from __future__ import annotations

import pytest

from tellapart.collection.candidates import Offer
from tellapart.collection.sources.licenses import (
    CREATIVE_COMMONS,
    FAMILIES,
    address_of,
    attribution_of,
    family_of,
    is_wanted,
    license_of,
    usable,
    words_of,
)


@pytest.mark.parametrize(
    ("said", "license"),
    [
        ("CC BY-SA 4.0", "cc-by-sa-4.0"),
        ("cc-by-sa-3.0-de", "cc-by-sa-3.0"),
        ("cc-by-sa-3.0,2.5,2.0,1.0", "cc-by-sa-3.0"),
        ("cc-by-nd-nc-1.0", "cc-by-nc-nd-1.0"),
        ("CC BY-NC-SA 2.0 fr", "cc-by-nc-sa-2.0"),
        ("CC_BY_NC_4_0", "cc-by-nc-4.0"),
        ("http://creativecommons.org/licenses/by-nc/4.0/legalcode", "cc-by-nc-4.0"),
        ("https://creativecommons.org/licenses/by/2.0", "cc-by-2.0"),
        ("Creative Commons Attribution-Share Alike 4.0", "cc-by-sa-4.0"),
        ("Attribution-NonCommercial 4.0 International (CC BY-NC 4.0)", "cc-by-nc-4.0"),
        ("Creative Commons Attribution Non Commercial No Derivatives", "cc-by-nc-nd"),
        ("CC0", "cc0-1.0"),
        ("cc-zero", "cc0-1.0"),
        ("CC0_1_0", "cc0-1.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "cc0-1.0"),
        ("https://creativecommons.org/publicdomain/mark/1.0/", "pdm-1.0"),
        ("PDM", "pdm"),
        ("Public Domain Mark 1.0", "pdm-1.0"),
        ("Public domain", "pdm"),
        ("pd-old-100", "pdm"),
        ("pexels", "pexels"),
        ("GFDL 1.2", "gfdl-1.2"),
        ("All Rights Reserved", "all-rights-reserved"),
        ("Attribution", "attribution"),
        ("© photo by Nancy", "photo-by-nancy"),
        ("photo cc bylaw", "photo-cc-bylaw"),
        ("UNSPECIFIED", ""),
        ("", ""),
        ("  ", ""),
        ("...", ""),
    ],
)
def test_every_spelling_becomes_one(said: str, license: str) -> None:
    assert license_of(said) == license
    assert license_of(license) == license, "its own spelling stays"


def test_a_version_said_elsewhere_counts_where_the_name_has_none() -> None:
    assert license_of("cc-by", "2.0") == "cc-by-2.0"
    assert license_of("CC BY 4.0", "2.0") == "cc-by-4.0"
    assert (license_of("cc0", "1.0"), license_of("pdm", "1.0")) == ("cc0-1.0", "pdm-1.0")
    assert license_of("pexels", "2.0") == "pexels"


@pytest.mark.parametrize("family", FAMILIES)
def test_families_have_an_address_and_words(family: str) -> None:
    license = f"{family}-4.0" if family in CREATIVE_COMMONS else family
    assert family_of(license) == family_of(family) == family
    assert address_of(license).startswith("https://")
    assert "{" not in address_of(family)
    assert words_of(license)


def test_words_are_those_people_write() -> None:
    said = [words_of(one) for one in ("cc-by-nc-sa-2.0", "cc-by", "cc0-1.0", "pdm", "pdm-1.0", "unsplash", "all-rights-reserved", "")]
    assert said == [
        "CC BY-NC-SA 2.0",
        "CC BY",
        "CC0 1.0",
        "public domain",
        "Public Domain Mark 1.0",
        "Unsplash license",
        "all rights reserved",
        "",
    ]


def test_a_stricter_license_is_not_taken_for_a_free_one() -> None:
    assert is_wanted("cc-by-4.0", ("cc0", "cc-by"))
    assert not is_wanted("cc-by-nc-4.0", ("cc0", "cc-by"))
    assert not is_wanted("cc-by-sa-4.0", ("cc-by",))
    assert not is_wanted("", ("cc-by",))
    assert not is_wanted("all-rights-reserved", ("cc-by",))
    assert is_wanted("", ())
    offers = [Offer(url=""), Offer(url="https://a/1", license="cc0-1.0"), Offer(url="https://a/2", license="cc-by-nc-2.0")]
    assert usable(offers, ("cc0",)) == (offers[1],)
    assert usable(offers, ()) == tuple(offers[1:])


def test_credit_says_what_is_known() -> None:
    assert attribution_of(title="Oak", creator="Ann", license="cc-by-2.0", via="Flickr") == '"Oak" by Ann, CC BY 2.0, via Flickr'
    assert attribution_of(title="", creator="Ann", license="", via="GBIF") == "Ann, via GBIF"
    assert attribution_of(title="Oak", creator="", license="cc0-1.0", via="GBIF") == '"Oak", CC0 1.0, via GBIF'
