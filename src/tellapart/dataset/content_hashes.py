"""The content hash and the state of an entry's file, and its bytes where they are wanted; nothing is decoded here."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from tellapart.concurrency import prefetch
from tellapart.dataset.catalog import FileState
from tellapart.dataset.dataset import Dataset
from tellapart.dataset.entry import Entry
from tellapart.errors import ImageError
from tellapart.images.formats import sniff_format
from tellapart.images.memory_limits import check_file_size, image_bytes
from tellapart.progress import SILENT, Progress


def read_entry(dataset: Dataset, entry: Entry) -> tuple[FileState, bytes | None]:
    """The state of an entry's file with the hash of its bytes, and the bytes; or None, and the reason in the state."""
    state, path = FileState(entry.path, 0, 0, None, None), dataset.file(entry)
    try:
        status = os.stat(path)
        state = FileState.of(entry.path, status, None, None)
        if not stat.S_ISREG(status.st_mode):
            return replace(state, reason="not a file"), None
        data = image_bytes(path)
    except ImageError as error:
        return replace(state, reason=str(error)), None
    except FileNotFoundError:
        return replace(state, reason="there is no such file"), None
    except OSError as error:
        return replace(state, reason=f"cannot be read: {error.strerror or error}"), None
    return replace(state, image_id=hashlib.sha256(data).hexdigest()), data


def unchanged_bytes(path: Path, image_id: str) -> bytes | None:
    """The bytes of an image file if they are those that ``image_id`` is the hash of; None if the file has changed since.

    Raises:
        ImageError: the file is too large to be an image.
        OSError: it cannot be read.
    """
    data = image_bytes(path)
    return data if hashlib.sha256(data).hexdigest() == image_id else None


_CHUNK = 1 << 20
_FILES_AT_ONCE = 32


def file_states(dataset: Dataset, known: Mapping[str, FileState], num_workers: int, progress: Progress = SILENT) -> list[FileState]:
    """The state of each entry's file, in order; a file whose stamp is ``known`` is not read again.

    A file whose first bytes are not those of an image has a reason. Whether the others can be decoded completely is not checked.

    Args:
        dataset: the files.
        known: by path, as :meth:`tellapart.dataset.catalog.Catalog.files` gives them.
        num_workers: threads that read.
        progress: progress receiver.
    """
    entries = dataset.entries
    batches = (entries[i : i + _FILES_AT_ONCE] for i in range(0, len(entries), _FILES_AT_ONCE))
    states_of_files: list[FileState] = []
    with progress.stage("reading files", total=len(entries)) as advance:
        for states in prefetch(partial(_states, dataset, known), batches, num_workers):
            states_of_files += states
            advance(len(states))
    return states_of_files


def _states(dataset: Dataset, known: Mapping[str, FileState], entries: tuple[Entry, ...]) -> list[FileState]:
    return [_state(dataset, known.get(entry.path), entry) for entry in entries]


def _state(dataset: Dataset, before: FileState | None, entry: Entry) -> FileState:
    path = dataset.file(entry)
    state = FileState(entry.path, 0, 0, None, None)
    try:
        status = os.stat(path)
        state = FileState.of(entry.path, status, None, None)
        if not stat.S_ISREG(status.st_mode):
            return replace(state, reason="not a file")
        check_file_size(status.st_size)
        if before is not None and before.image_id is not None and before.is_same_file(state):
            return before
        with open(path, "rb") as file:
            head = file.read(_CHUNK)
            sniff_format(head)
            digest = hashlib.sha256(head)
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except ImageError as error:
        return replace(state, reason=str(error))
    except FileNotFoundError:
        return replace(state, reason="there is no such file")
    except OSError as error:
        return replace(state, reason=f"cannot be read: {error.strerror or error}")
    return replace(state, image_id=digest.hexdigest())
