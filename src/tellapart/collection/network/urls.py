"""Normalize and check URLs before they are requested, with as few changes as possible (signed URLs must not change)."""

from __future__ import annotations

import re
from urllib.parse import quote, urljoin

from yarl import URL

from tellapart.collection.network.error_outcomes import Failure

LONGEST = 8192
"""Characters; more is refused."""

_PARTS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):(?P<slashes>//)?(?P<authority>[^/?#\\]*)(?P<rest>[^#]*)", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9_.\-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9_.\-]+)?")
_PLAIN = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]*")
_DOTS = re.compile(r"^[^?]*/\.\.?(/|\?|$)")
_LEGAL = "-._~:/?[]@!$&'()*+,;=%"


def target_of(url: str) -> URL:
    """``url`` as it will be asked for: host in lower case and ASCII, no fragment, only illegal characters quoted.

    Raises:
        Failure: not http or https, no host, a host no name server could know, or too long.
    """
    text = url.strip()
    if len(text) > LONGEST:
        raise Failure("permanent", f"address longer than {LONGEST:,} characters")
    parts = _PARTS.match(text)
    if parts is None:
        raise Failure("permanent", "not a usable address")
    scheme = parts["scheme"].lower()
    if scheme not in ("http", "https"):
        raise Failure("permanent", f"scheme {scheme[:20]} is not http or https")
    if not parts["slashes"] or not parts["authority"]:
        raise Failure("permanent", "no host in the address")
    rest = parts["rest"]
    if rest and rest[0] not in "/?":
        raise Failure("permanent", "not a usable address")
    try:
        origin = URL(f"{scheme}://{parts['authority']}")
        if not _HOST.fullmatch(origin.raw_host or ""):
            raise Failure("permanent", "not a usable host name")
        if not _PLAIN.fullmatch(rest):
            rest = quote(rest, safe=_LEGAL, errors="surrogateescape")
        return URL(str(origin).rstrip("/") + (rest or "/"), encoded=not _DOTS.search(rest))
    except ValueError:
        raise Failure("permanent", "not a usable address") from None


def redirected(base: URL, location: str) -> URL:
    """Where an answer's ``Location`` leads; a name and password in it are dropped.

    Raises:
        Failure: as :func:`target_of`, or there is no place to go to.
    """
    location = location.strip()
    if not location:
        raise Failure("permanent", "redirect that does not say where to")
    try:
        absolute = location if _PARTS.match(location) else urljoin(str(base), location)
    except ValueError:
        raise Failure("permanent", "redirect to no usable address") from None
    return target_of(absolute).with_user(None)


def host_of(url: str) -> str:
    """The host of an address, the key of :class:`tellapart.collection.network.rate_limits.Hosts`; empty where the address is not usable."""
    try:
        return target_of(url).raw_host or ""
    except Failure:
        return ""


def canonical_url(url: str) -> tuple[str, str, str | None]:
    """One spelling of an address, its host, and what is wrong with it (None: nothing).

    Host and scheme in lower case, no fragment, no default port, no blanks around it; path and query stay as they are.
    """
    try:
        target = target_of(url)
    except Failure as failure:
        return url.strip()[:LONGEST], "", failure.reason
    complaint = "the address holds a name or password, which would be sent" if target.user is not None else None
    return str(target), target.raw_host or "", complaint
