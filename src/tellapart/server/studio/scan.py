"""Reading the folder, in a process of its own; what was found is kept beside the decisions, to be shown at once the next time."""

from __future__ import annotations

import json
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tellapart.atomic_files import replacing
from tellapart.dataset.catalog import STATE_FOLDER
from tellapart.dataset.file_rows import UNREADABLE, USED, FileRow
from tellapart.dataset.options import DatasetOptions
from tellapart.errors import TellapartError
from tellapart.printable import printable
from tellapart.progress import Progress

SNAPSHOT, FORMAT = "studio.json", 2
COLUMNS = ("image_id", "label", "part", "group", "reason", "width", "height", "size_bytes")
SAY_EVERY_S = 0.2


@dataclass(frozen=True)
class FolderSource:
    """Which folder, and how to read it.

    Attributes:
        folder: as the user named it.
        reading: how folders and tables are read.
        state: folder of catalog and decisions; None for the usual place.
        num_workers: threads that read images; None for one per core.
    """

    folder: str | Path
    reading: DatasetOptions
    state: Path | None = None
    num_workers: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """For the process that reads."""
        state = None if self.state is None else str(self.state)
        return {"folder": str(self.folder), "reading": asdict(self.reading), "state": state, "num_workers": self.num_workers}


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The files of a folder as they were found.

    Attributes:
        root: the folder that all paths are relative to.
        state: folder of the decisions.
        notes: how the layout was understood.
        paths: of n files, below the root.
        rows: n rows without decisions.
        version: changes with the files.
        is_listed: whether a table lists the files.
    """

    root: Path
    state: Path
    notes: tuple[str, ...]
    paths: tuple[str, ...]
    rows: list[FileRow]
    version: str
    is_listed: bool = False


def scan(source: FolderSource, progress: Progress) -> Snapshot:
    """Read a folder: every new image is looked at once, without any network; what is known is not read again.

    Raises:
        TellapartError: the folder cannot be used.
    """
    from tellapart.analyzed_folder import open_folder
    from tellapart.dataset.row_building import undecided_rows
    from tellapart.feature_spec import FeatureSpec

    opened = open_folder(source.folder, reading=source.reading, state=source.state, num_workers=source.num_workers, progress=progress)
    extraction = opened.extract(FeatureSpec(()), progress=progress)
    rows = undecided_rows(opened.dataset, extraction.files, extraction.facts)
    paths = tuple(entry.path for entry in opened.dataset.entries)
    return Snapshot(opened.dataset.root, opened.state, tuple(opened.notes), paths, rows, _version(rows), opened.dataset.is_listed)


def _version(rows: Sequence[FileRow]) -> str:
    digest = sha256()
    for row in rows:
        digest.update(f"{row.path}\0{row.image_id}\0{row.label}\0{row.part}\0{row.reason}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


def write_snapshot(snapshot: Snapshot, source: FolderSource) -> None:
    """Keep a snapshot beside the decisions.

    Raises:
        StorageError: it cannot be written.
    """
    content = {
        "format": FORMAT,
        "reading": asdict(source.reading),
        "root": str(snapshot.root),
        "notes": list(snapshot.notes),
        "version": snapshot.version,
        "is_listed": snapshot.is_listed,
        "path": list(snapshot.paths),
        **{name: [getattr(row, name) for row in snapshot.rows] for name in COLUMNS},
    }
    body = json.dumps(content, separators=(",", ":")).encode("ascii")
    with replacing(snapshot.state / SNAPSHOT) as partial:
        partial.write_bytes(b"%08x\n" % zlib.crc32(body) + body)


def read_snapshot(state: Path, source: FolderSource) -> Snapshot | None:
    """The snapshot in a state folder; None where there is none, or it is damaged or of another reading."""
    try:
        checksum, _, body = (state / SNAPSHOT).read_bytes().partition(b"\n")
        if checksum != b"%08x" % zlib.crc32(body):
            return None
        content = json.loads(body)
        if content["format"] != FORMAT or content["reading"] != asdict(source.reading):
            return None
        columns = zip(*(content[name] for name in COLUMNS), strict=True)
        notes, paths = tuple(content["notes"]), tuple(content["path"])
        rows = [_row(path, dict(zip(COLUMNS, values, strict=True))) for path, values in zip(paths, columns, strict=True)]
        return Snapshot(Path(content["root"]), state, notes, paths, rows, str(content["version"]), bool(content["is_listed"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _row(path: str, values: Mapping[str, Any]) -> FileRow:
    """The row of a file from its values in :data:`COLUMNS`."""
    status = USED if values["image_id"] else UNREADABLE
    return FileRow(path=printable(path), status=status, user_group=values["group"], **values)


def usual_state(source: FolderSource) -> Path | None:
    """Where a snapshot would lie, before the folder is opened; None for what is not a plain folder."""
    if source.state is not None:
        return source.state.expanduser()
    folder = Path(source.folder).expanduser()
    return folder / STATE_FOLDER if folder.is_dir() else None


class SpokenProgress:
    """Progress on standard output, one JSON object per line."""

    def __init__(self) -> None:
        self._said = 0.0

    @contextmanager
    def stage(self, title: str, total: int | None = None, unit: str = "images") -> Iterator[Callable[[int], None]]:
        """Begin a step."""
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            if time.monotonic() - self._said > SAY_EVERY_S:
                self._said = time.monotonic()
                say(title=title, done=done, total=total)

        say(title=title, done=0, total=total)
        yield advance

    def note(self, message: str) -> None:
        """Ignored: the notes are in the snapshot."""


def say(**content: Any) -> None:
    """One line for the studio."""
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


def main(words: str) -> None:
    """Scan as a :class:`FolderSource` in JSON says; behind everything else where the folder is shown already."""
    given = json.loads(words)
    if given["is_shown"] and hasattr(os, "nice"):
        os.nice(10)
    state = None if given["state"] is None else Path(given["state"])
    source = FolderSource(given["folder"], DatasetOptions(**given["reading"]), state, given["num_workers"])
    try:
        snapshot = scan(source, SpokenProgress())
        write_snapshot(snapshot, source)
        say(state=str(snapshot.state), version=snapshot.version)
    except TellapartError as error:
        say(error=f"{error} ({error.hint})" if error.hint else str(error))


if __name__ == "__main__":
    main(sys.argv[1])
