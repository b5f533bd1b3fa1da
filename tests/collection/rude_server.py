"""A web server that misbehaves on purpose, for tests and benchmarks; only ever on loopback.

In a test: ``with running() as server`` (a thread of its own) or ``async with RudeServer() as server`` (the same loop), then
``server.url("/good/7.jpg")``. As a program: ``python tests/collection/rude_server.py --port 0 --images 2000`` prints its port.

===================================  =========================================================================================
path                                 answer (over TLS: a plain 400)
===================================  =========================================================================================
/good/N.jpg                          200, image number N: deterministic, all different, about 24 kB
/same/N.jpg                          200, always image number 0
/slow/SECONDS/N.jpg                  image N after a while
/hops/K/N.jpg                        K redirects (301, relative) to image N
/loop/a, /loop/b                     redirects to each other
/to?URL                              302 to URL, percent-decoded
/nowhere                             302 without Location
/status/CODE[/...]                   that status, with a short text
/busy/TIMES/SECONDS/N.jpg            429 with Retry-After: SECONDS, TIMES times; then image N
/stumbles/TIMES/N.jpg                500, TIMES times; then image N
/drip/headers, /drip/body.jpg        one byte every 0.05 s
/stall/headers, /stall/body.jpg      nothing more after a few bytes
/silence                             closes without an answer
/garbage                             something that is not HTTP
/short/N.jpg, /long/N.jpg            Content-Length 5,678 bytes more, 100 bytes less, than is sent
/reset/N.jpg                         half the image, then a TCP reset
/chunks/N.jpg                        image N in chunks, /broken-chunks/N.jpg without the last ones
/html.jpg /text.jpg /empty.jpg       200, not images; /long-html.jpg is endless
/void.jpg                            200, no Content-Length and nothing
/gzipped/N.jpg                       image N with Content-Encoding: gzip
/gzip-bomb.jpg /gzip-bomb.html       10 MB that unpack to 10 GB
/packed.html                         an honest page with Content-Encoding: gzip; /short-packed.html half of it
/endless.jpg /endless.html           never ends
/huge.jpg                            Content-Length of a terabyte, and nothing more after an image
/cookie/N.jpg                        image N with a Set-Cookie
/large/N.jpg                         image N and 3 MB of nothing after it
/many-headers                        header lines without end; /long-header one of 1 MB
/png-bomb.png                        50 kB, 20,000 x 20,000 pixels
/optout/VALUE/N.jpg                  image N with X-Robots-Tag: VALUE (percent-decoded)
/tdm/V/N.jpg                         image N with tdm-reservation: V
/headers                             200, JSON of the request's headers
/page/K                              HTML with four images and rel=next, up to page 4
/robots.txt                          ``server.robots``: text, or a status code, or a path to be redirected to
===================================  =========================================================================================
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import socket
import struct
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from io import BytesIO
from typing import Any, Self
from urllib.parse import unquote

import numpy as np
from PIL import Image

HTML = b"<!DOCTYPE html>\n<html><head><title>No such image</title></head><body>Sorry</body></html>\n"
TEXT = b"This is not an image.\n" * 60
WIDTH, HEIGHT = 400, 300
SHORT_BY = 5678
LAST_PAGE = 4

Parts = list[str]


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    path: str
    at: float
    connection: int
    headers: dict[str, str]


@cache
def _grain() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 5, (HEIGHT * 2, WIDTH * 2, 1)).astype(np.float32)


def _made(number: int) -> bytes:
    rng = np.random.default_rng(1_000_003 + number)
    patches = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    soft = np.asarray(patches.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float32)
    y, x = rng.integers(0, HEIGHT), rng.integers(0, WIDTH)
    pixels = np.clip(soft + _grain()[y : y + HEIGHT, x : x + WIDTH], 0, 255).astype(np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=83)
    return file.getvalue()


@lru_cache(maxsize=50_000)
def _good(number: int) -> bytes:
    return answer(_made(number), "image/jpeg")


def image(number: int) -> bytes:
    """Image ``number``: soft patches of color with grain, as a JPEG of about 24 kB; the same on every machine of one Pillow."""
    return _good(number).partition(b"\r\n\r\n")[2]


@lru_cache(maxsize=1)
def png_bomb() -> bytes:
    """A valid black 1-bit PNG of 20,000 x 20,000 pixels in some 50 kB."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(2501)) for _ in range(20_000)) + packer.flush()
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


