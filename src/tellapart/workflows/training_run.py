"""A training from a folder to a finished run: what ``tellapart train`` and the demo do."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from tellapart.analyzed_folder import analyze_folder
from tellapart.printable import folder_name
from tellapart.progress import SILENT, Progress
from tellapart.reports import write_report
from tellapart.reports.live_page import live_page
from tellapart.run_folder import Run
from tellapart.training.auto_recipe import outlook
from tellapart.training.options import TrainOptions
from tellapart.training.recipes import recipe_runner
from tellapart.training.run_writer import RunContext, equal_run, new_run_folder, write_run


def train_folder(folder: str | Path, options: TrainOptions, progress: Progress) -> Run:
    """Train a classifier and evaluate it; arguments, result and errors as of :func:`tellapart.train`."""
    started = datetime.now(UTC)
    recipe = recipe_runner(options, live_page=live_page)
    processes = recipe.processes
    progress = SILENT if processes and not processes.is_first else progress
    with processes.first_alone() if processes else nullcontext():
        analyzed = analyze_folder(
            folder,
            recipe.spec,
            reading=options,
            min_classes=2,
            state=options.state,
            device=options.device,
            num_workers=options.num_workers,
            progress=progress,
        )
    assignment = analyzed.assignment(test_share=options.test_share, seed=options.seed)
    same = None if processes else equal_run("train", options.out, options.as_dict(), assignment.rows, progress)
    if same is not None:
        return Run(same)
    recipe.train(assignment, analyzed.features, progress)
    if processes and not processes.is_first:
        return Run(Path(processes.broadcast_text()))
    evaluation = recipe.evaluate(analyzed, assignment, analyzed.features, progress)
    evaluation.metrics["decisions"] = assignment.decisions
    notes = [*analyzed.notes, *assignment.notes, *recipe.notes]
    with new_run_folder(options.out, folder_name(analyzed.dataset.root), given=options.name, progress=progress) as (partial, final):
        write_run(partial, final, evaluation, RunContext("train", analyzed.dataset, options.as_dict(), notes, started))
        write_report(partial, analyzed.thumbnails)
    recipe.forget()
    for sentence in notes:
        progress.note(sentence)
    if options.recipe == "probe":
        progress.note(outlook(options, assignment.rows, recipe.spec))
    if processes:
        processes.broadcast_text(str(final))
    return Run(final)
