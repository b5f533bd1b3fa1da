"""View of a run: one plain dict per section, for the HTML report, ``report.json`` and the studio."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.counts import count
from tellapart.evaluation.intervals import effective_size_sentence
from tellapart.part_metrics import ReportedPart
from tellapart.reports import number_format
from tellapart.reports.conformal_section import strangest_images, unusual_view
from tellapart.reports.data_card import class_images, data_view
from tellapart.reports.decision_section import decision_view
from tellapart.reports.figures.calibration import FEW
from tellapart.reports.gallery import gallery_order, gallery_view
from tellapart.reports.ladder_section import changed_images, rungs_view
from tellapart.reports.map_section import map_view
from tellapart.reports.methods_text import method_sentences
from tellapart.reports.number_format import PARTS
from tellapart.reports.relative_links import without_absolute_paths
from tellapart.reports.report_document import (
    ClassImages,
    ConfusionView,
    CoverageView,
    HeaderView,
    PartView,
    ReliabilityView,
    ReportView,
    SectionView,
)
from tellapart.reports.scores_section import binary_view, per_class_view, top_k_view, verdict_view
from tellapart.reports.search_section import search_view
from tellapart.reports.thumbnail_budget import ThumbnailBudget, Thumbnails, class_sheets, data_uri, fill
from tellapart.reports.training_section import training_view
from tellapart.results import plain
from tellapart.run_folder import Run, RunContent
from tellapart.run_metrics import FoldScores

FORMAT = 1
WAYS = {"scratch": "{backbone} from scratch", "finetune": "{backbone}, fine-tuned", "auto": "auto: {backbone}"}


def report_view(
    folder: Path, thumbnails: Thumbnails, budget: ThumbnailBudget | None = None, *, run: RunContent | None = None
) -> ReportView:
    """Everything the report of a run shows, JSON-able.

    Args:
        folder: the run folder.
        thumbnails: JPEG bytes (about 128 pixels, 4 kB) by image_id; ids may be missing from the answer.
        budget: how much room images may take; the default keeps a page under 25 MB.
        run: what to report on, whose ``folder`` may also be only the folder of the page.

    Raises:
        StorageError: a file of the run is absent or damaged.
    """
    budget = budget or ThumbnailBudget()
    run = run or Run(folder).content()
    chosen: dict[str, bytes] = {}
    order = gallery_order(run.predictions)[: budget.gallery_images]
    shown = fill(chosen, (run.predictions.image_ids[i] for i in order), thumbnails, budget.gallery_bytes)
    view: ReportView = {
        "format": FORMAT,
        "header": header_view(run),
        "rungs": [rungs_view(run, part) for part in run.parts if run.metrics.parts[part].rungs],
        "confusion": [_confusion(run, part) for part in run.parts],
        "gallery": gallery_view(run, order[:shown]),
        "reliability": [_reliability(run, part) for part in run.parts],
        "coverage": [_coverage(run, part) for part in run.parts],
        "decision": decision_view(run),
        "unusual": unusual_view(run),
        "sensitivity": _sensitivity(run),
        "curve": _curve(run),
        "search": search_view(run),
        "training": training_view(run),
        "map": map_view(run),
        "data": data_view(run),
        "notes": run.metrics.notes,
        "method": method_sentences(run),
        "options": run.options.as_dict(),
        "run_facts": run_facts(run),
    }
    view = without_absolute_paths(view, folder)
    for section in view["rungs"]:
        fill(chosen, changed_images(section), thumbnails, budget.ladder_bytes // len(view["rungs"]))
    fill(chosen, (image["image_id"] for image in view["gallery"]["training_images"]), thumbnails, budget.nearest_bytes)
    fill(chosen, strangest_images(view["unusual"]), thumbnails, budget.ladder_bytes)
    fill(chosen, _map_images(view["map"]), thumbnails, budget.map_bytes)
    view["images"] = {
        "thumbnails": {image_id: data_uri(jpeg) for image_id, jpeg in chosen.items()},
        "classes": _class_images(run, view["data"]["imaged"], thumbnails),
    }
    return view


def header_view(run: RunContent) -> HeaderView:
    """Which run this is and its headline numbers, one item of ``parts`` a reported part."""
    metrics = run.metrics
    header: HeaderView = {
        "run": metrics.run,
        "folder": metrics.folder,
        "created": metrics.created,
        "tellapart": metrics.tellapart,
        "recipe": metrics.recipe,
        "backbone": metrics.backbone,
        "model": WAYS.get(metrics.recipe, "{recipe} on {backbone}").format(recipe=metrics.recipe, backbone=metrics.backbone),
        "saved": metrics.ladder.saved if metrics.ladder else None,
        "members": len(_members(run)),
        "date": number_format.day(metrics.created),
        "class_names": run.class_names,
        "num_classes": len(run.class_names),
        "parts": [_part_view(run, part, numbers) for part, numbers in metrics.parts.items()],
    }
    state = run.options.options.get("state")
    if state and isinstance(state, str):
        header["state"] = state
    return header


def _part_view(run: RunContent, part: str, scores: ReportedPart) -> PartView:
    """The headline numbers of one reported part."""
    accuracy, log_loss = scores.accuracy.as_dict(), scores.log_loss.as_dict()
    interval = f"{number_format.share(accuracy['low'])} to {number_format.percent(accuracy['high'])}"
    return {
        "part": part,
        "title": PARTS[part],
        "n": scores.n,
        "groups": scores.groups,
        "effective_size_sentence": effective_size_sentence(scores),
        "accuracy": accuracy,
        "log_loss": log_loss,
        "macro_f1": scores.macro_f1.as_dict(),
        "auc": plain(scores.auc),
        "ece": scores.ece,
        "verdict": verdict_view(run, part),
        "per_class": per_class_view(run, part),
        "top_k": top_k_view(run, part),
        "binary": binary_view(run, part),
        "sentence": f"{number_format.percent_interval(accuracy)}, {number_format.count(scores.n, 'image')} it never saw in training",
        "interval_sentence": f"95{number_format.SPACE}% interval {interval}",
        "log_loss_sentence": number_format.loss_interval(log_loss),
    }


def run_facts(run: RunContent) -> list[list[str]]:
    """Size of the saved model and speed of its training, each with a name; what is not known is left out."""
    facts = []
    model = run.folder / "model"
    size = sum(path.stat().st_size for path in model.iterdir() if path.is_file()) if model.is_dir() else 0
    if size:
        facts.append(["Saved model", number_format.size(size)])
    if members := _members(run):
        facts.append(["Networks averaged", str(len(members))])
    if cost := run.metrics.training:
        facts.append(["Trained for", number_format.duration(cost.seconds)])
        facts.append(["Training speed", f"{cost.images_per_s:,.0f} images/s"])
    return facts


def _members(run: RunContent) -> list[FoldScores]:
    return run.metrics.selection.members if run.metrics.selection else []


def _confusion(run: RunContent, part: str) -> ConfusionView:
    matrix = np.array(run.metrics.parts[part].confusion_matrix, dtype=np.int64)
    if matrix.size == 0:
        return {"part": part, "title": PARTS[part], "matrix": [], "order": [], "pairs": []}
    off = matrix.copy()
    np.fill_diagonal(off, 0)
    mistakes = off.sum(axis=0) + off.sum(axis=1)
    worst = np.argsort(-off, axis=None, kind="stable")[:5]
    pairs = [(int(i // len(off)), int(i % len(off))) for i in worst if off.flat[i] > 0]
    return {
        "part": part,
        "title": PARTS[part],
        "matrix": matrix.tolist(),
        "order": np.argsort(-mistakes, kind="stable").tolist(),
        "pairs": [{"label": i, "predicted": j, "n": int(off[i, j])} for i, j in pairs],
    }


def _reliability(run: RunContent, part: str) -> ReliabilityView:
    numbers = run.metrics.parts[part]
    bins, ece = plain(numbers.reliability), numbers.ece
    few = ""
    if numbers.n < FEW:
        few = f"{number_format.count(numbers.n, 'image')} are too few for a reliability diagram; it takes at least {FEW}."
    words = (
        f"Stated and true shares differ by {number_format.percent(ece['after'])} on average (expected calibration error); "
        f"before the temperature it was {number_format.percent(ece['before'])}."
    )
    return {
        "part": part,
        "title": PARTS[part],
        "ece": ece,
        "before": bins["before"],
        "after": bins["after"],
        "sentence": words,
        "too_few": few,
    }


def _coverage(run: RunContent, part: str) -> CoverageView:
    points = sorted(run.metrics.parts[part].coverage, key=lambda point: -point.coverage)
    every, *others = points
    careful = next((point for point in others if point.accuracy >= 1 - (1 - every.accuracy) / 2), None)
    words = f"Answering every image: {number_format.percent(every.accuracy)} right."
    if careful and every.accuracy < 1:
        words += (
            f" Answering only when at least {number_format.percent(careful.threshold)} sure "
            f"leaves {number_format.percent(1 - careful.coverage, 0)} of the images to you "
            f"and gets {number_format.percent(careful.accuracy)} of the others right."
        )
    return {"part": part, "title": PARTS[part], "points": [plain(point) for point in points], "sentence": words}


def _sensitivity(run: RunContent) -> SectionView:
    sensitivity = run.metrics.split_sensitivity
    if sensitivity is None:
        return {"reason": run.metrics.split_sensitivity_reason or "Other splits were not tried in this run."}
    spread, first = sensitivity.accuracy, sensitivity.first
    words = (
        f"The same recipe on {number_format.count(len(sensitivity.splits), 'other split')} of {sensitivity.images()} scored between "
        f"{number_format.share(spread.low)} and {number_format.percent(spread.high)},"
        f" {number_format.percent(spread.mean)} on average."
        f" Testing on the first {count(first.per_class, 'file')} of each class would have given"
        f" {number_format.percent_interval(first.accuracy.as_dict())}."
    )
    if sensitivity.sample is not None:
        words += " The model of this run learned from more images, so its own score is expected to be higher."
    reported = next(({"part": name, **part.accuracy.as_dict()} for name, part in run.metrics.parts.items()), None)
    numbers: SectionView = plain(sensitivity)
    return {**numbers, "images": sensitivity.images(), "reason": None, "reported": reported, "sentence": words}


def _curve(run: RunContent) -> SectionView:
    curve = run.metrics.learning_curve
    if curve is None:
        return {"reason": run.metrics.learning_curve_reason or "No learning curve was made in this run."}
    twice, gain = curve.twice, curve.twice.gain
    value, low, high = (number_format.signed(100 * x, 1) for x in (gain.value, gain.low, gain.high))
    words = f"With twice the training images ({twice.n_train:,}) the fit expects {number_format.percent_interval(twice.accuracy.as_dict())}"
    words += f", {value} points ({low} to {high})."
    if gain.low <= 0:
        words += " The gain may be nothing: better images or labels may be worth more than more of them."
    return {"reason": None, "points": plain(curve.points), "fit": curve.fit, "twice": plain(curve.twice), "sentence": words}


def _map_images(view: Mapping[str, Any]) -> list[str]:
    ids = (view["points"] or {}).get("image_id", [])
    return [ids[i] for i in np.random.default_rng(1).permutation(len(ids)) if ids[i] is not None]


def _class_images(run: RunContent, imaged: list[int], thumbnails: Thumbnails) -> list[ClassImages]:
    images = class_images(run)
    views: list[ClassImages] = []
    for k in imaged:
        name = run.class_names[k]
        made = class_sheets(images.get(name, []), len(imaged), thumbnails)
        views.append(
            {
                "label": k,
                "name": name,
                "sheet": data_uri(made.sheet) if made.sheet else None,
                "sheet_images": made.sheet_images,
                "mean": data_uri(made.mean) if made.mean else None,
                "mean_images": made.mean_images,
            }
        )
    return views
