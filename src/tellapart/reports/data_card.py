"""The data card: files of the folder, how they were used, and the issues found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from tellapart.reports.number_format import count, loss_brief, percent_brief, size
from tellapart.reports.runfiles import RunFiles

LISTED_FILES = 200
LISTED_GROUPS = 60
IMAGED_CLASSES = 60


def data_view(run: RunFiles) -> dict[str, Any]:
    """Counts by class and part, sizes, files not used with their reasons, duplicate groups and leaks."""
    data: Mapping[str, Any] = run.metrics.get("data") or {}
    classes = [{part: row.get(part) or 0 for part in ("train", "val", "test")} | {"name": row["name"]} for row in data.get("classes") or []]
    return {
        "files": data.get("files", run.rows),
        "used": data.get("used"),
        "unreadable": data.get("unreadable", 0),
        "set_aside": data.get("set_aside", 0),
        "classes": classes,
        "parts": {part: sum(row[part] for row in classes) for part in ("train", "val", "test")},
        "sizes": _sizes(run),
        "skipped": _skipped(run),
        "duplicates": None if data.get("duplicates") is None else _duplicates(data["duplicates"]),
        "leak": _leak(run.metrics.get("leak")),
        "is_leak_checked": "leak" in run.metrics,
        "imaged": imaged_classes(run),
    }


def imaged_classes(run: RunFiles) -> list[int]:
    """Which classes get a contact sheet: all, or the 60 largest, in their order."""
    used = Counter(label for label, status in zip(run.images["label"], run.images["status"], strict=True) if status == "used")
    largest = sorted(range(len(run.class_names)), key=lambda k: -used[run.class_names[k]])[:IMAGED_CLASSES]
    return sorted(largest)


def class_images(run: RunFiles) -> dict[str, list[str]]:
    """The image_ids of each class by name: the training images, or all used ones where a class has none."""
    found: dict[str, dict[str, list[str]]] = {}
    for label, image_id, part, status in zip(*(run.images[name] for name in ("label", "image_id", "part", "status")), strict=True):
        if label is not None and image_id is not None and status == "used":
            found.setdefault(label, {}).setdefault("train" if part == "train" else "other", []).append(image_id)
    return {label: parts.get("train") or parts["other"] for label, parts in found.items()}


def _sizes(run: RunFiles) -> dict[str, Any] | None:
    shapes = [(w, h) for w, h in zip(run.images["width"], run.images["height"], strict=True) if w and h]
    if not shapes:
        return None
    width, height = np.median(np.array(shapes), axis=0).astype(int).tolist()
    smallest, largest = min(shapes, key=lambda s: s[0] * s[1]), max(shapes, key=lambda s: s[0] * s[1])
    size_bytes = sum(b or 0 for b in run.images["size_bytes"])
    common = [{"width": w, "height": h, "n": n} for (w, h), n in Counter(shapes).most_common(3)]
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


def _skipped(run: RunFiles) -> dict[str, Any]:
    rows = [i for i in range(run.rows) if run.images["status"][i] not in ("used", None)]
    reasons = Counter((run.images["status"][i], run.images["reason"][i] or "no reason was kept") for i in rows)
    files = [{"path": run.images["path"][i], "status": run.images["status"][i], "reason": run.images["reason"][i] or ""} for i in rows]
    return {
        "n": len(rows),
        "reasons": [{"status": status, "reason": reason, "n": n} for (status, reason), n in reasons.most_common(30)],
        "files": files[:LISTED_FILES],
    }


def _duplicates(duplicates: Mapping[str, Any]) -> dict[str, Any]:
    exact, near, images = (duplicates.get(key) or 0 for key in ("exact_groups", "near_groups", "images"))
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
        "groups": (duplicates.get("groups") or [])[:LISTED_GROUPS],
    }


def _leak(leak: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not leak:
        return None
    scores = []
    for key, name in (("naive", "With the leak"), ("honest", "Without it")):
        score = leak.get(key) or {}
        accuracy, log_loss = score.get("accuracy"), score.get("log_loss")
        scores.append(
            {
                "name": name,
                "accuracy": accuracy,
                "log_loss": log_loss,
                "accuracy_text": percent_brief(accuracy) if accuracy else "not measured",
                "log_loss_text": loss_brief(log_loss) if log_loss else "not measured",
            }
        )
    sentence = (
        f"{count(leak.get('images', 0), 'image')} ({count(leak.get('groups', 0), 'group')}) of your own {leak.get('part', 'other')} folder "
        "also lie in the training folder, as the same file or nearly so. A model that has seen the question knows the answer."
    )
    return {"sentence": sentence, "scores": scores}
