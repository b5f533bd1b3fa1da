"""Parsing a page in a separate process: a page that takes too long, too much memory or crashes the parser harms nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict

from tellapart.collection.candidates import Fetched, Offer, Query, ResultPage
from tellapart.collection.decoding_workers.ipc import frame
from tellapart.collection.decoding_workers.worker_pool import environment
from tellapart.collection.sources.protocol import SourceError
from tellapart.collection.web_pages.page_source import Pages
from tellapart.errors import StorageError, reason_of

TIMEOUT_S = 60.0
MEMORY_LIMIT_BYTES = 1_000_000_000


async def parse_in_process(
    source: Pages, fetched: Fetched, query: Query, cursor: str | None, *, timeout_s: float = TIMEOUT_S
) -> ResultPage:
    """As :meth:`Pages.read`, in another process, within limits of time and memory.

    Raises:
        SourceError: as there, or the page takes too much of either.
        StorageError: the process cannot be started.
    """
    order = _order(source, fetched, query, cursor, timeout_s)
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "tellapart.collection.web_pages.parsing_worker"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
            start_new_session=os.name == "posix",
        )
    except OSError as error:
        raise StorageError(f"a process to read a page could not be started: {reason_of(error)}") from error
    try:
        async with asyncio.timeout(timeout_s):
            output, _ = await process.communicate(frame(order) + frame(fetched.body))
    except TimeoutError:
        raise SourceError(f"reading the page takes more than {timeout_s:g} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    try:
        answer = json.loads(output)
    except ValueError:
        raise SourceError("reading the page takes more memory or time than it may have, or crashes the parser") from None
    if reason := answer.get("refused"):
        raise SourceError(reason)
    return ResultPage(offers=tuple(Offer(**offer) for offer in answer["offers"]), cursor=answer["cursor"])


def _order(source: Pages, fetched: Fetched, query: Query, cursor: str | None, timeout_s: float) -> bytes:
    """What the process is to do, as JSON; the page itself follows."""
    order = {
        "url": fetched.url,
        "final_url": fetched.final_url,
        "headers": fetched.headers,
        "query": {**asdict(query), "facet": dict(query.facet)},
        "cursor": cursor,
        "rule": source.rule,
        "pages": source.pages,
        "timeout_s": timeout_s,
        "memory_limit_bytes": MEMORY_LIMIT_BYTES,
    }
    return json.dumps(order).encode()
