"""Allow connections to public IP addresses only, checked on connecting, so that no host name or redirect gets around it (SSRF)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

REFUSED = 10_400
"""The ``errno`` of :class:`AddressRefused`: of no system's, so a bundle of several refusals can still be told from other troubles."""

_V4 = tuple(
    (IPv4Network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared inside a carrier's network"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's own service"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_V6 = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "for documentation"),
        ("3fff::/20", "for documentation"),
    )
)
_LOOKUPS_AT_ONCE = 32
_GLOBAL_V6 = IPv6Network("2000::/3")
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_HOLDS_LOW = (_MAPPED, _NAT64, IPv6Network("::ffff:0:0:0/96"), IPv6Network("::/96"))
_6TO4 = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_ISATAP = (0x5EFE, 0x0200_5EFE)


class AddressRefused(OSError):
    """A connection that is refused because of its address; ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(REFUSED, reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


def refusal(ip: str) -> str | None:
    """Why an address must not be connected to, or None when it is public.

    IPv4 addresses inside IPv6 ones (mapped, compatible, NAT64, 6to4, Teredo, ISATAP) are judged as well. The networks are those of
    IANA's special-purpose registries for IPv4 and IPv6, written out, so that the answer does not depend on the Python version.
    """
    try:
        address = ip_address(ip)
    except ValueError:
        return f"{ip} is not a network address"
    if isinstance(address, IPv4Address):
        kind = _kind_v4(address)
        return f"address {address} is {kind}" if kind else None
    for inner in _inside(address):
        kind = _kind_v4(inner)
        if kind and int(address) > 1:
            return f"address {address} stands for {inner}, which is {kind}"
    kind = _kind_v6(address)
    return f"address {address} is {kind}" if kind else None


def literal_refusal(host: str) -> str | None:
    """Why the host of an address, where it is written in digits, must not be connected to; None for names and public addresses.

    All spellings that the system would take for an IPv4 address are seen (``2130706433``, ``0x7f.1``, ``127.1``, ``0177.0.0.1``).
    """
    if ":" in host:
        return refusal(host)
    try:
        plain = socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None
    reason = refusal(plain)
    if plain == host or reason is None:
        return reason
    return f"{reason} (written {host})"


def guarded_socket(addr_info: tuple[Any, ...]) -> socket.socket:
    """A socket for one result of ``getaddrinfo``; for ``aiohttp.TCPConnector(socket_factory=...)``.

    aiohttp asks for one just before each attempt to connect, with the very address it will connect to.

    Raises:
        AddressRefused: the address is not public.
    """
    family, kind, protocol, _, address = addr_info
    reason = refusal(str(address[0]))
    if reason is not None:
        raise AddressRefused(reason)
    return socket.socket(family=family, type=kind, proto=protocol)


def refused_reason(error: BaseException) -> str | None:
    """Why the connection was refused, if ``error`` or the system error it carries is a refusal of ours; else None."""
    inner = getattr(error, "os_error", error)
    if isinstance(inner, AddressRefused):
        return inner.reason
    if isinstance(inner, OSError) and inner.errno == REFUSED:
        return (inner.strerror or "no public address").removeprefix("Multiple exceptions: ")
    return None


class Resolver(AbstractResolver):
    """The system's name lookup in separate threads, so that names without an answer block nothing else."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="lookup")

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        """All addresses of ``host``.

        Raises:
            OSError: it has none, or could not be looked up.
        """
        look_up = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        try:
            addresses = await asyncio.get_running_loop().run_in_executor(self._pool, look_up)
        except UnicodeError:
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
        return [
            ResolveResult(hostname=host, host=str(address[0]), port=port, family=kind, proto=protocol, flags=socket.AI_NUMERICHOST)
            for kind, _, protocol, _, address in addresses
        ]

    async def close(self) -> None:
        """Let the threads go; those in the middle of a lookup end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _kind_v4(address: IPv4Address) -> str | None:
    """What an IPv4 address is, where it is not public."""
    return next((kind for network, kind in _V4 if address in network), None)


def _kind_v6(address: IPv6Address) -> str | None:
    """What an IPv6 address is, where it is not public; mapped and NAT64 ones are what they hold."""
    if address in _MAPPED or address in _NAT64:
        return None
    known = next((kind for network, kind in _V6 if address in network), None)
    return known or (None if address in _GLOBAL_V6 else "reserved")


def _inside(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that ``address`` is made of, where it is of a kind that is made of such."""
    bits = int(address)
    low = IPv4Address(bits & 0xFFFF_FFFF)
    if any(address in network for network in _HOLDS_LOW):
        yield low
    elif address in _6TO4:
        yield IPv4Address(bits >> 80 & 0xFFFF_FFFF)
    elif address in _TEREDO:
        yield IPv4Address(bits >> 64 & 0xFFFF_FFFF)
        yield IPv4Address(~bits & 0xFFFF_FFFF)
    if bits >> 32 & 0xFFFF_FFFF in _ISATAP:
        yield low
