"""Whether a source answers today: one page of a harmless search, and its first image."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from tellapart.collection.candidates import Fetched, Query, Request, ResultPage
from tellapart.collection.sources.protocol import Source, SourceError, parse_answer
from tellapart.collection.sources.registry import keys_of, missing_keys

KEYWORDS = {"words": "oak tree", "taxon": "Quercus robur"}
MOST_REQUESTS = 3
"""Some sources give a token first."""

Ask = Callable[[Request], Awaitable[Fetched]]
Look = Callable[[str], Awaitable[Fetched]]
State = Literal["healthy", "no key", "no contact", "no answer", "not understood", "nothing found", "no image"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The result of checking a source."""

    state: State
    said: str = ""
    """What went wrong, as a short phrase."""
    seconds: float | None = None
    """Seconds from request to response; None if no request was sent."""
    offers: int = 0
    total: int | None = None
    """Total number of images for the keyword, according to the source."""
    image: str = ""
    """The first image: its format and size in kB, or why it could not be had."""
    image_seconds: float | None = None


async def health_of(source: Source, ask: Ask, look: Look, environment: Mapping[str, str], *, has_contact: bool) -> Health:
    """Request one page of results and its first image; errors of the source are results, not exceptions."""
    if missing := missing_keys(source, environment):
        return Health(state="no key", said=f"{' and '.join(missing)} not set")
    if source.card.needs_contact and not has_contact:
        return Health(state="no contact", said="it wants to know whom to write to")
    start = time.monotonic()
    query = Query(keyword=KEYWORDS.get(source.card.asks, KEYWORDS["words"]))
    try:
        page = await _first_page(source, ask, query, keys_of(source, environment))
    except _NoAnswerError as error:
        return Health(state="no answer", said=str(error), seconds=_since(start))
    except SourceError as error:
        return Health(state="not understood", said=str(error), seconds=_since(start))
    seconds = _since(start)
    if not page.offers:
        return Health(state="nothing found", said=f"nothing for {query.keyword!r}", seconds=seconds)
    image, is_one, took = await _looked_at(look, page.offers[0].url)
    return Health(
        state="healthy" if is_one else "no image",
        said="" if is_one else image,
        seconds=seconds,
        offers=len(page.offers),
        total=page.total,
        image=image,
        image_seconds=took,
    )


class _NoAnswerError(SourceError):
    """Nothing came, or a refusal."""


async def _first_page(source: Source, ask: Ask, query: Query, keys: Mapping[str, str]) -> ResultPage:
    """The first page that holds offers, or the last one there is."""
    page, cursor = ResultPage(), None
    for _ in range(MOST_REQUESTS):
        fetched = await ask(source.request(query, cursor, keys))
        if fetched.verdict != "ok":
            raise _NoAnswerError(": ".join(filter(None, [fetched.reason, await _complaint(source, fetched.body, query, cursor)])))
        page = await parse_answer(source, fetched.body, query, cursor)
        cursor = page.cursor
        if page.offers or cursor is None:
            break
    return page


async def _complaint(source: Source, body: bytes, query: Query, cursor: str | None) -> str:
    """The message in the body of an error response."""
    try:
        if body:
            await parse_answer(source, body, query, cursor)
    except SourceError as error:
        return str(error)
    return ""


async def _looked_at(look: Look, url: str) -> tuple[str, bool, float]:
    """What the image at an address is, whether it is one, and how many seconds it took."""
    from tellapart.errors import ImageError
    from tellapart.images.formats import sniff_format

    start = time.monotonic()
    fetched = await look(url)
    took = _since(start)
    if fetched.verdict != "ok":
        return fetched.reason, False, took
    try:
        return f"{sniff_format(fetched.body)}, {len(fetched.body) / 1000:,.0f} kB", True, took
    except ImageError as error:
        return str(error), False, took


def _since(start: float) -> float:
    return round(time.monotonic() - start, 3)
