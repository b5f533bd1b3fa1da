"""tellapart sources: where images can be collected from, on what terms, and which of these places answer today."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tellapart.collection.defaults import CONTACT_VARIABLE
from tellapart.collection.order_resolution import resolve_contact
from tellapart.concurrency import run_to_end
from tellapart.options import Options, dataclass, given, option, with_options
from tellapart.progress import AUTO, Progress

if TYPE_CHECKING:
    from tellapart.collection.sources import Source
    from tellapart.collection.sources.health import Health

TIMEOUT_S = 20.0
MOST_BYTES = 30_000_000


@dataclass(frozen=True, kw_only=True)
class SourcesOptions(Options):
    """What to find out."""

    check: bool = option(False, "Ask each for one page of results, and fetch its first image.")
    contact: str | None = option(None, f"Your e-mail or web address, told to every server [default: ${CONTACT_VARIABLE}].")
    allow_private: bool = option(False, "Connect to addresses inside networks too, for sources of your own.", only_for=given("check"))


@with_options(SourcesOptions)
def sources(names: str | Sequence[str] = (), *, options: SourcesOptions, progress: Progress = AUTO) -> dict[str, Any]:
    """List the sources of images: their limits, what they say of licenses, their keys, and what speaks against them.

    Nothing is asked of anybody, but with ``check``: then every source that can be asked is, once, and what came is told.

    Args:
        names: one source or several; all where none is named.
        progress: hears how many have answered.
        options: as keywords; see :class:`SourcesOptions`.

    Returns:
        ``sources``: for each its card, ``state`` (``on``: asked by ``collect`` where no source is named; ``off``: only where it is
        named; ``needs a key``; ``needs a contact``), ``keys`` (whether each is set) and ``health`` (None without ``check``).
        ``broken``: by name, what is wrong with sources that other packages bring.

    Raises:
        OptionError: an option's name or value is wrong, or there is no source of that name.
    """
    from tellapart.collection.sources import all_sources, broken_sources, source_named

    wanted = [names] if isinstance(names, str) else list(names)
    found = [source_named(name) for name in dict.fromkeys(wanted)] or list(all_sources().values())
    contact = resolve_contact(options.contact, os.environ)
    health: Sequence[Health | None] = [None] * len(found)
    if options.check:
        health = run_to_end(lambda: _asked(found, contact, options.allow_private, progress))
    rows = [
        {**_described(source, os.environ, contact), "health": asdict(one) if one else None}
        for source, one in zip(found, health, strict=True)
    ]
    return {"sources": rows, "broken": {} if wanted else broken_sources()}


def _described(source: Source, environment: Mapping[str, str], contact: str | None) -> dict[str, Any]:
    """A source's card as plain values, and how it stands here."""
    from tellapart.collection.sources import missing_keys

    card = asdict(source.card)
    keys = {name: bool(environment.get(name, "").strip()) for name in source.card.keys}
    optional = {name: bool(environment.get(name, "").strip()) for name in source.card.optional_keys}
    if not source.card.is_default:
        state = "off"
    elif missing_keys(source, environment):
        state = "needs a key"
    else:
        state = "needs a contact" if source.card.needs_contact and not contact else "on"
    listed = {"families": list(source.card.families), "image_hosts": card["image_hosts"]}
    return {"name": source.name, **card, **listed, "keys": keys, "optional_keys": optional, "state": state}


async def _asked(found: list[Source], contact: str | None, allow_private: bool, progress: Progress) -> list[Health]:
    """Ask all at the same time: they are different servers."""
    import asyncio

    from tellapart.collection.network.fetcher import Fetcher, FetchLimits, user_agent
    from tellapart.collection.sources.health import health_of

    limits = FetchLimits(timeout_s=TIMEOUT_S, max_bytes=MOST_BYTES)
    with progress.stage("asking", total=len(found), unit="sources") as advance:
        async with Fetcher(limits, user_agent=user_agent(contact), allow_private=allow_private) as fetcher:

            async def one(source: Source) -> Health:
                health = await health_of(source, fetcher.ask, fetcher.image, os.environ, has_contact=contact is not None)
                advance(1)
                return health

            return list(await asyncio.gather(*(one(source) for source in found)))
