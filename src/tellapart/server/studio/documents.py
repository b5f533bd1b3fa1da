"""The JSON documents for the pages of the studio; a packed column is base64 of little-endian numbers, one for each file."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from tellapart.interval import IntervalDict
from tellapart.reports.leaderboard_page import RankedRow


class FileNames(TypedDict):
    """Names of files: ``folder`` is a packed column of places in ``folders``."""

    folders: list[str]
    folder: str
    files: list[str]


class IndexView(TypedDict):
    """What never changes while the files stay as they are; ``original`` and ``part`` are packed columns."""

    version: str
    folder: str
    n: int
    names: FileNames
    original: str
    part: str
    parts: tuple[str, ...]
    notes: list[str]


class StatesView(TypedDict):
    """What is decided now; ``label``, ``state`` and ``unsure`` are packed columns."""

    version: str
    seq: int
    class_names: list[str]
    label: str
    state: str
    unsure: str


class PredictionsView(TypedDict):
    """What a run says of every file that it has seen; all but the names and the number are packed columns."""

    class_names: list[str]
    n: int
    predicted: str
    part: str
    confidence: str
    own: str
    margin: str


class RunRow(TypedDict):
    """A run in a list; the scores are those of ``part``, None for a run that reports none."""

    name: str
    recipe: str
    backbone: str
    created: str
    seconds: float | None
    part: str | None
    n: int | None
    accuracy: IntervalDict | None
    log_loss: IntervalDict | None
    decisions: dict[str, dict[str, int]] | None


class RankedRun(RankedRow):
    """A ranked run in words, with the interval of its accuracy."""

    interval: IntervalDict | None


class RankedGroup(TypedDict):
    """Runs on the same ``n`` images of a part."""

    n: int
    images: str
    part: str | None
    rows: list[RankedRun]


class LeaderboardView(TypedDict):
    """Runs ranked on the images they have in common; damaged ones with the reason."""

    groups: list[RankedGroup]
    notes: list[str]
    unreadable: dict[str, str]


class IssueCount(TypedDict):
    """How many files of the folder have an issue."""

    name: str
    title: str
    n: int


class CheckView(TypedDict):
    """What a check says of every file that it names; only ``issues``, None, where it is about other images.

    ``bits`` (one for each issue), ``suggested``, ``own`` and ``outlier`` are packed columns.
    """

    issues: list[IssueCount] | None
    class_names: NotRequired[list[str]]
    made: NotRequired[str | None]
    bits: NotRequired[str]
    suggested: NotRequired[str]
    own: NotRequired[str]
    outlier: NotRequired[str]


class ClassRow(TypedDict):
    """Images of a class, those excluded, and by part."""

    name: str
    n: int
    excluded: int
    parts: list[int]


class NextStep(TypedDict):
    """What to do next and why: a page to go to, or a job to start."""

    key: str
    title: str
    why: str
    href: str | None
    job: str | None


class OverviewView(TypedDict):
    """The first page."""

    n: int
    states: dict[str, int]
    unsure: int
    unlabeled: int
    decisions: int
    classes: list[ClassRow]
    parts: list[str]
    issues: list[IssueCount] | None
    made: str | None
    runs: list[RunRow]
    changed: int
    next: list[NextStep]
    notes: list[str]


class SuggestedView(TypedDict):
    """What ``suggest`` proposes to label next: numbers of the files, and the class that a run would guess for each; none without one."""

    rows: list[int]
    guessed: list[str | None]
    made: str | None


class ClusterName(TypedDict):
    """A cluster of the map: what it is called or looks like."""

    number: int
    name: str
    size: int


class MapView(TypedDict):
    """Where ``explore`` has placed images; only ``n``, 0, where there is none or it is about other images.

    ``row`` (of the file), ``x``, ``y`` and ``cluster`` are packed columns of n points.
    """

    n: int
    row: NotRequired[str]
    x: NotRequired[str]
    y: NotRequired[str]
    cluster: NotRequired[str]
    clusters: NotRequired[list[ClusterName]]
    made: NotRequired[str | None]
    method: NotRequired[str]


class JobView(TypedDict):
    """A job with the last lines that it wrote; ``result`` is the name of what it made."""

    number: int
    kind: str
    command: list[str]
    started: str
    state: str
    lines: list[str]
    result: str | None


class PastDecision(TypedDict):
    """A line of the decision log about an image, and whether it holds."""

    action: str
    path: str
    image_id: str | None
    is_of_file: bool
    old: str | None
    new: str | None
    undoes: int | None
    why: str | None
    who: str
    when: str
    batch: int
    holds: bool
