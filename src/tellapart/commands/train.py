"""tellapart train: from a folder of photos to a saved model, honest numbers and a report."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.paths import folder_name
from tellapart.progress import AUTO, SILENT, Progress
from tellapart.training.options import TrainOptions

if TYPE_CHECKING:
    from tellapart.runs import Run

EXAMPLE = "tellapart train photos"


def train(folder: str | Path, *, progress: Progress = AUTO, **options: Any) -> Run:
    """Train a classifier on a folder of photos and judge it honestly.

    A training that was interrupted goes on where it stopped when the same command is given again.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: hears how far it is.
        **options: the fields of :class:`TrainOptions`.

    Returns:
        The finished run: model, metrics, predictions and report in one folder.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: the photos cannot be used as they are.
        ModelError: the backbone or its weights are not to be had, or the training went astray.
        StorageError: the disk is full or cannot be written.
    """
    chosen = TrainOptions.of(**options)
    from tellapart.analyzed_folder import analyze_folder
    from tellapart.reports import write_report
    from tellapart.reports.live_page import live_page
    from tellapart.runs import Run
    from tellapart.training.recipe_runner import recipe_runner
    from tellapart.training.run_writer import run_folder, write_run

    started = datetime.now(UTC)
    recipe = recipe_runner(chosen, live_page=live_page)
    processes = recipe.processes
    progress = SILENT if processes and not processes.is_first else progress
    with processes.first_alone() if processes else nullcontext():
        looked = analyze_folder(
            folder,
            recipe.spec,
            reading=chosen,
            min_classes=2,
            state=chosen.state,
            device=chosen.device,
            num_workers=chosen.num_workers,
            progress=progress,
        )
    dataset, extraction = looked.dataset, looked.extraction
    assignment = looked.assignment(test_share=chosen.test_share, seed=chosen.seed)
    recipe.train(assignment, extraction.features, progress)
    if processes and not processes.is_first:
        return Run(Path(processes.told_by_first()))
    examination = recipe.examination(dataset, assignment, extraction.features, progress)
    examination.metrics["decisions"] = assignment.decisions
    notes = [*looked.notes, *assignment.notes, *recipe.notes]
    with run_folder(chosen.out, folder_name(dataset.root), given=chosen.name, progress=progress) as (partial, final):
        write_run(partial, final, examination, dataset, chosen.as_dict(), notes, started)
        write_report(partial, looked.thumbnails)
    recipe.forget()
    for sentence in notes:
        progress.note(sentence)
    if processes:
        processes.told_by_first(str(final))
    return Run(final)
