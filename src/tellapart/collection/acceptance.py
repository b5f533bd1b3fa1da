"""Acceptance: decide on fetched images (retry, refuse, duplicate, accept), record the verdicts, store the files, confirm them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, TypeVar

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.collection.candidates import Fetched
from tellapart.collection.decoding_workers.ipc import DecodeResult
from tellapart.collection.duplicate_index import DuplicateIndex
from tellapart.collection.ledger import BUSY, DUPLICATE, REFUSED, WAITING, Claim, Ledger, Verdict
from tellapart.collection.retries import retry_after
from tellapart.collection.storage.stores import Destination, image_name
from tellapart.images.perceptual_hash import SIGNATURE_SIDE

WRITERS = 8
SIGNATURE_LENGTH = 3 * SIGNATURE_SIDE**2

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class FetchedImage:
    """One fetched URL and, where that succeeded, its decoded image."""

    claim: Claim
    fetched: Fetched
    decoded: DecodeResult | None


class Acceptor:
    """Decides on images and stores them; all calls to the ledger run on one thread.

    Args:
        min_side: images with a shorter side of fewer pixels are refused.
        folders: the folder of each class at the destination.
    """

    def __init__(self, ledger: Ledger, destination: Destination, folders: dict[str, str], *, min_side: int) -> None:
        self.ledger, self.destination, self.folders, self.min_side = ledger, destination, folders, min_side
        self.quotas = ledger.quotas()
        self._known = DuplicateIndex(self._signatures)
        self._known_until = 0
        self._ledger_thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._writers = ThreadPoolExecutor(WRITERS, thread_name_prefix="writer")

    async def ask_ledger(self, function: Callable[..., Result], *values: Any) -> Result:
        """Call something that uses the ledger, on its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._ledger_thread, function, *values)

    async def keep(self, images: Sequence[FetchedImage]) -> list[Verdict]:
        """Decide on a batch, record the verdicts, store the accepted files, and confirm them.

        Raises:
            StorageError: the ledger or the destination cannot be written; what was not confirmed is queued again.
        """
        bodies = {image.claim.id: _kept_body(image) for image in images}
        verdicts = await self.ask_ledger(self.ledger.record, lambda: self._verdicts(images))
        accepted = [verdict for verdict in verdicts if verdict.file is not None]
        files = [(str(verdict.file), bodies[verdict.claim.id]) for verdict in accepted]
        loop = asyncio.get_running_loop()
        shares = [files[start::WRITERS] for start in range(min(WRITERS, len(files)))]
        await asyncio.gather(*(loop.run_in_executor(self._writers, self._store, share) for share in shares))
        if accepted:
            await self.ask_ledger(self.ledger.confirm, [verdict.claim for verdict in accepted])
        return verdicts

    def has_file(self, name: str, size_bytes: int) -> bool:
        """Whether the destination has a file of that size."""
        return self.destination.size(name) == size_bytes

    def close(self) -> None:
        """End the threads."""
        self._writers.shutdown(wait=True, cancel_futures=True)
        self._ledger_thread.shutdown(wait=True)

    def _store(self, files: Sequence[tuple[str, bytes]]) -> None:
        for name, body in files:
            self.destination.put(name, body)

    def _verdicts(self, images: Sequence[FetchedImage]) -> Iterator[Verdict]:
        """A verdict on each image, in order, so that duplicates within the batch are found; runs inside the ledger's transaction."""
        for image in images:
            self._learn()
            yield self._verdict(image)

    def _learn(self) -> None:
        """Take note of images accepted since the last time, by any collector."""
        accepted = list(self.ledger.accepted_since(self._known_until))
        if accepted:
            self._known.extend((str(image), hash_) for _, image, hash_ in accepted)
            self._known_until = accepted[-1][0]

    def _signatures(self, images: Sequence[str]) -> FloatArray:
        """float16 (m, 768); zeros, which are like nothing, for an image whose row was given up."""
        stored = self.ledger.signatures([int(image) for image in images])
        return np.stack([np.frombuffer(one or bytes(2 * SIGNATURE_LENGTH), np.float16) for one in stored])

    def _verdict(self, image: FetchedImage) -> Verdict:
        claim, fetched, decoded = image.claim, image.fetched, image.decoded
        if fetched.verdict != "ok" or decoded is None:
            return self._failure(claim, fetched)
        unaccepted = Verdict(
            claim=claim, status=REFUSED, http_code=fetched.http_code, sha256=fetched.sha256, size_bytes=len(fetched.body),
            hash=decoded.hash, mirror_hash=decoded.mirror_hash, width=decoded.width, height=decoded.height, format=decoded.format,
        )  # fmt: skip
        if decoded.reason is not None:
            return replace(unaccepted, reason=decoded.reason)
        if min(decoded.width, decoded.height) < self.min_side:
            return replace(unaccepted, reason=f"fewer than {self.min_side} pixels on its shorter side: {decoded.width} x {decoded.height}")
        same = self.ledger.owner_of(fetched.sha256)
        if same is not None:
            return replace(unaccepted, status=DUPLICATE, twin=same[0], reason=_twin_words("the same file", same[1], claim))
        twin = self._known.twin(decoded.hash, decoded.mirror_hash, decoded.signature)
        if twin is not None and int(twin) != claim.id:
            reason = _twin_words("nearly the same image", self.ledger.label_of(int(twin)), claim)
            return replace(unaccepted, status=DUPLICATE, twin=int(twin), reason=reason)
        body = _kept_body(image)
        image_id = fetched.sha256 if decoded.body is None else sha256(body).hexdigest()
        file = image_name(self.folders[claim.label], image_id, decoded.format)
        return replace(unaccepted, status=BUSY, image_id=image_id, signature=decoded.signature, file=file, size_bytes=len(body))

    def _failure(self, claim: Claim, fetched: Fetched) -> Verdict:
        """A temporary failure waits for another attempt (:mod:`tellapart.collection.retries`); any other is final."""
        failed = Verdict(claim=claim, status=REFUSED, reason=fetched.reason, http_code=fetched.http_code)
        if fetched.verdict == "permanent":
            return failed
        wait_s = retry_after(claim.tries, fetched)
        if wait_s is None:
            return replace(failed, reason=f"{fetched.reason}, {claim.tries} times")
        return replace(failed, status=WAITING, next_try=self.ledger.clock() + wait_s)


def _kept_body(image: FetchedImage) -> bytes:
    """The bytes to store: the downloaded file, or the image as resized or cropped."""
    return image.decoded.body if image.decoded is not None and image.decoded.body is not None else image.fetched.body


def _twin_words(likeness: str, label: str, claim: Claim) -> str:
    return f"{likeness} is kept already" if label == claim.label else f"{likeness} is kept as {label}"
