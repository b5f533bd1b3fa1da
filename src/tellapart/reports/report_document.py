"""The schema of ``report.json``: the content of the report of a run, section by section."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from tellapart.interval import IntervalDict
from tellapart.reports.conformal_section import UnusualView
from tellapart.reports.data_card import DataView
from tellapart.reports.decision_section import DecisionView
from tellapart.reports.gallery import GalleryView
from tellapart.reports.ladder_section import RungsView
from tellapart.reports.map_section import MapView
from tellapart.reports.scores_section import BinaryView, ClassView, TopK, VerdictView
from tellapart.reports.search_section import SearchView
from tellapart.reports.training_section import TrainingView


class PartView(TypedDict):
    """The headline of a reported part."""

    part: str
    title: str
    n: int
    groups: int
    effective_size_sentence: str | None
    accuracy: IntervalDict
    log_loss: IntervalDict
    macro_f1: IntervalDict
    auc: IntervalDict | None
    ece: dict[str, float]
    verdict: VerdictView
    per_class: list[ClassView]
    top_k: list[TopK]
    binary: BinaryView | None
    sentence: str
    interval_sentence: str
    log_loss_sentence: str


class HeaderView(TypedDict):
    """Which run this is; ``model`` says in words what was trained, ``saved`` is the step of a ladder.

    In a published view ``folder`` and ``state`` are names, and ``ways`` and ``place`` are there, too (relative_links.py).
    """

    run: str
    folder: str
    created: str
    tellapart: str | None
    recipe: str
    backbone: str
    state: NotRequired[str]
    model: str
    saved: str | None
    members: int
    date: str
    class_names: list[str]
    num_classes: int
    parts: list[PartView]
    ways: NotRequired[dict[str, str | None]]
    place: NotRequired[str]


class ConfusionPair(TypedDict):
    """``n`` images of the class ``label`` were taken for the class ``predicted``."""

    label: int
    predicted: int
    n: int


class ConfusionView(TypedDict):
    """Rows are the truth, columns the prediction; ``order`` lists the classes by how many mistakes they take part in, most first."""

    part: str
    title: str
    matrix: list[list[int]]
    order: list[int]
    pairs: list[ConfusionPair]


class ReliabilityView(TypedDict):
    """The bins of the reliability diagram before and after calibration; ``too_few`` is a sentence where there are too few images."""

    part: str
    title: str
    ece: dict[str, float]
    before: list[dict[str, float]]
    after: list[dict[str, float]]
    sentence: str
    too_few: str


class CoverageView(TypedDict):
    """Accuracy on the most confident shares of the images, the largest share first."""

    part: str
    title: str
    points: list[dict[str, float]]
    sentence: str


class SectionView(TypedDict):
    """Other splits or the learning curve: the fields of metrics.json and a sentence, or only the ``reason`` why there are none."""

    reason: str | None
    sentence: NotRequired[str]
    reported: NotRequired[dict[str, Any] | None]
    splits: NotRequired[list[dict[str, float]]]
    accuracy: NotRequired[dict[str, float]]
    log_loss: NotRequired[dict[str, float]]
    first: NotRequired[dict[str, Any]]
    sample: NotRequired[int | None]
    images: NotRequired[str]
    points: NotRequired[list[dict[str, Any]]]
    fit: NotRequired[dict[str, float]]
    twice: NotRequired[dict[str, Any]]


class ClassImages(TypedDict):
    """Contact sheet and mean image of a class as data URIs; None where none of its images is known."""

    label: int
    name: str
    sheet: str | None
    sheet_images: int
    mean: str | None
    mean_images: int


class PageImages(TypedDict):
    """Thumbnails and heat maps as data URIs by image_id, and the images of each class."""

    thumbnails: dict[str, str]
    heat_maps: NotRequired[dict[str, str]]
    classes: list[ClassImages]


class ReportView(TypedDict):
    """The report, one key per section; lists of sections have one item a reported part.

    ``search`` is None without a search, ``training`` where no network was trained. ``report.json`` is all but ``images``.
    """

    format: int
    header: HeaderView
    rungs: list[RungsView]
    confusion: list[ConfusionView]
    gallery: GalleryView
    reliability: list[ReliabilityView]
    coverage: list[CoverageView]
    decision: list[DecisionView]
    unusual: list[UnusualView]
    sensitivity: SectionView
    curve: SectionView
    search: SearchView | None
    training: TrainingView | None
    map: MapView
    data: DataView
    notes: list[str]
    method: list[str]
    options: dict[str, Any]
    run_facts: list[list[str]]
    images: NotRequired[PageImages]
