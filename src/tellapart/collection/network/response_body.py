"""Read the body of a response within its limits: size, speed, declared length and first bytes; bounded memory."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from dataclasses import dataclass, field

import aiohttp

from tellapart.collection.network.error_outcomes import NETWORK_ERRORS, Failure, network_failure
from tellapart.errors import ImageError
from tellapart.images.formats import sniff_format

LARGE = 1_000_000
"""Bytes; only :data:`LARGE_AT_ONCE` bodies may grow beyond it at the same time, the others wait and are not read meanwhile."""
LARGE_AT_ONCE = 4

_HEAD = 1024
_GZIP_OR_ZLIB = 47


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyRules:
    """What a body may be."""

    max_bytes: int
    is_image: bool = False
    """Look at the first bytes, and stop where they are no image's."""
    may_be_packed: bool = False
    """Accept gzip; ``max_bytes`` then holds for what comes out."""
    is_cut_at_cap: bool = False
    """End at ``max_bytes`` instead of failing."""
    min_bytes_per_s: float = 1000.0
    window_s: float = 15.0
    """Over which the pace is measured."""


@dataclass(slots=True)
class Body:
    """One body while it is read."""

    rules: BodyRules
    response: aiohttp.ClientResponse
    large: asyncio.Semaphore
    deadline: asyncio.Timeout
    """Moved on by the time spent waiting for ``large``: that is not the server's fault."""
    data: bytearray = field(default_factory=bytearray)
    _holds_large: bool = False
    _window_from: float = 0.0
    _window_bytes: int = 0

    async def read(self) -> tuple[bytes, str]:
        """The whole body, unpacked, and its SHA-256.

        Raises:
            Failure: too large, too slow, truncated, empty, in an unknown encoding, or not an image.
            TimeoutError: nothing came for too long, or the deadline passed.
        """
        unpack = self._unpacker()
        self._judge_declared_length()
        try:
            return await self._whole() if unpack is None else await self._streamed(unpack)
        except TimeoutError:
            raise
        except NETWORK_ERRORS as error:
            raise self._broken_off(error) from None
        finally:
            if self._holds_large:
                self.large.release()

    async def _whole(self) -> tuple[bytes, str]:
        """A body that is not compressed; usually one piece, which is not copied."""
        content = self.response.content
        if (self.response.content_length or 0) <= LARGE:
            first = await content.readany()
            if content.at_eof() and len(first) <= self.rules.max_bytes:
                self._judge_head(first)
                return first, hashlib.sha256(first).hexdigest()
            self.data += first
        return await self._streamed(None)

    async def _streamed(self, unpack: Unpacker | None) -> tuple[bytes, str]:
        """A body in pieces, checked as they arrive."""
        content, rules, data = self.response.content, self.rules, self.data
        now = asyncio.get_running_loop().time
        digest = hashlib.sha256(data)
        is_judged = False
        self._window_from, self._window_bytes = now(), content.total_bytes
        if (self.response.content_length or 0) > LARGE:
            await self._wait_for_room()
        while True:
            chunk = await content.readany()
            if not chunk:
                break
            piece = unpack(chunk, rules.max_bytes + 1 - len(data)) if unpack else chunk
            data += piece
            digest.update(piece)
            if max(len(data), content.total_bytes) > rules.max_bytes:
                return self._at_cap()
            if not is_judged and len(data) >= _HEAD:
                self._judge_head(data[:_HEAD])
                is_judged = True
            if len(data) > LARGE and not self._holds_large:
                await self._wait_for_room()
            self._judge_pace(now())
        if unpack is not None and not unpack.is_whole:
            raise Failure("passing", f"cut off: {content.total_bytes:,} packed bytes")
        if not is_judged:
            self._judge_head(bytes(data[:_HEAD]))
        return bytes(data), digest.hexdigest()

    def _at_cap(self) -> tuple[bytes, str]:
        """What becomes of a body that is larger than agreed."""
        if not self.rules.is_cut_at_cap:
            raise Failure("permanent", f"larger than {self.rules.max_bytes:,} bytes")
        self.response.close()
        body = bytes(self.data[: self.rules.max_bytes])
        return body, hashlib.sha256(body).hexdigest()

    def _unpacker(self) -> Unpacker | None:
        """What undoes the Content-Encoding; None where there is none."""
        encoding = self.response.headers.get("Content-Encoding", "").strip().lower()
        if encoding in ("", "identity", "none"):
            return None
        if self.rules.may_be_packed and encoding in ("gzip", "x-gzip", "deflate"):
            return Unpacker()
        raise Failure("permanent", f"unsupported content-encoding {encoding[:40]}")

    def _judge_declared_length(self) -> None:
        """Refuse by Content-Length, before a byte is read."""
        declared = self.response.content_length
        if declared is None or self.rules.is_cut_at_cap:
            return
        if declared > self.rules.max_bytes:
            raise Failure("permanent", f"larger than {self.rules.max_bytes:,} bytes")
        if declared == 0 and self.rules.is_image:
            raise Failure("permanent", "empty file")

    def _judge_head(self, head: bytes | bytearray) -> None:
        """Refuse what does not begin like an image."""
        if not self.rules.is_image:
            return
        if not head:
            raise Failure("passing", "empty answer")
        try:
            sniff_format(bytes(head[:_HEAD]))
        except ImageError as error:
            raise Failure("permanent", str(error)) from None

    def _judge_pace(self, now: float) -> None:
        """Refuse a body that trickles."""
        rules = self.rules
        passed = now - self._window_from
        if passed < rules.window_s:
            return
        came = self.response.content.total_bytes - self._window_bytes
        if came < rules.min_bytes_per_s * passed:
            raise Failure("passing", f"too slow: {came:,} bytes in {passed:.0f} s")
        self._window_from, self._window_bytes = now, self.response.content.total_bytes

    async def _wait_for_room(self) -> None:
        """Wait to be one of the few large bodies; meanwhile the time limits are suspended, and the connection is not read."""
        now = asyncio.get_running_loop().time
        start, when = now(), self.deadline.when()
        self.deadline.reschedule(None)
        await self.large.acquire()
        self._holds_large = True
        waited = now() - start
        self.deadline.reschedule(None if when is None else when + waited)
        self._window_from += waited

    def _broken_off(self, error: BaseException) -> Failure:
        """How many bytes were received before the connection or the encoding broke."""
        came, declared = self.response.content.total_bytes, self.response.content_length
        if declared is not None and came < declared:
            return Failure("passing", f"cut off: {came:,} of {declared:,} bytes")
        if isinstance(error, aiohttp.ClientPayloadError | ConnectionError):
            return Failure("passing", f"cut off after {came:,} bytes")
        return network_failure(error)


class Unpacker:
    """Decompress gzip or deflate in pieces of limited size; bytes after the end are dropped."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._is_first = True

    def __call__(self, packed: bytes, most: int) -> bytes:
        """Up to ``most`` bytes of what ``packed`` holds; the rest is dropped, so ask for one more than is allowed.

        Raises:
            Failure: the encoding is not the declared one.
        """
        if self._decoder.eof:
            return b""
        try:
            piece = self._decoder.decompress(packed, most)
        except zlib.error:
            if not self._is_first:
                raise Failure("permanent", "broken content-encoding") from None
            piece = self._raw(packed, most)
        self._is_first = False
        return piece

    def _raw(self, packed: bytes, most: int) -> bytes:
        """Some servers send deflate without its header."""
        self._decoder = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            return self._decoder.decompress(packed, most)
        except zlib.error:
            raise Failure("permanent", "broken content-encoding") from None

    @property
    def is_whole(self) -> bool:
        """Whether the packed data came to its end."""
        return self._decoder.eof or self._is_first
