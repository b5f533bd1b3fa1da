"""Images in a bucket: downloaded once into the cache, then read like any folder."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tellapart.atomic_files import replacing, write_text
from tellapart.cache_dir import cache_root
from tellapart.dataset.manifest import MANIFEST_SUFFIXES
from tellapart.errors import DataError, MissingExtra
from tellapart.images.formats import is_named_like_image
from tellapart.printable import printable
from tellapart.progress import SILENT, Progress

SCHEME = "s3://"
CONNECTIONS = 16
_COPIES, _ADDRESS = "buckets", ".address"
"""The folder of all copies in the cache, and the file beside each that says where it comes from."""


def copy_bucket(url: str, *, progress: Progress = SILENT) -> Path:
    """The folder in the cache that holds the images and manifests below ``url``, brought up to date.

    An object is copied when its size or its time of change differs from the copy's; copies of objects that are gone
    are removed. Keys and endpoint come from the usual ``AWS_*`` variables.

    Args:
        url: ``s3://bucket/prefix``, or any other that the package obstore knows.
        progress: progress receiver.

    Raises:
        MissingExtra: obstore is not installed.
        DataError: the bucket cannot be listed or an object cannot be read.
        StorageError: the disk is full.
    """
    store, get, listed = _opened(url)
    address = url.rstrip("/")
    folder = cache_root() / _COPIES / hashlib.sha256(address.encode()).hexdigest()[:24] / address.rpartition("/")[2]
    try:
        objects = {o["path"]: o for batch in listed(store) for o in batch if _is_wanted(o["path"])}
    except Exception as error:  # obstore's errors have no common public parent
        raise DataError(f"{url} cannot be listed: {_reason(error)}", hint="check the address and the AWS_* variables") from error
    if not objects:
        raise DataError(f"there are no images in {url}", hint="give the prefix that holds one folder a class")
    write_text(folder.parent / _ADDRESS, address)
    _remove_strangers(folder, objects)
    stale = [o for path, o in objects.items() if not _is_current(folder / path, o)]

    def copy(entry: Any) -> None:
        try:
            data = bytes(get(store, entry["path"]).bytes())
        except Exception as error:
            raise DataError(
                f"{url}: {entry['path']} cannot be read: {_reason(error)}", hint="run the same command again: what is copied is kept"
            ) from error
        with replacing(folder / entry["path"]) as partial:
            partial.write_bytes(data)
        os.utime(folder / entry["path"], (entry["last_modified"].timestamp(),) * 2)

    with progress.stage("copying from the bucket", total=len(stale)) as advance, ThreadPoolExecutor(CONNECTIONS) as pool:
        for _ in pool.map(copy, stale):
            advance(1)
    return folder


def address_of_copy(folder: str | Path) -> str | None:
    """The address that a folder is the copy of; None where it is none, or the cache was cleared."""
    place = Path(folder)
    if place.parents[1:2] != (cache_root() / _COPIES,):
        return None
    try:
        return (place.parent / _ADDRESS).read_text(encoding="utf-8") or None
    except (OSError, ValueError):
        return None


def _reason(error: Exception) -> str:
    """What obstore says, without the dump of its objects for programmers."""
    return str(error).partition("\n\nDebug source")[0]


def obstore_for(purpose: str) -> Any:
    """The package obstore with its stores.

    Args:
        purpose: what it is needed for, in words for the message.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import obstore
        import obstore.store
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "obstore":
            raise
        raise MissingExtra(f"obstore is not installed, and {purpose} needs it", hint="pip install 'tellapart[s3]'") from error
    return obstore


def _opened(url: str) -> tuple[Any, Any, Any]:
    obstore = obstore_for("reading a bucket")
    try:
        return obstore.store.from_url(url), obstore.get, obstore.list
    except Exception as error:
        raise DataError(
            f"{printable(url)} cannot be opened: {printable(str(error).partition(chr(10))[0])}",
            hint="an address looks like s3://bucket/photos",
        ) from error


def _is_wanted(path: str) -> bool:
    parts = path.split("/")
    is_safe = not any(part in ("", "..") or part.startswith(".") for part in parts)
    return is_safe and (is_named_like_image(parts[-1]) is True or Path(path).suffix.lower() in MANIFEST_SUFFIXES)


def _is_current(copy: Path, entry: Any) -> bool:
    try:
        status = copy.stat()
    except OSError:
        return False
    return bool(status.st_size == entry["size"] and abs(status.st_mtime - entry["last_modified"].timestamp()) < 0.001)


def _remove_strangers(folder: Path, objects: dict[str, Any]) -> None:
    """Remove our copies of objects that are gone; the catalog and other hidden files of ours stay."""
    for copy in [path for path in folder.rglob("*") if path.is_file()]:
        relative = copy.relative_to(folder).as_posix()
        if relative not in objects and not relative.startswith("."):
            copy.unlink()
