"""The records of what is measured on one part, as ``metrics.json`` has them (docs/reference/run-folder.md)."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from tellapart.interval import Interval
from tellapart.results import Result, plain


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
