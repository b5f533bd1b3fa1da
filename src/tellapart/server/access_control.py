"""Access control: allowed hosts and origins, the API key, the size of a body, and the headers of every answer."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tellapart.server.limits import Limits

LOCAL = ("127.0.0.1", "localhost", "::1")
OPEN_PATHS = ("/", "/v2/health/live", "/v2/health/ready")
"""What is answered without the key: the page, which asks for it, and the health of the service."""
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def accepted_hosts(host: str, names: Collection[str]) -> frozenset[str]:
    """The host names that requests may use: those of this machine, the address listened on, and further names."""
    bound = {host.lower()} if host not in ("0.0.0.0", "::") else set()  # noqa: S104  (compared, not bound)
    return frozenset({*LOCAL, *bound, *(name.lower() for name in names)})


@dataclass(frozen=True)
class Access:
    """Who may send requests.

    Attributes:
        hosts: accepted host names, without a port; a foreign page that rebinds its own name to this
            machine is refused by them.
        key: what a request has to send as ``Authorization: Bearer`` or ``X-API-Key``; None for no key.
        limits: of the service; the size of a body is kept here, before anything is read.
        open_paths: paths that are answered without the key.
        cookie: name of the cookie in which a browser may send the key, too; None for no cookie.
        is_one_origin: whether pages of this very address alone may ask, rather than of any port of the hosts; what writes has
            to name its origin, or to bring the key in a header, which no foreign page can.
        headers: what every answer has.
        key_hint: what to do where the key is missing.
    """

    hosts: Collection[str]
    key: str | None
    limits: Limits
    open_paths: Collection[str] = OPEN_PATHS
    cookie: str | None = None
    is_one_origin: bool = False
    headers: Mapping[str, str] = field(default_factory=lambda: SECURITY_HEADERS)
    key_hint: str = "send it as Authorization: Bearer KEY"

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status code and reason where a request is refused, else None."""
        headers = Headers(scope=scope)
        if _host_name(headers.get("host", "")) not in self.hosts:
            return 421, "this service is not known by that host name; --allow-host adds one"
        if not self._is_own_page(scope, headers):
            return 403, "requests from pages of other origins are not taken"
        if self.key is not None and scope["path"] not in self.open_paths and not (self._has_key(headers) or self._has_cookie(headers)):
            return 401, f"the key is missing or wrong: {self.key_hint}"
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            return 400, "Content-Length is no number"
        if int(length[:20]) > self.limits.body_bytes:
            return 413, f"the body has {int(length[:20]):,} bytes; at most {self.limits.body_bytes:,} are taken"
        return None

    def _is_own_page(self, scope: Scope, headers: Headers) -> bool:
        origin = headers.get("origin")
        if not self.is_one_origin:
            return origin is None or _host_name(urlsplit(origin).netloc) in self.hosts
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return False
        if origin is None:
            return scope["method"] in ("GET", "HEAD") or self._has_key(headers)
        return origin == f"{scope['scheme']}://{headers.get('host', '')}"

    def _has_cookie(self, headers: Headers) -> bool:
        if self.cookie is None:
            return False
        given = cookie_parser(headers.get("cookie", "")).get(self.cookie, "")
        return hmac.compare_digest(given.encode(), str(self.key).encode())

    def _has_key(self, headers: Headers) -> bool:
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        given = bearer if kind.lower() == "bearer" else headers.get("x-api-key", "")
        return hmac.compare_digest(given.encode(), str(self.key).encode())


class Guard:
    """Middleware that refuses what :class:`Access` does not allow, and sets the headers of every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.access.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        if refusal := self.access.refusal(scope):
            status, reason = refusal
            extra = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
            await JSONResponse({"error": reason}, status, {**extra, "Connection": "close"})(scope, receive, send_with_headers)
            return
        await self.app(scope, self._limited(receive), send_with_headers)

    def _limited(self, receive: Receive) -> Receive:
        """``receive`` that refuses a body beyond the limit, whatever its headers say."""
        size = 0

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.access.limits.body_bytes:
                raise HTTPException(413, f"the body is larger than {self.access.limits.body_bytes:,} bytes")
            return message

        return limited


def _host_name(host: str) -> str:
    """The name in ``name:port`` or ``[::1]:port``, in lower case."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
