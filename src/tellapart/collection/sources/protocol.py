"""The protocol of a source of images: pure functions from a query to an HTTP request, and from a response to candidates."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tellapart.collection.candidates import Query, Request, ResultPage


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLimit:
    """Rate limit of a host."""

    concurrency: int = 4
    """Maximum number of concurrent requests."""
    per_minute: float | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCard:
    """What a person should know of a source before using it."""

    title: str
    home: str
    terms: str
    """Address of the terms of use."""
    licenses: str
    """Its statement on licenses, in words."""
    caveat: str = ""
    """In words: what is known to go wrong, or to be against the rules."""
    is_default: bool = True
    """Whether it is used if no source is named."""
    keys: tuple[str, ...] = ()
    """Environment variables that must hold keys."""
    optional_keys: tuple[str, ...] = ()
    """Environment variables that raise its limits."""
    most_results: int | None = None
    """How deep one query can be paged."""
    limit: HostLimit = field(default_factory=HostLimit)
    """For the hosts that answer queries."""
    image_hosts: Mapping[str, HostLimit] = field(default_factory=dict)
    """Rate limits of the image hosts, if lower than usual."""
    needs_contact: bool = False
    """Whether the operator must be named in the User-Agent."""
    asks: str = "words"
    """What its keywords are: ``words``, or ``taxon`` for the name of a living thing."""
    families: tuple[str, ...] = ()
    """The license families its offers can carry (``sources.licenses``); empty if it gives no licenses."""


class Source(Protocol):
    """A source of images for keywords. It never uses the network itself."""

    name: str
    card: SourceCard

    def facets(self, keyword: str) -> Sequence[Mapping[str, str]]:
        """Slices of the results, each paged by itself, so that more can be reached than one query's depth; most useful first."""

    def request(self, query: Query, cursor: str | None, keys: Mapping[str, str]) -> Request:
        """The request for the page at ``cursor`` (None: the first). ``keys`` holds the environment variables its card names."""

    def parse(self, body: bytes, query: Query, cursor: str | None) -> ResultPage:
        """What the answer holds.

        Raises:
            SourceError: the response does not have the expected form, or reports an error; with the server's message.
        """


class SourceError(Exception):
    """A response that cannot be used; the message is shown with the source."""


async def parse_answer(source: Source, body: bytes, query: Query, cursor: str | None) -> ResultPage:
    """What an answer holds, read in a thread: one strange answer ends one search, not all.

    Raises:
        SourceError: it cannot be used, whatever is strange about it.
    """
    try:
        return await asyncio.to_thread(source.parse, body, query, cursor)
    except SourceError:
        raise
    except Exception as error:  # an answer may break a parser in any way
        raise SourceError(f"the answer could not be understood: {type(error).__name__}: {error}"[:200]) from error


def key_of(keys: Mapping[str, str], name: str) -> str:
    """The key of that name.

    Raises:
        SourceError: it is not set.
    """
    if not (key := keys.get(name, "").strip()):
        raise SourceError(f"the environment variable {name} is not set")
    return key
