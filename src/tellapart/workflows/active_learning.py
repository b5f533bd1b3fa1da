"""Active learning: which images to label next, what a run predicts for them, and the batch that is suggested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.counts import count
from tellapart.csv_writer import csv_file
from tellapart.dataset.groups import groups_together
from tellapart.errors import DataError
from tellapart.evaluation.power_law import fit_power_law
from tellapart.exploration.batch_selection import prototypes, uncertain_and_diverse
from tellapart.large_arrays import take_rows
from tellapart.models.saved_model import SavedModel, load_model
from tellapart.predictor import PredictionSettings, member_specs
from tellapart.progress import Progress
from tellapart.run_folder import Run
from tellapart.workflows.explorable_images import ExplorableImages
from tellapart.workflows.review_view import IssueView, ReviewRow, ReviewView, file_facts, review_header

if TYPE_CHECKING:
    from tellapart.dataset.file_rows import FileRow
    from tellapart.feature_spec import FeatureSpec

TABLE_COLUMNS = ("rank", "path", "image_id", "label", "predicted", "probability", "margin", "familiarity")


@dataclass(frozen=True, eq=False)
class Judge:
    """A run and its model, to find the images that it is uncertain about.

    Attributes:
        run: the run.
        model: its saved model.
        specs: the features of each member.
    """

    run: Run
    model: SavedModel
    specs: list[FeatureSpec]

    @classmethod
    def of(cls, run: Run, *, device: str) -> Judge:
        """A run with its model loaded."""
        model = load_model(run.model_folder)
        return cls(run, model, member_specs(model, PredictionSettings(device=device)))

    def logits(self, images: ExplorableImages, progress: Progress) -> FloatArray:
        """Logits float64 (n, k) of all images."""
        ids = [row.image_id or "" for row in images.rows]
        others = images.analyzed.extracted_by_members(self.specs[1:], progress=progress) if len(self.specs) > 1 else []
        features = [images.features, *(each.of(ids) for each in others)]
        return self.model.logits([member.logits(own) for member, own in zip(self.model.members, features, strict=True)])


@dataclass(frozen=True, eq=False)
class Suggestion:
    """A batch of images to label.

    Attributes:
        rows: of the images, the most urgent first.
        margins: how far ahead the most probable class is, for labeled images their own; float (n,); None without a run.
        predicted: classes by the run; None without one.
        probabilities: of these classes, float (n,); None without a run.
        familiarity: float (n,); None where it is not known.
        candidates: number of images that could have been chosen.
    """

    rows: list[FileRow]
    margins: FloatArray | None
    predicted: list[str] | None
    probabilities: FloatArray | None
    familiarity: FloatArray | None
    candidates: int


def candidates(images: ExplorableImages, judge: Judge | None, *, are_labeled: bool) -> IntArray:
    """Rows, int (m,), of the images that may be suggested, one of each group of near-duplicates; none marked as unsure.

    Raises:
        DataError: there are none.
    """
    known = None if judge is None else set(judge.model.class_names)
    groups = groups_together(images.number_of, images.analyzed.pairs)
    group_of = [groups[row.image_id or ""] for row in images.rows]
    labeled = {group for group, label in zip(group_of, images.labels, strict=True) if label is not None}
    first_of_group: dict[str, int] = {}
    for number, (row, label, group) in enumerate(zip(images.rows, images.labels, group_of, strict=True)):
        is_meant = (label is not None and (known is None or label in known)) if are_labeled else label is None and group not in labeled
        if is_meant and not images.analyzed.is_unsure(row.path):
            first_of_group.setdefault(group, number)
    if not first_of_group:
        if are_labeled:
            raise DataError("no image has a label that the run knows", hint="leave --labeled out to label images without one")
        raise DataError(
            "every image has a label already, is a near-duplicate of one that has, or is one that you are unsure of",
            hint="--labeled looks at labels again",
        )
    return np.array(list(first_of_group.values()), dtype=np.int64)


def suggest_by_run(
    images: ExplorableImages, judge: Judge, rows: IntArray, n: int, *, are_labeled: bool, seed: int, progress: Progress
) -> Suggestion:
    """The least certain and diverse images among ``rows``, int (m,); of labeled ones those whose label the run finds least likely.

    What the run was trained on is judged by its out-of-fold predictions.
    """
    model, logits = judge.model, judge.logits(images, progress)
    probabilities = model.probabilities(logits)
    held = judge.run.out_of_fold
    if held is not None and tuple(held.class_names) == model.class_names:
        row_of = {image_id: row for row, image_id in enumerate(held.image_ids)}
        own = [(number, row_of[row.image_id]) for number, row in enumerate(images.rows) if row.image_id in row_of]
        for number, row in own:
            probabilities[number] = held.probabilities[row]
    if are_labeled:
        margins = _label_margins(images, model, probabilities)
        chosen = rows[np.argsort(margins[rows], kind="stable")[:n]]
    else:
        margins = _margins(probabilities)
        chosen = rows[uncertain_and_diverse(take_rows(images.features, rows), margins[rows], n, seed=seed)]
    top = probabilities[chosen].argmax(axis=1)
    familiarity = None if model.familiarity is None else model.familiarity.p_values(images.features[chosen], logits[chosen])
    return Suggestion(
        rows=[images.rows[number] for number in chosen],
        margins=margins[chosen],
        predicted=[model.class_names[k] for k in top.tolist()],
        probabilities=probabilities[chosen, top],
        familiarity=familiarity,
        candidates=len(rows),
    )


def suggest_from_nothing(images: ExplorableImages, rows: IntArray, n: int, *, seed: int) -> Suggestion:
    """The prototypes of n clusters of the images in ``rows``, int (m,)."""
    chosen = rows[prototypes(take_rows(images.features, rows), n, seed=seed)]
    return Suggestion([images.rows[number] for number in chosen], None, None, None, None, len(rows))


def expected_worth(run: Run, n: int) -> str:
    """What n more labels are expected to be worth, by the learning curve of a run, as a sentence."""
    curve = run.metrics.learning_curve
    if curve is None:
        return f"what {count(n, 'label')} more would be worth is not known: {run.name} has no learning curve"
    points = curve.points
    law = fit_power_law([point.n_train for point in points], [[1 - value for value in point.accuracy] for point in points])
    total = points[-1].n_train
    gain = law.gain(total, total + n)
    low, value, high = (f"{100 * each:+.2f}" for each in (gain.low, gain.value, gain.high))
    words = f"{count(n, 'label')} more on {total:,} are expected to be worth {value} points of accuracy ({low} to {high})"
    return f"{words} if they were drawn at random; chosen ones more, as a rule"


def labeling_view(
    images: ExplorableImages, suggestion: Suggestion, class_names: Sequence[str], *, folder: str, notes: Sequence[str]
) -> ReviewView:
    """The view of a review page (docs/reference/review.md) that has the suggested images as its only finding."""
    labels = [label for label in images.labels if label is not None]
    issue: IssueView = {
        "name": "suggested",
        "title": "To label",
        "explanation": "Images whose labels would teach the most. The class that is proposed is a guess: choose what you see.",
        "n": len(suggestion.rows),
        "threshold": None,
        "rows": list(range(len(suggestion.rows))),
        "proposal": None if suggestion.predicted is None else "relabel",
    }
    return {
        "header": review_header(images.analyzed, images.rows, class_names, folder=folder, backbone=images.name),
        "issues": [issue],
        "rows": [_review_row(suggestion, number) for number in range(len(suggestion.rows))],
        "groups": [],
        "doubtful": [],
        "classes": [{"name": name, "images": labels.count(name), "issues": {}} for name in class_names],
        "balance": None,
        "sources": [],
        "sources_sentence": None,
        "notes": list(notes),
    }


def _review_row(suggestion: Suggestion, number: int) -> ReviewRow:
    row = suggestion.rows[number]
    return {
        **file_facts(row),
        "scores": {} if suggestion.margins is None else {"suggested": round(max(0.0, float(suggestion.margins[number])), 6)},
        "suggested": suggestion.predicted[number] if suggestion.predicted else None,
        "probability": None if suggestion.probabilities is None else round(float(suggestion.probabilities[number]), 6),
        "own_probability": None,
    }


def write_suggestions(path: Path, suggestion: Suggestion) -> None:
    """Write the table as CSV: one row per suggested image, the most urgent first."""
    with csv_file(path, TABLE_COLUMNS) as writer:
        for number, row in enumerate(suggestion.rows):
            predicted = suggestion.predicted[number] if suggestion.predicted else ""
            values = [suggestion.probabilities, suggestion.margins, suggestion.familiarity]
            numbers = ["" if each is None else round(float(each[number]), 6) for each in values]
            writer.write([number + 1, row.path, row.image_id, row.label or "", predicted, *numbers])


def _margins(probabilities: FloatArray) -> FloatArray:
    """How far ahead the most probable class is, float64 (n,)."""
    top = np.partition(probabilities, -2, axis=1)[:, -2:]
    return np.asarray(top[:, 1] - top[:, 0])


def _label_margins(images: ExplorableImages, model: SavedModel, probabilities: FloatArray) -> FloatArray:
    """How far an image's own label is ahead of the best other class, float64 (n,); infinite without a known label."""
    margins = np.full(len(probabilities), np.inf)
    for number, label in enumerate(images.labels):
        if label in model.class_names:
            own = model.class_names.index(label)
            margins[number] = probabilities[number, own] - np.delete(probabilities[number], own).max()
    return margins
