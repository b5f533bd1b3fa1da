"""A training from a folder to a finished run: what ``tellapart train`` and the demo do."""

from __future__ import annotations

import functools
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tellapart.analyzed_folder import open_folder
from tellapart.durations import duration_text, seconds_of
from tellapart.errors import TimeLimitError
from tellapart.output_guards import check_outside
from tellapart.printable import folder_name, place_of
from tellapart.progress import SILENT, Progress
from tellapart.reports import write_report
from tellapart.reports.live_page import live_page
from tellapart.run_folder import Run
from tellapart.training.auto_recipe import outlook
from tellapart.training.earlier_run import EarlierRuns, since_words
from tellapart.training.operating_point import OperatingPoint
from tellapart.training.options import TrainOptions
from tellapart.training.recipes import recipe_runner
from tellapart.training.run_writer import RunContext, equal_run, new_run_folder, write_run
from tellapart.training.time_budget import OutOfTime, TimeBudget, TimedProgress

EVALUATION_S = 0.002
"""Seconds per image that a time limit keeps for evaluation and report; measured, see docs/guides/scale.md."""


def train_folder(folder: str | Path, options: TrainOptions, progress: Progress) -> Run:
    """Train a classifier and evaluate it; arguments, result and errors as of :func:`tellapart.train`."""
    started = datetime.now(UTC)
    limit = seconds_of(options.time_limit) if options.time_limit and options.recipe != "auto" else None  # auto keeps to it by itself
    budget = TimeBudget(limit)
    recipe, point = recipe_runner(options, live_page=functools.partial(live_page, folder=place_of(folder))), OperatingPoint(options)
    processes = recipe.processes
    progress = SILENT if processes and not processes.is_first else progress
    try:
        with processes.first_alone() if processes else nullcontext():
            timed = TimedProgress(progress, budget)
            opened = open_folder(
                folder, reading=options, min_classes=2, state=options.state, num_workers=options.num_workers, progress=timed
            )
            check_outside(options.out, opened.dataset)
            analyzed = opened.analyze(recipe.spec.computed(options.device), progress=timed)
        earlier = EarlierRuns.of(options.out, opened.dataset.root, options.as_dict())
        assignment = analyzed.assignment(test_share=options.test_share, seed=options.seed, earlier=earlier.parts())
        point.check(sorted({row.label for row in assignment.rows if row.is_used and row.part == "train" and row.label is not None}))
    except OutOfTime:
        raise _time_is_over(options, budget) from None
    same = None if processes else equal_run("train", options.out, options.as_dict(), assignment.rows, progress)
    if same is not None:
        return Run(same)
    budget.reserve_s = EVALUATION_S * len(analyzed.dataset)
    if budget.left_s <= 0:
        raise _time_is_over(options, budget)
    recipe.train(assignment, analyzed.features, progress, used_s=budget.spent_s + budget.reserve_s)
    if processes and not processes.is_first:
        return Run(Path(processes.broadcast_text()))
    evaluation = point.applied(recipe.evaluate(analyzed, assignment, analyzed.features, progress))
    since = earlier.since(assignment, evaluation.predictions)
    evaluation = replace(evaluation, metrics=replace(evaluation.metrics, decisions=assignment.decisions, since=since))
    notes = [*analyzed.notes, *assignment.notes, *recipe.notes, *([since_words(since)] if since else [])]
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


def _time_is_over(options: TrainOptions, budget: TimeBudget) -> TimeLimitError:
    return TimeLimitError(
        f"the time limit of {options.time_limit} leaves no time to train: reading and comparing took {duration_text(budget.spent_s)}",
        hint="what was done is kept: the same command continues",
    )
