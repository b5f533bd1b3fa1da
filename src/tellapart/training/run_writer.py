"""Write a run folder; docs/reference/run-folder.md describes its files."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypedDict

from tellapart.atomic_files import (
    name_being_written,
    one_at_a_time,
    remove_abandoned,
    replacing_folder,
    storage_error,
    write_json,
    write_text,
)
from tellapart.dataset import Dataset
from tellapart.dataset.file_rows import FileRow, save_rows
from tellapart.errors import DataError, StorageError
from tellapart.models.saved_model import save_model
from tellapart.printable import name_complaint, printable
from tellapart.progress import SILENT, Progress
from tellapart.run_folder import Run, RunOptions
from tellapart.run_metrics import RunMetrics
from tellapart.training.conformal_evaluation import with_unknown_scores
from tellapart.training.recipe_evaluation import Evaluation
from tellapart.version import __version__

PACKAGES = ("torch", "timm", "numpy", "pillow", "simplejpeg")


class Heading(TypedDict):
    """Which run it is, in ``metrics.json``."""

    run: str
    folder: str
    created: str
    tellapart: str
    seconds: float


@dataclass(frozen=True, eq=False)
class RunContext:
    """How a run came about, as its files record it.

    Attributes:
        command: that made the run.
        dataset: the images.
        options: of the command.
        notes: sentences for the report.
        started: when the command began.
    """

    command: str
    dataset: Dataset
    options: Mapping[str, Any]
    notes: Sequence[str]
    started: datetime

    def heading(self, final: Path) -> Heading:
        """The first fields of ``metrics.json`` for the run folder ``final``."""
        return {
            "run": final.name,
            "folder": printable(str(self.dataset.root)),
            "created": self.started.isoformat(timespec="seconds"),
            "tellapart": __version__,
            "seconds": round((datetime.now(UTC) - self.started).total_seconds(), 1),
        }

    def write_options(self, folder: Path, rows: Sequence[FileRow]) -> None:
        """Write ``options.json`` into ``folder``; ``rows`` are those of the run."""
        hashes = _file_hashes(self.options)
        content = RunOptions(
            verb=self.command,
            folder=printable(str(self.dataset.root)),
            options=dict(self.options),
            versions=package_versions(),
            data_sha256=data_hash(rows),
            weights_sha256=hashes.get("weights"),
            costs_sha256=hashes.get("costs"),
        )
        write_json(folder / "options.json", content.as_dict())


@contextmanager
def new_run_folder(parent: Path, name: str, *, given: str | None = None, progress: Progress = SILENT) -> Iterator[tuple[Path, Path]]:
    """Context with a folder to write a run into, and the path it will have when complete.

    That is ``<name>-<number>``, or the name the user has ``given``; where that run exists already, ``<given>-2`` and
    so on, with a note to ``progress``.
    """
    name = given or name
    parent = parent.expanduser().absolute()
    if complaint := name_complaint(name):
        raise DataError(f"{name!r} cannot be the name of a run: {complaint}", hint="use letters, digits and dashes")
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, parent) from error
    with ExitStack() as stack:
        with one_at_a_time(parent):
            final = parent / _free_name(parent, printable(name), is_numbered=given is None)
            partial = stack.enter_context(replacing_folder(final))
        if given is not None and final.name != printable(given):
            progress.note(f"there is a run {given} already, so this one is {final.name}")
        yield partial, final


def _free_name(parent: Path, name: str, *, is_numbered: bool) -> str:
    """The first free ``<name>-<number>``, runs that are being written included; the name itself where no number is needed."""
    remove_abandoned(parent)
    taken = {path.name for path in parent.iterdir()}
    taken |= {written for other in taken if (written := name_being_written(other))}
    names = (name if i == 1 and not is_numbered else f"{name}-{i}" for i in range(1, len(taken) + 2))
    return next(one for one in names if one not in taken)


def write_run(
    folder: Path,
    final: Path,
    evaluation: Evaluation,
    context: RunContext,
) -> None:
    """Write everything but the report into ``folder``, which will be renamed to ``final``."""
    evaluation = with_unknown_scores(evaluation)
    metrics = RunMetrics(
        **context.heading(final),
        recipe=evaluation.recipe,
        backbone=evaluation.backbone,
        precision=sorted({b.precision for m in evaluation.classifier.members for b in m.backbones}),
        class_names=list(evaluation.classifier.class_names),
        **vars(evaluation.metrics),
        notes=list(context.notes),
    )
    context.write_options(folder, evaluation.rows)
    write_text(folder / "history.jsonl", "".join(json.dumps(event) + "\n" for event in evaluation.history))
    save_rows(evaluation.rows, folder / "images.parquet")
    evaluation.predictions.save(folder / "predictions.parquet")
    evaluation.out_of_fold.save(folder / "out_of_fold.parquet")
    details = {"tellapart": __version__, "versions": package_versions(), "data_sha256": data_hash(evaluation.rows), "run": final.name}
    save_model(folder / "model", evaluation.classifier, details)
    write_json(folder / "metrics.json", metrics.as_dict())


def equal_run(command: str, folder: Path, options: dict[str, Any], rows: Sequence[FileRow], progress: Progress) -> Path | None:
    """The newest finished run of ``command`` in ``folder`` with the same options, image rows and versions, with a note; or None.

    Where a run is written, what it is called, and the number of workers change nothing in it. Always None with ``again``.
    """
    earlier = None if options["again"] else _equal_run(command, folder, options, rows)
    if earlier is not None:
        progress.note(f"the run {earlier.name} has the same options and images, so nothing was trained; --again trains once more")
    return earlier


def _equal_run(command: str, folder: Path, options: dict[str, Any], rows: Sequence[FileRow]) -> Path | None:
    hashes = _file_hashes(options)
    key = (command, deciding_options(options), package_versions(), data_hash(rows), hashes.get("weights"), hashes.get("costs"))
    for path in sorted(folder.expanduser().absolute().glob("*/options.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True):
        try:
            made = Run(path.parent).options
        except StorageError:
            continue
        is_named = options.get("name") in (None, path.parent.name)
        own = (made.verb, deciding_options(made.options), made.versions, made.data_sha256, made.weights_sha256, made.costs_sha256)
        if own == key and is_named and (path.parent / "report.html").is_file():
            return path.parent
    return None


def deciding_options(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options that decide what is in a run, and not where it is written or how fast."""
    return {name: value for name, value in options.items() if name not in ("again", "plan", "name", "out", "state", "num_workers")}


def _file_hashes(options: Mapping[str, Any]) -> dict[str, str]:
    """The sha256 of the files of weights and of costs that options name, by the name of the option; nothing without them."""
    hashes = {}
    for name in ("weights", "costs"):
        path = Path(options[name]).expanduser() if options.get(name) is not None else None
        if path is not None and path.is_file():
            with path.open("rb") as file:
                hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def data_hash(rows: Sequence[FileRow]) -> str:
    """sha256 of a data set with its decisions and parts: path, content, label, part, status and reason of every file."""
    lines = sorted("\0".join(map(str, (row.path, row.image_id, row.label, row.part, row.status, row.reason))) for row in rows)
    return hashlib.sha256("\n".join(lines).encode(errors="surrogatepass")).hexdigest()


def package_versions() -> dict[str, str]:
    """The installed versions that a run depends on."""
    return {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}
