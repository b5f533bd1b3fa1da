from __future__ import annotations

from itertools import pairwise

import pytest

from tellapart.collection.candidates import Fetched
from tellapart.collection.retries import MAX_BACKOFF_S, MAX_TRIES, MAX_TRIES_BLOCKED, retry_after


def failed(http_code: int | None = None, retry_after_s: float | None = None) -> Fetched:
    return Fetched(url="http://a.example/1.jpg", verdict="passing", reason="no", http_code=http_code, retry_after_s=retry_after_s)


@pytest.mark.parametrize(
    ("code", "most"), [(None, MAX_TRIES), (503, MAX_TRIES), (429, MAX_TRIES), (408, MAX_TRIES), (403, MAX_TRIES_BLOCKED)]
)
def test_a_refusal_is_given_up_sooner_than_a_time_out_or_a_rate_limit(code: int | None, most: int) -> None:
    assert retry_after(most - 1, failed(code)) is not None
    assert retry_after(most, failed(code)) is None


def test_the_wait_doubles_with_jitter_and_is_at_least_what_the_server_asks_for() -> None:
    waits = [retry_after(tries, failed()) or 0.0 for tries in range(1, MAX_TRIES)]
    assert all(0.5 * 2**tries <= wait <= 1.5 * 2**tries for tries, wait in enumerate(waits, start=1))
    assert all(later > 0.6 * earlier for earlier, later in pairwise(waits))
    assert retry_after(1, failed(429, retry_after_s=2 * MAX_BACKOFF_S)) == 2 * MAX_BACKOFF_S
