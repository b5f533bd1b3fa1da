"""Ensembles: average the calibrated log odds of finished runs, and evaluate them on images that none of them trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tellapart import calibration
from tellapart.array_types import FloatArray, IntArray
from tellapart.counts import count
from tellapart.dataset.file_rows import USED, FileRow
from tellapart.dataset.parts import REPORTED
from tellapart.errors import DataError
from tellapart.evaluation.metrics import log_loss
from tellapart.predictions import Predictions
from tellapart.results import plain
from tellapart.run_folder import Run
from tellapart.run_metrics import BeforeAfter, DataCounts, EvaluationMetrics, MemberRun, Selection
from tellapart.training.ensemble import Ensemble, EnsembleMember, ensemble_members, fit_weights
from tellapart.training.part_evaluation import evaluate_part
from tellapart.training.probe_evaluation import data_card
from tellapart.training.recipe_evaluation import Evaluation

ENOUGH = 50
"""Out-of-fold images that all runs must have in common for anything to be chosen on them."""
NEGLIGIBLE = 0.01
"""A run that weighs less is left out of the model: it would cost its whole time and change nothing."""


def evaluate_ensemble(runs: Sequence[Run], *, weights: str) -> tuple[Evaluation, list[str]]:
    """Combine finished runs, and evaluate the ensemble on the images that all report and none trained on.

    Args:
        runs: at least two.
        weights: ``equal``, or ``out-of-fold`` to fit them to out-of-fold predictions.

    Returns:
        The evaluation to write, and sentences for the report.

    Raises:
        DataError: the classes differ, or no image is left to judge on.
        ModelError, StorageError: a run is damaged.
    """
    members = ensemble_members(runs)
    reported = reported_by_all(runs)
    answers = [member.answers(member.run.predictions, reported) for member in members]
    held_out, notes = _out_of_fold(members)
    ensemble, selection, more = _choose_weights(members, held_out, weights)
    predictions = ensemble.predictions(answers)
    rows = merged_rows(runs, reported)
    below = {part: [each.part(part) for each in answers] for part in REPORTED if part in reported.parts}
    parts = {
        part: evaluate_part(predictions.part(part), steps, calibration.softmax(ensemble.log_odds(steps))) for part, steps in below.items()
    }
    metrics = EvaluationMetrics(
        test=parts.get("test"),
        val=parts.get("val"),
        selection=selection,
        split_sensitivity=None,
        split_sensitivity_reason="Other splits were not tried: every one would mean training all the runs again.",
        learning_curve=None,
        learning_curve_reason="No learning curve was made: it would mean training all the runs again and again.",
        leak=None,
        leak_reason="The report of each run shows the effect of a leak.",
        data=_data(rows, runs[0]),
    )
    evaluation = Evaluation(
        recipe="ensemble",
        backbone=" + ".join(dict.fromkeys(run.metrics.backbone for run in runs)),
        classifier=ensemble.classifier,
        predictions=predictions,
        below=below,
        out_of_fold=ensemble.predictions(held_out),
        rows=rows,
        metrics=metrics,
        history=[{"event": "run", **plain(run)} for run in selection.runs],
    )
    return evaluation, [*notes, *more, *_left_out(runs, reported)]


def _out_of_fold(members: Sequence[EnsembleMember]) -> tuple[list[Predictions], list[str]]:
    """Each member's answers for the images that all answered out of fold under the same label, and which runs have none."""
    out_of_fold = [member.run.out_of_fold for member in members]
    notes = [
        f"{member.run.name} keeps no out-of-fold predictions; it was made by an older tellapart"
        for member, own in zip(members, out_of_fold, strict=True)
        if own is None
    ]
    own = [each if each is not None else _nothing(member) for member, each in zip(members, out_of_fold, strict=True)]
    labels = [dict(zip(each.image_ids, each.labels, strict=True)) for each in own]
    is_common = [all(others.get(i) == label for others in labels) for i, label in zip(own[0].image_ids, own[0].labels, strict=True)]
    common = own[0].where(np.array(is_common, dtype=bool))
    return [member.answers(each, common) for member, each in zip(members, own, strict=True)], notes


def _nothing(member: EnsembleMember) -> Predictions:
    return member.run.predictions.where(np.zeros(0, dtype=np.int64))


def _choose_weights(members: Sequence[EnsembleMember], held_out: Sequence[Predictions], how: str) -> tuple[Ensemble, Selection, list[str]]:
    """Weights, temperature and clip from out-of-fold answers; how they were selected; and what could not be chosen."""
    n, targets, notes = len(held_out[0]), held_out[0].targets, []
    equal = Ensemble(members, np.full(len(members), 1 / len(members)), clip=max(member.model.clip for member in members))
    ensemble = equal
    if n < ENOUGH:
        notes.append(
            f"the runs have {count(n, 'out-of-fold image')} in common, and {ENOUGH} are needed: all runs weigh the same, "
            "no temperature was fitted to their mean, and the clip is the largest of theirs"
        )
        how = "equal"
    else:
        if how == "out-of-fold":
            ensemble = Ensemble(members, _drop_negligible(fit_weights([each.logits for each in held_out], targets)))
            notes += [
                f"{member.run.name} weighs less than {NEGLIGIBLE:.0%} and is left out of the model"
                for weight, member in zip(ensemble.weights, members, strict=True)
                if not weight
            ]
        ensemble = _calibrate(ensemble, held_out, targets)
    scores = [_score(each.probabilities, targets) for each in held_out]
    mean = ensemble.log_odds(held_out)
    before = _score(calibration.softmax(mean), targets)
    after = _score(calibration.apply(mean, ensemble.temperature, ensemble.clip), targets)
    selection = Selection(
        weights=how,
        n=n,
        is_fitted=n >= ENOUGH,
        runs=[_about(member, float(w), score) for member, w, score in zip(members, ensemble.weights, scores, strict=True)],
        temperature=ensemble.temperature,
        clip=ensemble.clip,
        log_loss=BeforeAfter(before, after),
    )
    return ensemble, selection, notes


