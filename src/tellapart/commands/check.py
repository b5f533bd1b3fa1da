"""tellapart check: find broken, duplicate, blurred, off-topic and mislabeled images, as a table and a review page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.dataset.options import DatasetOptions
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, when_not, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
from tellapart.shared_options import device_option, image_size_option, num_workers_option, resize_option, seed_option, state_option
from tellapart.workflows.review_view import ReviewView

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.dataset.file_rows import FileRow
    from tellapart.feature_spec import FeatureSpec
    from tellapart.workflows.check_run import CheckFindings
    from tellapart.workflows.decision_writing import DecidedImage

NO_BACKBONE = "none"
WITH_NETWORK = when_not("backbone", NO_BACKBONE)
TABLE_FILE = "issues.csv"
GROUPS = {
    "broken": ("unreadable",),
    "duplicates": ("exact_duplicate", "near_duplicate"),
    "contradictions": ("contradiction",),
    "leaks": ("leak",),
    "placeholders": ("placeholder",),
    "outliers": ("outlier",),
}
"""Names for several issues at once."""
MAX_DOUBTFUL = 10
DOUBTFUL = frozenset(("outlier", "mislabeled"))
"""The issues whose images ``doubtful`` lists."""


def _issues_complaint(text: str) -> str | None:
    from tellapart.curation.issues import NAMES
    from tellapart.errors import closest_name

    for word in text.split(","):
        if word.strip() not in {*NAMES, *GROUPS}:
            hint = closest_name(word.strip(), [*NAMES, *GROUPS])
            return f"there is no issue {word.strip()!r}; there are {', '.join([*GROUPS, *NAMES])}" + (f" ({hint})" if hint else "")
    return None


def _apply_complaint(text: str) -> str | None:
    if "mislabeled" in [word.strip() for word in text.split(",")]:
        return "labels are never changed by a check; look at the suggestions in review.html and use tellapart relabel"
    return _issues_complaint(text)


@dataclass(frozen=True, kw_only=True)
class CheckOptions(DatasetOptions):
    """What to look for."""

    backbone: str = option(
        "lite2", "Backbone for outliers, labels and near-duplicates: lite0, lite1, lite2, any timm name; none to do without."
    )
    image_size: int | None = image_size_option(minimum=24, only_for=WITH_NETWORK)
    resize: str = resize_option(only_for=WITH_NETWORK)
    issues: str | None = option(None, "Issues to look for, separated by commas; by default all.", metavar="WORDS", check=_issues_complaint)
    apply: str | None = option(
        None,
        "Exclude the images with these issues, as decisions that can be undone: duplicates, broken, contradictions, leaks, ...",
        metavar="WORDS",
        check=_apply_complaint,
    )
    out: Path = option(Path("check"), "Folder for issues.csv, review.html and review.json.", metavar="DIR")
    seed: int = seed_option(only_for=WITH_NETWORK)
    state: Path | None = state_option()
    device: str = device_option(only_for=WITH_NETWORK)
    precision: str = precision_option(only_for=WITH_NETWORK)
    num_workers: int | None = num_workers_option()


@dataclass(frozen=True, kw_only=True)
class IssueSummary(Result):
    """One issue that was looked for.

    Attributes:
        name: as in ``--issues`` and ``issues.csv``.
        title: for reading.
        n: number of files that have it.
        share: their share of all files.
        worst: path of the clearest case, or None.
        reason: why that file cannot be used, or None.
        suggested: for ``mislabeled``, the label suggested for that file.
        proposal: ``exclude``, or None where a person should look first.
    """

    name: str
    title: str
    n: int
    share: float
    worst: str | None
    reason: str | None
    suggested: str | None
    proposal: str | None


@dataclass(frozen=True)
class DoubtfulImage(Result):
    """An outlier or probably mislabeled image.

    Attributes:
        path: of the image.
        label: its label.
        doubt: combined rank of both scores; lower is more doubtful.
    """

    path: str
    label: str | None
    doubt: float


@dataclass(frozen=True, kw_only=True)
class AppliedIssues(Result):
    """The images that ``apply`` excluded, one batch of decisions.

    Attributes:
        batch: its number, for ``undo``; None where nothing changed.
        changed: the images excluded.
        left: number of usable images in each class from now on.
        log: the file of the decisions.
        notes: what else is worth knowing.
        counts: number of excluded images by issue.
    """

    batch: int | None
    changed: tuple[DecidedImage, ...]
    left: dict[str, int]
    log: Path
    notes: tuple[str, ...]
    counts: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class CheckResult(Result):
    """What is wrong with a folder of images.

    Attributes:
        folder: as it was named.
        files: number of files.
        images: number of different images that can be used.
        class_names: the classes.
        issues: one record per issue that was looked for.
        skipped: why an issue was not looked for, by name.
        noise: estimated share of wrong labels, or None.
        doubtful: outliers and probably mislabeled images, the clearest first.
        balance: a sentence on unequal classes, or None.
        sources: a sentence where the source of an image gives its class away, or None.
        applied: what ``apply`` excluded, or None.
        table: ``issues.csv``.
        review: ``review.html``.
        notes: what else is worth knowing.
    """

    folder: str
    files: int
    images: int
    class_names: list[str]
    issues: tuple[IssueSummary, ...]
    skipped: dict[str, str]
    noise: float | None
    doubtful: tuple[DoubtfulImage, ...]
    balance: str | None
    sources: str | None
    applied: AppliedIssues | None
    table: Path
    review: Path
    notes: list[str]


@dataclass(frozen=True)
class _Excluded:
    """The rows with the new decisions applied, and what to report."""

    rows: list[FileRow]
    applied: AppliedIssues


@with_options(CheckOptions)
def check(folder: str | Path, *, options: CheckOptions, progress: Progress = AUTO) -> CheckResult:
    """Find what is wrong with images and labels: broken, duplicate, contradictory, blurred, off-topic, mislabeled.

    No file is changed. With ``apply`` images are excluded by decisions, which training and exporting follow and
    ``tellapart undo`` reverts; labels are never changed.

    Args:
        folder: class folders, parts with class folders, a manifest or a bucket.
        progress: receives the progress.
        options: as keywords; see :class:`CheckOptions`.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: the images cannot be used as they are, or ``apply`` would leave a class empty.
        ModelError: the backbone is not available.
        StorageError: the disk is full or cannot be written.
    """
    from tellapart.analyzed_folder import open_folder
    from tellapart.output_guards import check_outside, noting_unchanged
    from tellapart.reports.review_page import PAGE, VIEW, write_review
    from tellapart.workflows.check_run import run_check
    from tellapart.workflows.review_view import review_view, write_issues

    issues, applied = _names(options.issues), _names(options.apply, are_all=False)
    _check_apply(issues, applied)
    spec, out = _spec(options), options.out.expanduser()
    opened = open_folder(folder, reading=options, state=options.state, num_workers=options.num_workers, progress=progress)
    check_outside(out, opened.dataset)
    analyzed = opened.analyze(spec.computed(options.device), progress=progress)
    findings = run_check(analyzed, issues, seed=options.seed, progress=progress)
    excluded = _apply(analyzed, findings, applied) if applied else None
    rows = excluded.rows if excluded else analyzed.rows
    backbone = None if options.backbone == NO_BACKBONE else options.backbone
    view = review_view(analyzed, findings, rows, folder=str(folder), backbone=backbone)
    with noting_unchanged([out / PAGE, out / VIEW, out / TABLE_FILE], progress):
        write_issues(out / TABLE_FILE, findings, rows)
        page = write_review(out, view, analyzed.thumbnails)
    for sentence in view["notes"]:
        progress.note(sentence)
    return CheckResult(
        **_summary(findings, view), applied=excluded.applied if excluded else None, table=out / TABLE_FILE, review=page, notes=view["notes"]
    )


def _names(words: str | None, *, are_all: bool = True) -> list[str]:
    """The issues that words mean, in the usual order."""
    from tellapart.curation.issues import NAMES

    if words is None:
        return list(NAMES) if are_all else []
    meant = {name for word in words.split(",") for name in GROUPS.get(word.strip(), (word.strip(),))}
    return [name for name in NAMES if name in meant]


def _check_apply(issues: list[str], applied: list[str]) -> None:
    from tellapart.errors import OptionError

    missing = [name for name in applied if name not in issues]
    if missing:
        raise OptionError(
            f"{', '.join(missing)} cannot be applied, because --issues leaves it out",
            hint="name it in --issues too, or leave --issues away",
        )


def _spec(chosen: CheckOptions) -> FeatureSpec:
    from tellapart.feature_spec import FeatureSpec
    from tellapart.models.backbones import find_backbones

    if chosen.backbone == NO_BACKBONE:
        return FeatureSpec((), chosen.resize)
    spec = FeatureSpec(find_backbones(chosen.backbone, image_size=chosen.image_size), chosen.resize)
    return spec.computed(chosen.device, chosen.precision)


def _apply(analyzed: AnalyzedFolder, findings: CheckFindings, applied: list[str]) -> _Excluded:
    """Exclude the images with these issues, as one batch of decisions."""
    from tellapart.dataset.decisions import EXCLUDE, read_decisions
    from tellapart.errors import DataError
    from tellapart.workflows.decision_writing import decision_about, write_changes

    why: dict[int, str] = {}
    for name in applied:
        for number in findings.table.findings[name].worst_first if name in findings.table.findings else []:
            why.setdefault(number, name)
    before = Counter(row.label for row in analyzed.rows if row.is_used and row.label is not None)
    after = Counter(row.label for n, row in enumerate(analyzed.rows) if row.is_used and row.label is not None and n not in why)
    if emptied := sorted(before.keys() - after.keys()):
        raise DataError(
            f"excluding {', '.join(applied)} would leave no image of {', '.join(map(repr, emptied))}, so nothing was decided",
            hint="tellapart check FOLDER without --apply shows what was found",
        )
    decisions = [replace(decision_about(findings.rows[number], analyzed, EXCLUDE), why=reason) for number, reason in sorted(why.items())]
    batch = write_changes(analyzed, decisions, "")
    result = AppliedIssues(
        batch=batch.batch,
        changed=batch.changed,
        left=batch.left,
        log=batch.log,
        notes=batch.notes,
        counts=dict(Counter(why.values())),
    )
    return _Excluded(analyzed.rows_with(read_decisions(analyzed.state)), result)


def _summary(check: CheckFindings, view: ReviewView) -> dict[str, Any]:
    import numpy as np

    header = view["header"]
    is_odd = [not DOUBTFUL.isdisjoint(check.table.of_row(number)) for number in range(len(check.rows))]
    order = [int(number) for number in np.argsort(check.doubt, kind="stable") if is_odd[number] and not np.isnan(check.doubt[number])]
    return {
        "folder": header["folder"],
        "files": header["files"],
        "images": header["images"],
        "class_names": header["class_names"],
        "issues": tuple(_issue(issue, view["rows"], header["files"]) for issue in view["issues"]),
        "skipped": check.skipped,
        "noise": check.doubts.noise if check.doubts else None,
        "doubtful": tuple(
            DoubtfulImage(check.rows[number].path, check.rows[number].label, float(check.doubt[number])) for number in order[:MAX_DOUBTFUL]
        ),
        "balance": view["balance"]["sentence"] if view["balance"] else None,
        "sources": view["sources_sentence"],
    }


def _issue(issue: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], files: int) -> IssueSummary:
    worst = rows[issue["rows"][0]] if issue["rows"] else None
    return IssueSummary(
        name=issue["name"],
        title=issue["title"],
        n=issue["n"],
        share=issue["n"] / max(1, files),
        worst=worst["path"] if worst else None,
        reason=worst["reason"] if worst else None,
        suggested=worst["suggested"] if worst and issue["name"] == "mislabeled" else None,
        proposal=issue["proposal"],
    )
