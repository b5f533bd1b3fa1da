"""The data card: files of the folder, how they were used, and the issues found."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypedDict

import numpy as np

from tellapart.interval import IntervalDict
from tellapart.reports.number_format import count, loss_brief, percent_brief, size
from tellapart.results import plain
from tellapart.run_folder import RunContent
from tellapart.run_metrics import DuplicateCounts, LeakEffect

LISTED_FILES = 200
LISTED_GROUPS = 60
IMAGED_CLASSES = 60


class CommonSize(TypedDict):
    """A size in pixels that ``n`` images have."""

    width: int
    height: int
    n: int


class SizesView(TypedDict):
    """Median width and height, the most common sizes, and the size of all files in bytes."""

    sentence: str
    width: int
    height: int
    common: list[CommonSize]
    size_bytes: int


class SkippedReason(TypedDict):
    """How many files have a status for a reason."""

    status: str
    reason: str
    n: int


class SkippedFile(TypedDict):
    """A file that was not used."""

    path: str
    status: str
    reason: str


class SkippedView(TypedDict):
    """The files not used."""

    n: int
    reasons: list[SkippedReason]
    files: list[SkippedFile]


class DuplicatesView(TypedDict):
    """Groups of identical files and of near-duplicates; the paths of the first groups."""

    sentence: str
    exact_groups: int
    near_groups: int
    images: int
    groups: list[list[str]]


class LeakScore(TypedDict):
    """The score with or without the leaked images."""

    name: str
    accuracy: IntervalDict
    log_loss: IntervalDict
    accuracy_text: str
    log_loss_text: str


class LeakView(TypedDict):
    """The effect of duplicates between the user's own folders."""

    sentence: str
    scores: list[LeakScore]


class DataView(TypedDict):
    """The data section; ``used``, ``sizes``, ``duplicates`` and ``leak`` are None where nothing is known."""

    files: int
    used: int | None
    unreadable: int
    set_aside: int
    classes: list[dict[str, Any]]
    parts: dict[str, int]
    sizes: SizesView | None
    skipped: SkippedView
    duplicates: DuplicatesView | None
    leak: LeakView | None
    is_leak_checked: bool
    imaged: list[int]


def data_view(run: RunContent) -> DataView:
    """Counts by class and part, sizes, files not used with their reasons, duplicate groups and leaks."""
    data = run.metrics.data
    classes = data.classes if data else []
    return {
        "files": data.files if data else len(run.rows),
        "used": data.used if data else None,
        "unreadable": data.unreadable if data else 0,
        "set_aside": data.set_aside if data else 0,
        "classes": [plain(row) for row in classes],
        "parts": {part: sum(getattr(row, part) for row in classes) for part in ("train", "val", "test")},
        "sizes": _sizes(run),
        "skipped": _skipped(run),
        "duplicates": _duplicates(data.duplicates) if data and data.duplicates else None,
        "leak": _leak(run.metrics.leak) if run.metrics.leak else None,
        "is_leak_checked": run.metrics.leak_reason is None,
        "imaged": imaged_classes(run),
    }


def imaged_classes(run: RunContent) -> list[int]:
    """Which classes get a contact sheet: all, or the 60 largest, in their order."""
    used = Counter(row.label for row in run.rows if row.is_used)
    largest = sorted(range(len(run.class_names)), key=lambda k: -used[run.class_names[k]])[:IMAGED_CLASSES]
    return sorted(largest)


def class_images(run: RunContent) -> dict[str, list[str]]:
    """The image_ids of each class by name: the training images, or all used ones where a class has none."""
    images: dict[str, dict[str, list[str]]] = {}
    for row in run.rows:
        if row.label is not None and row.image_id is not None and row.is_used:
            images.setdefault(row.label, {}).setdefault("train" if row.part == "train" else "other", []).append(row.image_id)
    return {label: parts.get("train") or parts["other"] for label, parts in images.items()}


def _sizes(run: RunContent) -> SizesView | None:
    shapes = [(row.width, row.height) for row in run.rows if row.width and row.height]
    if not shapes:
        return None
    width, height = np.median(np.array(shapes), axis=0).astype(int).tolist()
    smallest, largest = min(shapes, key=lambda s: s[0] * s[1]), max(shapes, key=lambda s: s[0] * s[1])
    size_bytes = sum(row.size_bytes for row in run.rows)
    common: list[CommonSize] = [{"width": w, "height": h, "n": n} for (w, h), n in Counter(shapes).most_common(3)]
    sentence = f"Typically {width:,} × {height:,} pixels"
    if smallest != largest:
        sentence += f", from {smallest[0]:,} × {smallest[1]:,} to {largest[0]:,} × {largest[1]:,}"
    return {
        "sentence": f"{sentence}; {size(size_bytes)} in all.",
        "width": width,
        "height": height,
        "common": common,
        "size_bytes": size_bytes,
    }


def _skipped(run: RunContent) -> SkippedView:
    rows = [row for row in run.rows if not row.is_used]
    reasons = Counter((row.status, row.reason or "no reason was kept") for row in rows)
    files: list[SkippedFile] = [{"path": row.path, "status": row.status, "reason": row.reason or ""} for row in rows]
    return {
        "n": len(rows),
        "reasons": [{"status": status, "reason": reason, "n": n} for (status, reason), n in reasons.most_common(30)],
        "files": files[:LISTED_FILES],
    }


def _duplicates(duplicates: DuplicateCounts) -> DuplicatesView:
    exact, near, images = duplicates.exact_groups, duplicates.near_groups, duplicates.images
    if not exact and not near:
        sentence = "No duplicates were found."
    else:
        sentence = (
            f"{count(exact, 'group')} of identical files and {count(near, 'group')} of near-duplicates, {count(images, 'image')} in all."
        )
        sentence += " The images of a group always stay on the same side of a split."
    return {
        "sentence": sentence,
        "exact_groups": exact,
        "near_groups": near,
        "images": images,
        "groups": duplicates.groups[:LISTED_GROUPS],
    }


def _leak(leak: LeakEffect) -> LeakView:
    scores: list[LeakScore] = []
    for name, score in (("With the leak", leak.naive), ("Without it", leak.honest)):
        accuracy, log_loss = score.accuracy.as_dict(), score.log_loss.as_dict()
        scores.append(
            {
                "name": name,
                "accuracy": accuracy,
                "log_loss": log_loss,
                "accuracy_text": percent_brief(accuracy),
                "log_loss_text": loss_brief(log_loss),
            }
        )
    sentence = (
        f"{count(leak.images, 'image')} ({count(leak.groups, 'group')}) of your own {leak.part} folder "
        "are also in the training folder, as the same file or a near-duplicate. Scores on images that the model was trained on say "
        "nothing about new ones."
    )
    return {"sentence": sentence, "scores": scores}
