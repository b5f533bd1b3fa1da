"""Run a collection: from the options of ``tellapart collect`` to a collector and its result."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.cache_dir import cache_root
from tellapart.collection.order_resolution import CollectionOrder, resolve_order
from tellapart.concurrency import available_cores, run_to_end
from tellapart.counts import count
from tellapart.durations import seconds_of
from tellapart.errors import DataError, OptionError, StorageError
from tellapart.json_files import ShapeError, anything, fields, mapping, parse_json, several, text
from tellapart.progress import Progress

if TYPE_CHECKING:
    from tellapart.collection.acceptance import Acceptor
    from tellapart.collection.candidates import Fetched, Offer, Request
    from tellapart.collection.ledger import Ledger
    from tellapart.collection.network.fetcher import Fetcher
    from tellapart.collection.options import CollectOptions
    from tellapart.collection.search import Ask
    from tellapart.collection.sources import HostLimit, Source
    from tellapart.collection.status import CollectionStatus, CollectResult
    from tellapart.collection.storage.stores import Destination

LISTED_AT_ONCE = 5_000
PACK_EVERY_S = 10.0
SHOWN_REASONS = 8
SHARDS = "SELECT count(DISTINCT substr(file, 1, instr(file, '/') - 1)) AS number FROM images WHERE file LIKE 'shard-%'"


def collect_images(names: Sequence[str], options: CollectOptions, environment: Mapping[str, str], progress: Progress) -> CollectResult:
    """Collect, and return the status; arguments and errors as in :func:`tellapart.collect`."""
    from tellapart.collection.acceptance import Acceptor
    from tellapart.collection.ledger import LEDGER_FILE, Ledger
    from tellapart.collection.status import kept_rows, read_status
    from tellapart.collection.storage.credits import write_attribution
    from tellapart.collection.storage.shards import is_sharded, open_spool, pack_spool
    from tellapart.collection.storage.stores import class_folders, open_destination

    begin = time.monotonic()
    state = _state(options)
    if not (names or _asks_something(options)):
        names, options = _asked_before(state / LEDGER_FILE, options)
    order = resolve_order(names, options, environment)
    target = open_destination(options.out)
    with Ledger(state / LEDGER_FILE) as ledger:
        ledger.note_command(json.dumps({"names": list(names), "options": options.as_dict()}))
        notes = [*order.notes, *_written_down(order, options, ledger, progress)]
        spool = open_spool(state) if options.shards or is_sharded(state, ledger.quotas()) else None
        acceptor = Acceptor(ledger, spool or target, class_folders(ledger.quotas()), min_side=options.min_side)
        if freed := ledger.recover(acceptor.has_file):
            notes.append(
                f"an earlier collecting was broken off; "
                f"{count(freed, 'unfinished address is', 'unfinished addresses are')} in the queue again"
            )
        for note in notes:
            progress.note(note)
        before = _kept(ledger)
        try:
            run_to_end(lambda: _collecting(order, options, acceptor, target if spool else None, progress))
        finally:
            acceptor.close()
        if spool is not None:
            pack_spool(ledger.path, target, is_rest=True)
        stands = read_status(ledger)
        if not any(one.kept or one.queued for one in stands.classes):
            raise _nothing_came(stands, options)
        write_attribution(kept_rows(ledger), target)
        return replace(_result(ledger, stands, options, notes), new=_kept(ledger) - before, seconds=round(time.monotonic() - begin, 1))


def _nothing_came(stands: CollectionStatus, options: CollectOptions) -> DataError:
    """The error if no image was accepted."""
    sentences = [f"{source}: {reason} ({number:,} x)" for source, reason, number in stands.search_failures]
    sentences += [f"{one.host}: {one.reason} ({one.number:,} x)" for one in stands.reasons]
    return DataError(
        "\n".join(["no image was collected", *sentences[:SHOWN_REASONS]]),
        hint=f"tellapart collect -o {options.out} --status explains what was tried; the same command tries again",
    )


def collection_status(options: CollectOptions) -> CollectResult:
    """The status of a collection; no request is sent.

    Raises:
        OptionError: nothing has been collected there.
    """
    from tellapart.collection.ledger import LEDGER_FILE, Ledger
    from tellapart.collection.status import read_status

    file = _state(options) / LEDGER_FILE
    if not file.exists():
        raise OptionError(
            f"nothing has been collected in {options.out} (there is no {file})", hint="say where it is with -o DIR or --state DIR"
        )
    with Ledger(file) as ledger:
        return _result(ledger, read_status(ledger), options, [])


def _asks_something(options: CollectOptions) -> bool:
    return bool(options.class_ or options.plan or options.urls or options.page)


def _asked_before(ledger_file: Path, options: CollectOptions) -> tuple[Sequence[str], CollectOptions]:
    """The names and options of the last command, with what is given now before them.

    Raises:
        OptionError: there was none.
    """
    from tellapart.collection.ledger import Ledger

    nothing = OptionError("there is nothing to collect", hint='name classes ("bill gates" "jeff bezos"), a --plan, --urls or a --page')
    if not ledger_file.exists():
        raise nothing
    with Ledger(ledger_file) as ledger:
        command = ledger.last_command()
    if command is None:
        raise nothing
    try:
        before = parse_json(command, fields({"options": mapping(anything), "names": several(text())}))
    except ShapeError as error:
        raise StorageError(f"the last command in {ledger_file} cannot be read: {error}", hint="give the whole command again") from error
    usual = type(options)().as_dict()
    given = {name: value for name, value in options.as_dict().items() if value != usual[name]}
    again = {name: value for name, value in before["options"].items() if name != "time" and name in usual}
    return before["names"], type(options).of(**{**again, **given})


def _written_down(order: CollectionOrder, options: CollectOptions, ledger: Ledger, progress: Progress) -> list[str]:
    """Update the ledger with the request; notes for the user."""
    from tellapart.collection.options import PER_CLASS
    from tellapart.collection.planner import PAGE_SOURCE
    from tellapart.collection.search_cursors import Cells
    from tellapart.collection.sources import facets_of

    notes: list[str] = []
    cells = Cells(ledger)
    cells.reopen()
    for plan in order.plans:
        ledger.want({plan.label: options.per_class or plan.per_class or PER_CLASS})
        for source in order.asked[plan.label]:
            for keyword in plan.keywords:
                cells.add(plan.label, source, keyword, facets_of(order.sources[source], keyword, order.preferences(plan.label).licenses))
    if options.page:
        ledger.want({str(options.label): options.per_class or ledger.quotas().get(str(options.label))})
        for page in options.page:
            cells.add(str(options.label), PAGE_SOURCE, page, [{}])
    if options.urls is not None:
        notes += _listed(order, options, ledger, progress)
    return notes


def _listed(order: CollectionOrder, options: CollectOptions, ledger: Ledger, progress: Progress) -> list[str]:
    """Put the addresses of a list into the ledger, without those of a license that is not wanted."""
    from tellapart.collection.planner import LIST_SOURCE
    from tellapart.collection.plans.url_lists import listed_offers

    notes: list[str] = []
    offers = listed_offers(Path(str(options.urls)), options.label, notes)
    fresh = unwanted = 0
    with progress.stage(f"reading {options.urls}", unit="addresses") as advance:
        while some := list(islice(offers, LISTED_AT_ONCE)):
            accepted = [one for one in some if _is_wanted(one[1], order.preferences(one[0]).licenses)]
            known = ledger.quotas()
            ledger.want({label: options.per_class for label, _ in accepted if options.per_class or label not in known})
            fresh += ledger.add_listed(accepted, LIST_SOURCE)
            unwanted += len(some) - len(accepted)
            advance(len(some))
    if unwanted:
        notes.append(f"{options.urls}: {count(unwanted, 'address', 'addresses')} left out, not under the licenses asked for")
    return [f"{count(fresh, 'new address', 'new addresses')} in {options.urls}", *notes]


def _is_wanted(offer: Offer, licenses: Sequence[str]) -> bool:
    """Whether what a list says of the license, in whatever words, is of one of some families; none: any will do."""
    from tellapart.collection.sources.licenses import is_wanted, license_of

    return not licenses or is_wanted(license_of(offer.license), licenses)


async def _collecting(
    order: CollectionOrder, options: CollectOptions, acceptor: Acceptor, packed_to: Destination | None, progress: Progress
) -> None:
    """Open what a collector works with, let it run, and close everything whatever happens."""
    from tellapart.collection.collector import Collector, CollectorLimits
    from tellapart.collection.decoding_workers.worker_pool import DecodingWorkers
    from tellapart.collection.network.fetcher import Fetcher, FetchLimits
    from tellapart.collection.network.headers import user_agent
    from tellapart.collection.network.rate_limits import Hosts
    from tellapart.collection.search import Searcher

    hosts = Hosts(_usual_limit(options), _known_limits(order), spent=acceptor.ledger.spent())
    seconds = seconds_of(options.time) if options.time else None
    collector_limits = CollectorLimits(
        concurrency=options.concurrency,
        deadline=None if seconds is None else time.monotonic() + seconds,
        is_even=not options.uneven_sources,
    )
    limits, agent = FetchLimits(concurrency=options.concurrency), user_agent(order.contact)
    quotas = acceptor.quotas
    missing = None if None in quotas.values() else max(0, sum(filter(None, quotas.values())) - _kept(acceptor.ledger))
    async with (
        Fetcher(limits, user_agent=agent, hosts=hosts, allow_private=options.allow_private) as fetcher,
        DecodingWorkers(2 * available_cores(), side=options.resize, crop=options.crop) as decoders,
        _asking(fetcher, options, agent) as ask,
        _packing(acceptor, packed_to),
    ):
        searcher = Searcher(acceptor, hosts, order.sources, ask, order.preferences, order.keys)
        with progress.stage("collecting", total=missing, unit="images") as advance:
            await Collector(acceptor, searcher, fetcher, decoders, hosts, collector_limits, advance).run()


@asynccontextmanager
async def _packing(acceptor: Acceptor, packed_to: Destination | None) -> AsyncIterator[None]:
    """Within this context, the spool is packed into shards from time to time."""
    from tellapart.collection.storage.shards import pack_spool

    async def pack_now_and_then(target: Destination) -> None:
        while True:
            await asyncio.sleep(PACK_EVERY_S)
            await asyncio.to_thread(pack_spool, acceptor.ledger.path, target, is_rest=False)

    task = None if packed_to is None else asyncio.create_task(pack_now_and_then(packed_to))
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            (outcome,) = await asyncio.gather(task, return_exceptions=True)
            if isinstance(outcome, Exception):
                raise outcome


@asynccontextmanager
async def _asking(fetcher: Fetcher, options: CollectOptions, agent: str) -> AsyncIterator[Callable[[Source], Ask]]:
    """How each source is requested: APIs directly, pages according to their robots.txt or in a browser."""
    from tellapart.collection.planner import PAGE_SOURCE

    if not (options.browser and options.page):
        yield lambda source: fetcher.page if source.name == PAGE_SOURCE else fetcher.ask
        return
    from tellapart.collection.web_pages.browser import Browser

    async with Browser(user_agent=agent, robots=fetcher.robots, allow_private=options.allow_private) as browser:

        async def rendered(request: Request) -> Fetched:
            return await browser.rendered(request.url)

        yield lambda source: rendered if source.name == PAGE_SOURCE else fetcher.ask


def _usual_limit(options: CollectOptions) -> HostLimit:
    from tellapart.collection.sources import HostLimit

    return HostLimit(concurrency=options.per_host, per_minute=60 * options.host_rate or None)


def _known_limits(order: CollectionOrder) -> dict[str, HostLimit]:
    """The rate limits of the sources, and of the hosts of their images."""
    from tellapart.collection.candidates import Query
    from tellapart.collection.network.urls import host_of
    from tellapart.collection.planner import PAGE_SOURCE

    known: dict[str, HostLimit] = {}
    for source in order.sources.values():
        known |= source.card.image_hosts
        if source.name != PAGE_SOURCE:
            request = source.request(Query(keyword="any"), None, order.keys)
            known[host_of(request.url)] = source.card.limit
    return known


def _state(options: CollectOptions) -> Path:
    """The folder of the ledger: as given, else next to the images, or for a bucket in the cache."""
    from tellapart.dataset.catalog import STATE_FOLDER

    if options.state is not None:
        return options.state.expanduser()
    if "://" in options.out:
        return cache_root() / "collections" / hashlib.sha256(options.out.rstrip("/").encode()).hexdigest()[:24]
    return Path(options.out).expanduser() / STATE_FOLDER


def _kept(ledger: Ledger) -> int:
    from tellapart.collection.status import source_counts

    return sum(one.kept for sources in source_counts(ledger).values() for one in sources.values())


def _result(ledger: Ledger, stands: CollectionStatus, options: CollectOptions, notes: Sequence[str]) -> CollectResult:
    """The status, and which classes have too few images and why."""
    from tellapart.collection.planner import ceilings, reasons_for_shortage, shortfalls, unevenness
    from tellapart.collection.status import CollectResult, slice_ends, source_counts

    held = source_counts(ledger)
    ceiling = ceilings(held, shortfalls(held, ledger.quotas()), is_even=not options.uneven_sources)
    short = {}
    for one in stands.classes:
        if one.wanted is not None and one.kept < one.wanted:
            short[one.label] = reasons_for_shortage(one.label, held, one.wanted - one.kept, slice_ends(ledger, one.label), ceiling)
    return CollectResult(
        **{field.name: getattr(stands, field.name) for field in dataclasses.fields(stands)},
        out=options.out,
        short=short,
        shards=next(ledger.rows(SHARDS))["number"],
        uneven=list(unevenness(held)),
        notes=list(notes),
        ledger=ledger.path,
    )
