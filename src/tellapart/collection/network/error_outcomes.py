"""Classify HTTP statuses and network errors: whether to retry, and the reason in a few words."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from http import HTTPStatus

import aiohttp

from tellapart.collection.candidates import Verdict
from tellapart.collection.network.ip_guard import refused_reason

NETWORK_ERRORS = (aiohttp.ClientError, OSError, ValueError)
"""All that aiohttp raises for what a network, a name server or a server does; ``OSError`` holds time-outs and TLS."""

_PASSING_STATUS = frozenset({202, 206, 403, 408, 420, 425, 429})
_OWN_WORDS = {420: "slow down", 403: "forbidden (blocked, or too fast?)"}
_CERTIFICATE_DATES = (9, 10)
_SYSTEM_WORDS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
    errno.ENETUNREACH: "network unreachable",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ETIMEDOUT: "connection timed out",
    errno.EMFILE: "too many open files on this machine",
}


class Failure(Exception):
    """Ends one attempt; becomes a :class:`~tellapart.collection.candidates.Fetched` and does not leave the fetcher."""

    def __init__(self, verdict: Verdict, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.verdict: Verdict = verdict
        self.reason = reason
        self.retry_after_s = retry_after_s


def status_failure(code: int) -> Failure:
    """Classify a response with a status other than 200."""
    try:
        words = _OWN_WORDS.get(code) or HTTPStatus(code).phrase.lower()
    except ValueError:
        words = "server error" if code >= 500 else "unknown status"
    return Failure("passing" if code in _PASSING_STATUS or code >= 500 else "permanent", f"{code} {words}")


def network_failure(error: BaseException) -> Failure:
    """Classify an exception of aiohttp or the system, other than a timeout."""
    reason = refused_reason(error)
    if reason is not None:
        return Failure("permanent", reason)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _certificate_failure(error.certificate_error)
    if isinstance(error, aiohttp.InvalidURL):
        return Failure("permanent", "not a usable address")
    inner = getattr(error, "os_error", error)
    if isinstance(inner, socket.gaierror):
        return _name_failure(inner)
    if isinstance(inner, ssl.SSLError):
        return Failure("passing", f"TLS failed ({(inner.reason or 'no reason given').lower().replace('_', ' ')})")
    return Failure("passing", _trouble(error, inner))


def _trouble(error: BaseException, inner: object) -> str:
    """A short reason for a failed connection."""
    if isinstance(inner, OSError) and inner.errno in _SYSTEM_WORDS:
        return _SYSTEM_WORDS[inner.errno]
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "connection closed without an answer"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "no connection"
    if isinstance(error, aiohttp.ClientResponseError):
        return "not an HTTP answer"
    if isinstance(error, aiohttp.ClientConnectionError | asyncio.IncompleteReadError | OSError):
        return "connection lost"
    return f"broken answer ({type(error).__name__})"


def _certificate_failure(error: Exception) -> Failure:
    """Dates mend themselves when the certificate is renewed; the rest does not."""
    words = getattr(error, "verify_message", "") or "not trusted"
    passing = getattr(error, "verify_code", 0) in _CERTIFICATE_DATES
    return Failure("passing" if passing else "permanent", f"certificate: {words}"[:120])


def _name_failure(error: socket.gaierror) -> Failure:
    """An unknown host name is passing as well: without a network some systems report this for every name."""
    if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
        return Failure("passing", "host name unknown")
    return Failure("passing", "host name could not be looked up")
