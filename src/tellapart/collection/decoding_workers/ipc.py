"""Messages between the collector and its decoding processes: length, then that many bytes; nothing is unpickled."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from typing import BinaryIO


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeResult:
    """One image as decoded in a worker process, or the reason why it is not one."""

    reason: str | None = None
    """None for a good image; else as :class:`tellapart.errors.ImageError` words it."""
    format: str = ""
    width: int = 0
    height: int = 0
    """Pixels of what will be kept, upright."""
    hash: bytes = b""
    """The 16-byte difference hash (``tellapart.images.perceptual_hash``)."""
    mirror_hash: bytes = b""
    signature: bytes = b""
    """float16 (768,) as bytes."""
    body: bytes | None = None
    """The file to store if it is not the one downloaded: resized or cropped."""


LENGTH = struct.Struct("!I")
READY = b"ready"
"""The first frame of a worker that can begin; anything else is what keeps it from it, as UTF-8."""
NO_BODY = -1
_BLOBS = ("hash", "mirror_hash", "signature", "body")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingSettings:
    """Settings that a decoding process gets at its start."""

    memory_limit_bytes: int
    timeout_s: float
    side: int | None
    crop: str | None

    def as_text(self) -> str:
        """As one command-line argument."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> DecodingSettings:
        """Back from :meth:`as_text`."""
        return cls(**json.loads(text))


def frame(payload: bytes) -> bytes:
    """``payload`` with its length before it."""
    return LENGTH.pack(len(payload)) + payload


def read_frame(file: BinaryIO) -> bytes | None:
    """The next payload of a blocking pipe; None where it ends."""
    head = file.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    payload = file.read(length)
    return payload if len(payload) == length else None


def pack_message(decoded: DecodeResult) -> bytes:
    """A record as a payload: its plain fields as JSON, then its bytes one after the other."""
    blobs = [getattr(decoded, name) for name in _BLOBS]
    head = [decoded.reason, decoded.format, decoded.width, decoded.height]
    head += [NO_BODY if blob is None else len(blob) for blob in blobs]
    text = json.dumps(head).encode()
    return b"".join([LENGTH.pack(len(text)), text, *(blob for blob in blobs if blob)])


def unpack_message(payload: bytes) -> DecodeResult:
    """Back from :func:`pack_message`.

    Raises:
        ValueError: the payload is not a record.
    """
    start = LENGTH.size + LENGTH.unpack_from(payload)[0]
    reason, name, width, height, *lengths = json.loads(payload[LENGTH.size : start])
    blobs: dict[str, bytes | None] = {}
    for blob, length in zip(_BLOBS, lengths, strict=True):
        blobs[blob] = None if length == NO_BODY else payload[start : start + length]
        start += max(0, length)
    if start != len(payload):
        raise ValueError(f"a record of {start} bytes in a frame of {len(payload)}")
    return DecodeResult(reason=reason, format=name, width=width, height=height, **blobs)  # type: ignore[arg-type]
