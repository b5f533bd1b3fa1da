"""The report of an autoencoder: reconstructions, histograms of its latent units, and latent traversals."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tellapart.array_types import ByteArray, FloatArray
from tellapart.atomic_files import write_text
from tellapart.autoencoder_metrics import AutoencoderMetrics, LatentSummary, ReconstructionErrors
from tellapart.counts import count
from tellapart.interval import Interval
from tellapart.reports import number_format
from tellapart.reports.figures.latent_histograms import MOST_SERIES, histogram_figure, limits_of
from tellapart.reports.figures.svg import Figure
from tellapart.reports.figures.training_curves import loss_figure
from tellapart.reports.html_shell import render_page, view_json
from tellapart.reports.relative_links import without_absolute_paths
from tellapart.reports.thumbnail_budget import data_uri
from tellapart.reports.training_section import training_section
from tellapart.run_folder import EpochEvent
from tellapart.training.autoencoder_evaluation import AutoencoderEvaluation, Example
from tellapart.training.latent_analysis import STEPS, as_pixels

MODULES = ("autoencoder.js", "sections.js", "theme.js")
STYLES = ("page.css", "parts.css", "autoencoder.css")
SECTIONS = (
    ("summary", "Summary"),
    ("images", "Images"),
    ("strange", "Outliers"),
    ("latents", "Latents"),
    ("units", "Units"),
    ("training", "Training"),
    ("use", "Use"),
)
ENLARGED = 3
"""How many times a difference is made larger, to be seen."""
GROUPS = {"best": "Lowest error", "median": "Median error", "worst": "Highest error"}
STRANGE = (
    "Reconstruction error divided by the median of its side, training or held out, so that both can be ranked in one list. A high score"
    " is no fault of an image: fine detail is hard for every autoencoder. All images are in reconstruction.csv."
)
MOST_DEAD = 60
QUALITY = 88


def write_autoencoder_report(
    folder: Path, metrics: AutoencoderMetrics, history: Sequence[EpochEvent], evaluation: AutoencoderEvaluation
) -> Path:
    """Write ``report.html``, ``report.json`` and ``figures/*.svg`` into the run folder; gives the page's path.

    Args:
        folder: where to.
        metrics: ``metrics.json``.
        history: the epochs.
        evaluation: images, latents and what they draw.

    Raises:
        StorageError: the folder cannot be written.
    """
    images: dict[str, str] = {}
    view = without_absolute_paths(_view(metrics, history, evaluation, images), folder)
    figures = {figure.name: figure for figure in _figures(view, evaluation) if figure is not None}
    for name, figure in figures.items():
        write_text(folder / "figures" / f"{name}.svg", figure.standalone())
    write_text(folder / "report.json", view_json(view))
    absent = set() if view["traversal"] else {"units"}
    html = render_page(
        "autoencoder.html",
        modules=MODULES,
        styles=STYLES,
        payload={},
        thumbnails={},
        noun="report",
        view=view,
        figures=figures,
        images=images,
        words=number_format,
        sections=[(name, words) for name, words in SECTIONS if name not in absent],
    )
    write_text(folder / "report.html", html)
    return folder / "report.html"


def _view(
    metrics: AutoencoderMetrics, history: Sequence[EpochEvent], evaluation: AutoencoderEvaluation, images: dict[str, str]
) -> dict[str, Any]:
    section = training_section(history)
    cost, data, units = metrics.training, metrics.data, metrics.units
    header = {key: getattr(metrics, key) for key in ("run", "folder", "created", "tellapart", "net", "image_size")}
    images_seen, seconds = number_format.count(cost.images, "image"), number_format.duration(cost.seconds)
    speed = f"{images_seen} seen in {seconds}, {cost.images_per_s:,.0f} a second."
    return {
        "header": {**header, "latent": units.latent},
        "facts": list(_facts(metrics)),
        "errors": _errors(metrics),
        "notes": metrics.notes,
        "examples": [
            {"name": name, "title": GROUPS[name], "images": [_triple(one, evaluation, images) for one in examples]}
            for name, examples in evaluation.examples.items()
        ],
        "examples_sentence": (
            f"From the {number_format.count(data.held_back, 'image')} used neither for training nor for selecting the epoch."
            if data.held_back
            else "From the training images: none could be held out, so this says nothing about other images."
        )
        + f" Differences are shown {ENLARGED} times as strong.",
        "strange": [_strange(one, evaluation, images) for one in evaluation.strangest],
        "strange_sentence": STRANGE,
        "units_sentence": f"Each image becomes {units.latent:,} numbers. They vary like {units.worth:,.1f} equally variable ones"
        " (participation ratio).",
        "dead_sentence": _dead(units),
        "dead_shown": ", ".join(str(unit) for unit in (units.dead or [])[:MOST_DEAD]),
        "traversal": [_strip(i, evaluation, images) for i in range(len(evaluation.traversal.units))],
        "traversal_sentence": f"The latent of {_path(evaluation, evaluation.base)}, with one unit moved from -3 to +3 standard deviations"
        " around its mean and all others held; the units that move the image most.",
        "steps": [f"{step:+.0f} sd" if step else "mean" for step in STEPS],
        "training": {**section, "sentence": speed},
    }


def _facts(metrics: AutoencoderMetrics) -> Iterator[tuple[str, str]]:
    data, units, side = metrics.data, metrics.units, metrics.compared
    yield (
        f"{_levels(side.error.value)}",
        "gray levels of 255, root mean squared error" + ("" if metrics.held_back else " on training images"),
    )
    yield f"{data.trained_on:,}", "training images"
    yield f"{data.held_back:,}", "held out"
    yield f"{units.latent:,}", "latent units"
    yield ("–" if units.dead is None else f"{len(units.dead):,}"), "of them dead"


def _errors(metrics: AutoencoderMetrics) -> dict[str, Any]:
    side = metrics.compared
    what = "that were held out" if metrics.held_back else "of the training set, as none could be held out"
    components = metrics.components
    names = (
        ("error", "this autoencoder", ""),
        (
            "linear",
            f"{components:,} principal components",
            "the best linear code of this size for the training images",
        ),
        ("mean_image", "the mean training image", "the same reconstruction for every image"),
    )
    rows = [_error_row(key, name, words, getattr(side, key)) for key, name, words in names if key != "linear" or components]
    if metrics.held_back:
        name, words = "this autoencoder, on training images", "where this is much lower, more images would help"
        rows.insert(1, _error_row("learned", name, words, metrics.trained_on.error))
    caption = f"Mean over {number_format.count(side.n, 'image')} {what}, on the scale 0 to 1; 95 % intervals in brackets"
    return {"caption": caption, "rows": rows, "verdict": _verdict(side, components)}


def _error_row(key: str, name: str, explanation: str, error: Interval) -> dict[str, Any]:
    return {"key": key, "name": name, "explanation": explanation, "error": _interval(error), "levels": _levels(error.value)}


def _verdict(side: ReconstructionErrors, components: int) -> str:
    """Whether the network is better than PCA with as many components."""
    gain = side.better_than_linear
    if not components or gain is None:
        return ""
    if gain.low > 0:
        return f"It reconstructs images better than {components:,} principal components."
    if gain.high < 0:
        words = f"{components:,} principal components, which take a second to compute, reconstruct images better:"
        return f"{words} train longer, or on more images."
    return f"It is not significantly different from {components:,} principal components on these images."


def _dead(units: LatentSummary) -> str:
    if units.dead is None:
        return "One image alone does not show which units vary."
    if not units.dead:
        return f"None: all {count(units.latent, 'unit')} vary by at least a hundredth of the most variable one."
    n = len(units.dead)
    first = f"; the first {MOST_DEAD} are" if n > MOST_DEAD else " is" if n == 1 else " are"
    words = (
        f"{n:,} of {count(units.latent, 'unit')} carry almost no information: they vary by less than a hundredth of the most variable one."
    )
    return f"{words} Dead{first}:"


def _figures(view: Mapping[str, Any], evaluation: AutoencoderEvaluation) -> Iterator[Figure | None]:
    yield loss_figure(view["training"], "mean squared error", lambda value: f"{value:.5f}")
    units, rows = evaluation.units, evaluation.rows
    limits = limits_of(units.latents)
    by_class: dict[str, list[int]] = {}
    for index, row in enumerate(units.rows):
        by_class.setdefault(rows[row].label or "all images", []).append(index)
    largest = sorted(by_class, key=lambda name: (-len(by_class[name]), name))[:MOST_SERIES]
    first, second = _two(by_class, largest)
    one, two = (units.latents[index] for index in (first, second))
    names = [rows[units.rows[index]].path for index in (first, second)]
    yield histogram_figure("latents-one", "The numbers of one image", [(names[0], one)], limits)
    if first != second:
        yield histogram_figure("latents-two", "Of two images", [(names[0], one), (names[1], two)], limits)
    pooled: list[tuple[str, FloatArray]] = [(name, units.latents[by_class[name]].ravel()) for name in largest]
    title = "Of whole classes" if len(by_class) > 1 else "Of all images" if "all images" in by_class else "Of a class"
    yield histogram_figure("latents-class", title, pooled, limits)


def _two(by_class: Mapping[str, Sequence[int]], largest: Sequence[str]) -> tuple[int, int]:
    """Two images, of two classes where there are two."""
    first = by_class[largest[0]][0]
    return first, by_class[largest[1]][0] if len(largest) > 1 else by_class[largest[0]][-1]


def _triple(one: Example, evaluation: AutoencoderEvaluation, images: dict[str, str]) -> dict[str, Any]:
    difference = np.abs(one.original.astype(np.int16) - one.answer)
    enlarged = np.minimum(ENLARGED * difference, 255).astype(np.uint8)
    error = float(evaluation.errors[one.row])
    return {
        "path": _path(evaluation, one.row),
        "error": f"{_levels(error)} gray levels",
        "mean_squared_error": error,
        "original": _put(images, f"original-{one.row}", one.original),
        "answer": _put(images, f"answer-{one.row}", one.answer),
        "difference": _put(images, f"difference-{one.row}", enlarged),
    }


def _strange(one: Example, evaluation: AutoencoderEvaluation, images: dict[str, str]) -> dict[str, Any]:
    score, part = float(evaluation.scores[one.row]), "held out" if evaluation.is_held_back[one.row] else "training"
    return {
        "path": _path(evaluation, one.row),
        "score": score,
        "words": f"{score:.1f} times the median, {part}",
        "original": _put(images, f"original-{one.row}", one.original),
        "answer": _put(images, f"answer-{one.row}", one.answer),
    }


def _strip(index: int, evaluation: AutoencoderEvaluation, images: dict[str, str]) -> dict[str, Any]:
    moved = evaluation.traversal
    unit, effect = int(moved.units[index]), float(moved.effects[index])
    strip = np.concatenate(list(as_pixels(moved.images[index])), axis=1)
    return {"unit": unit, "effect": f"{255 * effect:.1f} gray levels", "image": _put(images, f"unit-{unit}", strip)}


def _put(images: dict[str, str], name: str, pixels: ByteArray) -> str:
    """Keep an image for the page; gives its name."""
    if name not in images:
        out = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(out, "JPEG", quality=QUALITY)
        images[name] = data_uri(out.getvalue())
    return name


def _path(evaluation: AutoencoderEvaluation, row: int) -> str:
    return evaluation.rows[row].path


def _levels(error: float) -> str:
    """A mean squared error on the scale 0 to 1 as a root mean square in gray levels of 255."""
    return f"{255 * float(error) ** 0.5:.1f}"


def _interval(interval: Interval) -> str:
    return f"{interval.value:.5f} ({interval.low:.5f} to {interval.high:.5f})"
