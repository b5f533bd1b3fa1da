from __future__ import annotations

import asyncio
import gzip
import random
import zlib

import pytest

from tellapart.collection.network.error_outcomes import Failure
from tellapart.collection.network.fetcher import Fetcher, FetchLimits, user_agent
from tellapart.collection.network.response_body import Unpacker
from tests.collection.rude_server import RudeServer, gzip_bomb, image

PAGE = b"<!doctype html><p>" + bytes(random.Random(1).choices(b"abcdefgh \n", k=50_000))


def raw_deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, raw_deflated])
@pytest.mark.parametrize("step", [1000, 10**6])
def test_what_was_packed_comes_out_whole(pack: object, step: int) -> None:
    assert callable(pack)
    packed, unpack = pack(PAGE), Unpacker()
    assert b"".join(unpack(packed[start : start + step], 10**6) for start in range(0, len(packed), step)) == PAGE
    assert unpack.is_whole


def test_never_more_than_asked_for() -> None:
    assert len(Unpacker()(gzip_bomb()[:100_000], 5000)) == 5000


def test_half_of_it_is_not_the_whole_and_what_follows_is_dropped() -> None:
    packed, unpack = gzip.compress(PAGE), Unpacker()
    unpack(packed[:5000], 10**6)
    assert not unpack.is_whole
    unpack(packed[5000:], 10**6)
    assert unpack.is_whole
    assert unpack(b"more " * 1000, 10**6) == b""


def test_what_is_not_packed_as_it_says_is_permanent() -> None:
    with pytest.raises(Failure) as caught:
        Unpacker()(b"\xff\xff this is not packed at all", 100)
    assert (caught.value.verdict, caught.value.reason) == ("permanent", "broken content-encoding")


@pytest.mark.parametrize(("most", "verdict"), [(len(image(1)), "ok"), (len(image(1)) - 1, "permanent")])
@pytest.mark.parametrize("way", ["good", "chunks"])
def test_the_cap_is_exact(most: int, verdict: str, way: str) -> None:
    async def one() -> tuple[str, str]:
        limits = FetchLimits(max_bytes=most)
        async with RudeServer() as rude, Fetcher(limits, user_agent=user_agent(), allow_private=True) as fetcher:
            got = await fetcher.image(rude.url(f"/{way}/1.jpg"))
            return got.verdict, got.reason

    assert asyncio.run(one()) == (verdict, "" if verdict == "ok" else f"larger than {most:,} bytes")
