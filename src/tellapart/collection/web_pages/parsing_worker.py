"""A process that parses one page: reads it from stdin and writes the images to stdout.

Started by :mod:`tellapart.collection.web_pages.parsing_process`.

It ignores Ctrl-C and has limits on memory and processor time, so that a page made to harm takes down this process and nothing else.
"""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from typing import Any

from tellapart.collection.candidates import Fetched, Query
from tellapart.collection.decoding_workers.ipc import read_frame
from tellapart.collection.decoding_workers.worker import limit_memory, limit_processor_time
from tellapart.collection.sources.protocol import SourceError
from tellapart.collection.web_pages.page_source import Pages


def main() -> None:
    """Read the page from stdin and write its images to stdout as JSON."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order, body = read_frame(sys.stdin.buffer), read_frame(sys.stdin.buffer)
    if order is None or body is None:
        return
    order_fields = json.loads(order)
    limit_memory(order_fields["memory_limit_bytes"])
    limit_processor_time(order_fields["timeout_s"])
    json.dump(_answer(order_fields, body), sys.stdout)


def _answer(order: dict[str, Any], body: bytes) -> dict[str, Any]:
    query = Query(**{**order["query"], "licenses": tuple(order["query"]["licenses"])})
    fetched = Fetched(url=order["url"], verdict="ok", body=body, final_url=order["final_url"], headers=order["headers"])
    try:
        page = Pages(order["rule"], order["pages"]).read(fetched, query, order["cursor"])
    except SourceError as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"refused": "reading the page takes more memory than it may have"}
    except Exception as error:  # one page's failure is an outcome, whatever a strange page brings about
        return {"refused": f"the page could not be read: {type(error).__name__}: {error}"[:200]}
    return {"offers": [asdict(offer) for offer in page.offers], "cursor": page.cursor}


if __name__ == "__main__":
    main()
