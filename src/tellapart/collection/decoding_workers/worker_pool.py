"""Decoding downloaded images in separate processes: one that crashes, hangs or takes too much memory harms only itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import IO, Self

from tellapart.collection.decoding_workers.ingest import is_large
from tellapart.collection.decoding_workers.ipc import LENGTH, READY, DecodeResult, DecodingSettings, frame, unpack_message
from tellapart.errors import OptionError, StorageError, reason_of

MEMORY_LIMIT_BYTES = 400_000_000
TIMEOUT_S = 20.0
CRASHED = "the decoder crashed or ran out of memory"
SMALLEST_SIDE = 16
_START_S = 120.0
_END_S = 3.0
_TRIES = 2
_DEATHS = (asyncio.IncompleteReadError, OSError, ValueError)


class DecodingWorkers:
    """Decoding processes, as an asynchronous context manager; :meth:`decode` may be called by many tasks at once.

    Args:
        num_workers: how many processes.
        memory_limit_bytes: by how much each may grow while decoding (where the system can limit it).
        timeout_s: seconds after which an image is given up, and its process replaced.
        side: images whose longer side is over this many pixels are made smaller; None keeps all as they are.
        crop: ``module:function``, see :data:`tellapart.collection.decoding_workers.ingest.CropHook`; its module should load
            what it needs.

    Raises:
        OptionError: on entering, for a value out of range or a crop hook that cannot be loaded.
        StorageError: on entering, when the processes do not start.
    """

    def __init__(
        self,
        num_workers: int,
        *,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
        timeout_s: float = TIMEOUT_S,
        side: int | None = None,
        crop: str | None = None,
    ) -> None:
        self._num_workers = num_workers
        self._settings = DecodingSettings(memory_limit_bytes=memory_limit_bytes, timeout_s=timeout_s, side=side, crop=crop)
        self._free: asyncio.LifoQueue[_Worker | None] = asyncio.LifoQueue()
        self._turn = asyncio.Lock()
        self._endings: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Start the processes."""
        _check(self._num_workers, self._settings)
        started = await asyncio.gather(*(_Worker.started(self._settings) for _ in range(self._num_workers)), return_exceptions=True)
        workers = [worker for worker in started if isinstance(worker, _Worker)]
        failure = next((worker for worker in started if isinstance(worker, BaseException)), None)
        if failure is not None:
            await asyncio.gather(*(worker.ended() for worker in workers))
            raise failure
        for worker in workers:
            self._free.put_nowait(worker)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the processes; calls of :meth:`decode` must be over or cancelled."""
        while not self._free.empty():
            worker = self._free.get_nowait()
            if worker is not None:
                self._end(worker)
        await asyncio.gather(*self._endings)

    async def decode(self, body: bytes) -> DecodeResult:
        """Decode the file ``body``; an image that cannot be used is returned with the reason.

        Images that take much memory are decoded one at a time, whatever the number of processes.
        """
        if is_large(body, side=self._settings.side, is_cropped=self._settings.crop is not None):
            async with self._turn:
                return await self._decoded(body)
        return await self._decoded(body)

    async def _decoded(self, body: bytes) -> DecodeResult:
        """Ask a process, and a second one should the first die: it may have died of something else."""
        for _ in range(_TRIES):
            async with self._worker() as worker:
                try:
                    async with asyncio.timeout(self._settings.timeout_s):
                        return unpack_message(await worker.answer(body))
                except TimeoutError:
                    return DecodeResult(reason=f"took more than {self._settings.timeout_s:g} s to decode")
                except _DEATHS:
                    continue
        return DecodeResult(reason=CRASHED)

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[_Worker]:
        """A free process, started again if it died; one that is still busy with an abandoned image is ended."""
        worker = await self._free.get()
        try:
            if worker is None:
                worker = await _Worker.started(self._settings)
            yield worker
        finally:
            if worker is not None and not worker.is_idle:
                self._end(worker, at_once=True)
                worker = None
            self._free.put_nowait(worker)

    def _end(self, worker: _Worker, *, at_once: bool = False) -> None:
        if at_once:
            worker.kill()
        ending = asyncio.ensure_future(worker.ended())
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)


class _Worker:
    """One decoding process, on the side of the collector."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101  (both are pipes)
        self._process, self._to, self._from = process, process.stdin, process.stdout
        self.is_idle = False

    @classmethod
    async def started(cls, settings: DecodingSettings) -> _Worker:
        """A process that is ready.

        Raises:
            OptionError: its crop hook cannot be loaded.
            StorageError: it did not start.
        """
        command = (sys.executable, "-P", "-m", "tellapart.collection.decoding_workers.worker", settings.as_text())
        with tempfile.TemporaryFile() as complaints:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                    env=environment(),
                    limit=1 << 20,
                    start_new_session=os.name == "posix",
                )
            except OSError as error:
                raise StorageError(
                    f"a decoding process could not be started: {reason_of(error)}", hint="fewer of them need less memory"
                ) from error
            worker = cls(process)
            try:
                async with asyncio.timeout(_START_S):
                    message = await worker._frame()
            except (*_DEATHS, TimeoutError) as error:
                raise StorageError(f"a decoding process did not start: {_last_line(complaints)}") from error
            finally:
                if not worker.is_idle:
                    worker.kill()
                    await worker.ended()
        if message != READY:
            await worker.ended()
            raise OptionError(message.decode("utf-8", "replace"), hint="a crop hook is named module:function")
        return worker

    async def answer(self, body: bytes) -> bytes:
        """Send an image and wait for the result.

        Raises:
            IncompleteReadError, OSError: the process died.
        """
        self.is_idle = False
        self._to.write(frame(body))
        return await self._frame()

    async def _frame(self) -> bytes:
        (length,) = LENGTH.unpack(await self._from.readexactly(LENGTH.size))
        payload = await self._from.readexactly(length)
        self.is_idle = True
        return payload

    def kill(self) -> None:
        """End the process at once."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> None:
        """Close its stdin, wait until it is gone, and kill it should that take long."""
        self._to.close()
        try:
            async with asyncio.timeout(_END_S):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
        with suppress(OSError):
            await self._to.wait_closed()
        await self._from.read()


def _check(num_workers: int, settings: DecodingSettings) -> None:
    problems = []
    if num_workers < 1:
        problems.append(f"num_workers is {num_workers}; it must be at least 1")
    if settings.side is not None and settings.side < SMALLEST_SIDE:
        problems.append(f"side is {settings.side}; it must be at least {SMALLEST_SIDE} pixels")
    if settings.timeout_s <= 0:
        problems.append(f"timeout_s is {settings.timeout_s:g}; it must be over 0")
    if settings.memory_limit_bytes <= 0:
        problems.append(f"memory_limit_bytes is {settings.memory_limit_bytes}; it must be over 0")
    if problems:
        raise OptionError("; ".join(problems))


def environment() -> dict[str, str]:
    """Ours, the same places to import from, and one thread for every BLAS: it is never used, and its buffers count as memory."""
    import_path = os.pathsep.join(folder for folder in sys.path if folder)
    return {**os.environ, "PYTHONPATH": import_path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def _last_line(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
