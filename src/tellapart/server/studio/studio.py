"""The studio behind the routes: the folder, its images, and what was made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.errors import DataError, TellapartError
from tellapart.printable import place_of, printable
from tellapart.progress import SILENT
from tellapart.reports.live_page import LiveView, running_trainings
from tellapart.run_folder import Run
from tellapart.server.studio.columns import index_view, review_of, states_view
from tellapart.server.studio.jobs import CHECK, EXPLORE, SUGGEST, TRAIN, Job, Jobs, arguments_of, flags_of
from tellapart.server.studio.loading import Loader, Loading
from tellapart.server.studio.new_files import FileChanges, NewFiles
from tellapart.server.studio.scan import FolderSource
from tellapart.server.studio.served_images import ServedImages
from tellapart.server.studio.workspace import Workspace
from tellapart.workflows.leaderboard import ListedRuns, list_runs
from tellapart.workflows.review_view import ReviewView

NAMED = 2
"""Runs that a sentence names of each folder."""


@dataclass(frozen=True)
class Places:
    """Where other commands write what the studio shows.

    Attributes:
        runs: the folder of runs.
        check: the folder of ``check``.
        explore: the folder of ``explore``.
        suggested: the folder of ``suggest``.
    """

    runs: Path = Path("runs")
    check: Path = Path("check")
    explore: Path = Path("explore")
    suggested: Path = Path("suggested")


class Studio:
    """A folder in the studio.

    Attributes:
        name: of the folder.
        loading: how far its reading is.
        workspace: its files; None until they are read.
        loader: reads them; None before it has begun.

    Args:
        source: the folder.
        places: where other commands write what the studio shows.
    """

    def __init__(self, source: FolderSource, places: Places | None = None) -> None:
        self.source, self.places = source, places or Places()
        self.name = Path(source.folder).expanduser().absolute().name or str(source.folder)
        self.loading = Loading()
        self.workspace: Workspace | None = None
        self.loader: Loader | None = None
        self._served_images: ServedImages | None = None
        self._index: bytes | None = None
        self._new_files: NewFiles | None = None
        self._read_runs: dict[tuple[Path, int], Run] = {}
        self._listed: tuple[tuple[str, ...], ListedRuns] | None = None

    def runs(self) -> list[Run]:
        """The finished classifiers that were trained on this folder, the newest first; damaged ones are left out."""
        return [run for run in self._all_runs() if run.is_of(self._root)]

    def other_runs(self) -> str | None:
        """A sentence on the runs of other folders in the same folder of runs, which are not offered; None where there are none."""
        names: dict[str, list[str]] = {}
        for run in self._all_runs():
            if not run.is_of(self._root):
                names.setdefault(run.metrics.folder, []).append(run.name)
        if not names:
            return None
        return f"Not shown, as they are of other folders: {'; '.join(f'{_listed(runs)} of {folder}' for folder, runs in names.items())}."

    @property
    def _root(self) -> Path:
        """What the paths of the folder's files are relative to."""
        if self.workspace is None:
            raise RuntimeError("the folder is not read yet")
        return self.workspace.snapshot.root

    def _all_runs(self) -> list[Run]:
        """The finished classifiers in the folder of runs, the newest first; a file that is as it was is not read again."""
        runs_read: dict[tuple[Path, int], Run] = {}
        for file in self.places.runs.expanduser().glob("*/metrics.json"):
            with suppress(TellapartError, OSError):
                key = file.absolute(), file.stat().st_mtime_ns
                run = self._read_runs.get(key) or Run(key[0].parent)
                if not run.is_autoencoder:
                    runs_read[key] = run
        self._read_runs = runs_read
        return sorted(runs_read.values(), key=lambda run: (run.metrics.created, run.name), reverse=True)

    def run(self, name: str) -> Run:
        """A run of this folder by its name.

        Raises:
            DataError: there is none.
        """
        for run in self.runs():
            if run.name == name:
                return Run(run.folder)  # one of its own, so that its predictions do not stay in memory
        raise DataError("there is no such run", hint="it may have been deleted meanwhile")

    def listed_runs(self) -> ListedRuns:
        """The runs of this folder, ranked; compared again only where there is another one."""
        names = tuple(run.name for run in self.runs())
        if self._listed is None or self._listed[0] != names:
            none = ListedRuns(runs=(), groups=(), unreadable={}, notes=())
            where = self.places.runs.expanduser().absolute()
            self._listed = names, list_runs(where, SILENT, of=self._root) if names else none
        return self._listed[1]

    def suggested(self) -> ReviewView | None:
        """The latest batch of ``suggest``; None without one."""
        return review_of(self.places.suggested.expanduser())

    def review(self) -> ReviewView | None:
        """The results of the latest check; None without one."""
        return review_of(self.places.check.expanduser())

    @property
    def jobs(self) -> Jobs:
        """Jobs started in the studio; their files are beside the decisions."""
        if self.workspace is None:
            raise RuntimeError("the folder is not read yet")
        return Jobs(self.workspace.log_file.parent / "jobs")

    def start_job(self, kind: str, chosen: Mapping[str, Any]) -> Job:
        """Start a command on the folder.

        Raises:
            OptionError: an option's name or value is wrong.
            DataError: one of this kind is running already.
            StorageError: it cannot be written down.
        """
        places = self.places
        out = {TRAIN: places.runs, CHECK: places.check, EXPLORE: places.explore, SUGGEST: places.suggested}[kind]
        runs = self.runs() if kind == SUGGEST and not chosen.get("classes") else []
        judge = {"run": str(runs[0].folder)} if runs else {}
        return self.jobs.start(kind, [*arguments_of(kind, self.source, out, chosen), *flags_of(judge)])

    def live(self) -> LiveView | None:
        """The curves so far of the newest training on this folder that runs; None where none is drawn."""
        here = printable(place_of(self.source.folder))
        return next((one for one in running_trainings(self.places.runs.expanduser()) if one["folder"] == here), None)

    def start(self) -> None:
        """Begin to read the folder."""
        if self.workspace is None:
            self.loader = Loader(self.source, self.loading, self.use)
            self.loader.start()

    def rescan(self) -> None:
        """Start reading the folder again, unless that is already running."""
        if self.workspace is not None and not self.loading.is_checking:
            self.loading.is_checking, self.loading.error = True, None
            self.loader = Loader(self.source, self.loading, self.use, shown=self.workspace.version)
            self.loader.start()

    def file_changes(self) -> FileChanges:
        """How many files are new or gone since the folder was read; none while it is being read, and of what is not a plain folder."""
        watch = self._new_files
        return FileChanges() if watch is None or self.loading.is_checking else watch.changes()

    def use(self, workspace: Workspace) -> None:
        """Work on a folder that was read; on other files than before where they have changed."""
        if self._served_images is not None:
            self._served_images.close()
        if self.workspace is not None:
            workspace.own_batches[:0] = self.workspace.own_batches
        folder, snapshot = Path(self.source.folder).expanduser(), workspace.snapshot
        is_plain = folder.is_dir() and folder.absolute() == snapshot.root and not snapshot.is_listed
        self._new_files = NewFiles(snapshot.root, snapshot.paths) if is_plain else None
        self._served_images = ServedImages(workspace)
        self._index = None
        self.workspace = workspace

    @property
    def served_images(self) -> ServedImages:
        """The images of the folder, once it is read."""
        if self._served_images is None:
            raise RuntimeError("the folder is not read yet")
        return self._served_images

    def index_json(self) -> bytes:
        """:func:`index_view` as JSON, computed once."""
        if self._index is None and self.workspace is not None:
            self._index = _json(index_view(self.workspace))
        return self._index or b"{}"

    def states_json(self, workspace: Workspace) -> bytes:
        """:func:`states_view` as JSON, with the current decisions."""
        workspace.refresh()
        return _json(states_view(workspace))

    @property
    def batches(self) -> tuple[int, ...]:
        """Batches of decisions that were made here, undos among them."""
        return tuple(self.workspace.own_batches) if self.workspace else ()

    @property
    def log_file(self) -> Path | None:
        """The file of the decisions; None if the folder was never read."""
        return self.workspace.log_file if self.workspace else None

    def close(self) -> None:
        """End its threads and processes."""
        if self.loader is not None:
            self.loader.stop()
        if self._served_images is not None:
            self._served_images.close()


def _listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _json(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
