"""Loading the folder while the studio already answers: first the snapshot of the last time, then what a process reads."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tellapart.progress import SILENT
from tellapart.server.studio.scan import FolderSource, read_snapshot, scan, usual_state
from tellapart.server.studio.workspace import Workspace


@dataclass
class Loading:
    """How far the reading of the folder is.

    Attributes:
        title, done, total: of the present step.
        error: why the folder cannot be used, with what to do about it; None while all is well.
        is_checking: whether the files are compared with what is shown of them.
    """

    title: str = "opening the folder"
    done: int = 0
    total: int | None = None
    error: str | None = None
    is_checking: bool = field(default=True)


def load_workspace(source: FolderSource) -> Workspace:
    """Read a folder in this process.

    Raises:
        TellapartError: it cannot be used.
    """
    return Workspace(scan(source, SILENT))


class Loader:
    """Reads a folder in the background.

    Args:
        source: the folder.
        loading: progress receiver of the reading.
        on_read: gets the files, and once more where they turn out to have changed since they were last read.
        shown: version of the files that are shown already; None where nothing is.
    """

    def __init__(self, source: FolderSource, loading: Loading, on_read: Callable[[Workspace], None], *, shown: str | None = None) -> None:
        self.source, self.loading, self.on_read, self.shown = source, loading, on_read, shown
        self.thread = threading.Thread(target=self._work, name="load folder", daemon=True)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def stop(self) -> None:
        """End the process that reads."""
        if self._process is not None:
            self._process.terminate()
        if self.thread.is_alive():
            self.thread.join()

    def _work(self) -> None:
        shown = self.shown or self._show_known()
        scanned = self._scanned(is_shown=shown is not None)
        if scanned is not None and scanned[1] != shown:
            fresh = read_snapshot(Path(scanned[0]), self.source)
            if fresh is not None:
                self.on_read(Workspace(fresh))
            else:
                self.loading.error = f"what was read of the folder could not be kept in {scanned[0]}"
        self.loading.is_checking = False

    def _show_known(self) -> str | None:
        """Show the folder as it was when it was last read; its version, None where that is not known."""
        state = usual_state(self.source)
        known = read_snapshot(state, self.source) if state is not None else None
        if known is None:
            return None
        self.on_read(Workspace(known))
        return known.version

    def _scanned(self, *, is_shown: bool) -> tuple[str, str] | None:
        """Folder and version of the new snapshot; None where there is none, and ``loading`` says why."""
        words = json.dumps({**self.source.as_dict(), "is_shown": is_shown})
        command = [sys.executable, "-m", "tellapart.server.studio.scan", words]
        snapshot = None
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
            self._process = process
            for line in process.stdout or ():
                message = json.loads(line)
                if "version" in message:
                    snapshot = message["state"], message["version"]
                elif "error" in message:
                    self.loading.error = message["error"]
                else:
                    self.loading.title, self.loading.done, self.loading.total = message["title"], message["done"], message["total"]
        if snapshot is None and self.loading.error is None:
            self.loading.error = "reading the folder was interrupted"
        return snapshot
