"""What a check found, out of thin air: views of any size for the tests and screenshots of the review page."""

# ruff: noqa: E501
from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .synthetic import class_names, image

ISSUES = (
    ("unreadable", "Unreadable", "The file cannot be opened as an image.", "exclude"),
    ("exact_duplicate", "Exact duplicates", "Files with the same bytes.", "exclude"),
    ("contradiction", "Same image, two classes", "One image stands under different labels.", None),
    ("leak", "Leaks between parts", "One image stands in training and in test.", "exclude"),
    ("near_duplicate", "Near-duplicates", "The same image again, cropped, re-saved or mirrored.", "exclude"),
    ("placeholder", "Placeholders", "An image that says there is no image, under several searches.", "exclude"),
    ("small", "Too small", "Fewer pixels than the network looks at.", None),
    ("blurred", "Blurred", "Hardly an edge in it.", None),
    ("dark", "Dark", "Nearly black.", None),
    ("outlier", "Outliers", "Unlike the rest of its class.", None),
    ("mislabeled", "Mislabeled", "Other images like it are called otherwise.", "relabel"),
)
KINDS = {
    "exact_duplicate": "exact",
    "contradiction": "contradiction",
    "leak": "leak",
    "near_duplicate": "near",
    "placeholder": "placeholder",
}
NASTY_FILES = (
    'it\'s "quoted" & <b>bold</b>.jpg',
    "line\nbreak\ttab.jpg",
    "Ünïcödé 猫 🦊 \u2028 \u0085.jpg",
    "</script><script>alert(1)</script>.jpg",
    "lone \\xff byte.jpg",  # as rows show a byte that is no text
    "a " * 120 + "long name.jpg",
)


def review_view(
    *,
    each: int = 6,
    groups: int = 3,
    names: Sequence[str] = class_names(3),
    files: Sequence[str] = (),
    folder: str = "/photos/wild ones",
    seed: int = 0,
    found: Sequence[str] = tuple(name for name, *_ in ISSUES),
) -> dict[str, Any]:
    """A view with ``each`` rows a finding of single images and ``groups`` groups of 2 to 4 a finding of groups."""
    made = _Made(names, files, np.random.default_rng(seed))
    issues, all_groups = [], []
    for name, title, explanation, proposal in ISSUES:
        rows: list[int] = []
        if name in found and name in KINDS:
            for number in range(groups):
                group = made.group(name, KINDS[name], 2 + number % 3)
                all_groups.append(group)
                rows += [row for row in group["rows"] if proposal is None or row != group["best"]]
        elif name in found:
            rows = [made.single(name, number / max(1, 2 * each)) for number in range(each)]
        issues.append(
            {"name": name, "title": title, "explanation": explanation, "n": len(rows), "threshold": 0.5, "rows": rows, "proposal": proposal}
        )
    if "near_duplicate" in found:
        all_groups += [made.group("near_duplicate", "boundary", 2) for _ in range(groups)]
    counts = [Counter(made.rows[row]["label"] for row in issue["rows"]) for issue in issues]
    return {
        "header": {"folder": folder, "files": 900 + len(made.rows), "images": 890 + len(made.rows), "class_names": list(names), "parts": ["train", "test"],
                   "tellapart": "0.1.0", "made": "2026-11-21T10:00:00+00:00", "backbone": "lite0"},
        "issues": issues,
        "rows": made.rows,
        "groups": all_groups,
        "classes": [{"name": name, "images": 300 + 40 * k, "issues": {issue["name"]: count[name] for issue, count in zip(issues, counts, strict=True)}}
                    for k, name in enumerate(names)],
        "balance": {"sentence": f"The largest class, {names[-1]}, has 1.3 times the images of the smallest.", "ratio": 1.3},
        "sources": [{"source": f"source {k}.example", "classes": {name: 10 * k + i for i, name in enumerate(names)}} for k in range(4)],
        "sources_sentence": "Two sources give one class only: a model may learn the source.",
        "notes": ["3 files were looked at by name only."],
    }  # fmt: skip


class _Made:
    def __init__(self, names: Sequence[str], files: Sequence[str], rng: np.random.Generator) -> None:
        self.names, self.files, self.rng = names, files, rng
        self.rows: list[dict[str, Any]] = []

    def single(self, issue: str, score: float, **values: Any) -> int:
        number, k = len(self.rows), int(self.rng.integers(len(self.names)))
        label = self.names[k]
        file = self.files[number % len(self.files)] if self.files else f"IMG_{number:05d}.jpg"
        is_read = issue != "unreadable"
        row = {
            "path": f"train/{label.replace('/', '')}/{file}",
            "image_id": hashlib.sha256(f"{number}".encode()).hexdigest() if is_read else None,
            "label": label, "part": "test" if number % 5 == 0 else "train",
            "width": int(self.rng.integers(80, 4000)) if is_read else None, "height": int(self.rng.integers(80, 3000)) if is_read else None,
            "size_bytes": int(self.rng.integers(900, 9_000_000)), "status": "used" if is_read else "unreadable",
            "reason": None if is_read else "the file is cut short",
            "scores": {issue: round(score, 3), "blurred": 0.81, "dark": 0.93, "outlier": 0.64} | ({issue: round(score, 3)}),
            "suggested": None, "probability": None, "own_probability": None,
        }  # fmt: skip
        if issue == "mislabeled":
            row |= {
                "suggested": self.names[(k + 1) % len(self.names)],
                "probability": round(1 - score / 2, 3),
                "own_probability": round(score / 3, 3),
            }
        self.rows.append(row | values)
        return number

    def group(self, issue: str, kind: str, size: int) -> dict[str, Any]:
        rows = [self.single(issue, 0.1 + 0.2 * i) for i in range(size)]
        if kind in ("exact", "contradiction"):
            for row in rows[1:]:
                self.rows[row] |= {key: self.rows[rows[0]][key] for key in ("image_id", "width", "height", "size_bytes")}
        if kind in ("near", "boundary", "exact"):
            for row in rows[1:]:
                self.rows[row]["label"] = self.rows[rows[0]]["label"]
        if kind == "contradiction":
            for i, row in enumerate(rows):
                self.rows[row]["label"] = self.names[i % len(self.names)]
        best = None if kind == "contradiction" else rows[0]
        why = "one image, two labels" if best is None else "the largest, 1,600 × 1,200, and the sharpest"
        return {"kind": kind, "rows": rows, "best": best, "similarity": None if kind == "exact" else 0.974, "why": why}


def thumbnails_of_view(view: Mapping[str, Any]) -> Callable[[Sequence[str]], Mapping[str, bytes]]:
    """An image for every image of the view."""
    label_of = {row["image_id"]: str(row["label"]) for row in view["rows"]}
    return lambda ids: {i: image(label_of[i], int(i[:8], 16) % 24) for i in ids if i in label_of}
