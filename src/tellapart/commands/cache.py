"""tellapart cache: what lies in the cache folder, and clearing it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from tellapart.durations import duration_complaint, seconds_of
from tellapart.errors import closest_name
from tellapart.options import Options, dataclass, given, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result

KINDS = {
    "pixels": "decoded images",
    "features": "features of the backbones",
    "thumbnails": "small versions of the images",
    "near-duplicates": "near-duplicates found",
    "detections": "faces and subjects found",
    "trainings": "interrupted trainings; cleared, they begin anew",
    "backbones": "weights of the backbones, unpacked",
    "shards": "unpacked tar shards",
    "buckets": "copies of images in object storage",
}
"""What can be made again, by the name of its folder or file in the cache."""
KEPT = {
    "state": "decisions on folders that cannot be written",
    "collections": "ledgers of collections in object storage",
}
"""What cannot be made again and is never cleared here."""


def _kind_complaint(name: str) -> str | None:
    if name in KEPT:
        return f"{name!r} cannot be cleared: {KEPT[name]}"
    if name in (*KINDS, "all"):
        return None
    hint = closest_name(name, KINDS)
    return f"there is no kind {name!r}; choose one of all, {', '.join(KINDS)}" + (f"; {hint}" if hint else "")


@dataclass(frozen=True, kw_only=True)
class CacheOptions(Options):
    """What to clear."""

    clear: str | None = option(None, "Kind to clear, or all.", metavar="KIND", check=_kind_complaint)
    older_than: str | None = option(
        None,
        "Clear only what was last used this long ago, such as 30d or 12h.",
        metavar="AGE",
        check=duration_complaint,
        only_for=given("clear"),
    )


@dataclass(frozen=True, kw_only=True)
class CacheKind(Result):
    """One kind of content.

    Attributes:
        name: of its folder or file in the cache.
        description: in words.
        items: files and folders directly in it.
        size_bytes: of all its files.
        oldest: last use of the item that was not used for the longest time, seconds since 1970; None if it is empty.
        newest: last use of the item used last.
        cleared_bytes: what was cleared now.
        can_be_cleared: whether it can be made again.
    """

    name: str
    description: str
    items: int
    size_bytes: int
    oldest: float | None
    newest: float | None
    cleared_bytes: int
    can_be_cleared: bool


@dataclass(frozen=True, kw_only=True)
class CacheResult(Result):
    """What lies in the cache folder, after clearing.

    Attributes:
        folder: the cache folder.
        kinds: what lies there; empty kinds are left out unless something of them was cleared.
        size_bytes: of all.
        cleared_bytes: of all.
    """

    folder: Path
    kinds: tuple[CacheKind, ...]
    size_bytes: int
    cleared_bytes: int


@with_options(CacheOptions)
def cache(*, options: CacheOptions, progress: Progress = AUTO) -> CacheResult:
    """Show what lies in the cache folder, by kind and age, and clear what can be made again.

    Decisions and ledgers that lie there are listed, but never cleared.

    Args:
        progress: not used.
        options: as keywords; see :class:`CacheOptions`.

    Raises:
        OptionError: the kind is unknown or cannot be cleared, or the age cannot be read.
        StorageError: something cannot be deleted.
    """
    from tellapart.cache_dir import cache_root

    root = cache_root()
    before = time.time() - (seconds_of(options.older_than or "") or 0.0)
    kinds = []
    for name, description in {**KINDS, **KEPT}.items():
        is_asked = options.clear is not None and name in KINDS and options.clear in (name, "all")
        cleared = _clear(root, name, before) if is_asked else 0
        kinds.append(_kind(root, name, description, cleared))
    return CacheResult(
        folder=root,
        kinds=tuple(kind for kind in kinds if kind.items or kind.cleared_bytes),
        size_bytes=sum(kind.size_bytes for kind in kinds),
        cleared_bytes=sum(kind.cleared_bytes for kind in kinds),
    )


def _kind(root: Path, name: str, description: str, cleared: int) -> CacheKind:
    items = list(_items(root, name))
    used = [_last_use(item) for item in items]
    return CacheKind(
        name=name,
        description=description,
        items=len(items),
        size_bytes=sum(file.lstat().st_size for item in items for file in _files(item)),
        oldest=min(used, default=None),
        newest=max(used, default=None),
        cleared_bytes=cleared,
        can_be_cleared=name in KINDS,
    )


def _clear(root: Path, name: str, before: float) -> int:
    """Delete the items of a kind last used before a time; gives their size in bytes."""
    from tellapart.atomic_files import storage_error

    cleared = 0
    for item in _items(root, name):
        if _last_use(item) > before:
            continue
        size = sum(file.lstat().st_size for file in _files(item))
        try:
            shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, item) from error
        cleared += size
    return cleared


def _items(root: Path, name: str) -> Iterator[Path]:
    """What is cleared as one: entries of the kind's folder, or the kind's database with its journal."""
    folder = root / name
    if folder.is_dir():
        yield from sorted(folder.iterdir())
    yield from sorted(root.glob(f"{name}.sqlite*"))


def _files(item: Path) -> Iterator[Path]:
    if item.is_dir() and not item.is_symlink():
        yield from (path for path in item.rglob("*") if path.is_symlink() or path.is_file())
    elif item.exists() or item.is_symlink():
        yield item


def _last_use(item: Path) -> float:
    """When an item was read or written last, as far as the file system notes it."""
    return max((max(file.lstat().st_atime, file.lstat().st_mtime) for file in _files(item)), default=0.0)
