"""tellapart check: everything that can be wrong with the images, as a table and a page to decide on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.dataset.options import DatasetOptions
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, when_not, with_options
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import device_option, image_size_option, num_workers_option, resize_option, seed_option, state_option

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.feature_extraction import FeatureSpec
    from tellapart.workflows.check_run import CheckResult

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
"""Other words for issues."""
MOST_DOUBTFUL = 10
DOUBTFUL = frozenset(("outlier", "mislabeled"))
"""The issues that ``doubtful`` is about."""


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
        "lite2", "Network for outliers, labels and near-duplicates: lite0, lite1, lite2, any timm name; none for what a look alone tells."
    )
    image_size: int | None = image_size_option(minimum=24, only_for=WITH_NETWORK)
    resize: str = resize_option(only_for=WITH_NETWORK)
    issues: str | None = option(
        None, "Issues to look for, with commas between them; by default all.", metavar="WORDS", check=_issues_complaint
    )
    apply: str | None = option(
        None,
        "Exclude what these issues name, as decisions that can be undone: duplicates, broken, contradictions, leaks, ...",
        metavar="WORDS",
        check=_apply_complaint,
    )
    out: Path = option(Path("check"), "Folder for issues.csv, review.html and review.json.", metavar="DIR")
    seed: int = seed_option()
    state: Path | None = state_option()
    device: str = device_option(only_for=WITH_NETWORK)
    precision: str = precision_option(only_for=WITH_NETWORK)
    num_workers: int | None = num_workers_option()


@with_options(CheckOptions)
def check(folder: str | Path, *, options: CheckOptions, progress: Progress = AUTO) -> dict[str, Any]:
    """Find what is wrong with images and labels: broken, copied, contradictory, blurred, off-subject, mislabeled.

    Nothing happens to the photos. With ``apply`` what is found is written down as decisions, which training and
    exporting follow and ``tellapart undo`` takes back; labels are never changed.

    Args:
        folder: class folders, parts with class folders, a manifest or a bucket.
        progress: hears how far it is.
        options: as keywords; see :class:`CheckOptions`.

    Returns:
        ``folder``, ``files``, ``images``; ``issues``: name, title, ``n``, share of the files, ``worst`` path, proposal; ``skipped``:
        reasons by issue; ``noise``: estimated share of wrong labels or None; ``doubtful``: outliers and doubted labels, the clearest first;
        ``balance`` and ``sources``: sentences or None; ``applied``: what was decided or None; ``table``, ``review``: files; ``notes``.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: the photos cannot be used as they are, or what shall be applied would leave a class empty.
        ModelError: the backbone is not to be had.
        StorageError: the disk is full or cannot be written.
    """
    from tellapart.analyzed_folder import analyze_folder
    from tellapart.atomic_files import write_text
    from tellapart.output_guards import check_outside
    from tellapart.reports.review_page import write_review
    from tellapart.workflows.check_run import run_check
    from tellapart.workflows.review_view import issues_csv, review_view

    wanted, applied = _names(options.issues), _names(options.apply, are_all=False)
    _check_apply(wanted, applied)
    looked = analyze_folder(
        folder,
        _spec(options),
        reading=options,
        state=options.state,
        device=options.device,
        num_workers=options.num_workers,
        progress=progress,
    )
    out = options.out.expanduser()
    check_outside(out, looked.dataset)
    with progress.stage("checking", unit="steps"):
        found = run_check(looked, wanted, seed=options.seed)
    decided = _apply(looked, found, applied) if applied else None
    rows = decided["rows"] if decided else looked.rows
    backbone = None if options.backbone == NO_BACKBONE else options.backbone
    view = review_view(looked, found, rows, folder=str(folder), backbone=backbone)
    write_text(out / TABLE_FILE, issues_csv(found, rows))
    page = write_review(out, view, looked.thumbnails)
    for sentence in view["notes"]:
        progress.note(sentence)
    return {**_summary(found, view), "applied": decided and decided["said"], "table": str(out / TABLE_FILE), "review": str(page)}


def _names(words: str | None, *, are_all: bool = True) -> list[str]:
    """The issues that words mean, in the usual order."""
    from tellapart.curation.issues import NAMES

    if words is None:
        return list(NAMES) if are_all else []
    meant = {name for word in words.split(",") for name in GROUPS.get(word.strip(), (word.strip(),))}
    return [name for name in NAMES if name in meant]


def _check_apply(wanted: list[str], applied: list[str]) -> None:
    from tellapart.errors import OptionError

    missing = [name for name in applied if name not in wanted]
    if missing:
        raise OptionError(
            f"{', '.join(missing)} cannot be applied, because --issues leaves it out",
            hint="name it in --issues too, or leave --issues away",
        )


def _spec(chosen: CheckOptions) -> FeatureSpec:
    from tellapart.feature_extraction import FeatureSpec
    from tellapart.models.backbones import find_backbones

    if chosen.backbone == NO_BACKBONE:
        return FeatureSpec((), chosen.resize)
    spec = FeatureSpec(find_backbones(chosen.backbone, image_size=chosen.image_size), chosen.resize)
    return spec.computed(chosen.device, chosen.precision)


def _apply(looked: AnalyzedFolder, found: CheckResult, applied: list[str]) -> dict[str, Any]:
    """Write exclusions as one batch; the rows as then decided, and what to say."""
    from tellapart.dataset.decisions import EXCLUDE, read_decisions
    from tellapart.errors import DataError
    from tellapart.workflows.decision_writing import decision_about, write_changes

    why: dict[int, str] = {}
    for name in applied:
        for number in found.table.findings[name].worst_first if name in found.table.findings else []:
            why.setdefault(number, name)
    before = Counter(row.label for row in looked.rows if row.is_used and row.label is not None)
    after = Counter(row.label for n, row in enumerate(looked.rows) if row.is_used and row.label is not None and n not in why)
    if emptied := sorted(before.keys() - after.keys()):
        raise DataError(
            f"excluding {', '.join(applied)} would leave no image of {', '.join(map(repr, emptied))}, so nothing was decided",
            hint="tellapart check FOLDER without --apply shows what was found",
        )
    decisions = [replace(decision_about(found.rows[number], looked, EXCLUDE), why=reason) for number, reason in sorted(why.items())]
    said = {**write_changes(looked, decisions, "").as_dict(), "counts": dict(Counter(why.values()))}
    return {"rows": looked.decided_by(read_decisions(looked.state)), "said": said}


def _summary(found: CheckResult, view: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    header, rows = view["header"], view["rows"]
    is_odd = [not DOUBTFUL.isdisjoint(found.table.of_row(number)) for number in range(len(found.rows))]
    order = [int(number) for number in np.argsort(found.doubt, kind="stable") if is_odd[number] and not np.isnan(found.doubt[number])]
    return {
        "folder": header["folder"],
        "files": header["files"],
        "images": header["images"],
        "class_names": header["class_names"],
        "issues": [
            {
                "name": issue["name"],
                "title": issue["title"],
                "n": issue["n"],
                "share": issue["n"] / max(1, header["files"]),
                "worst": rows[issue["rows"][0]]["path"] if issue["rows"] else None,
                "reason": rows[issue["rows"][0]]["reason"] if issue["rows"] else None,
                "suggested": rows[issue["rows"][0]]["suggested"] if issue["rows"] and issue["name"] == "mislabeled" else None,
                "proposal": issue["proposal"],
            }
            for issue in view["issues"]
        ],
        "skipped": found.skipped,
        "noise": found.doubts.noise if found.doubts else None,
        "doubtful": [
            {"path": found.rows[number].path, "label": found.rows[number].label, "doubt": float(found.doubt[number])}
            for number in order[:MOST_DOUBTFUL]
        ],
        "balance": view["balance"]["sentence"] if view["balance"] else None,
        "sources": view["sources_sentence"],
        "notes": view["notes"],
    }
