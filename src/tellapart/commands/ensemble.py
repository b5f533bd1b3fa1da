"""tellapart ensemble: combine several finished runs into one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.errors import DataError
from tellapart.options import Options, dataclass, option, with_options
from tellapart.printable import folder_name
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import again_option, run_name_option, runs_option

if TYPE_CHECKING:
    from tellapart.run_folder import Run


@dataclass(frozen=True, kw_only=True)
class EnsembleOptions(Options):
    """How to combine."""

    weights: str = option(
        "out-of-fold",
        "Weights of the runs: fitted on out-of-fold predictions, or equal.",
        choices=("out-of-fold", "equal"),
    )
    name: str | None = run_name_option("ensemble")
    out: Path = runs_option()
    again: bool = again_option("Combine again where a finished run is made of the same runs.")


@with_options(EnsembleOptions)
def ensemble(runs: Sequence[str | Path], *, options: EnsembleOptions, progress: Progress = AUTO) -> Run:
    """Combine finished runs into one that predicts and has a report like any other.

    The logits of each run are calibrated by its own temperature and averaged. The ensemble is evaluated on the images that
    are test images of every run and training images of none.

    Args:
        runs: run folders, two or more.
        progress: receives progress and notes.
        options: as keywords; see :class:`EnsembleOptions`.

    Returns:
        The new run. Its model contains those of all runs: it does not need their folders, and takes as long as all of them together.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: fewer than two runs, a run given twice, different classes, or no test image in common.
        ModelError: a saved model is damaged.
        StorageError: a run is damaged, or the disk is full.
    """
    opened = _open_runs(runs)
    from tellapart.dataset import Dataset
    from tellapart.dataset.thumbnail_store import run_thumbnail_loader
    from tellapart.models.model_card import CARD
    from tellapart.reports import write_report
    from tellapart.run_folder import Run
    from tellapart.training.ensemble_evaluation import evaluate_ensemble
    from tellapart.training.run_writer import RunContext, equal_run, new_run_folder, write_run

    started = datetime.now(UTC)
    root = Path(opened[0].metrics.folder)
    with progress.stage("combining the runs", total=3, unit="steps") as advance:
        evaluation, notes = evaluate_ensemble(opened, weights=options.weights)
        models = [hashlib.sha256((run.model_folder / CARD).read_bytes()).hexdigest() for run in opened]
        values = {"runs": [str(run.folder) for run in opened], "models": models, **options.as_dict()}
        advance(1)
        if same := equal_run("ensemble", options.out, values, evaluation.rows, progress):
            return Run(same)
        with new_run_folder(options.out, f"{folder_name(root)}-ensemble", given=options.name, progress=progress) as (partial, final):
            write_run(partial, final, evaluation, RunContext("ensemble", Dataset(root, ()), values, notes, started))
            advance(1)
            write_report(partial, run_thumbnail_loader(root, evaluation.rows))
            advance(1)
    for sentence in notes:
        progress.note(sentence)
    return Run(final)


def _open_runs(runs: Sequence[str | Path]) -> list[Run]:
    """The runs; raises if one is given twice."""
    from tellapart.run_folder import open_classifier_run

    several = [runs] if isinstance(runs, str | Path) else list(runs)
    opened = [open_classifier_run(where) for where in several]
    if len(opened) < 2:
        raise DataError("an ensemble needs at least two runs", hint="tellapart ensemble runs/photos-1 runs/photos-2")
    folders = [run.folder.resolve() for run in opened]
    for number, folder in enumerate(folders):
        if folder in folders[:number]:
            raise DataError(f"{opened[number].folder} is given twice", hint="give each run once; --weights says how much it counts")
    return opened
