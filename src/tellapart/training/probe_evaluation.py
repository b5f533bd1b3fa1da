"""Evaluate a linear probe: fit it, then compute everything the report shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.concurrency import one_blas_thread
from tellapart.dataset.file_rows import UNREADABLE, USED, FileRow
from tellapart.dataset.parts import REPORTED, Assignment
from tellapart.exploration.pca import principal_components_2d
from tellapart.feature_spec import FeatureSpec
from tellapart.features import FeatureMatrix
from tellapart.large_arrays import concatenate_rows
from tellapart.models.saved_model import Classifier, Member
from tellapart.part_metrics import ReportedPart
from tellapart.predictions import Predictions
from tellapart.progress import SILENT, Progress
from tellapart.results import plain
from tellapart.run_metrics import ClassCounts, DataCounts, DuplicateCounts, EvaluationMetrics, LeakEffect, LearningCurve, SplitSensitivity
from tellapart.training.conformal_evaluation import with_familiarity
from tellapart.training.learning_curves import learning_curve
from tellapart.training.linear_probe import Probe, fit_probe
from tellapart.training.part_evaluation import LabeledSet, baseline_predictions, evaluate_part, leak_effect, nearest, probe_predictions
from tellapart.training.recipe_evaluation import Evaluation
from tellapart.training.split_sensitivity import split_sensitivity

SHOWN_NEIGHBORS = 3
SHOWN_GROUPS = 200


@dataclass(frozen=True)
class EvaluationOptions:
    """The options an evaluation depends on; see :class:`tellapart.training.options.TrainOptions`."""

    class_weight: str
    seed: int
    n_splits: int
    learning_curve: bool


@dataclass(frozen=True, eq=False)
class PartSets:
    """The used images by part, with their features.

    Attributes:
        class_names: those of the training part, sorted.
        train: the training images.
        reported: the images to evaluate on, by part.
    """

    class_names: tuple[str, ...]
    train: LabeledSet
    reported: dict[str, LabeledSet]

    @classmethod
    def of(cls, assignment: Assignment, features: FeatureMatrix) -> PartSets:
        """The sets of an assignment."""
        rows = assignment.rows
        names = tuple(sorted({row.label for row in rows if row.is_used and row.part == "train" and row.label is not None}))
        sets = {part: LabeledSet.of([r for r in rows if r.is_used and r.part == part], features, names) for part in ("train", *REPORTED)}
        return cls(names, sets["train"], {part: sets[part] for part in REPORTED if sets[part].rows})


@one_blas_thread()
def evaluate_probe(
    assignment: Assignment, features: FeatureMatrix, spec: FeatureSpec, options: EvaluationOptions, progress: Progress = SILENT
) -> Evaluation:
    """Fit a linear probe on the training part and evaluate it on the reported parts."""
    sets = PartSets.of(assignment, features)
    train, reported = sets.train, sets.reported
    with progress.stage("fitting the probe", unit="steps"):
        probe = fit_probe(train.data, class_weight=options.class_weight, seed=options.seed)
    source = f"probe on {features.provenance['backbone']}"
    predictions = {part: probe_predictions(probe, images, source) for part, images in reported.items()}
    with progress.stage("predicting by nearest neighbors", unit="steps"):
        below = {part: baseline_predictions(train, images) for part, images in reported.items()}
    parts = {part: evaluate_part(predictions[part], below[part]) for part in reported}
    metrics = _metrics(sets, probe, parts, options, progress)
    with progress.stage("estimating the leak", unit="steps"):
        leak = _leak(assignment, features, sets, probe, predictions, options)
    metrics = replace(metrics, leak=leak, data=data_card(assignment.rows, sets.class_names, assignment.duplicate_groups))
    member = Member(spec.backbones, spec.resize, spec.mirror, probe.heads)
    rows, logits = probe.out_of_fold
    with progress.stage("searching for similar images", unit="steps"):
        placed_rows = rows_with_neighbors(assignment.rows, features, train, reported)
    evaluation = Evaluation(
        recipe="probe",
        backbone=str(features.provenance["backbone"]),
        classifier=Classifier(sets.class_names, (member,), probe.temperature, probe.clip),
        predictions=concatenate_predictions(list(predictions.values())),
        below=below,
        out_of_fold=train.taken(rows).predictions(probe.probabilities(logits), logits, source),
        rows=placed_rows,
        metrics=metrics,
        history=_history(probe),
    )
    return with_familiarity(evaluation, train.rows, features)


def _metrics(
    sets: PartSets, probe: Probe, parts: Mapping[str, ReportedPart], options: EvaluationOptions, progress: Progress
) -> EvaluationMetrics:
    """The scores of the parts, what they are on other splits, and what more training images would give."""
    train, reported = sets.train, sets.reported
    main = next(iter(reported))
    with progress.stage("evaluating other splits", unit="steps"):
        sensitivity, no_sensitivity = _sensitivity([train, *reported.values()], probe, options)
    with progress.stage("measuring the learning curve", unit="steps"):
        curve, no_curve = _curve(train, reported[main], probe, parts[main], options)
    return EvaluationMetrics(
        test=parts.get("test"),
        val=parts.get("val"),
        selection=probe.selection,
        split_sensitivity=sensitivity,
        split_sensitivity_reason=no_sensitivity,
        learning_curve=curve,
        learning_curve_reason=no_curve,
        leak=None,
    )


def _history(probe: Probe) -> list[dict[str, object]]:
    """The events of the fitting of a probe: the strengths tried, and what was chosen."""
    tried: list[dict[str, object]] = [{"event": "strength", **plain(strength)} for strength in probe.selection.strengths]
    return [*tried, {"event": "chosen", **replace(probe.selection, strengths=[]).as_dict()}]


def _sensitivity(sets: Sequence[LabeledSet], probe: Probe, options: EvaluationOptions) -> tuple[SplitSensitivity | None, str | None]:
    """The scores on other splits, or None and why there are none."""
    if not options.n_splits:
        return None, "not asked for (n_splits = 0)"
    rows = [row for part in sets for row in part.rows]
    data = sets[0].data
    pool = replace(
        data,
        features=concatenate_rows([part.data.features for part in sets]),
        targets=np.concatenate([part.data.targets for part in sets]),
        groups=[group for part in sets for group in part.data.groups],
    )
    if np.bincount(pool.targets).min() < 4:
        return None, "a class has fewer than 4 images"
    paths = [row.path for row in rows]
    share = 1 - len(sets[0].rows) / len(rows)
    return split_sensitivity(pool, paths, probe, splits=options.n_splits, test_share=share, class_weight=options.class_weight), None


def _curve(
    train: LabeledSet, test: LabeledSet, probe: Probe, full: ReportedPart, options: EvaluationOptions
) -> tuple[LearningCurve | None, str | None]:
    """The learning curve, or None and why there is none; ``full`` are the scores with all training images."""
    if not options.learning_curve:
        return None, "not asked for (--no-learning-curve)"
    curve = learning_curve(
        train.data,
        test.data,
        probe,
        full_accuracy=full.accuracy.value,
        full_log_loss=full.log_loss.value,
        class_weight=options.class_weight,
    )
    if len(curve.points) < 3:
        return None, "too few training images to take shares of"
    return curve, None


def _leak(
    assignment: Assignment,
    features: FeatureMatrix,
    sets: PartSets,
    probe: Probe,
    predictions: dict[str, Predictions],
    options: EvaluationOptions,
) -> LeakEffect | None:
    """By how much training images that are also in a reported part raise its scores; None where there are none."""
    rows = [assignment.rows[i] for i in assignment.leaked if assignment.rows[i].label in sets.class_names]
    if not rows:
        return None
    hit = {row.group for row in rows}
    part = max(sets.reported, key=lambda name: sum(row.group in hit for row in sets.reported[name].rows))
    leaked = LabeledSet.of(rows, features, sets.class_names)
    return leak_effect(probe, sets.train, leaked, sets.reported[part], predictions[part], class_weight=options.class_weight)


def data_card(rows: Sequence[FileRow], class_names: Sequence[str], duplicate_groups: Sequence[Sequence[str]]) -> DataCounts:
    """Counts of the files by status, class and part."""
    by_status = Counter(row.status for row in rows)
    counts = Counter((row.label, row.part) for row in rows if row.is_used)
    image_of = {row.path: row.image_id for row in rows}
    exact = sum(len({image_of[path] for path in group}) == 1 for group in duplicate_groups)
    return DataCounts(
        files=len(rows),
        used=by_status[USED],
        unreadable=by_status[UNREADABLE],
        set_aside=len(rows) - by_status[USED] - by_status[UNREADABLE],
        classes=[ClassCounts(name, **{part: counts[(name, part)] for part in ("train", *REPORTED)}) for name in class_names],
        duplicates=DuplicateCounts(
            exact_groups=exact,
            near_groups=len(duplicate_groups) - exact,
            images=sum(len(group) for group in duplicate_groups),
            groups=[list(group) for group in duplicate_groups[:SHOWN_GROUPS]],
        ),
    )


def concatenate_predictions(parts: Sequence[Predictions]) -> Predictions:
    """Concatenate the predictions of several parts."""
    return Predictions(
        image_ids=tuple(i for p in parts for i in p.image_ids),
        paths=tuple(i for p in parts for i in p.paths),
        labels=tuple(i for p in parts for i in p.labels),
        probabilities=np.concatenate([p.probabilities for p in parts]),
        logits=np.concatenate([p.logits for p in parts]),
        class_names=parts[0].class_names,
        parts=tuple(i for p in parts for i in p.parts),
        groups=tuple(i for p in parts for i in p.groups),
        source=parts[0].source,
    )


def rows_with_neighbors(
    rows: Sequence[FileRow], features: FeatureMatrix, train: LabeledSet, reported: dict[str, LabeledSet]
) -> list[FileRow]:
    """Rows with their place on the map and, for reported images, their nearest training images."""
    used = [i for i, row in enumerate(rows) if row.is_used]
    values = features.of([rows[i].image_id or "" for i in used])
    coordinates: FloatArray = principal_components_2d(values)
    with_places = list(rows)
    for i, (x, y) in zip(used, coordinates.tolist(), strict=True):
        with_places[i] = replace(with_places[i], x=x, y=y)
    train_ids = [row.image_id or "" for row in train.rows]
    count = min(SHOWN_NEIGHBORS, len(train_ids))
    by_path: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {}
    for images in reported.values():
        index, cosines = nearest(images.data.features, train.data.features, count)
        for row, near, similarity in zip(images.rows, index, cosines, strict=True):
            by_path[row.path] = (tuple(train_ids[j] for j in near), tuple(float(s) for s in similarity))
    return [
        replace(row, neighbors=by_path[row.path][0], similarities=by_path[row.path][1]) if row.path in by_path and row.is_used else row
        for row in with_places
    ]
