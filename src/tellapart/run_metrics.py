"""The records of ``metrics.json`` (docs/reference/run-folder.md).

Where a field may be None, None and an absent field are the same in the file. Fields of newer versions are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tellapart.interval import Interval
from tellapart.json_files import record, several, text
from tellapart.part_metrics import Document, Gain, ReportedPart, Scores
from tellapart.results import Result

REPORTED_PARTS = ("test", "val")
"""The parts that a run may report, the most trustworthy first."""


@dataclass(frozen=True)
class StrengthLoss:
    """The out-of-fold log loss of a head with this regularization strength."""

    power: float
    strength: float
    log_loss: float


@dataclass(frozen=True)
class HeadChoice:
    """Hyperparameters of a head: the power its features are raised to, and its regularization strength."""

    power: float
    strength: float


@dataclass(frozen=True)
class FoldScores:
    """A network's own scores on the ``n`` training images of the fold that it was not trained on."""

    fold: int
    n: int
    accuracy: float
    log_loss: float


@dataclass(frozen=True)
class CandidateWeight:
    """A classifier that could be averaged: its weight, and its out-of-fold log loss; None without out-of-fold images."""

    name: str
    weight: float
    log_loss: float | None


@dataclass(frozen=True)
class MemberRun:
    """A run of an ensemble, with its weight, own temperature and out-of-fold log loss."""

    name: str
    folder: str
    recipe: str
    backbone: str
    weight: float
    temperature: float
    log_loss: float | None


@dataclass(frozen=True)
class BeforeAfter:
    """A log loss before and after calibration; None without images."""

    before: float | None
    after: float | None


@dataclass(frozen=True, kw_only=True)
class Selection(Document):
    """What was selected on out-of-fold predictions for training images.

    Attributes:
        n: number of images of ``out_of_fold.parquet``.
        temperature, clip: see :mod:`tellapart.calibration`.
        log_loss: of these images.
        folds: number of folds; None for an ensemble.
        strengths: what a probe tried.
        chosen: what a probe chose for each of its heads.
        members: the networks of a training.
        candidates: what was averaged.
        cross_fitted_log_loss: of the way of choosing; None where nothing was chosen.
        weights: how the runs of an ensemble were weighted, ``out-of-fold`` or ``equal``.
        is_fitted: whether an ensemble had enough out-of-fold images to fit anything.
        runs: of an ensemble.
    """

    n: int
    temperature: float
    clip: float
    log_loss: BeforeAfter | None
    folds: int | None = None
    strengths: list[StrengthLoss] = field(default_factory=list)
    chosen: list[HeadChoice] = field(default_factory=list)
    members: list[FoldScores] = field(default_factory=list)
    candidates: list[CandidateWeight] = field(default_factory=list)
    cross_fitted_log_loss: float | None = None
    weights: str | None = None
    is_fitted: bool = True
    runs: list[MemberRun] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class TrainingCost(Document):
    """What training the networks took, all folds together; the plan is that of one network."""

    seconds: float
    images: int
    images_per_s: float
    epochs: int
    image_size: int
    augmentation: str
    precision: str | None = None
    replicas: int = 1


@dataclass(frozen=True)
class Trial:
    """A recipe that ``auto`` tried.

    Attributes:
        name: of the recipe.
        seconds: what it took, without what was in the cache.
        log_loss: out of fold; None where it was not tried to the end.
        weight: in the saved model.
        reason: why it was left out; empty where it was tried.
    """

    name: str
    seconds: float
    log_loss: float | None
    reason: str
    weight: float


@dataclass(frozen=True)
class Lead:
    """By how much the log loss of what was chosen is lower than that of the best candidate without weight."""

    log_loss: float
    standard_error: float


@dataclass(frozen=True)
class SearchSummary:
    """What ``auto`` tried, sentences about it, and the time it took and had."""

    trials: list[Trial]
    findings: list[str]
    lead: Lead | None
    seconds: float
    time_limit: float | None


@dataclass(frozen=True)
class SavedStep:
    """The name of the step of a ladder whose model was saved."""

    saved: str


