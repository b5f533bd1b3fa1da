"""tellapart sources: where images can be collected from, on what terms, and which sources respond today."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tellapart.collection.options import CONTACT_VARIABLE
from tellapart.collection.order_resolution import resolve_contact
from tellapart.concurrency import run_to_end
from tellapart.options import Options, dataclass, given, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result, plain

if TYPE_CHECKING:
    from tellapart.collection.sources import Source
    from tellapart.collection.sources.health import Health
    from tellapart.collection.sources.protocol import SourceCard

TIMEOUT_S = 20.0
MOST_BYTES = 30_000_000


@dataclass(frozen=True, kw_only=True)
class SourcesOptions(Options):
    """Which sources to check, and how."""

    check: bool = option(False, "Request one page of results from each source, and fetch its first image.")
    contact: str | None = option(None, f"Your e-mail or web address, sent to every server [default: ${CONTACT_VARIABLE}].")
    allow_private: bool = option(False, "Allow connections to private network addresses.", only_for=given("check"))


@dataclass(frozen=True)
class SourceInfo(Result):
    """One source of images.

    Attributes:
        name: as ``collect --sources`` takes it.
        card: its terms, licenses, keys and limits.
        keys: whether each environment variable that it needs is set.
        optional_keys: whether each environment variable that raises its limits is set.
        state: ``on`` (``collect`` uses it unless other sources are named), ``off`` (only used if named), ``needs a key`` or
            ``needs a contact``.
        health: its response; None without ``check``.
    """

    name: str
    card: SourceCard
    keys: dict[str, bool]
    optional_keys: dict[str, bool]
    state: str
    health: Health | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values; the fields of the card lie beside the others."""
        own = {"keys": self.keys, "optional_keys": self.optional_keys, "state": self.state, "health": plain(self.health)}
        return {"name": self.name, **plain(self.card), **own}


@dataclass(frozen=True)
class SourcesResult(Result):
    """The sources of images.

    Attributes:
        sources: those named, else all.
        broken: sources of other packages that cannot be loaded, each with the reason; empty if sources were named.
    """

    sources: tuple[SourceInfo, ...]
    broken: dict[str, str]


@with_options(SourcesOptions)
def sources(names: str | Sequence[str] = (), *, options: SourcesOptions, progress: Progress = AUTO) -> SourcesResult:
    """List the sources of images: their limits, licenses, keys, and known problems.

    No request is sent, except with ``check``: one search to every source that can be used, and one image.

    Args:
        names: one source or several; by default all.
        progress: receives the number of sources that have responded.
        options: as keywords; see :class:`SourcesOptions`.

    Raises:
        OptionError: an option's name or value is wrong, or there is no source of that name.
    """
    from tellapart.collection.sources import all_sources, broken_sources, source_named

    named = [names] if isinstance(names, str) else list(names)
    listed = [source_named(name) for name in dict.fromkeys(named)] or list(all_sources().values())
    contact = resolve_contact(options.contact, os.environ)
    health: Sequence[Health | None] = [None] * len(listed)
    if options.check:
        health = run_to_end(lambda: _check_all(listed, contact, options.allow_private, progress))
    infos = tuple(_info(source, os.environ, contact, one) for source, one in zip(listed, health, strict=True))
    return SourcesResult(infos, {} if named else broken_sources())


def _info(source: Source, environment: Mapping[str, str], contact: str | None, health: Health | None) -> SourceInfo:
    from tellapart.collection.sources import missing_keys

    keys = {name: bool(environment.get(name, "").strip()) for name in source.card.keys}
    optional = {name: bool(environment.get(name, "").strip()) for name in source.card.optional_keys}
    if not source.card.is_default:
        state = "off"
    elif missing_keys(source, environment):
        state = "needs a key"
    else:
        state = "needs a contact" if source.card.needs_contact and not contact else "on"
    return SourceInfo(source.name, source.card, keys, optional, state, health)


async def _check_all(listed: list[Source], contact: str | None, allow_private: bool, progress: Progress) -> list[Health]:
    """Check all at the same time: they are different servers."""
    import asyncio

    from tellapart.collection.network.fetcher import Fetcher, FetchLimits, user_agent
    from tellapart.collection.sources.health import health_of

    limits = FetchLimits(timeout_s=TIMEOUT_S, max_bytes=MOST_BYTES)
    with progress.stage("asking", total=len(listed), unit="sources") as advance:
        async with Fetcher(limits, user_agent=user_agent(contact), allow_private=allow_private) as fetcher:

            async def one(source: Source) -> Health:
                health = await health_of(source, fetcher.ask, fetcher.image, os.environ, has_contact=contact is not None)
                advance(1)
                return health

            return list(await asyncio.gather(*(one(source) for source in listed)))
