from __future__ import annotations

import asyncio
import errno
import socket
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.collection.network.ip_guard import (
    REFUSED,
    AddressRefused,
    Resolver,
    guarded_socket,
    literal_refusal,
    refusal,
    refused_reason,
)

PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "168.63.129.17",
    "192.0.1.1",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
    "64:ff9b::8.8.8.8",
    "::ffff:8.8.8.8",
    "2002:808:808::1",
)
NOT_PUBLIC = {
    "0.0.0.0": "unspecified",  # noqa: S104
    "0.1.2.3": "unspecified",
    "10.0.0.1": "private",
    "10.255.255.255": "private",
    "100.64.0.1": "shared inside a carrier's network",
    "100.100.100.200": "shared inside a carrier's network",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "168.63.129.16": "a cloud's own service",
    "169.254.169.254": "link-local",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.192": "reserved",
    "192.0.2.1": "for documentation",
    "192.88.99.1": "reserved",
    "192.168.1.1": "private",
    "198.18.0.1": "for benchmarks",
    "198.19.255.255": "for benchmarks",
    "198.51.100.7": "for documentation",
    "203.0.113.7": "for documentation",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "::": "unspecified",
    "::1": "loopback",
    "100::1": "reserved",
    "2001:2::53": "reserved",
    "2001:10::1": "reserved",
    "2001:20::1": "reserved",
    "2001:db8::1": "for documentation",
    "3fff::1": "for documentation",
    "5f00::1": "reserved",
    "64:ff9b:1::808:808": "reserved",
    "fc00::1": "private",
    "fd00:ec2::254": "private",
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "fec0::1": "private",
    "ff02::1": "multicast",
}
HOLDING = {
    "::ffff:127.0.0.1": "127.0.0.1, which is loopback",
    "::ffff:a9fe:a9fe": "169.254.169.254, which is link-local",
    "::ffff:0:10.0.0.1": "10.0.0.1, which is private",
    "::127.0.0.1": "127.0.0.1, which is loopback",
    "64:ff9b::10.0.0.1": "10.0.0.1, which is private",
    "64:ff9b::169.254.169.254": "169.254.169.254, which is link-local",
    "2002:7f00:1::": "127.0.0.1, which is loopback",
    "2002:a9fe:a9fe::1": "169.254.169.254, which is link-local",
    "2001:0:a00:1::1": "10.0.0.1, which is private",
    "2001:0:808:808::3f57:fefe": "192.168.1.1, which is private",
    "2606:4700::5efe:10.0.0.1": "10.0.0.1, which is private",
    "2606:4700::200:5efe:10.0.0.1": "10.0.0.1, which is private",
}


@pytest.mark.parametrize("ip", PUBLIC)
def test_public_addresses_are_let_through(ip: str) -> None:
    assert refusal(ip) is None


@pytest.mark.parametrize(("ip", "kind"), NOT_PUBLIC.items())
def test_every_kind_that_is_not_public_is_refused_by_its_name(ip: str, kind: str) -> None:
    assert refusal(ip) == f"address {ip} is {kind}"


@pytest.mark.parametrize(("ip", "inner"), HOLDING.items())
def test_an_ipv4_address_inside_an_ipv6_one_is_judged(ip: str, inner: str) -> None:
    assert str(refusal(ip)).endswith(f" stands for {inner}")


@pytest.mark.parametrize("text", ["", "example.org", "1.2.3", "1.2.3.4.5", "::g"])
def test_what_is_no_address_is_refused(text: str) -> None:
    assert refusal(text) == f"{text} is not a network address"


NETWORKS = ("0.0.0.0/0", "0.0.0.0/5", "100.0.0.0/8", "169.254.0.0/15", "172.0.0.0/8", "192.0.0.0/8", "198.0.0.0/8", "203.0.112.0/22")


@given(st.sampled_from(NETWORKS).flatmap(lambda network: st.ip_addresses(network=network)) | st.ip_addresses(v=6))
def test_nothing_that_python_knows_not_to_be_public_gets_through(address: IPv4Address | IPv6Address) -> None:
    holds_another = address.version == 6 and any(
        address in ip_network(network) for network in ("::ffff:0:0/96", "64:ff9b::/96", "2002::/16")
    )
    if not holds_another and (not address.is_global or address.is_multicast or address.is_reserved):
        assert refusal(str(address)) is not None


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_what_it_holds(address: IPv4Address) -> None:
    assert (refusal(f"::ffff:{address}") is None) == (refusal(f"64:ff9b::{address}") is None) == (refusal(str(address)) is None)


@pytest.mark.parametrize(
    ("host", "ip"),
    [
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("2852039166", "169.254.169.254"),
        ("0", "0.0.0.0"),  # noqa: S104
    ],
)
def test_other_spellings_of_an_address_are_seen_through(host: str, ip: str) -> None:
    reason = literal_refusal(host)
    assert reason is not None
    assert reason.startswith(f"address {ip} is ")
    assert reason.endswith(f"(written {host})")


def test_names_are_not_judged_before_they_are_looked_up() -> None:
    assert literal_refusal("localhost") is None
    assert literal_refusal("example.org") is None
    assert literal_refusal("8.8.8.8") is None
    assert literal_refusal("::1") == "address ::1 is loopback"


def info(ip: str) -> tuple[Any, ...]:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ip, 80)


def test_the_socket_is_only_made_for_a_public_address() -> None:
    with guarded_socket(info("8.8.8.8")) as made:
        assert (made.family, made.type) == (socket.AF_INET, socket.SOCK_STREAM)
    with pytest.raises(AddressRefused) as caught:
        guarded_socket(info("127.0.0.1"))
    assert caught.value.reason == str(caught.value) == "address 127.0.0.1 is loopback"
    assert caught.value.errno == REFUSED not in errno.errorcode


class Names(aiohttp.abc.AbstractResolver):
    """A name server of the test's own: each lookup takes the next answer."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[Any]:
        ips = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {"hostname": host, "host": ip, "port": port, "family": info(ip)[0], "proto": socket.IPPROTO_TCP, "flags": socket.AI_NUMERICHOST}
            for ip in ips
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("ips", "reason"),
    [
        (["127.0.0.1"], "address 127.0.0.1 is loopback"),
        (["10.0.0.1", "10.0.0.2"], "address 10.0.0.2 is private"),
        (["fd00::1", "10.0.0.1"], "address fd00::1 is private, address 10.0.0.1 is private"),
    ],
)
def test_the_reason_comes_out_of_aiohttp_however_many_addresses_a_name_has(ips: list[str], reason: str) -> None:
    async def attempt() -> str | None:
        connector = aiohttp.TCPConnector(resolver=Names(ips), socket_factory=guarded_socket)
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await session.get("http://images.test/")
        return refused_reason(caught.value)

    assert asyncio.run(attempt()) == reason


def test_other_troubles_are_no_refusals() -> None:
    assert refused_reason(ConnectionRefusedError(errno.ECONNREFUSED, "no")) is None
    assert refused_reason(ValueError("no")) is None


def test_the_resolver_looks_names_up_and_says_so_when_it_cannot() -> None:
    async def look_up() -> tuple[set[str], str]:
        resolver = Resolver()
        found = await resolver.resolve("localhost", 8080)
        assert {result["port"] for result in found} == {8080}
        with pytest.raises(OSError) as caught:
            await resolver.resolve("a" * 80 + ".test", 80)
        await resolver.close()
        return {result["host"] for result in found}, type(caught.value).__name__

    hosts, error = asyncio.run(look_up())
    assert hosts <= {"127.0.0.1", "::1"}
    assert hosts
    assert error == "gaierror"
