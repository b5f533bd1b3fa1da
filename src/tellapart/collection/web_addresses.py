"""Web addresses as text: one spelling for each, and whether it is one at all."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

LONGEST = 4_000
_DEFAULT_PORT = {"http": 80, "https": 443}
_KEPT = "%/:=&?~#+!$,;'@()*[]|"


def canonical_url(url: str) -> tuple[str, str, str | None]:
    """One spelling of an address, its host, and what is wrong with it (None: nothing).

    Host and scheme in lower case, no fragment, no default port, no blanks around it, other blanks and letters escaped.
    The path and the query stay: servers tell cases and orders apart.
    """
    text = url.strip()
    if len(text) > LONGEST:
        return text[:LONGEST], "", f"the address is longer than {LONGEST:,} characters"
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        return text, "", f"not an address: {error}"
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORT:
        return text, host, f"not an http address: {scheme}:" if scheme else "not an address: it has no http:// before it"
    if not host:
        return text, "", "not an address: it names no host"
    try:
        host = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError:
        return text, host, "not an address: its host name cannot be"
    place = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORT[scheme]:
        place += f":{port}"
    if parts.username is not None:
        return text, host, "the address holds a name and password, which would be sent"
    return urlunsplit((scheme, place, quote(parts.path or "/", safe=_KEPT), quote(parts.query, safe=_KEPT), "")), host, None
