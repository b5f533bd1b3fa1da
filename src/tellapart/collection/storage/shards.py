"""Packing collected images into tar files: a million small files are slow to copy, to list and to delete.

A shard holds, for each image, its file under its own name (``cats/0123.jpg``) and a ``.json`` of the same name with
label, license and where it came from: what the package webdataset reads, and what ``tar xf`` turns back into class folders.
The spool is the folder where images wait on this machine until there are enough for a shard.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tellapart.atomic_files import one_at_a_time
from tellapart.collection.ledger import Ledger
from tellapart.collection.storage.stores import Destination, Folder
from tellapart.errors import StorageError
from tellapart.json_files import checked_record

IMAGES_A_SHARD = 10_000
BYTES_A_SHARD = 1_000_000_000
_MODE = 0o644

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shard:
    """One tar file that was stored completely at the destination."""

    name: str
    """``shard-000012.tar``."""
    files: tuple[str, ...]
    """The images in it, in their order."""
    size_bytes: int
    missing: tuple[str, ...] = ()
    """Images that had rows but no file at the source; they are in no shard."""


def pack(
    rows: Iterable[Row],
    source: Destination,
    target: Destination,
    number: int = 0,
    *,
    most_images: int = IMAGES_A_SHARD,
    most_bytes: int = BYTES_A_SHARD,
) -> Iterator[Shard]:
    """Pack the images of ``rows`` from ``source`` into shards at ``target``, one per iteration.

    The same rows in the same order give the same bytes: members are sorted, without times and owners. Nothing is removed
    from the source: that is for the caller, after it has noted a shard.

    Args:
        rows: with ``file_name``; all their other values that JSON knows go into the ``.json``.
        source: the folder of the files.
        target: where the shards go.
        number: of the first shard.
        most_images: after so many a shard is full.
        most_bytes: a shard is also full when its images have so many bytes, the last one included.

    Raises:
        StorageError: a file cannot be read, or a shard cannot be written; the shards before it are complete.
    """
    if most_images < 1 or most_bytes < 1:
        raise ValueError("a shard must hold at least one image")
    for at, batch in enumerate(_batches(rows, source, most_images, most_bytes), start=number):
        yield _packed(batch, source, target, shard_name(at))


def shard_name(number: int) -> str:
    """The file name of a shard."""
    return f"shard-{number:06}.tar"


def _batches(rows: Iterable[Row], source: Destination, most_images: int, most_bytes: int) -> Iterator[list[Row]]:
    """Rows of one shard each; sizes are asked of the source where a row does not say ``size_bytes``."""
    batch: list[Row] = []
    total = 0
    for row in rows:
        batch.append(row)
        total += row.get("size_bytes") or source.size(row["file_name"]) or 0
        if len(batch) >= most_images or total >= most_bytes:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch


def _packed(batch: list[Row], source: Destination, target: Destination, name: str) -> Shard:
    packed, missing = [], []
    with TemporaryDirectory(prefix="tellapart-") as folder:
        file = Path(folder) / name
        try:
            with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
                for row in sorted(batch, key=lambda row: str(row["file_name"])):
                    image = str(row["file_name"])
                    body = source.get(image)
                    if body is None:
                        missing.append(image)
                        continue
                    _add(tar, image, body)
                    _add(tar, f"{image.rpartition('.')[0]}.json", _card(row))
                    packed.append(image)
            size_bytes = file.stat().st_size
        except OSError as error:
            raise StorageError(
                f"{name} cannot be made in {folder}: {error.strerror or error}",
                hint="free some space, or set TMPDIR to another folder",
            ) from error
        if packed:
            target.put(name, file)
    return Shard(name, tuple(packed), size_bytes if packed else 0, tuple(missing))


def _add(tar: tarfile.TarFile, name: str, body: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(body), _MODE
    tar.addfile(member, io.BytesIO(body))


def _card(row: Row) -> bytes:
    """What is known of an image, as JSON in a fixed order."""
    plain = {
        key: value.encode("utf-8", "backslashreplace").decode("utf-8") if isinstance(value, str) else value
        for key, value in row.items()
        if isinstance(value, str | int | float) or value is None
    }
    return json.dumps(checked_record(plain), ensure_ascii=False, sort_keys=True).encode("utf-8")


SPOOL_FOLDER = "spool"
SHARDED_FROM = 1_000_000
"""Number of images above which they are packed by default."""


def is_sharded(state: Path, quotas: Mapping[str, int | None]) -> bool:
    """Whether this collection is packed: it has been so far, or so many images are wanted."""
    return (state / SPOOL_FOLDER).exists() or sum(quota or 0 for quota in quotas.values()) > SHARDED_FROM


def open_spool(state: Path) -> Folder:
    """The spool of a collection."""
    spool = Folder(state / SPOOL_FOLDER)
    spool.check()
    return spool


def pack_spool(ledger_file: Path, target: Destination, *, is_rest: bool, fewest: int = IMAGES_A_SHARD) -> int:
    """Pack what waits in the spool beside a ledger into shards of ``fewest`` images, with ``is_rest`` also what is left; how many shards.

    A shard is stored before the ledger says so, and the ledger says so before the spool is emptied: an interruption
    leads to the same shard again. One process packs at a time.

    Raises:
        StorageError: a shard cannot be made or stored; the images stay in the spool.
    """
    spool, done = open_spool(ledger_file.parent), 0
    with one_at_a_time(ledger_file.parent / SPOOL_FOLDER), Ledger(ledger_file) as ledger:
        while rows := _waiting(ledger, fewest, is_rest=is_rest):
            for shard in pack(rows, spool, target, _next_number(ledger), most_images=fewest):
                ids = {row["file_name"]: row["id"] for row in rows}
                ledger.move_files((ids[file], f"{shard.name}/{file}") for file in shard.files)
                ledger.requeue(ids[file] for file in shard.missing)
                for file in shard.files:
                    spool.remove(file)
                done += 1
        return done


def _waiting(ledger: Ledger, fewest: int, *, is_rest: bool) -> list[dict[str, Any]]:
    """The images of the next shard; none where there are not enough of them."""
    rows = ledger.rows(
        "SELECT *, file AS file_name FROM images WHERE status = 'kept' AND file NOT LIKE 'shard-%' ORDER BY id LIMIT ?", (fewest,)
    )
    waiting = [dict(row) for row in rows]
    return waiting if is_rest or len(waiting) >= fewest else []


def _next_number(ledger: Ledger) -> int:
    last = next(ledger.rows("SELECT max(file) AS file FROM images WHERE file LIKE 'shard-%'"))["file"]
    return 0 if last is None else int(last.partition(".")[0].removeprefix("shard-")) + 1