@dataclass(frozen=True)
class Spread:
    """Mean, smallest and largest of several values."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class OtherSplit:
    """The scores of the recipe on another split of the same images, with ``n`` test images."""

    seed: int
    n: int
    accuracy: float
    log_loss: float


@dataclass(frozen=True)
class FirstFiles:
    """The scores with the first files of each class as test images, as of people who do not shuffle."""

    per_class: int
    n: int
    accuracy: Interval
    log_loss: Interval


@dataclass(frozen=True)
class SplitSensitivity:
    """The recipe repeated on other splits of the same images.

    Attributes:
        splits: the scores on each.
        accuracy, log_loss: over the splits.
        first: with the first files of each class as test images.
        sample: number of images that were drawn to be split, where there are too many for all; then these scores are of a model that
            learned from fewer images, and a little lower. None where all were split.
    """

    splits: list[OtherSplit]
    accuracy: Spread
    log_loss: Spread
    first: FirstFiles
    sample: int | None = None

    def images(self, noun: str = "images") -> str:
        """What was split, in words: ``the same images``, or ``a sample of 20,000 images``."""
        return f"the same {noun}" if self.sample is None else f"a sample of {self.sample:,} {noun}"


@dataclass(frozen=True)
class CurvePoint(Result):
    """One size of the training set.

    Attributes:
        n_train: number of training images, the mean of the draws.
        accuracy: of each draw, a proportion.
        log_loss: of each draw, in nats.
    """

    n_train: int
    accuracy: tuple[float, ...]
    log_loss: tuple[float, ...]


@dataclass(frozen=True)
class DoubledTraining(Result):
    """What twice the training images are expected to reach, by the fitted power law.

    Attributes:
        n_train: number of training images.
        accuracy: expected accuracy, a proportion.
        gain: expected gain in accuracy over all of today's training images, a proportion.
    """

    n_train: int
    accuracy: Interval
    gain: Interval


@dataclass(frozen=True)
class LearningCurve(Result):
    """Scores for growing training sets, and a power law of the error: ``floor + scale * n_train ** -power``."""

    points: tuple[CurvePoint, ...]
    fit: dict[str, float]
    twice: DoubledTraining


@dataclass(frozen=True)
class LeakEffect:
    """Scores with and without duplicates on both sides of the user's own folders.

    Attributes:
        images: number of training images that are also in the reported part.
        groups: number of groups they form.
        part: the reported part.
        naive: the scores if they are trained on.
        honest: the scores without them.
    """

    images: int
    groups: int
    part: str
    naive: Scores
    honest: Scores


@dataclass(frozen=True)
class ClassCounts:
    """Used images of a class by part."""

    name: str
    train: int = 0
    val: int = 0
    test: int = 0


@dataclass(frozen=True)
class DuplicateCounts:
    """Groups of identical files and of near-duplicates, their images, and the paths of the first groups."""

    exact_groups: int
    near_groups: int
    images: int
    groups: list[list[str]]


@dataclass(frozen=True, kw_only=True)
class DataCounts(Document):
    """Files by status and, for a classifier, used images by class; ``duplicates`` is None where none were searched for."""

    files: int
    used: int
    unreadable: int
    set_aside: int
    classes: list[ClassCounts] = field(default_factory=list)
    duplicates: DuplicateCounts | None = None


@dataclass(frozen=True)
class SinceEarlier:
    """What changed since an earlier run with the same options on the same folder.

    Attributes:
        run: name of the earlier run.
        new: number of images that are new.
        gone: number of images that are no longer used.
        relabeled: number of images with another label.
        n: number of test images of both runs.
        gain: this run minus the earlier one on these.
    """

    run: str
    new: int
    gone: int
    relabeled: int
    n: int
    gain: Gain


@dataclass(frozen=True, kw_only=True)
class EvaluationMetrics(Document):
    """What the evaluation of a classifier measured; where something was not, ``<field>_reason`` may say why.

    Attributes:
        test, val: the reported parts.
        selection: what was selected on out-of-fold predictions.
        training: the cost of training networks.
        search: of the recipe ``auto``.
        ladder: of a ladder.
        split_sensitivity: scores on other splits.
        learning_curve: scores for fewer training images.
        leak: the effect of duplicates between the user's own folders; None where there are none.
        data: counts of files.
        decisions: for each part the number of images that the user ``excluded`` and ``relabeled``.
        since: what changed since the last run with the same options, where images were added, removed or relabeled.
    """

    test: ReportedPart | None = None
    val: ReportedPart | None = None
    selection: Selection | None = None
    training: TrainingCost | None = None
    search: SearchSummary | None = None
    ladder: SavedStep | None = None
    split_sensitivity: SplitSensitivity | None
    split_sensitivity_reason: str | None = None
    learning_curve: LearningCurve | None
    learning_curve_reason: str | None = None
    leak: LeakEffect | None
    leak_reason: str | None = None
    data: DataCounts | None = None
    decisions: dict[str, dict[str, int]] = field(default_factory=dict)
    since: SinceEarlier | None = None

    @property
    def parts(self) -> dict[str, ReportedPart]:
        """The reported parts by name, the most trustworthy first."""
        return {name: part for name in REPORTED_PARTS if (part := getattr(self, name)) is not None}


@dataclass(frozen=True, kw_only=True)
class RunHeader(Document):
    """What every run says of itself, an autoencoder too.

    Attributes:
        run: name of the run.
        folder: the images.
        created: ISO time at which the command began.
        recipe: ``probe``, ``finetune``, ``scratch``, ``auto``, ``ensemble`` or ``autoencoder``.
        backbone: name of the backbone, or of several.
        class_names: the classes, in the order of the probabilities; none for an autoencoder.
    """

    run: str
    folder: str
    created: str
    recipe: str
    backbone: str
    class_names: list[str]


@dataclass(frozen=True, kw_only=True)
class RunMetrics(RunHeader, EvaluationMetrics):
    """``metrics.json``; in the file what was measured comes first.

    Attributes:
        tellapart: version that made the run.
        seconds: from the beginning of the command to writing this.
        precision: number formats of the networks' features.
        notes: sentences worth knowing.
    """

    tellapart: str | None
    seconds: float | None = None
    precision: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _run_metrics(value: Any, where: str) -> RunMetrics:
    metrics: RunMetrics = record(RunMetrics)(value, where)
    several(text(), is_unique=True)(metrics.class_names, "class_names")
    return metrics


METRICS = _run_metrics
"""The shape of the file."""
