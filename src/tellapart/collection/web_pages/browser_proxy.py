"""The proxy through which the browser reaches the network: local, and connecting to public addresses only.

A browser looks up names and follows redirects by itself, so what it may reach cannot be judged by looking at its requests.
Here the address that is judged is the address that is connected to.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tellapart.collection.network.error_outcomes import Failure, network_failure
from tellapart.collection.network.ip_guard import Resolver, literal_refusal, refusal

MARK = "x-tellapart-gateway"
"""Header of the answers the gateway gives itself."""
MOST_BYTES = 256 * 1024 * 1024
CONNECT_S = 15.0
_HEAD_BYTES = 64 * 1024
_CHUNK = 64 * 1024
_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "proxy-authorization", "proxy-authenticate"})


class Gateway:
    """A proxy for one page of a browser, open within ``async with``.

    Args:
        allow_private: also connect to addresses that are not public.
        most_bytes: total bytes that may be received; then every connection ends.
    """

    def __init__(self, *, allow_private: bool = False, most_bytes: int = MOST_BYTES) -> None:
        self._allow_private, self._left = allow_private, most_bytes
        self._resolver = Resolver()
        self._server: asyncio.Server | None = None
        self._at_work: set[asyncio.Task[None]] = set()
        self.failures: dict[str, Failure] = {}
        """Why hosts could not be reached, by host."""
        self.reached: set[str] = set()
        """Hosts that were connected to."""

    async def __aenter__(self) -> Self:
        """Begin to listen, on this machine only."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_HEAD_BYTES)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close all connections."""
        if self._server is not None:
            self._server.close()
        for task in list(self._at_work):
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)
        await self._resolver.close()

    @property
    def address(self) -> str:
        """The address that the browser connects to."""
        if self._server is None:
            raise RuntimeError("use `async with Gateway()`")
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of the browser; a connection serves no second one."""
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                method, target, *_ = [*head.split("\r\n", 1)[0].split(" "), "", ""]
                await (self._tunnel(target, reader, writer) if method == "CONNECT" else self._forward(method, target, head, reader, writer))
        finally:
            writer.close()

    async def _tunnel(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = _split(f"//{target}")
        server = await self._dialled(*parts, writer) if parts else None
        if server is None:
            return
        writer.write(b"HTTP/1.1 200 Connection Established\r\n\r\n")
        try:
            pumps = [asyncio.create_task(self._pump(reader, server[1])), asyncio.create_task(self._pump(server[0], writer))]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            server[1].close()

    async def _forward(self, method: str, target: str, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one plain request and its answer, telling both sides that the connection ends with it."""
        parts = _split(target)
        if parts is None or not target.startswith("http://"):
            writer.write(_own_answer(400, "not an address of http"))
            return
        address = urlsplit(target)
        server = await self._dialled(*parts, writer)
        if server is None:
            return
        try:
            path = (address.path or "/") + (f"?{address.query}" if address.query else "")
            server[1].write(_closing(f"{method} {path} HTTP/1.1", head))
            length = next(
                (line.partition(":")[2].strip() for line in head.split("\r\n") if line.lower().startswith("content-length:")), "0"
            )
            await asyncio.gather(self._pump(reader, server[1], _length(length)), self._answer(server[0], writer))
        finally:
            server[1].close()

    async def _answer(self, server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await server.readuntil(b"\r\n\r\n")).decode("latin-1")
            status = head.split("\r\n", 1)[0]
            if status[8:10] != " 1":
                break
        writer.write(_closing(status, head))
        await self._pump(server, writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, length: int | None = None) -> None:
        """Pass bytes on, to the end or ``length`` of them, while there are any left to be had."""
        while self._left > 0 and length != 0 and (data := await reader.read(min(_CHUNK, self._left, length or _CHUNK))):
            length = None if length is None else length - len(data)
            self._left -= len(data)
            writer.write(data)
            await writer.drain()

    async def _dialled(
        self, host: str, port: int, writer: asyncio.StreamWriter
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection to a host; if it fails, the browser gets an error response."""
        try:
            connection = await self._connected(host, port)
        except Failure as failure:
            self.failures[host] = failure
            writer.write(_own_answer(403 if failure.verdict == "permanent" else 502, failure.reason))
            return None
        self.reached.add(host)
        return connection

    async def _connected(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if not self._allow_private and (reason := literal_refusal(host)):
            raise Failure("permanent", reason)
        try:
            addresses = [result["host"] for result in await self._resolver.resolve(host, port)]
        except OSError as error:
            raise network_failure(error) from error
        reasons = {} if self._allow_private else {ip: reason for ip in addresses if (reason := refusal(ip))}
        failure = Failure("permanent", next(iter(reasons.values()), "host name unknown"))
        for ip in addresses:
            if ip not in reasons:
                try:
                    async with asyncio.timeout(CONNECT_S):
                        return await asyncio.open_connection(ip, port, limit=_HEAD_BYTES)
                except OSError as error:
                    failure = network_failure(error)
        raise failure


def _length(value: str) -> int:
    """A Content-Length; 0 where it is none."""
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 16 else 0


def _split(target: str) -> tuple[str, int] | None:
    """Host and port of a target, or None where it has none."""
    try:
        parts = urlsplit(target)
        return (parts.hostname, parts.port or 80) if parts.hostname else None
    except ValueError:
        return None


def _closing(first: str, head: str) -> bytes:
    """A head with another first line that says the connection ends."""
    headers = [line for line in head.split("\r\n")[1:] if line and line.partition(":")[0].strip().lower() not in _HOP]
    return "\r\n".join([first, *headers, "Connection: close", "", ""]).encode("latin-1")


def _own_answer(code: int, reason: str) -> bytes:
    body = reason.encode()
    words = {400: "Bad Request", 403: "Forbidden", 502: "Bad Gateway"}[code]
    fields = (f"{MARK}: 1", "Content-Type: text/plain; charset=utf-8", f"Content-Length: {len(body)}", "Connection: close")
    return "\r\n".join([f"HTTP/1.1 {code} {words}", *fields, "", ""]).encode() + body
