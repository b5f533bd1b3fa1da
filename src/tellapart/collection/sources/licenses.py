"""Licenses under one spelling, whatever a source calls them, and the sentence that gives credit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tellapart.collection.candidates import Offer
from tellapart.errors import OptionError, closest_name

FAMILIES = {
    "cc0": "https://creativecommons.org/publicdomain/zero/{}/",
    "pdm": "https://creativecommons.org/publicdomain/mark/{}/",
    "cc-by": "https://creativecommons.org/licenses/by/{}/",
    "cc-by-sa": "https://creativecommons.org/licenses/by-sa/{}/",
    "cc-by-nc": "https://creativecommons.org/licenses/by-nc/{}/",
    "cc-by-nd": "https://creativecommons.org/licenses/by-nd/{}/",
    "cc-by-nc-sa": "https://creativecommons.org/licenses/by-nc-sa/{}/",
    "cc-by-nc-nd": "https://creativecommons.org/licenses/by-nc-nd/{}/",
    "pexels": "https://www.pexels.com/license/",
    "pixabay": "https://pixabay.com/service/license-summary/",
    "unsplash": "https://unsplash.com/license",
}
"""The licenses that can be requested, and the URL of each (``{}``: its version)."""

CREATIVE_COMMONS = tuple(family for family, address in FAMILIES.items() if "{}" in address)
LONGEST = 60

_SHORTENED = (
    (r"creativecommons\.org/publicdomain/zero", "cc0"),
    (r"creativecommons\.org/publicdomain/mark", "pdm"),
    (r"creativecommons\.org/licenses/", "cc-"),
    (r"creative commons", "cc"),
    (r"public domain mark", "pdm"),
    (r"public[ -]domain", "pd"),
    (r"cc attribution", "cc by"),
    (r"non[ -]?commercial", "nc"),
    (r"share[ -]?alike", "sa"),
    (r"no[ -]?deriv(ative)?s?( works)?", "nd"),
    (r"[^a-z0-9.]+", "-"),
)
_BY = re.compile(r"(?:^|-)cc-?by(?P<terms>(?:-(?:nc|nd|sa))*)(?:-v?(?P<version>[1-4][.-][05]))?(?![a-z0-9])")
_ZERO = re.compile(r"(?:^|-)cc-?(?:0|zero)(?![a-z0-9])")
_MARK = re.compile(r"(?:^|-)pdm(?:-v?(?P<version>1[.-]0))?(?![a-z0-9])")
_PUBLIC = re.compile(r"^(?:cc-)?pd(?:-|$)")
_NOTHING = ("unspecified", "unsupported", "unknown", "none", "null")


def license_of(name: str, version: str = "") -> str:
    """The one spelling of a license: ``cc-by-sa-4.0``, ``cc0-1.0``, ``pdm-1.0``, ``pexels``.

    ``name`` is what a source says: a code, a name, or the address of a Creative Commons license. ``version`` counts where
    it names none. A license of no known family keeps its own words (``gfdl-1.2``, ``all-rights-reserved``); nothing said is empty.
    """
    short = name.lower()
    for pattern, letters in _SHORTENED:
        short = re.sub(pattern, letters, short)
    short = short.strip("-.")
    if match := _BY.search(short):
        family = "-".join(["cc-by", *(term for term in ("nc", "nd", "sa") if term in match["terms"])])
        if family in FAMILIES:
            return "-".join(filter(None, [family, (match["version"] or version).replace("-", ".")]))
    if _ZERO.search(short):
        return "cc0-1.0"
    if match := _MARK.search(short):
        return "pdm-1.0" if match["version"] or version else "pdm"
    if _PUBLIC.search(short):
        return "pdm"
    return "" if short in _NOTHING else short[:LONGEST].strip("-.")


def family_of(license: str) -> str:
    """The family of a license spelled as :func:`license_of` does, or empty."""
    family = re.sub(r"-[0-9](\.[0-9])?$", "", license)
    return family if family in FAMILIES else ""


def families_named(names: Sequence[str]) -> tuple[str, ...]:
    """The families that a user asks for, in whatever case: ``CC0``, ``cc-by``.

    Raises:
        OptionError: there is no such family.
    """
    named = tuple(name.lower() for name in names)
    for name in named:
        if name not in FAMILIES:
            raise OptionError(
                f"there is no license {name!r} to ask for", hint=closest_name(name, FAMILIES) or f"they are {', '.join(FAMILIES)}"
            )
    return named


def is_wanted(license: str, families: Sequence[str]) -> bool:
    """Whether a license is of one of some families; where none is named, anything is wanted, also what says nothing."""
    return not families or family_of(license) in families


def usable(offers: Iterable[Offer], families: Sequence[str]) -> tuple[Offer, ...]:
    """The candidates that have an image URL and one of the requested licenses."""
    return tuple(offer for offer in offers if offer.url and is_wanted(offer.license, families))


def address_of(license: str) -> str:
    """The URL of a license text; empty where it is not known."""
    family = family_of(license)
    address, version = FAMILIES.get(family, ""), license.removeprefix(family).strip("-")
    return address.format(version) if version or "{}" not in address else ""


def words_of(license: str) -> str:
    """A license as people write it: ``CC BY-SA 4.0``."""
    family = family_of(license)
    version = license.removeprefix(family).strip("-")
    if family in CREATIVE_COMMONS:
        marks = {"cc0": "CC0", "pdm": "Public Domain Mark" if version else "public domain"}
        name = marks.get(family) or f"CC {family.removeprefix('cc-').upper()}"
        return f"{name} {version}".strip()
    return f"{family.capitalize()} license" if family else license.replace("-", " ")


def attribution_of(*, title: str, creator: str, license: str, via: str) -> str:
    """The sentence of credit, for sources that give none: ``"Tree" by Tim, CC BY 2.0, via Flickr``."""
    work = " by ".join(filter(None, [f'"{title}"' if title else "", creator]))
    return ", ".join(filter(None, [work, words_of(license), f"via {via}"]))