def _drop_negligible(weights: FloatArray) -> FloatArray:
    """Weights without the negligible ones."""
    remaining = np.where(weights < NEGLIGIBLE, 0.0, weights)
    return np.asarray(remaining / remaining.sum())


def _calibrate(ensemble: Ensemble, held_out: Sequence[Predictions], targets: IntArray) -> Ensemble:
    mean = ensemble.log_odds(held_out)
    temperature = calibration.fit_temperature(mean, targets)
    return replace(ensemble, temperature=temperature, clip=calibration.fit_clip(calibration.softmax(mean, temperature), targets))


def _score(probabilities: FloatArray, targets: IntArray) -> float | None:
    return log_loss(probabilities, targets) if len(targets) else None


def _about(member: EnsembleMember, weight: float, score: float | None) -> MemberRun:
    metrics = member.run.metrics
    return MemberRun(
        name=member.run.name,
        folder=str(member.run.folder),
        recipe=metrics.recipe,
        backbone=metrics.backbone,
        weight=weight,
        temperature=member.model.temperature,
        log_loss=score,
    )


def _data(rows: Sequence[Any], first: Run) -> DataCounts:
    """Counts of the merged rows, with the duplicates of the first run."""
    known = first.metrics.data
    return replace(data_card(rows, first.class_names, []), duplicates=known.duplicates if known else None)


def _left_out(runs: Sequence[Run], reported: Predictions) -> list[str]:
    """How many images of the first run's report are not judged here, and how many have another label elsewhere."""
    notes = []
    first = runs[0].predictions
    if missing := len(first) - len(reported):
        notes.append(
            f"{missing:,} of the {count(len(first), 'image')} that {runs[0].name} reports are left out: a run trained on them or on their "
            "near-duplicates, or does not report them"
        )
    others = [dict(zip(run.predictions.image_ids, run.predictions.labels, strict=True)) for run in runs[1:]]
    pairs = zip(reported.image_ids, reported.labels, strict=True)
    if changed := sum(any(labels.get(image_id) != label for labels in others) for image_id, label in pairs):
        notes.append(
            f"{count(changed, 'reported image has', 'reported images have')} another label in a later run; that of {runs[0].name} counts"
        )
    return notes


TAKEN_OUT = "not every run of the ensemble reports it, or one trained on a near-duplicate of it"


def training_rows_by_id(runs: Sequence[Run]) -> dict[str, FileRow]:
    """The training images of all runs by id; the row of the first run that trained on it, its path absolute where the folder is another."""
    row_of: dict[str, FileRow] = {}
    for run in runs:
        is_elsewhere = run.metrics.folder != runs[0].metrics.folder
        for row in run.rows:
            if row.is_used and row.part == "train" and row.image_id and row.image_id not in row_of:
                row_of[row.image_id] = replace(row, path=str(Path(run.metrics.folder, row.path))) if is_elsewhere else row
    return row_of


def reported_by_all(runs: Sequence[Run]) -> Predictions:
    """The first run's predictions of the images that all runs report and none trained on, nor on a near-duplicate.

    Raises:
        DataError: there are none.
    """
    first = runs[0].predictions
    trained = training_rows_by_id(runs)
    learned = {row.group for run in runs for row in run.rows if row.is_used and row.part == "train"}
    reported = [dict(zip(run.predictions.image_ids, run.predictions.groups, strict=True)) for run in runs]

    def is_fair(image_id: str) -> bool:
        return image_id not in trained and all(image_id in groups and groups[image_id] not in learned for groups in reported)

    fair = first.where(np.array([is_fair(image_id) for image_id in first.image_ids], dtype=bool))
    if not len(fair):
        raise DataError(
            f"there is no image that all of these runs report and none trained on: {', '.join(run.name for run in runs)}",
            hint="train them with the same --seed, or with your own test or val folder",
        )
    return fair


def merged_rows(runs: Sequence[Run], reported: Predictions) -> list[FileRow]:
    """The first run's rows with the parts they have for all runs, and at the end what only other runs trained on.

    Args:
        runs: the runs.
        reported: what :func:`reported_by_all` gave.
    """
    trained, reported_ids = training_rows_by_id(runs), set(reported.image_ids)
    used = {row.image_id for row in runs[0].rows if row.is_used}
    rows = []
    for row in runs[0].rows:
        known = trained.get(row.image_id or "")
        if row.is_used and row.part in REPORTED:
            if known is not None:
                row = replace(row, part="train", neighbors=(), similarities=())
            elif row.image_id not in reported_ids:
                row = replace(row.left_out(TAKEN_OUT), neighbors=(), similarities=())
        elif known is not None and row.image_id not in used:
            row = replace(row, label=known.label, group=known.group, part="train", status=USED, reason=None)
            used.add(row.image_id)
        rows.append(row)
    return [*rows, *(replace(row, x=None, y=None) for image_id, row in trained.items() if image_id not in used)]
