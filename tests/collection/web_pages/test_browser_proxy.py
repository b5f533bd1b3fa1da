from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tellapart.collection.network.ip_guard import Resolver
from tellapart.collection.web_pages.browser_proxy import Gateway
from tests.collection.web_pages.page_server import PageServer, serving


@pytest.fixture
def server() -> Iterator[PageServer]:
    with serving() as server:
        server.html("/a", "hello" * 1000)
        yield server


def through(request: str, *, allow_private: bool = True, most_bytes: int = 10**8) -> tuple[bytes, Gateway]:
    """All that comes back for some bytes sent to a gateway."""

    async def ask() -> tuple[bytes, Gateway]:
        async with Gateway(allow_private=allow_private, most_bytes=most_bytes) as gateway:
            host, _, port = gateway.address.removeprefix("http://").partition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(request.encode())
            async with asyncio.timeout(10):
                answer = await reader.read()
            writer.close()
            return answer, gateway

    return asyncio.run(ask())


def test_a_plain_request_is_passed_on_and_the_connection_ends(server: PageServer) -> None:
    request = f"GET {server.address}/a?b=1 HTTP/1.1\r\nHost: x\r\nProxy-Connection: keep-alive\r\n\r\nGET /second HTTP/1.1\r\n\r\n"
    answer, gateway = through(request)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Connection: close" in answer
    assert answer.endswith(b"hello" * 1000)
    assert server.asked == ["/a?b=1"]
    assert gateway.reached == {"127.0.0.1"}


def test_a_body_is_passed_on(server: PageServer) -> None:
    through(f"POST {server.address}/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbodyMORE")
    assert server.bodies == [b"body"]


def test_a_tunnel_carries_anything(server: PageServer) -> None:
    target = server.address.removeprefix("http://")
    answer, _ = through(f"CONNECT {target} HTTP/1.1\r\n\r\nGET /a HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 Connection Established\r\n\r\nHTTP/1.1 200")
    assert answer.endswith(b"hello")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "10.0.0.1"])
@pytest.mark.parametrize("request_line", ["GET http://{}:{}/a", "CONNECT {}:{}"])
def test_what_is_not_public_is_not_connected_to(server: PageServer, host: str, request_line: str) -> None:
    port = server.address.rpartition(":")[2]
    answer, gateway = through(f"{request_line.format(host, port)} HTTP/1.1\r\n\r\n", allow_private=False)
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"x-tellapart-gateway: 1" in answer
    assert server.asked == []
    (failure,) = gateway.failures.values()
    assert failure.verdict == "permanent"
    assert gateway.reached == set()


def test_a_name_that_turns_private_is_judged_where_it_is_connected_to(server: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["192.0.2.1", "127.0.0.1"])

    async def resolve(self: Resolver, host: str, port: int = 0, family: int = 0) -> list[dict[str, object]]:
        return [{"host": next(answers)}]

    monkeypatch.setattr(Resolver, "resolve", resolve)
    for reason in (b"address 192.0.2.1 is for documentation", b"address 127.0.0.1 is loopback"):
        answer, _ = through(f"GET http://turns.example:{server.address.rpartition(':')[2]}/a HTTP/1.1\r\n\r\n", allow_private=False)
        assert answer.endswith(reason)
    assert server.asked == []


def test_no_more_comes_in_than_may(server: PageServer) -> None:
    answer, _ = through(f"GET {server.address}/a HTTP/1.1\r\nHost: x\r\n\r\n", most_bytes=100)
    assert len(answer.partition(b"\r\n\r\n")[2]) < 120


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("GET /a HTTP/1.1\r\n\r\n", b"400"),
        ("GET https://127.0.0.1/ HTTP/1.1\r\n\r\n", b"400"),
        ("GET http://[bad/ HTTP/1.1\r\n\r\n", b"400"),
        ("GET http://127.0.0.1:1/ HTTP/1.1\r\n\r\n", b"502"),
        ("CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n", b"502"),
        ("CONNECT 127.0.0.1:99999 HTTP/1.1\r\n\r\n", b""),
        ("\r\n\r\n", b"400"),
        ("x" * 100_000, b""),
    ],
)
def test_nonsense_ends(request_text: str, status: bytes) -> None:
    answer, _ = through(request_text)
    assert answer[9:12] == status
