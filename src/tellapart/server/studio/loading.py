"""Reading the folder while the studio already answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tellapart.analyzed_folder import open_folder
from tellapart.dataset.options import DatasetOptions
from tellapart.errors import TellapartError
from tellapart.feature_extraction import FeatureSpec
from tellapart.server.studio.workspace import Workspace


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


@dataclass
class Loading:
    """How far the reading of the folder is; a progress receiver.

    Attributes:
        title, done, total: of the present step.
        error: why the folder cannot be used, with what to do about it; None while all is well.
        notes: sentences about the folder.
    """

    title: str = "opening the folder"
    done: int = 0
    total: int | None = None
    error: str | None = None
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def stage(self, title: str, total: int | None = None, unit: str = "images") -> Iterator[Callable[[int], None]]:
        """Begin a step."""
        self.title, self.done, self.total = title, 0, total

        def advance(count: int) -> None:
            self.done += count

        yield advance

    def note(self, message: str) -> None:
        """Keep a sentence."""
        self.notes.append(message)


def load_workspace(source: FolderSource, loading: Loading) -> Workspace:
    """Read a folder: every new image is looked at once, without any network; what is known is not read again.

    Raises:
        TellapartError: the folder cannot be used.
    """
    opened = open_folder(source.folder, reading=source.reading, state=source.state, num_workers=source.num_workers, progress=loading)
    extraction = opened.extract(FeatureSpec(()), progress=loading)
    loading.notes += opened.notes
    return Workspace(opened.dataset, opened.state, extraction.files, extraction.facts)


def load_in_background(source: FolderSource, loading: Loading, on_end: Callable[[Workspace], None]) -> threading.Thread:
    """Read a folder in a thread; ``on_end`` gets what was read, ``loading.error`` says why there is nothing."""

    def work() -> None:
        try:
            on_end(load_workspace(source, loading))
        except TellapartError as error:
            loading.error = f"{error} ({error.hint})" if error.hint else str(error)

    thread = threading.Thread(target=work, name="load folder", daemon=True)
    thread.start()
    return thread