@lru_cache(maxsize=1)
def gzip_bomb() -> bytes:
    """10 GB of zeros: one packed stretch of 10 MB, again and again (deflate allows it after a full flush)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = packer.compress(b"<html>") + packer.flush(zlib.Z_FULL_FLUSH)
    stretch = packer.compress(bytes(10_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff" + start + stretch * 1000


def answer(body: bytes, kind: str = "text/plain", *lines: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """A whole answer; ``lines`` are further headers, ``length`` a Content-Length that may be a lie."""
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body) if length is None else length}", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def _open_answer(kind: str, *lines: str) -> bytes:
    """The head of an answer whose body ends with the connection, or in chunks if ``lines`` say so."""
    return "\r\n".join(["HTTP/1.1 200 OK", f"Content-Type: {kind}", *lines]).encode() + b"\r\n\r\n"


def _redirect(location: str, status: str = "302 Found") -> bytes:
    return answer(b"", "text/plain", f"Location: {location}", status=status)


def _number(name: str) -> int:
    return int(name.partition(".")[0])


class _Connection(asyncio.Protocol):
    """Reads requests without bodies; the usual answers are written at once, the odd ones by a task."""

    def __init__(self, server: RudeServer) -> None:
        self.server = server
        self.buffer = b""
        self.task: asyncio.Task[None] | None = None
        self.closes = False
        self.can_write = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.can_write.set()
        self.server.connections.add(self)
        self.server.connected += 1
        self.number = self.server.connected

    def connection_lost(self, error: Exception | None) -> None:
        self.server.connections.discard(self)
        self.can_write.set()
        if self.task is not None:
            self.task.cancel()

    def pause_writing(self) -> None:
        self.can_write.clear()

    def resume_writing(self) -> None:
        self.can_write.set()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.buffer.startswith(b"\x16\x03"):
            self.transport.write(answer(b"this is plain HTTP\n", status="400 Bad Request"))
            self.transport.close()
            return
        while self.task is None and b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            self.answer_one(head)

    def answer_one(self, head: bytes) -> None:
        path = head[4 : head.index(b" ", 4)].decode("ascii")
        self.server.note(path, head, self.number)
        if path.startswith("/good/"):
            self.transport.write(_good(_number(path[6:])))
            if b"\r\nConnection: close" in head:
                self.transport.close()
            return
        self.closes = b"\r\nConnection: close" in head
        self.task = asyncio.create_task(self.odd(path))

    async def odd(self, path: str) -> None:
        server = self.server
        server.running += 1
        server.most_at_once = max(server.most_at_once, server.running)
        try:
            whole = await server.answered(path, self)
            if whole is None:
                self.transport.close()
            else:
                await self.write(whole)
        except ConnectionError:
            pass
        except Exception as error:
            self.transport.write(answer(repr(error).encode(), status="599 Bug in the rude server"))
        finally:
            server.running -= 1
            self.task = None
        if self.closes:
            self.transport.close()
        elif self.buffer and not self.transport.is_closing():
            self.data_received(b"")

    async def write(self, data: bytes) -> None:
        """Send, and wait until the other side has taken most of it."""
        if self.transport.is_closing():
            raise ConnectionResetError
        self.transport.write(data)
        await self.can_write.wait()

    def reset(self) -> None:
        """End with a TCP reset."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


Answer = Callable[["RudeServer", Parts, _Connection], Awaitable[bytes | None]]
ANSWERS: dict[str, Answer] = {}


def at(*names: str) -> Callable[[Answer], Answer]:
    """Mark what answers paths that begin so; it returns the answer, or None after having written it."""

    def mark(function: Answer) -> Answer:
        ANSWERS.update(dict.fromkeys(names, function))
        return function

    return mark


@dataclass
class RudeServer:
    """The server; ``async with`` starts and ends it."""

    port: int = 0
    addresses: tuple[str, ...] = ("127.0.0.1",)
    """Loopback addresses it listens on, all at the same port; the first one is in :meth:`url`."""
    robots: str | int | None = None
    """The text of robots.txt, or a status, or a path beginning with ``/``; None for 404."""
    asked: list[Asked] = field(default_factory=list)
    """Every request but those for good images when ``keeps_log`` is off."""
    keeps_log: bool = True
    counts: Counter[str] = field(default_factory=Counter)
    """Requests by the first word of the path."""
    connected: int = 0
    running: int = 0
    most_at_once: int = 0
    connections: set[_Connection] = field(default_factory=set)
    _failures: Counter[str] = field(default_factory=Counter)
    _servers: list[asyncio.Server] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for address in self.addresses:
            server = await loop.create_server(lambda: _Connection(self), address, self.port, backlog=1024)
            self.port = server.sockets[0].getsockname()[1]
            self._servers.append(server)
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        tasks = [connection.task for connection in self.connections if connection.task is not None]
        for connection in list(self.connections):
            connection.transport.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    def url(self, path: str, host: str | None = None) -> str:
        """The address of a path; ``host`` for another name or address of this machine."""
        return f"http://{host or self.addresses[0]}:{self.port}{path}"

    def note(self, path: str, head: bytes, connection: int) -> None:
        self.counts[path.split("/", 2)[1].partition("?")[0]] += 1
        if self.keeps_log:
            lines = (line.partition(": ") for line in head.decode("latin-1").split("\r\n")[1:])
            self.asked.append(Asked(path, time.monotonic(), connection, {name.lower(): value for name, _, value in lines}))

    def fails_again(self, path: str, times: int) -> bool:
        """Whether a path that fails so many times has not yet done so."""
        self._failures[path] += 1
        return self._failures[path] <= times

    async def answered(self, path: str, connection: _Connection) -> bytes | None:
        parts = path.split("/")[1:]
        name = parts[0].partition("?")[0]
        if name not in ANSWERS:
            return answer(b"no such thing here\n", status="404 Not Found")
        return await ANSWERS[name](self, parts, connection)


