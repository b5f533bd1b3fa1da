"""The images that the studio shows: always re-encoded, never the bytes of a file."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tellapart.cache_dir import cache_root
from tellapart.concurrency import available_cores
from tellapart.dataset.content_hashes import unchanged_bytes
from tellapart.dataset.thumbnail_store import ThumbnailStore
from tellapart.errors import ImageError
from tellapart.images import decode
from tellapart.images.resizing import thumbnail
from tellapart.server.studio.workspace import Workspace

SMALL, LARGE = 128, 1600
T = TypeVar("T")


class ServedImages:
    """Thumbnails from the cache or made again, and larger images made on request.

    Thumbnails that are there are read in the event loop: that takes less time than to ask another thread.

    Args:
        workspace: whose files.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._decoders = ThreadPoolExecutor(available_cores(), thread_name_prefix="decode")
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="thumbnails")  # writing may have to wait for others
        self._own = threading.local()  # a connection belongs to its thread
        self._written_to: ThumbnailStore | None = None

    async def small(self, number: int) -> bytes | None:
        """A JPEG of at most 128 pixels; None where the file is not what it was, or no image."""
        image_id = self.workspace.undecided[number].image_id
        if image_id is None:
            return None
        cached = self._reader().read([image_id]).get(image_id)
        if cached is not None:
            return cached
        made = await self._in(self._decoders, lambda: self._made(number, SMALL))
        if made is not None:
            await self._in(self._keeper, lambda: self._write(image_id, made))
        return made

    async def large(self, number: int) -> bytes | None:
        """A JPEG of at most 1,600 pixels; None where the file is not what it was, or no image."""
        return await self._in(self._decoders, lambda: self._made(number, LARGE))

    def close(self) -> None:
        """End the threads."""
        store, self._written_to = self._written_to, None
        if store is not None:
            self._keeper.submit(store.close)
        self._keeper.shutdown()
        self._decoders.shutdown(cancel_futures=True)

    def _reader(self) -> ThumbnailStore:
        if not hasattr(self._own, "store"):
            self._own.store = ThumbnailStore(cache_root() / "thumbnails.sqlite")
        store: ThumbnailStore = self._own.store
        return store

    @staticmethod
    async def _in(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    def _write(self, image_id: str, jpeg: bytes) -> None:
        self._written_to = self._written_to or ThumbnailStore(cache_root() / "thumbnails.sqlite")
        self._written_to.write({image_id: jpeg})

    def _made(self, number: int, edge: int) -> bytes | None:
        try:
            data = unchanged_bytes(self.workspace.file(number), self.workspace.undecided[number].image_id or "")
            return None if data is None else thumbnail(decode(data, min_size=edge).pixels, edge)
        except (OSError, ImageError):
            return None
