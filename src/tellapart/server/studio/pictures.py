"""The pictures that the studio shows: always encoded anew, never the bytes of a file."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tellapart.cache_dir import cache_root
from tellapart.concurrency import available_cores
from tellapart.dataset.thumbnail_store import ThumbnailStore
from tellapart.errors import ImageError
from tellapart.images import decode
from tellapart.images.thumbnails import thumbnail
from tellapart.server.studio.workspace import Workspace

SMALL, LARGE = 128, 1600
T = TypeVar("T")


class Pictures:
    """Thumbnails from the cache or made anew, and larger pictures made for the one who looks.

    Args:
        workspace: whose files.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._decoders = ThreadPoolExecutor(available_cores(), thread_name_prefix="decode")
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="thumbnails")  # a connection belongs to its thread
        self._store: ThumbnailStore | None = None

    async def small(self, number: int) -> bytes | None:
        """A JPEG of at most 128 pixels; None where the file is not what it was, or no image."""
        image_id = self.workspace.undecided[number].image_id
        if image_id is None:
            return None
        kept = (await self._in_store(lambda store: store.read([image_id]))).get(image_id)
        if kept is not None:
            return kept
        made = await self._decoded(number, SMALL)
        if made is not None:
            await self._in_store(lambda store: store.write({image_id: made}))
        return made

    async def large(self, number: int) -> bytes | None:
        """A JPEG of at most 1,600 pixels; None where the file is not what it was, or no image."""
        return await self._decoded(number, LARGE)

    def close(self) -> None:
        """End the threads."""
        store, self._store = self._store, None
        if store is not None:
            self._keeper.submit(store.close)
        self._keeper.shutdown()
        self._decoders.shutdown(cancel_futures=True)

    async def _decoded(self, number: int, edge: int) -> bytes | None:
        return await asyncio.get_running_loop().run_in_executor(self._decoders, self._made, number, edge)

    async def _in_store(self, use: Callable[[ThumbnailStore], T]) -> T:
        def work() -> T:
            self._store = self._store or ThumbnailStore(cache_root() / "thumbnails.sqlite")
            return use(self._store)

        return await asyncio.get_running_loop().run_in_executor(self._keeper, work)

    def _made(self, number: int, edge: int) -> bytes | None:
        dataset = self.workspace.dataset
        try:
            data = dataset.file(dataset.entries[number]).read_bytes()
            if hashlib.sha256(data).hexdigest() != self.workspace.undecided[number].image_id:
                return None
            return thumbnail(decode(data, min_size=edge).pixels, edge)
        except (OSError, ImageError):
            return None
