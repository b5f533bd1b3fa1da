"""The model card of the hub, README.md: what the model is, how good, on what, and where it fails; licenses are left to fill in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tellapart.counts import count
from tellapart.interval import Interval
from tellapart.model_export.parity import Parity
from tellapart.run_folder import Run
from tellapart.run_metrics import DataCounts

FILL_IN = "FILL IN"
FRONT = f"""---
library_name: timm
pipeline_tag: image-classification
tags:
- image-classification
- timm
- tellapart
license: other
license_name: {FILL_IN}
license_link: {FILL_IN}
---
"""


def readme(run: Run, metadata: Mapping[str, Any], parity: Parity, *, is_mirrored: bool) -> str:
    """The text of the card.

    Args:
        run: the run that was exported.
        metadata: of the exported model.
        parity: its comparison with the run.
        is_mirrored: whether the run averages with the mirror image.
    """
    names = metadata["class_names"]
    sections = [
        f"# {_plain(metadata['run'])}",
        f"An image classifier for {count(len(names), 'class', 'classes')}: {', '.join(map(_plain, names))}.",
        "## How good it is\n" + _scores(run),
        "## How it was made\n" + _method(run, metadata),
        "## Use\n" + _use(is_mirrored=is_mirrored, clip=metadata["clip"]),
        "## Calibration\n" + _calibration(run, metadata),
        "## Data\n" + _data(run),
        "## Limits\n" + _limits(run),
        "## This export\n" + _parity(parity),
        "## License\n" + "\n".join(f"- of {what}: {FILL_IN}" for what in ("this model", "the photos", "the weights it started from")),
    ]
    return FRONT + "\n" + "\n\n".join(sections) + "\n"


def _plain(text: Any) -> str:
    """Text that Markdown and HTML leave as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in str(text)).replace("\n", " ")


def _interval(found: Interval, factor: float = 1.0, unit: str = "", digits: int = 3) -> str:
    value, low, high = (f"{factor * x:.{digits}f}" for x in (found.value, found.low, found.high))
    return f"{value}{unit} ({low} to {high})"


def _scores(run: Run) -> str:
    lines = ["| images | accuracy (95 %) | log loss (95 %) | macro F1 (95 %) |", "|---|---|---|---|"]
    for name, part in run.metrics.parts.items():
        accuracy, loss, f1 = _interval(part.accuracy, 100, " %", 1), _interval(part.log_loss), _interval(part.macro_f1)
        lines.append(f"| {part.n:,} of the part {name}, never seen in training | {accuracy} | {loss} | {f1} |")
    first = next(iter(run.metrics.parts.values()), None)
    lines += ["", "| class | images | precision | recall |", "|---|---|---|---|"]
    lines += [
        f"| {_plain(row.name)} | {row.support:,} | {_share(row.precision)} | {_share(row.recall)} |"
        for row in (first.per_class if first else [])
    ]
    if sensitivity := run.metrics.split_sensitivity:
        low, high = (f"{100 * x:.1f} %" for x in (sensitivity.accuracy.low, sensitivity.accuracy.high))
        lines += ["", f"{count(len(sensitivity.splits), 'other split')} of the same photos gave an accuracy of {low} to {high}."]
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _method(run: Run, metadata: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in metadata["versions"].items())
    return f"Recipe {metadata['recipe']} on {_plain(metadata['backbone'])}, made {run.metrics.created[:10]}. Versions: {versions}."


def _use(*, is_mirrored: bool, clip: float) -> str:
    mirror = (
        "The scores above are for the mean of the logits of an image and of its mirror image:\n"
        "`logits = (model(x) + model(x.flip(3))) / 2`. "
        if is_mirrored
        else ""
    )
    return (
        "```python\nimport timm\nfrom PIL import Image\n\n"
        'model = timm.create_model("local-dir:FOLDER", pretrained=True).eval()   # or "hf-hub:YOU/NAME"\n'
        "transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))\n"
        'x = transform(Image.open("photo.jpg").convert("RGB"))[None]\n'
        'print(dict(zip(model.pretrained_cfg["label_names"], model(x).softmax(1)[0].tolist())))\n```\n'
        f"{mirror}Probabilities are then raised to at least {clip:.2g} and normalized."
    )


def _calibration(run: Run, metadata: Mapping[str, Any]) -> str:
    part = next(iter(run.metrics.parts.values()), None)
    error = (
        f" Expected calibration error on held-out images: {part.ece['before']:.3f} before, {part.ece['after']:.3f} after." if part else ""
    )
    return (
        f"The logits are divided by the temperature {metadata['temperature']:.3f}, which is part of the last layer's weights here. "
        f"It was fitted on out-of-fold training images.{error}"
    )


def _data(run: Run) -> str:
    data = run.metrics.data or DataCounts(files=0, used=0, unreadable=0, set_aside=0)
    lines = [f"{data.used:,} of {data.files:,} files were used; their sha256 is `{run_hash(run)}`."]
    lines += ["", "| class | train | val | test |", "|---|---|---|---|"]
    lines += [f"| {_plain(row.name)} | {row.train:,} | {row.val:,} | {row.test:,} |" for row in data.classes]
    lines += ["", f"Where the photos come from, who made them and whom they show: {FILL_IN}"]
    return "\n".join(lines)


def run_hash(run: Run) -> str:
    """The first digits of the hash of the data."""
    from tellapart.models.model_card import read_card

    return str(read_card(run.model_folder).get("data_sha256", ""))[:16]


def _limits(run: Run) -> str:
    lines = [
        "- It answers with one of its classes for every photo, also for one that shows none of them.",
        "- The scores hold for photos like the ones it was tested on, from the same source.",
        "- Near-duplicates of training photos were kept out of the test; what else photos of one source share was not.",
    ]
    lines += [f"- {_plain(note)}" for note in run.metrics.notes]
    return "\n".join([*lines, f"- Not meant for: {FILL_IN}"])


def _parity(parity: Parity) -> str:
    same = parity.same_pixels
    lines = [f"On {count(same.n, 'image')}, the same pixels: probabilities differ from the run's by at most {same.largest:.1e}, no label."]
    if parity.score:
        accuracy, difference = parity.score.accuracy, parity.score.accuracy_difference
        lines.append(
            f"Accuracy of this export on {count(parity.score.n, 'image')}: {_interval(accuracy, 100, ' %', 1)}; "
            f"difference to the run, in points: {_interval(difference, 100, '', 1)}."
        )
    return " ".join(lines)