@at("same")
async def _same(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    return _good(0)


@at("slow")
async def _slow(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    await asyncio.sleep(float(parts[1]))
    return _good(_number(parts[2]))


@at("hops")
async def _hops(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    left = int(parts[1])
    return _redirect(f"../{left - 1}/{parts[2]}" if left > 1 else f"/good/{parts[2]}", "301 Moved Permanently")


@at("loop")
async def _loop(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    return _redirect("/loop/b" if parts[1] == "a" else "/loop/a")


@at("to")
async def _to(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    return _redirect(unquote("/".join(parts).partition("?")[2]))


@at("nowhere")
async def _nowhere(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    return answer(b"", status="302 Found")


@at("status")
async def _status(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    body = b"" if parts[1] in ("204", "304") else f"this is a {parts[1]}\n".encode()
    return answer(body, status=f"{parts[1]} As Asked")


@at("busy")
async def _busy(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    if server.fails_again("/".join(parts), int(parts[1])):
        return answer(b"slow down\n", "text/plain", f"Retry-After: {unquote(parts[2])}", status="429 Too Many Requests")
    return _good(_number(parts[3]))


@at("stumbles")
async def _stumbles(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    if server.fails_again("/".join(parts), int(parts[1])):
        return answer(b"oh dear\n", status="500 Internal Server Error")
    return _good(_number(parts[2]))


@at("drip")
async def _drip(server: RudeServer, parts: Parts, connection: _Connection) -> None:
    whole = _good(0)
    if parts[1] != "headers":
        head, _, whole = whole.partition(b"\r\n\r\n")
        await connection.write(head + b"\r\n\r\n")
    for byte in whole:
        await connection.write(bytes([byte]))
        await asyncio.sleep(0.05)


@at("stall")
async def _stall(server: RudeServer, parts: Parts, connection: _Connection) -> None:
    await connection.write(_good(0)[:5000] if parts[1] != "headers" else b"HTTP/1.1 200 OK\r\nConte")
    await asyncio.sleep(3600)


@at("silence")
async def _silence(server: RudeServer, parts: Parts, connection: _Connection) -> None:
    return None


@at("garbage")
async def _garbage(server: RudeServer, parts: Parts, connection: _Connection) -> None:
    await connection.write(b"\x15\x03\x01\x00\x02\x02\x16 this is not HTTP\r\n\r\n")


@at("short")
async def _short(server: RudeServer, parts: Parts, connection: _Connection) -> None:
    body = image(_number(parts[1]))
    await connection.write(answer(body, "image/jpeg", length=len(body) + SHORT_BY))


@at("long")
async def _long(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    body = image(_number(parts[1]))
    return answer(body, "image/jpeg", length=len(body) - 100)


@at("reset")
async def _reset(server: RudeServer, parts: Parts, connection: _Connection) -> None:
    whole = _good(_number(parts[1]))
    await connection.write(whole[: len(whole) // 2])
    await asyncio.sleep(0.05)
    connection.reset()


@at("chunks", "broken-chunks")
async def _chunks(server: RudeServer, parts: Parts, connection: _Connection) -> None:
    body = image(_number(parts[1]))
    await connection.write(_open_answer("image/jpeg", "Transfer-Encoding: chunked", "Connection: close"))
    for start in range(0, len(body), 5000):
        piece = body[start : start + 5000]
        await connection.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        await asyncio.sleep(0)
    if parts[0] == "chunks":
        await connection.write(b"0\r\n\r\n")


@at("html.jpg")
async def _html(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    return answer(HTML, "image/jpeg")


@at("long-html.jpg")
async def _long_html(server: RudeServer, parts: Parts, connection: _Connection) -> None:
    await _without_end(connection, _open_answer("image/jpeg"), HTML * 600)


@at("text.jpg")
async def _text(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    return answer(TEXT, "image/jpeg")


@at("empty.jpg")
async def _empty(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    return answer(b"", "image/jpeg")


@at("void.jpg")
async def _void(server: RudeServer, parts: Parts, connection: _Connection) -> None:
    await connection.write(_open_answer("image/jpeg", "Connection: close"))


@at("gzipped")
async def _gzipped(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    return answer(gzip.compress(image(_number(parts[1]))), "image/jpeg", "Content-Encoding: gzip")


@at("gzip-bomb.jpg", "gzip-bomb.html")
async def _gzip_bomb(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    return answer(gzip_bomb(), "text/html", "Content-Encoding: gzip")


@at("packed.html", "short-packed.html")
async def _packed(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    packed = gzip.compress(HTML * 20)
    return answer(packed if parts[0] == "packed.html" else packed[: len(packed) // 2], "text/html", "Content-Encoding: gzip")


@at("endless.jpg")
async def _endless_image(server: RudeServer, parts: Parts, connection: _Connection) -> None:
    await _without_end(connection, _open_answer("image/jpeg") + image(0), bytes(65_536))


@at("endless.html")
async def _endless_page(server: RudeServer, parts: Parts, connection: _Connection) -> None:
    await _without_end(connection, _open_answer("text/html"), HTML * 600)


@at("huge.jpg")
async def _huge(server: RudeServer, parts: Parts, connection: _Connection) -> None:
    await connection.write(answer(image(0), "image/jpeg", length=10**12))
    await asyncio.sleep(3600)


@at("cookie")
async def _cookie(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    return answer(image(_number(parts[1])), "image/jpeg", "Set-Cookie: who=you; Path=/")


@at("large")
async def _large(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    return answer(image(_number(parts[1])) + bytes(3_000_000), "image/jpeg")


@at("many-headers")
async def _many_headers(server: RudeServer, parts: Parts, connection: _Connection) -> None:
    await _without_end(connection, b"HTTP/1.1 200 OK\r\n", b"X-More: and more of it\r\n" * 1000)


@at("long-header")
async def _long_header(server: RudeServer, parts: Parts, connection: _Connection) -> None:
    await _without_end(connection, b"HTTP/1.1 200 OK\r\nX-Long: ", b"o" * 65_536)


@at("png-bomb.png")
async def _png_bomb(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    return answer(png_bomb(), "image/png")


@at("optout")
async def _optout(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    return answer(image(_number(parts[2])), "image/jpeg", *(f"X-Robots-Tag: {value}" for value in unquote(parts[1]).split("|")))


@at("tdm")
async def _tdm(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    return answer(image(_number(parts[2])), "image/jpeg", f"tdm-reservation: {parts[1]}")


@at("headers")
async def _headers(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    return answer(json.dumps(server.asked[-1].headers).encode(), "application/json")


@at("page")
async def _page(server: RudeServer, parts: Parts, connection: _Connection) -> bytes:
    number = int(parts[1])
    images = "".join(f'<img src="/good/{number * 10 + step}.jpg" alt="">' for step in range(4))
    following = f'<a rel="next" href="/page/{number + 1}">next</a>' if number < LAST_PAGE else ""
    return answer(f"<!doctype html><title>Page {number}</title>{images}{following}".encode(), "text/html; charset=utf-8")


@at("robots.txt")
async def _robots(server: RudeServer, parts: Parts, connection: _Connection) -> bytes | None:
    if server.robots is None:
        return answer(b"none\n", status="404 Not Found")
    if isinstance(server.robots, int):
        return answer(b"", status=f"{server.robots} As Asked")
    if server.robots.startswith("/"):
        return _redirect(server.robots)
    return answer(server.robots.encode(), "text/plain")


async def _without_end(connection: _Connection, start: bytes, piece: bytes) -> None:
    await connection.write(start)
    while True:
        await connection.write(piece)
        await asyncio.sleep(0)


@contextmanager
def running(**options: Any) -> Iterator[RudeServer]:
    """A :class:`RudeServer` in a thread and an event loop of its own, for code that is not asynchronous."""
    server, ready, loop = RudeServer(**options), threading.Event(), asyncio.new_event_loop()
    end = asyncio.Event()

    async def serve() -> None:
        async with server:
            ready.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10), "the rude server did not start"
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)
        loop.close()


async def _serve(port: int, images: int, addresses: tuple[str, ...]) -> None:
    for number in range(images):
        _good(number)
    async with RudeServer(port=port, addresses=addresses, keeps_log=False) as server:
        print(server.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve images and mischief on loopback until standard input ends.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--images", type=int, default=0, help="make so many images before answering")
    parser.add_argument("--address", action="append", help="loopback address to listen on; may be given several times")
    options = parser.parse_args()
    asyncio.run(_serve(options.port, options.images, tuple(options.address or ["127.0.0.1"])))


if __name__ == "__main__":
    main()
