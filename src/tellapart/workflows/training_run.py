"""A training from a folder to a finished run: what ``tellapart train`` and the demo do."""

from __future__ import annotations

import time
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from tellapart.analyzed_folder import analyze_folder
from tellapart.durations import in_words, seconds_of
from tellapart.errors import TimeLimitError
from tellapart.printable import folder_name
from tellapart.progress import SILENT, Progress, TimeLimited
from tellapart.reports import write_report
from tellapart.reports.live_page import live_page
from tellapart.run_folder import Run
from tellapart.training.auto_recipe import outlook
from tellapart.training.options import TrainOptions
from tellapart.training.recipes import recipe_runner
from tellapart.training.run_writer import RunContext, equal_run, new_run_folder, write_run

EVALUATION_S = 0.002
"""Seconds per image that a time limit keeps for evaluation and report; measured, see docs/guides/scale.md."""


def train_folder(folder: str | Path, options: TrainOptions, progress: Progress) -> Run:
    """Train a classifier and evaluate it; arguments, result and errors as of :func:`tellapart.train`."""
    started, begun = datetime.now(UTC), time.monotonic()
    limit = seconds_of(options.time_limit) if options.time_limit else None
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
            progress=TimeLimited(progress, None if limit is None else begun + limit, f"the time limit of {options.time_limit}"),
        )
    assignment = analyzed.assignment(test_share=options.test_share, seed=options.seed)
    same = None if processes else equal_run("train", options.out, options.as_dict(), assignment.rows, progress)
    if same is not None:
        return Run(same)
    used = time.monotonic() - begun + EVALUATION_S * len(analyzed.dataset)
    if limit is not None and used > limit:
        raise TimeLimitError(
            f"the time limit of {options.time_limit} leaves no time to train: reading images and comparing them took {in_words(used)}",
            hint="that is kept: the same command begins to train at once",
        )
    recipe.train(assignment, analyzed.features, progress, used_s=used)
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
