"""Reading the file of an entry: its bytes, its state, or the reason why it cannot be read."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import replace

from tellapart.dataset.catalog import FileState
from tellapart.dataset.dataset import Dataset
from tellapart.dataset.entry import Entry


def read_entry(dataset: Dataset, entry: Entry) -> tuple[FileState, bytes | None]:
    """The state of an entry's file with the hash of its bytes, and the bytes; or None, and the reason in the state."""
    state, path = FileState(entry.path, 0, 0, None, None), dataset.file(entry)
    try:
        status = os.stat(path)
        state = FileState.of(entry.path, status, None, None)
        if not stat.S_ISREG(status.st_mode):
            return replace(state, reason="not a file"), None
        data = path.read_bytes()
    except FileNotFoundError:
        return replace(state, reason="there is no such file"), None
    except OSError as error:
        return replace(state, reason=f"cannot be read: {error.strerror or error}"), None
    return replace(state, image_id=hashlib.sha256(data).hexdigest()), data
