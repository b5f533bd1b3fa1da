"""View of a run: one plain dict per section, for the HTML report, its JSON twin and the studio."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.evaluation.intervals import effective_size_sentence
from tellapart.reports import number_format
from tellapart.reports.data_card import class_images, data_view
from tellapart.reports.decision_section import decision_view
from tellapart.reports.figures.calibration import FEW
from tellapart.reports.gallery import gallery_order, gallery_view
from tellapart.reports.ladder_section import changed_images, rungs_view
from tellapart.reports.map_section import map_view
from tellapart.reports.methods_text import method_sentences
from tellapart.reports.relative_links import without_absolute_paths
from tellapart.reports.runfiles import PARTS, RunFiles
from tellapart.reports.scores_section import binary_view, per_class_view, top_k_view, verdict_view
from tellapart.reports.search_section import search_view
from tellapart.reports.thumbnail_budget import ThumbnailBudget, Thumbnails, class_sheets, data_uri, fill
from tellapart.reports.training_section import training_view
from tellapart.reports.unusual_section import strangest_images, unusual_view

FORMAT = 1
WAYS = {"scratch": "{backbone} from scratch", "finetune": "{backbone}, fine-tuned", "auto": "auto: {backbone}"}


def report_view(
    folder: Path, thumbnails: Thumbnails, budget: ThumbnailBudget | None = None, *, run: RunFiles | None = None
) -> dict[str, Any]:
    """Everything the report of a run shows, JSON-able, one key a section.

    Keys: ``format``, ``header``, ``rungs``, ``confusion``, ``gallery``, ``reliability``, ``coverage``, ``decision``,
    ``unusual`` (lists have one item a
    reported part), ``sensitivity``, ``curve`` (each with ``reason`` set where the run has none), ``search`` (``auto`` only),
    ``training`` (None where no network was trained), ``map``, ``data``, ``notes``, ``method``, ``options`` and ``images``.
    ``images["thumbnails"]`` are data URIs by image_id, ``images["classes"]`` the contact sheet and mean image of each class;
    ``report.json`` is the view without ``images``.

    Args:
        folder: the run folder.
        thumbnails: JPEG bytes (about 128 pixels, 4 kB) by image_id; ids may be missing from the answer.
        budget: how much room images may take; the default keeps a page under 25 MB.
        run: what to report on, where ``folder`` is no run folder but only the place of the page.

    Raises:
        StorageError: a file of the run is absent or damaged.
    """
    budget = budget or ThumbnailBudget()
    run = run or RunFiles.load(folder)
    chosen: dict[str, bytes] = {}
    order = gallery_order(run.predictions)[: budget.gallery_images]
    shown = fill(chosen, (run.predictions.image_ids[i] for i in order), thumbnails, budget.gallery_bytes)
    view: dict[str, Any] = {
        "format": FORMAT,
        "header": header_view(run),
        "rungs": [rungs_view(run, part) for part in run.parts if run.metrics[part].get("rungs")],
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
        "notes": list(run.metrics.get("notes") or []),
        "method": method_sentences(run),
        "options": dict(run.options),
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


def header_view(run: RunFiles) -> dict[str, Any]:
    """Which run this is and its headline numbers, one item of ``parts`` a reported part."""
    metrics = run.metrics
    parts = []
    for part in run.parts:
        numbers = metrics[part]
        accuracy, log_loss = numbers.get("accuracy"), numbers.get("log_loss")
        seen = f"{number_format.count(numbers['n'], 'image')} it never saw in training"
        parts.append(
            {
                "part": part,
                "title": PARTS[part],
                "n": numbers["n"],
                "groups": numbers.get("groups"),
                "effective_size_sentence": effective_size_sentence(numbers),
                "accuracy": accuracy,
                "log_loss": log_loss,
                "macro_f1": numbers.get("macro_f1"),
                "auc": numbers.get("auc"),
                "ece": numbers.get("ece"),
                "verdict": verdict_view(run, part),
                "per_class": per_class_view(run, part),
                "top_k": top_k_view(run, part),
                "binary": binary_view(run, part),
                "sentence": f"{number_format.percent_interval(accuracy)}, {seen}" if accuracy else f"Not measured on {seen}",
                "interval_sentence": f"95{number_format.SPACE}% interval {number_format.share(accuracy['low'])} to "
                f"{number_format.percent(accuracy['high'])}"
                if accuracy
                else "Not measured",
                "log_loss_sentence": number_format.loss_interval(log_loss) if log_loss else "not measured",
            }
        )
    names = run.class_names
    fields = {key: metrics.get(key) for key in ("run", "folder", "created", "tellapart", "recipe", "backbone")}
    fields["run"] = fields["run"] or run.folder.name
    if state := (run.options.get("options") or {}).get("state"):
        fields["state"] = state
    words = WAYS.get(str(fields["recipe"]), "{recipe} on {backbone}").format(**fields)
    ladder = metrics.get("ladder") or {}
    fields |= {"model": words, "saved": ladder.get("saved"), "members": len((metrics.get("selection") or {}).get("members") or [])}
    return {**fields, "date": number_format.day(metrics.get("created")), "class_names": names, "num_classes": len(names), "parts": parts}


def run_facts(run: RunFiles) -> list[list[str]]:
    """Size of the saved model and speed of its training, each with a name; what is not known is left out."""
    found = []
    model = run.folder / "model"
    size = sum(path.stat().st_size for path in model.iterdir() if path.is_file()) if model.is_dir() else 0
    if size:
        found.append(["Saved model", number_format.size(size)])
    if count := len((run.metrics.get("selection") or {}).get("members") or []):
        found.append(["Networks averaged", str(count)])
    cost = run.metrics.get("training") or {}
    if cost.get("seconds"):
        found.append(["Trained for", number_format.duration(cost["seconds"])])
    if cost.get("images_per_s"):
        found.append(["Training speed", f"{cost['images_per_s']:,.0f} images/s"])
    return found


def _confusion(run: RunFiles, part: str) -> dict[str, Any]:
    """Rows are the truth, columns the prediction; ``order`` lists the classes by how many mistakes they take part in, most first."""
    matrix = np.array(run.metrics[part].get("confusion_matrix") or [], dtype=np.int64)
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


def _reliability(run: RunFiles, part: str) -> dict[str, Any]:
    numbers = run.metrics[part]
    bins, ece = numbers.get("reliability") or {}, numbers.get("ece") or {}
    words = "How often a stated probability comes true was not measured."
    few = ""
    if numbers["n"] < FEW:
        few = f"{number_format.count(numbers['n'], 'image')} are too few for a reliability diagram; it takes at least {FEW}."
    if ece.get("before") is not None and ece.get("after") is not None:
        words = (
            f"Stated and true shares differ by {number_format.percent(ece['after'])} on average (expected calibration error); "
            f"before the temperature it was {number_format.percent(ece['before'])}."
        )
    return {
        "part": part,
        "title": PARTS[part],
        "ece": ece,
        "before": bins.get("before") or [],
        "after": bins.get("after") or [],
        "sentence": words,
        "too_few": few,
    }


def _coverage(run: RunFiles, part: str) -> dict[str, Any]:
    points = sorted((dict(point) for point in run.metrics[part].get("coverage") or []), key=lambda point: -point["coverage"])
    words = "How accuracy grows when unsure images are left to a person was not measured."
    kept = [point for point in points if point.get("accuracy") is not None]
    if kept:
        every = kept[0]
        careful = next((point for point in kept if point["accuracy"] >= 1 - (1 - every["accuracy"]) / 2 and point is not every), None)
        words = f"Answering every image: {number_format.percent(every['accuracy'])} right."
        if careful and every["accuracy"] < 1:
            words += (
                f" Answering only when at least {number_format.percent(careful['threshold'])} sure "
                f"leaves {number_format.percent(1 - careful['coverage'], 0)} of the images to you "
                f"and gets {number_format.percent(careful['accuracy'])} of the others right."
            )
    return {"part": part, "title": PARTS[part], "points": kept, "sentence": words}


def _sensitivity(run: RunFiles) -> dict[str, Any]:
    found: Mapping[str, Any] | None = run.metrics.get("split_sensitivity")
    if not found:
        return {"reason": run.metrics.get("split_sensitivity_reason") or "Other splits were not tried in this run."}
    spread, splits = found["accuracy"], found["splits"]
    words = (
        f"The same recipe on {number_format.count(len(splits), 'other split')} of the same images scored between "
        f"{number_format.share(spread['low'])} and {number_format.percent(spread['high'])},"
        f" {number_format.percent(spread['mean'])} on average."
    )
    first = found.get("first")
    if first and first.get("accuracy"):
        score = number_format.percent_interval(first["accuracy"])
        words += f" Testing on the first {first['per_class']} files of each class would have said {score}."
    part = run.parts[0] if run.parts else None
    reported = {"part": part, **run.metrics[part]["accuracy"]} if part and run.metrics[part].get("accuracy") else None
    return {"reason": None, **found, "reported": reported, "sentence": words}


def _curve(run: RunFiles) -> dict[str, Any]:
    found: Mapping[str, Any] | None = run.metrics.get("learning_curve")
    if not found:
        return {"reason": run.metrics.get("learning_curve_reason") or "No learning curve was made in this run."}
    words, twice = "", found.get("twice")
    if twice and twice.get("accuracy"):
        words = f"With twice the training images ({twice['n_train']:,}) the fit expects {number_format.percent_interval(twice['accuracy'])}"
        gain = twice.get("gain")
        words += (
            "."
            if not gain
            else ", {} points ({} to {}).".format(*(number_format.signed(100 * gain[key], 1) for key in ("value", "low", "high")))
        )
        if gain and gain["low"] <= 0:
            words += " The gain may be nothing: better images or labels may be worth more than more of them."
    return {"reason": None, **found, "sentence": words}


def _map_images(view: Mapping[str, Any]) -> list[str]:
    ids = (view["points"] or {}).get("image_id", [])
    return [ids[i] for i in np.random.default_rng(1).permutation(len(ids)) if ids[i] is not None]


def _class_images(run: RunFiles, imaged: list[int], thumbnails: Thumbnails) -> list[dict[str, Any]]:
    images = class_images(run)
    found = []
    for k in imaged:
        name = run.class_names[k]
        made = class_sheets(images.get(name, []), len(imaged), thumbnails)
        found.append(
            {
                "label": k,
                "name": name,
                "sheet": made.sheet and data_uri(made.sheet),
                "sheet_images": made.sheet_images,
                "mean": made.mean and data_uri(made.mean),
                "mean_images": made.mean_images,
            }
        )
    return found
