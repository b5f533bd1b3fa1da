from __future__ import annotations

import errno
import socket
import ssl
from unittest.mock import Mock

import aiohttp
import pytest

from tellapart.collection.network.error_outcomes import network_failure, status_failure


@pytest.mark.parametrize("code", [202, 206, 403, 408, 420, 425, 429, 500, 502, 503, 504, 520, 529, 599])
def test_statuses_that_time_may_mend(code: int) -> None:
    failure = status_failure(code)
    assert failure.verdict == "passing"
    assert failure.reason.startswith(f"{code} ")


@pytest.mark.parametrize("code", [201, 204, 300, 304, 400, 401, 402, 404, 405, 406, 410, 418, 451, 499])
def test_statuses_that_stay(code: int) -> None:
    failure = status_failure(code)
    assert failure.verdict == "permanent"
    assert failure.reason.startswith(f"{code} ")


def connector_error(error: OSError) -> aiohttp.ClientConnectorError:
    return aiohttp.ClientConnectorError(Mock(), error)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (connector_error(ConnectionRefusedError(errno.ECONNREFUSED, "x")), "connection refused"),
        (connector_error(OSError(errno.ENETUNREACH, "x")), "network unreachable"),
        (connector_error(OSError(errno.EHOSTUNREACH, "x")), "host unreachable"),
        (connector_error(OSError(errno.EMFILE, "x")), "too many open files on this machine"),
        (connector_error(OSError("Multiple exceptions: a, b")), "no connection"),
        (aiohttp.ClientOSError(errno.ECONNRESET, "x"), "connection reset"),
        (aiohttp.ServerDisconnectedError(), "connection closed without an answer"),
        (connector_error(socket.gaierror(socket.EAI_NONAME, "x")), "host name unknown"),
        (connector_error(socket.gaierror(socket.EAI_AGAIN, "x")), "host name could not be looked up"),
        (aiohttp.ClientPayloadError("x"), "broken answer (ClientPayloadError)"),
        (ValueError("x"), "broken answer (ValueError)"),
    ],
)
def test_troubles_of_the_network_are_passing(error: Exception, reason: str) -> None:
    failure = network_failure(error)
    assert (failure.verdict, failure.reason) == ("passing", reason)


@pytest.mark.parametrize(("code", "verdict"), [(10, "passing"), (9, "passing"), (18, "permanent"), (62, "permanent")])
def test_certificates_expire_and_are_renewed_but_strangers_stay_strangers(code: int, verdict: str) -> None:
    inner = ssl.SSLCertVerificationError()
    inner.verify_code, inner.verify_message = code, "as openssl says"
    failure = network_failure(aiohttp.ClientConnectorCertificateError(Mock(), inner))
    assert (failure.verdict, failure.reason) == (verdict, "certificate: as openssl says")
