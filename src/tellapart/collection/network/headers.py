"""HTTP headers: User-Agent, Retry-After, and headers as plain values."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
from multidict import CIMultiDictProxy

from tellapart.errors import OptionError
from tellapart.version import __version__

LONGEST_RETRY_AFTER_S = 86400.0


def user_agent(contact: str | None = None) -> str:
    """Who asks, as Wikimedia and others want it: program, the operator's contact (mail or web address), library.

    Raises:
        OptionError: the contact holds line breaks, parentheses or other characters a header cannot carry.
    """
    if contact is not None and (not contact.isascii() or not contact.isprintable() or set("()\\") & set(contact) or not contact.strip()):
        raise OptionError(f"contact {contact!r} cannot be part of a User-Agent", hint="give a mail address or the address of a web page")
    who = f" (+{contact.strip()})" if contact else ""
    return f"tellapart/{__version__}{who} aiohttp/{aiohttp.__version__}"


def retry_after_s(value: str | None) -> float | None:
    """Seconds to wait by a ``Retry-After`` header, given in seconds or as a date; a day at most, None where there is none."""
    if not value:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:12]), LONGEST_RETRY_AFTER_S)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return min(max(0.0, (date - datetime.now(UTC)).total_seconds()), LONGEST_RETRY_AFTER_S)


def plain_headers(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    """Headers with names in lower case; repeated ones joined."""
    plain: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        plain[key] = f"{plain[key]}, {value}" if key in plain else value
    return plain
