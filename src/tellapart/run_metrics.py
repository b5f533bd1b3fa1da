"""The records of ``metrics.json`` and ``options.json`` (docs/reference/run-folder.md).

Where a field may be None, None and an absent field are the same in the file. Fields of newer versions are ignored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from tellapart.interval import Interval
from tellapart.json_files import record, several, text
from tellapart.results import Result, plain

REPORTED_PARTS = ("test", "val")
"""The parts that a run may report, the most trustworthy first."""


@dataclass(frozen=True, kw_only=True)
class Document(Result):
    """A record that leaves out what equals its default when it becomes a dictionary."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values; fields that have their default are left out."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self) if getattr(self, f.name) != _default(f)}


def _default(one: Any) -> Any:
    return one.default if one.default_factory is MISSING else one.default_factory()


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class, proportions; None where undefined. ``support`` is its number of images."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class ReliabilityBin:
    """Images of similar confidence: the smallest and largest confidence, the number of images, mean confidence and accuracy."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class CoveragePoint:
    """Accuracy on the share ``coverage`` of the images, those with a confidence of at least ``threshold``."""

    coverage: float
    threshold: float
    accuracy: float


@dataclass(frozen=True)
class Scores:
    """Accuracy, a proportion, and log loss in nats."""

    accuracy: Interval
    log_loss: Interval


@dataclass(frozen=True)
class Gain:
    """Difference of a model to another on the same images, and the p-value of an exact McNemar test."""

    accuracy: Interval
    log_loss: Interval
    p_value: float


@dataclass(frozen=True)
class ChangedImages:
    """Images whose prediction became right or wrong: how many, and the paths of the first."""

    n: int
    paths: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class StepScores(Document):
    """One step of the ladder on one part.

    Attributes:
        name: of the step.
        accuracy: a proportion.
        log_loss: in nats.
        gain: over the step before; None for the first.
        seconds: what it took beyond the steps before.
        images_per_s: of its training.
        fixed: images that were wrong at the step before and are right here.
        broke: the reverse.
    """

    name: str
    accuracy: Interval
    log_loss: Interval
    gain: Gain | None
    seconds: float | None = None
    images_per_s: float | None = None
    fixed: ChangedImages | None = None
    broke: ChangedImages | None = None


@dataclass(frozen=True, kw_only=True)
class PartMetrics(Document):
    """The metrics of one part.

    Attributes:
        n: number of images.
        groups: number of groups they form; images of a group count as one for the intervals.
        accuracy: a proportion.
        log_loss: in nats.
        macro_f1: mean F1 score of the classes.
        auc: mean area under the ROC curve, one class against the rest; None if a class is absent.
        ece: expected calibration error ``before`` and ``after`` calibration.
        per_class: the scores of each class.
        confusion_matrix: images by true class (rows) and predicted class (columns).
        reliability: bins of the reliability diagram ``before`` and ``after`` calibration.
        coverage: accuracy on the most confident shares of the images.
    """

    n: int
    groups: int
    accuracy: Interval
    log_loss: Interval
    macro_f1: Interval
    auc: Interval | None
    ece: dict[str, float]
    per_class: list[ClassScores]
    confusion_matrix: list[list[int]]
    reliability: dict[str, list[ReliabilityBin]]
    coverage: list[CoveragePoint]


@dataclass(frozen=True)
class FalseAlarms:
    """The share of images of known classes that ``--unknown`` calls unknown at a level."""

    unknown: float
    measured: Interval


@dataclass(frozen=True)
class StrangeImage:
    """An image of low familiarity."""

    image_id: str
    path: str
    familiarity: float


@dataclass(frozen=True)
class FamiliarityScores(Result):
    """Familiarity of ``n`` images: the share called unknown at each level, and the strangest images."""

    n: int
    false_alarms: list[FalseAlarms]
    strangest: list[StrangeImage]


@dataclass(frozen=True)
class SetScores(Result):
    """Prediction sets of ``n`` images.

    Attributes:
        coverage: that was asked for.
        n: number of images.
        measured: share of images whose true class is in its set.
        mean_size: mean number of classes in a set.
        single: share of sets of one class.
    """

    coverage: float
    n: int
    measured: Interval
    mean_size: float
    single: float


@dataclass(frozen=True)
class ClassAnswers(Result):
    """Recall and precision of the answers for a class, and the recall of the most probable class; None where undefined."""

    name: str
    recall: Interval | None
    precision: Interval | None
    usual_recall: Interval | None


@dataclass(frozen=True)
class DecisionScores(Result):
    """What answers by costs or recall do on ``n`` images, beside answering the most probable class.

    Attributes:
        source: the costs or the recall that were asked for.
        n: number of images.
        cost: mean of an image.
        usual_cost: the same for the most probable class.
        difference: of the two.
        accuracy: share of correct answers.
        unanswered: share of images without an answer.
        changed: number of images that are answered otherwise than by the most probable class.
        per_class: for each class.
    """

    source: str
    n: int
    cost: Interval
    usual_cost: Interval
    difference: Interval
    accuracy: Interval
    unanswered: Interval
    changed: int
    per_class: list[ClassAnswers]

    @property
    def is_by_costs(self) -> bool:
        """Whether costs were given, not a recall."""
        return self.source.startswith("costs")


@dataclass(frozen=True, kw_only=True)
class EvaluatedPart(PartMetrics):
    """The metrics of one part, and what the model makes of the unusual in it.

    Attributes:
        familiarity: false alarms and the strangest images; None where the model does not know familiarity.
        prediction_sets: how often the true class is in its set of ``--coverage 0.95``, and how large the sets are; None without a scale.
        decision: what the answers by the model's own costs or recall do; None without such a rule.
    """

    familiarity: FamiliarityScores | None
    prediction_sets: SetScores | None
    decision: DecisionScores | None = None


@dataclass(frozen=True, kw_only=True)
class ReportedPart(EvaluatedPart):
    """The metrics of one part with the steps of the ladder up to the model; none for an evaluation on new images."""

    rungs: list[StepScores] = field(default_factory=list)


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
    """The recipe repeated on other splits of the same images."""

    splits: list[OtherSplit]
    accuracy: Spread
    log_loss: Spread
    first: FirstFiles


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

    @property
    def parts(self) -> dict[str, ReportedPart]:
        """The reported parts by name, the most trustworthy first."""
        return {name: part for name in REPORTED_PARTS if (part := getattr(self, name)) is not None}


@dataclass(frozen=True, kw_only=True)
class RunMetrics(EvaluationMetrics):
    """``metrics.json``.

    Attributes:
        run: name of the run.
        folder: the images.
        created: ISO time at which the command began.
        recipe: ``probe``, ``finetune``, ``scratch``, ``auto``, ``ensemble`` or ``autoencoder``.
        backbone: name of the backbone, or of several.
        class_names: the classes, in the order of the probabilities; none for an autoencoder.
        tellapart: version that made the run.
        seconds: from the beginning of the command to writing this.
        precision: number formats of the networks' features.
        notes: sentences worth knowing.
    """

    run: str
    folder: str
    created: str
    recipe: str
    backbone: str
    class_names: list[str]
    tellapart: str | None
    seconds: float | None = None
    precision: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class ReconstructionErrors(Document):
    """Mean squared errors of an autoencoder on a scale of 0 to 1, beside those of baselines on the same images.

    Attributes:
        n: number of images.
        error: of the autoencoder.
        mean_image: of the mean training image.
        linear: of principal components.
        better_than_linear: difference of the last to the autoencoder; positive is better.
    """

    n: int
    error: Interval
    mean_image: Interval | None = None
    linear: Interval | None = None
    better_than_linear: Interval | None = None


@dataclass(frozen=True)
class LatentSummary:
    """The latent of an autoencoder: its width, its dead units (None for one image), and its participation ratio."""

    latent: int
    dead: list[int] | None
    worth: float


@dataclass(frozen=True, kw_only=True)
class AutoencoderCounts(DataCounts):
    """Files by status, and images the network was trained on, chosen by, and that were held out."""

    trained_on: int
    chose: int
    held_back: int


@dataclass(frozen=True, kw_only=True)
class ReconstructionMetrics(Document):
    """What the evaluation of an autoencoder measured.

    Attributes:
        held_back: on held-out images; None where none could be held out.
        trained_on: on training images, with the baselines where none are held out.
        components: number of principal components of the baseline.
        units: of the latent.
    """

    held_back: ReconstructionErrors | None
    trained_on: ReconstructionErrors
    components: int
    units: LatentSummary

    @property
    def compared(self) -> ReconstructionErrors:
        """The errors beside those of the baselines: on held-out images where there are any, else on training images."""
        return self.held_back or self.trained_on


@dataclass(frozen=True, kw_only=True)
class AutoencoderMetrics(ReconstructionMetrics):
    """``metrics.json`` of an autoencoder; fields of the same name as those of :class:`RunMetrics` mean the same."""

    run: str
    folder: str
    created: str
    recipe: str
    backbone: str
    class_names: list[str]
    net: str
    image_size: int
    training: TrainingCost
    data: AutoencoderCounts
    tellapart: str | None
    seconds: float | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class RunOptions(Document):
    """``options.json``: what is needed to repeat a run.

    Attributes:
        verb: the command.
        folder: the images.
        options: of the command.
        versions: of the packages that a run depends on.
        data_sha256: of the files with labels, parts and decisions.
        weights_sha256, costs_sha256: of the files of weights and of costs that the options name.
    """

    verb: str | None = None
    folder: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    data_sha256: str | None = None
    weights_sha256: str | None = None
    costs_sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class EpochScores:
    """Loss and accuracy of an epoch; None where not finite, and no accuracy for an autoencoder."""

    loss: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class EpochEvent:
    """An epoch in ``history.jsonl``.

    Attributes:
        epoch: number, from 1.
        fold: number of the network, from 1.
        train: on augmented training images.
        held_out: on held-out images; None where none were held out.
        is_kept: whether these weights are the best so far.
        seconds: since the network's training began.
    """

    epoch: int
    fold: int | None = None
    train: EpochScores | None = None
    held_out: EpochScores | None = None
    is_kept: bool = True
    seconds: float | None = None


def epochs_of(events: Iterable[Any]) -> list[EpochEvent]:
    """The epochs among the events of a training; other events are left out.

    Raises:
        ShapeError: an epoch has the wrong shape.
    """
    return [EPOCH(_finite(event), "") for event in events if isinstance(event, Mapping) and event.get("event") == "epoch"]


def _finite(value: Any) -> Any:
    """The value with None in place of numbers that are infinite or not a number, as of a training that diverged."""
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _run_metrics(value: Any, where: str) -> RunMetrics:
    found: RunMetrics = record(RunMetrics)(value, where)
    several(text(), is_unique=True)(found.class_names, "class_names")
    return found


METRICS, AUTOENCODER_METRICS, OPTIONS, EPOCH = _run_metrics, record(AutoencoderMetrics), record(RunOptions), record(EpochEvent)
"""The shapes of what a run folder holds as JSON."""
