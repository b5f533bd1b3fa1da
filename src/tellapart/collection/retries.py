"""The retry rule of the downloader: how often a URL or a search is tried again after a temporary failure, and when."""

from __future__ import annotations

import random

from tellapart.collection.candidates import Fetched

MAX_TRIES = 5
"""Maximum number of attempts for one URL."""
MAX_TRIES_BLOCKED = 3
"""The same for a URL that the server refuses (4xx, except time-outs and rate limits)."""
MAX_SEARCH_TRIES = 4
"""Maximum number of attempts for one page of a search."""
BACKOFF_S = 2.0
MAX_BACKOFF_S = 3_600.0


def retry_after(tries: int, fetched: Fetched) -> float | None:
    """Seconds until the next attempt at a URL after ``tries`` temporary failures, the last one ``fetched``; None if there is none."""
    code = fetched.http_code
    is_blocked = code is not None and 400 <= code < 500 and code not in (408, 425, 429)
    return None if tries >= (MAX_TRIES_BLOCKED if is_blocked else MAX_TRIES) else backoff_s(tries, fetched)


def backoff_s(tries: int, fetched: Fetched) -> float:
    """Seconds before the next attempt: exponential backoff with jitter, and at least the server's Retry-After."""
    backoff = min(MAX_BACKOFF_S, BACKOFF_S * 2.0 ** (tries - 1)) * random.uniform(0.5, 1.5)  # noqa: S311  (no secret)
    return max(backoff, fetched.retry_after_s or 0.0)
