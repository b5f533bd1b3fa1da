"""What becomes of a fetched image: kept, refused, a duplicate, or tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tellapart.collection.acceptance import SIGNATURE_LENGTH, Acceptor, FetchedImage
from tellapart.collection.candidates import Fetched, Offer
from tellapart.collection.decoding_workers.ipc import DecodeResult
from tellapart.collection.ledger import BUSY, DUPLICATE, REFUSED, WAITING, Claim, Ledger, Verdict
from tellapart.collection.retries import MAX_TRIES, MAX_TRIES_BLOCKED
from tellapart.collection.storage.stores import open_destination
from tests.collection.conftest import NOW


@pytest.fixture
def acceptor(ledger: Ledger, tmp_path: Path) -> Iterator[Acceptor]:
    made = Acceptor(ledger, open_destination(str(tmp_path / "photos")), {"cat": "cat", "dog": "dog"}, min_side=32)
    yield made
    made.close()


def claims(ledger: Ledger, *names: str, label: str = "cat") -> list[Claim]:
    ledger.add_listed([(label, Offer(url=f"https://images.example/{label}-{name}.jpg")) for name in names], "list")
    return ledger.claim(label, "list", 100)


def decoded(seed: int, *, width: int = 64, height: int = 48, body: bytes | None = None) -> DecodeResult:
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 256, (2, 16), dtype=np.uint8)
    signature = rng.normal(size=SIGNATURE_LENGTH).astype(np.float16)
    return DecodeResult(
        format="JPEG", width=width, height=height, hash=hashes[0].tobytes(), mirror_hash=hashes[1].tobytes(),
        signature=(signature / np.linalg.norm(signature)).astype(np.float16).tobytes(), body=body,
    )  # fmt: skip


def fetched(content: str, **changed: object) -> Fetched:
    return Fetched(
        **{"url": content, "verdict": "ok", "http_code": 200, "body": content.encode(), "sha256": f"sha of {content}", **changed}
    )


def verdicts(acceptor: Acceptor, *looks: FetchedImage) -> list[Verdict]:
    return acceptor.ledger.record(lambda: acceptor._verdicts(looks))


def test_a_good_image_is_named_by_its_content_and_stored(acceptor: Acceptor, ledger: Ledger, tmp_path: Path) -> None:
    (claim,) = claims(ledger, "a")
    (verdict,) = asyncio.run(acceptor.keep([FetchedImage(claim, fetched("photo"), decoded(0))]))
    assert (verdict.status, verdict.image_id) == (BUSY, "sha of photo")
    assert (tmp_path / "photos" / str(verdict.file)).read_bytes() == b"photo"
    assert acceptor.has_file(str(verdict.file), 5) and not acceptor.has_file(str(verdict.file), 6)


def test_a_resized_image_is_stored_as_resized(acceptor: Acceptor, ledger: Ledger, tmp_path: Path) -> None:
    (claim,) = claims(ledger, "a")
    (verdict,) = asyncio.run(acceptor.keep([FetchedImage(claim, fetched("photo"), decoded(0, body=b"small"))]))
    assert verdict.image_id != verdict.sha256 == "sha of photo"
    assert (tmp_path / "photos" / str(verdict.file)).read_bytes() == b"small"


@pytest.mark.parametrize(("width", "height", "status"), [(64, 31, REFUSED), (31, 64, REFUSED), (32, 32, BUSY)])
def test_the_shorter_side_decides_what_is_too_small(acceptor: Acceptor, ledger: Ledger, width: int, height: int, status: str) -> None:
    (claim,) = claims(ledger, "a")
    (verdict,) = verdicts(acceptor, FetchedImage(claim, fetched("photo"), decoded(0, width=width, height=height)))
    assert verdict.status == status
    assert status == BUSY or f"{width} x {height}" in str(verdict.reason)


def test_what_cannot_be_decoded_is_refused_with_the_reason(acceptor: Acceptor, ledger: Ledger) -> None:
    (claim,) = claims(ledger, "a")
    (verdict,) = verdicts(acceptor, FetchedImage(claim, fetched("photo"), DecodeResult(reason="cut short")))
    assert (verdict.status, verdict.reason, verdict.file) == (REFUSED, "cut short", None)


def test_duplicates_are_found_within_a_batch_and_name_the_other_class(acceptor: Acceptor, ledger: Ledger) -> None:
    first, same, near = claims(ledger, "a", "b", "c")
    (other,) = claims(ledger, "d", label="dog")
    found = verdicts(
        acceptor,
        FetchedImage(first, fetched("photo"), decoded(0)),
        FetchedImage(same, fetched("photo"), decoded(1)),
        FetchedImage(near, fetched("another file"), decoded(0)),
        FetchedImage(other, fetched("photo"), decoded(0)),
    )
    assert [verdict.status for verdict in found] == [BUSY, DUPLICATE, DUPLICATE, DUPLICATE]
    assert [verdict.twin for verdict in found[1:]] == [first.id] * 3
    assert [verdict.reason for verdict in found[1:]] == [
        "the same file is kept already",
        "nearly the same image is kept already",
        "the same file is kept as cat",
    ]


def test_different_images_are_both_kept(acceptor: Acceptor, ledger: Ledger) -> None:
    looks = [FetchedImage(claim, fetched(str(claim.id)), decoded(claim.id)) for claim in claims(ledger, "a", "b")]
    assert [verdict.status for verdict in verdicts(acceptor, *looks)] == [BUSY, BUSY]


@pytest.mark.parametrize(
    ("verdict", "code", "tries", "status"),
    [
        ("permanent", 404, 1, REFUSED),
        ("passing", None, 1, WAITING),
        ("passing", 503, MAX_TRIES - 1, WAITING),
        ("passing", 503, MAX_TRIES, REFUSED),
        ("passing", 403, MAX_TRIES_BLOCKED - 1, WAITING),
        ("passing", 403, MAX_TRIES_BLOCKED, REFUSED),
    ],
)
def test_a_failure_waits_while_another_attempt_may_succeed(
    acceptor: Acceptor, ledger: Ledger, verdict: str, code: int | None, tries: int, status: str
) -> None:
    (claim,) = claims(ledger, "a")
    found = acceptor._failure(replace(claim, tries=tries), fetched("x", verdict=verdict, http_code=code, reason="no answer"))
    assert found.status == status and str(found.reason).startswith("no answer")
    assert (found.next_try or NOW) >= NOW and (found.next_try is not None and found.next_try > NOW) == (status == WAITING)
