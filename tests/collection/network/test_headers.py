from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

import tellapart
from tellapart.collection.network.headers import plain_headers, retry_after_s, user_agent
from tellapart.errors import OptionError


def test_who_asks_is_told_truthfully() -> None:
    assert user_agent("https://example.org/bot").startswith(f"tellapart/{tellapart.__version__} (+https://example.org/bot) aiohttp/3.")
    assert user_agent().startswith(f"tellapart/{tellapart.__version__} aiohttp/3.")


@pytest.mark.parametrize("contact", ["me\r\nX-Evil: 1", "me) Mozilla/5.0 (", "Jürgen", " ", "me\x00"])
def test_a_contact_no_header_can_carry_is_refused(contact: str) -> None:
    with pytest.raises(OptionError) as caught:
        user_agent(contact)
    assert repr(contact) in str(caught.value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7),
        (" 120 ", 120),
        ("0", 0),
        ("-5", None),
        ("9" * 400, 86400),
        ("9" * 5_000, 86400),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2020 00:00:00 +99999999999999", None),
        (f"Mon, {'9' * 5_000} Jan 2020 00:00:00 GMT", None),
        ("1.5", None),
        ("later", None),
        ("²", None),
    ],
)
def test_retry_after_in_seconds(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value) == seconds


def test_retry_after_as_a_date() -> None:
    now = time.time()
    assert retry_after_s(formatdate(now + 60, usegmt=True)) == pytest.approx(60, abs=3)
    assert retry_after_s(formatdate(now - 60, usegmt=True)) == 0
    assert retry_after_s(formatdate(now + 10**6)) == 86400
    assert retry_after_s("Wed, 99 Foo 2025 25:61:61 GMT") is None


def test_repeated_headers_are_joined() -> None:
    headers = CIMultiDictProxy(CIMultiDict([("X-A", "1"), ("x-a", "2"), ("Server", "s")]))
    assert plain_headers(headers) == {"x-a": "1, 2", "server": "s"}
