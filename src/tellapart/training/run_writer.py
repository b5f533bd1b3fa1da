"""Writing a run folder; its files are described in docs/reference/run-folder.md."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

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
from tellapart.errors import DataError
from tellapart.models.saved_model import save_model
from tellapart.printable import name_complaint, printable
from tellapart.progress import SILENT, Progress
from tellapart.training.probe_evaluation import Evaluation
from tellapart.version import __version__

PACKAGES = ("torch", "timm", "numpy", "pillow", "simplejpeg")


@contextmanager
def run_folder(parent: Path, name: str, *, given: str | None = None, progress: Progress = SILENT) -> Iterator[tuple[Path, Path]]:
    """A folder to write a run into, and the name it will have when complete.

    That is ``<name>-<number>``, or the name the user has ``given``; where there is such a run already, ``<given>-2`` and
    so on, and ``progress`` hears of it.
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
    """The first ``<name>-<number>`` that no run has, nor one that is being written; without need of a number the name itself."""
    remove_abandoned(parent)
    taken = {path.name for path in parent.iterdir()}
    taken |= {written for other in taken if (written := name_being_written(other))}
    names = (name if i == 1 and not is_numbered else f"{name}-{i}" for i in range(1, len(taken) + 2))
    return next(one for one in names if one not in taken)


def write_run(
    folder: Path,
    final: Path,
    examination: Evaluation,
    dataset: Dataset,
    options: dict[str, Any],
    notes: list[str],
    started: datetime,
    *,
    verb: str = "train",
) -> None:
    """Write everything but the report into ``folder``, which will be called ``final``; ``verb`` is who made it."""
    about = {
        "run": final.name,
        "folder": printable(str(dataset.root)),
        "created": started.isoformat(timespec="seconds"),
        "tellapart": __version__,
        "recipe": examination.recipe,
        "backbone": examination.backbone,
        "precision": sorted({b.precision for m in examination.classifier.members for b in m.backbones}),
        "class_names": list(examination.classifier.class_names),
    }
    versions = versions_here()
    write_json(folder / "options.json", {"verb": verb, "folder": about["folder"], "options": options, "versions": versions})
    write_text(folder / "history.jsonl", "".join(json.dumps(event) + "\n" for event in examination.history))
    save_rows(examination.rows, folder / "images.parquet")
    examination.predictions.save(folder / "predictions.parquet")
    examination.out_of_fold.save(folder / "out_of_fold.parquet")
    details = {"tellapart": __version__, "versions": versions, "data_sha256": data_hash(examination.rows), "run": final.name}
    save_model(folder / "model", examination.classifier, details)
    write_json(folder / "metrics.json", {**about, **examination.metrics, "notes": notes})


def versions_here() -> dict[str, str]:
    """The versions that a run depends on."""
    return {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}


def data_hash(rows: Sequence[FileRow]) -> str:
    """Names the exact training data: the sorted ids, labels and parts of all used images."""
    lines = sorted(f"{row.image_id} {row.label} {row.part}" for row in rows if row.is_used)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
