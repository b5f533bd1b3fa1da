"""The leaderboard: the runs of a folder with their scores, ranked on the images they have in common, each paired with the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.cache_dir import folder_size
from tellapart.counts import count
from tellapart.dataset.bucket import address_of_copy
from tellapart.errors import DataError, TellapartError
from tellapart.evaluation.bootstrap import DRAWS
from tellapart.evaluation.comparison import Comparison, compare
from tellapart.interval import Interval
from tellapart.predictions import Predictions
from tellapart.progress import Progress
from tellapart.results import Result
from tellapart.run_folder import Run, open_run

MANY = 3
"""Runs on the same images from which on the best of them flatters noticeably."""


@dataclass(frozen=True, kw_only=True)
class RunEntry(Result):
    """A finished run.

    Attributes:
        name: of the run.
        path: its folder.
        created: when it began, ISO 8601.
        images: the folder or bucket it was trained on.
        recipe: ``probe``, ``finetune``, ``scratch``, ``ensemble`` or ``autoencoder``.
        backbone: the network.
        part: the part it was evaluated on, ``test`` or ``val``; None for an autoencoder.
        n: images of that part.
        accuracy: with its 95 % interval.
        log_loss: with its 95 % interval.
        seconds: the whole command took; None in runs of older versions.
        size_bytes: of the run folder.
    """

    name: str
    path: Path
    created: str
    images: str
    recipe: str
    backbone: str
    part: str | None
    n: int | None
    accuracy: Interval | None
    log_loss: Interval | None
    seconds: float | None
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class RunGroup(Result):
    """Runs that were evaluated on the same images.

    Attributes:
        n: number of these images.
        ranks: the lowest log loss first, each with its paired differences to the best.
    """

    n: int
    ranks: tuple[Rank, ...]


@dataclass(frozen=True, kw_only=True)
class ListedRuns:
    """The runs of a folder.

    Attributes:
        runs: every finished run, the newest first.
        groups: runs on the same images, ranked; those of one run alone too.
        unreadable: folder names of damaged runs, with the reason.
        notes: how far to trust the ranking.
    """

    runs: tuple[RunEntry, ...]
    groups: tuple[RunGroup, ...]
    unreadable: dict[str, str]
    notes: tuple[str, ...]


def list_runs(where: Path, progress: Progress, *, of: Path | None = None) -> ListedRuns:
    """Read the runs in a folder and compare those on the same images; with ``of`` only those that were trained on that folder.

    Raises:
        DataError: there is no such run in the folder.
    """
    opened, unreadable = _open_all(where, of)
    entries, predictions = [], {}
    with progress.stage("reading the runs", total=len(opened), unit="runs") as advance:
        for run in opened:
            try:
                entry = _entry(run)
                if entry.part is not None:
                    predictions[run.name] = _reported(run, entry.part)
                entries.append(entry)
            except TellapartError as error:
                unreadable[run.name] = str(error)
            advance(1)
    entries.sort(key=lambda entry: (entry.created, entry.name), reverse=True)
    groups = _groups(entries, predictions, progress)
    return ListedRuns(runs=tuple(entries), groups=groups, unreadable=unreadable, notes=_notes(groups))


def _open_all(where: Path, of: Path | None) -> tuple[list[Run], dict[str, str]]:
    """The finished runs of a folder, and what is wrong with others."""
    if not where.is_dir():
        raise DataError(f"there is no folder {where}", hint="tellapart train FOLDER writes its run into runs/")
    opened, unreadable = [], {}
    for file in sorted(where.glob("*/metrics.json")):
        run = open_run(file.parent)
        try:
            run.metrics  # noqa: B018  (reads it)
            if of is None or run.is_of(of):
                opened.append(run)
        except TellapartError as error:
            unreadable[run.name] = str(error)
    if not opened and not unreadable:
        raise DataError(f"there is no run in {where}", hint="tellapart train FOLDER writes its run into runs/")
    return opened, unreadable


def _entry(run: Run) -> RunEntry:
    metrics = run.metrics
    name, part = next(iter(metrics.parts.items()), (None, None))
    return RunEntry(
        name=run.name,
        path=run.folder,
        created=metrics.created,
        images=address_of_copy(metrics.folder) or metrics.folder,
        recipe=metrics.recipe,
        backbone=metrics.backbone,
        part=name,
        n=part.n if part else None,
        accuracy=part.accuracy if part else None,
        log_loss=part.log_loss if part else None,
        seconds=metrics.seconds,
        size_bytes=folder_size(run.folder),
    )


def _reported(run: Run, part: str) -> Predictions:
    """The predictions for the labeled images of one part."""
    predictions = run.predictions
    return predictions.where(np.array([one == part for one in predictions.parts], dtype=bool) & (predictions.targets >= 0))


def _groups(entries: Sequence[RunEntry], predictions: dict[str, Predictions], progress: Progress) -> tuple[RunGroup, ...]:
    losses = {entry.name: entry.log_loss.value for entry in entries if entry.log_loss}
    groups = []
    with progress.stage("comparing", total=len(predictions), unit="runs") as advance:
        for names in same_images(predictions):
            ranks = ranking({name: predictions[name] for name in names}, losses)
            groups.append(RunGroup(n=len(predictions[names[0]]), ranks=tuple(ranks)))
            advance(len(names))
    return tuple(groups)


def _notes(groups: Sequence[RunGroup]) -> tuple[str, ...]:
    most = max((len(group.ranks) for group in groups), default=0)
    if most < MANY:
        return ()
    return (
        f"The best of {count(most, 'run')} on the same images is partly luck, so its score is too optimistic; before you rely on it,"
        " evaluate it on new images: tellapart evaluate RUN FOLDER.",
    )


BEST, LEVEL, WORSE, MIXED = "best", "no significant difference", "worse", "mixed"
"""How a model stands to the best of its group."""


@dataclass(frozen=True)
class Rank(Result):
    """The place of one model among those evaluated on the same images.

    Attributes:
        name: of the model.
        standing: ``best``: it has the lowest log loss; else whether accuracy or log loss differ significantly from it:
            ``no significant difference``, ``worse``, or ``mixed`` (better in one, worse in the other).
        accuracy: difference in accuracy to the best; None for the best.
        log_loss: difference in log loss to the best; None for the best.
        p_value: of the exact McNemar test of equal accuracy; None for the best.
    """

    name: str
    standing: str
    accuracy: Interval | None = None
    log_loss: Interval | None = None
    p_value: float | None = None


def same_images(predictions: Mapping[str, Predictions]) -> list[list[str]]:
    """Names of the models that predicted exactly the same labeled images of the same classes; largest groups first."""
    groups: dict[Any, list[str]] = {}
    for name, one in predictions.items():
        images = sorted(zip(one.image_ids, one.paths, one.labels, strict=True), key=str)
        groups.setdefault((tuple(sorted(one.class_names)), tuple(images)), []).append(name)
    return sorted(groups.values(), key=len, reverse=True)


def ranking(predictions: Mapping[str, Predictions], losses: Mapping[str, float], *, draws: int = DRAWS) -> list[Rank]:
    """Models on the same images, the lowest log loss first, each compared with the best on each image.

    Args:
        predictions: of each model, of the same labeled images.
        losses: their log losses, in nats.
        draws: bootstrap draws of the intervals.
    """
    order = sorted(predictions, key=lambda name: (losses[name], name))
    best = replace(predictions[order[0]], source=order[0])
    ranks = [Rank(order[0], BEST)]
    for name in order[1:]:
        comparison = compare(best, replace(predictions[name], source=name), draws=draws)
        ranks.append(Rank(name, _standing(comparison), comparison.accuracy, comparison.log_loss, comparison.p_value))
    return ranks


def _standing(comparison: Comparison) -> str:
    signs: Sequence[int] = [
        0 if comparison.p_value >= 0.05 else (1 if comparison.accuracy.value > 0 else -1),
        0 if not comparison.log_loss.excludes_zero else (-1 if comparison.log_loss.value > 0 else 1),
    ]
    if 1 in signs:
        return MIXED
    return WORSE if -1 in signs else LEVEL
