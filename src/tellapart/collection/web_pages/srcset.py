"""The sizes in which a page keeps one image, and the one worth having."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST = 1_000_000
"""Pixels; a page that says more of an image is not believed."""
_BLANKS = " \t\n\r\f"
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One size of an image."""

    url: str
    """As the page writes it."""
    width: float | None = None
    """Pixels."""
    density: float | None = None
    """Its pixels for each of the layout's."""


def candidates_of(srcset: str) -> Iterator[Candidate]:
    """The candidates of a ``srcset``, as WHATWG's HTML standard parses it: an address may hold commas, but neither begin nor end with one.

    A candidate whose descriptors cannot be understood is passed over.
    """
    at = 0
    while True:
        while at < len(srcset) and srcset[at] in _BLANKS + ",":
            at += 1
        if at == len(srcset):
            return
        end = next((place for place in range(at, len(srcset)) if srcset[place] in _BLANKS), len(srcset))
        url, at = srcset[at:end], end
        described = ""
        if url.endswith(","):
            url = url.rstrip(",")
        else:
            end = _end_of_descriptors(srcset, at)
            described, at = srcset[at:end], end
        candidate = _described(url, described.split())
        if candidate is not None:
            yield candidate


def _end_of_descriptors(srcset: str, at: int) -> int:
    depth = 0
    for place in range(at, len(srcset)):
        depth += (srcset[place] == "(") - (srcset[place] == ")" and depth > 0)
        if srcset[place] == "," and not depth:
            return place
    return len(srcset)


def _described(url: str, descriptors: Sequence[str]) -> Candidate | None:
    width = density = None
    for text in descriptors:
        number, kind = text[:-1], text[-1:]
        if kind not in "wxh" or not _NUMBER.fullmatch(number):
            return None
        if float(number) > MOST:
            return None
        if kind == "w":
            width = float(number)
        elif kind == "x":
            density = float(number)
    is_odd = width == 0 or (width is not None and density is not None)
    return None if is_odd else Candidate(url, width, density)


def best_of(candidates: Sequence[Candidate], cap: float, layout_width: float | None = None) -> Candidate | None:
    """The largest candidate not wider than ``cap`` pixels, else the smallest that is wider; None where there is none.

    Where widths are known only of some, the others do not count; where of none, the greatest density wins, and the first
    of equals.

    Args:
        candidates: of one image.
        cap: pixels.
        layout_width: pixels of the place the page gives it, by which densities become widths.
    """
    sized = [(candidate, _width(candidate, layout_width)) for candidate in candidates]
    known = [(candidate, width) for candidate, width in sized if width is not None]
    if not known:
        return max(candidates, key=lambda candidate: candidate.density or 1.0, default=None)
    fitting = [pair for pair in known if pair[1] <= cap]
    chosen = max(fitting, key=lambda pair: pair[1]) if fitting else min(known, key=lambda pair: pair[1])
    return Candidate(chosen[0].url, chosen[1], chosen[0].density)


def _width(candidate: Candidate, layout_width: float | None) -> float | None:
    if candidate.width is not None:
        return candidate.width
    return candidate.density * layout_width if candidate.density is not None and layout_width else None
