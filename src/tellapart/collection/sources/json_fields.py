"""Reading fields of JSON responses: no field is assumed to have the type that its documentation says."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tellapart.collection.sources.protocol import SourceError

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

LONGEST_TEXT = 2_000
LONGEST_EXCERPT = 200
MOST = 2**53
MOST_NODES = 400_000
MOST_DEPTH = 5_000
"""Elements within elements; to read a page takes the square of it."""
_ELEMENT = re.compile(r"<(/?)([a-zA-Z][^\s/<>]*+)([^<>]*+)>")
_ALONE = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"})
_ENDED_BY_THE_NEXT = frozenset({"dd", "dt", "li", "optgroup", "option", "p", "rp", "rt", "tbody", "td", "tfoot", "th", "thead", "tr"})
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_MARKS = re.compile(r"[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ue000-\uf8ff\ufeff]")
"""Signs without a shape: directions of writing, and those by which a search engine marks the words that were looked for."""
_TAG = re.compile(r"<[^>]*>")
_BREAK = re.compile(r"<(?=br\b|/p\b|/li\b|/div\b|/t[dhr]\b|/h[1-6]\b)", re.IGNORECASE)


def document(body: bytes) -> Mapping[str, Any]:
    """The JSON object of a response.

    Raises:
        SourceError: it is something else; the message shows its first words.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise SourceError(f"the answer is not a JSON object: {excerpt(body)}")
    return content


def html_tree(text: str) -> LexborHTMLParser:
    """The elements of a page.

    Raises:
        SourceError: there are too many of them, or they are nested too deeply to be read in reasonable time.
    """
    from selectolax.lexbor import LexborHTMLParser

    if text.count("<") > MOST_NODES:
        raise SourceError(f"the page holds more than {MOST_NODES:,} elements")
    if _depth(text) > MOST_DEPTH:
        raise SourceError(f"the elements of the page are nested more than {MOST_DEPTH:,} deep")
    return LexborHTMLParser(text)


def _depth(text: str) -> int:
    """About how deep the elements of a page are nested; those that end by themselves do not count."""
    deepest = depth = 0
    left_open: Counter[str] = Counter()
    for end, name, rest in _ELEMENT.findall(text):
        name = name.lower()
        if rest.endswith("/") or name in _ALONE or name in _ENDED_BY_THE_NEXT:
            continue
        if not end:
            left_open[name] += 1
            depth += 1
            deepest = max(deepest, depth)
        elif left_open[name]:
            left_open[name] -= 1
            depth -= 1
    return deepest


def objects(value: object) -> Iterator[Mapping[str, Any]]:
    """The objects of a list; whatever else is in it, or is there instead of it, is passed over."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def within(value: object, *names: str | int) -> Any:
    """The value at a path of names and indices in nested objects and lists, or None."""
    for name in names:
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and isinstance(name, int) and -len(value) <= name < len(value):
            value = value[name]
        else:
            return None
    return value


def text(value: object) -> str:
    """Words on one line that can be written anywhere; empty where there are none. Numbers are words too."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    if isinstance(value, int):
        return str(value) if abs(value) <= MOST else ""
    clean = _MARKS.sub("", _UNSEEN.sub(" ", value[:LONGEST_TEXT]))
    return " ".join(clean.encode("utf-8", "replace").decode().split())


def plain(value: object) -> str:
    """The words of a piece of HTML, without its tags and scripts."""
    content = text(value)
    if "<" in content:
        from selectolax.lexbor import LexborHTMLParser

        tree = LexborHTMLParser(_BREAK.sub(" <", content))
        for hidden in tree.css("script, style, [style*='display:none'], [style*='display: none']"):
            hidden.decompose()
        content = tree.body.text() if tree.body else ""
    return text(unescape(content))


def number(value: object) -> int | None:
    """A count or a length in pixels, also where it is written as text; None where it is none, or negative, or beyond reason."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value == value and abs(value) <= MOST:
        value = int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 17:
        value = int(value)
    return value if isinstance(value, int) and 0 <= value <= MOST else None


def pixels(value: object) -> int | None:
    """A length in pixels; None where it is zero or unknown."""
    return number(value) or None


def address(value: object) -> str:
    """An http or https address; ``//host/path`` becomes https; empty where it is none."""
    url = text(value)
    url = f"https:{url}" if url.startswith("//") else url
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in parts.netloc
    except ValueError:
        return ""
    return url.replace(" ", "%20") if is_address else ""


def excerpt(body: bytes) -> str:
    """The first words of a response, to be shown in an error."""
    content = text(unescape(_TAG.sub(" ", body[: 10 * LONGEST_EXCERPT].decode("utf-8", "replace"))))
    return f"{content[:LONGEST_EXCERPT]!r}" if content else "it is empty"


def place_of(cursor: str | None, *, first: int = 1) -> int:
    """The page or offset in a cursor.

    Raises:
        SourceError: the cursor is none of ours.
    """
    if cursor is None:
        return first
    if (offset := number(cursor)) is None:
        raise SourceError(f"the place {cursor!r} in the results is not one of this source")
    return offset
