"""Earlier runs on the same folder: their test images stay test images when images are added, and what changed since is reported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tellapart.counts import count
from tellapart.dataset.parts import REPORTED, Assignment
from tellapart.errors import DataError, StorageError
from tellapart.evaluation import compare
from tellapart.predictions import Predictions
from tellapart.printable import printable
from tellapart.run_folder import Run
from tellapart.run_metrics import SinceEarlier
from tellapart.training.run_writer import deciding_options

SPLIT_BY = ("seed", "test_share")
"""Options that a split depends on."""


@dataclass(frozen=True, eq=False)
class EarlierRuns:
    """The runs of ``train`` on a folder, the newest first, among the finished runs of a place.

    Attributes:
        runs: those with the same split options.
        options: of the training that is to come.
    """

    runs: tuple[Run, ...]
    options: Mapping[str, Any]

    @classmethod
    def of(cls, runs_folder: Path, root: Path, options: Mapping[str, Any]) -> EarlierRuns:
        """Those in the folder of runs ``runs_folder`` that were trained on ``root``."""
        folder = printable(str(root))
        runs = [run for run in _trained_runs(runs_folder) if run.options.folder == folder]
        return cls(tuple(run for run in runs if all(run.options.options.get(name) == options[name] for name in SPLIT_BY)), options)

    def parts(self) -> dict[str, str]:
        """The part of each image of the newest run, by its id; empty without one."""
        for run in self.runs:
            try:
                return {row.image_id: row.part for row in run.rows if row.is_used and row.image_id and row.part}
            except StorageError:
                continue
        return {}

    def since(self, assignment: Assignment, predictions: Predictions) -> SinceEarlier | None:
        """What changed since the newest run with the same options on other images; None where there is none to compare with.

        Args:
            assignment: of the images now.
            predictions: of the reported images now.
        """
        earlier = next((run for run in self.runs if deciding_options(run.options.options) == deciding_options(self.options)), None)
        if earlier is None:
            return None
        try:
            labels = {row.image_id: row.label for row in earlier.rows if row.is_used}
            now = {row.image_id: row.label for row in assignment.rows if row.is_used}
            if labels == now:
                return None
            part = next(part for part in REPORTED if part in predictions.parts)
            comparison = compare(earlier.predictions.part(part), predictions.part(part))
        except (DataError, StorageError):
            return None
        return SinceEarlier(
            run=earlier.name,
            new=len(now.keys() - labels.keys()),
            gone=len(labels.keys() - now.keys()),
            relabeled=sum(labels[image_id] != now[image_id] for image_id in labels.keys() & now.keys()),
            n=comparison.n,
            gain=comparison.gain,
        )


def since_words(since: SinceEarlier) -> str:
    """What changed since the earlier run, as a sentence."""
    changes = [
        count(since.new, "new photo") if since.new else "",
        f"{since.gone:,} gone" if since.gone else "",
        f"{since.relabeled:,} relabeled" if since.relabeled else "",
    ]
    changed = ", ".join(change for change in changes if change)
    accuracy = since.gain.accuracy.points()
    verdict = "" if since.gain.accuracy.excludes_zero else ", not significant"
    return f"{changed} since {since.run}: accuracy {accuracy}{verdict}, on the {count(since.n, 'photo')} that both were tested on"


def _trained_runs(runs_folder: Path) -> Iterator[Run]:
    """The finished runs of ``train``, the newest first."""
    files = sorted(runs_folder.expanduser().absolute().glob("*/options.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for file in files:
        run = Run(file.parent)
        try:
            if run.options.verb == "train" and run.report.is_file():
                yield run
        except StorageError:
            continue
