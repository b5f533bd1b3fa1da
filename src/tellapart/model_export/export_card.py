"""Metadata of an exported model inside the file, and the card beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from tellapart.conformal import ScaleFields
from tellapart.decision_rule import DecisionFields
from tellapart.interval import IntervalDict
from tellapart.model_export.parity import Parity
from tellapart.model_export.run_images import reported_part
from tellapart.models.onnx_classifier import FORMAT, SquareLike, input_names
from tellapart.models.saved_model import SavedModel
from tellapart.results import plain
from tellapart.run_folder import Run
from tellapart.version import __version__

CARD = "card.json"
PACKAGES = ("torch", "timm", "onnx", "onnxscript", "onnxruntime", "numpy", "pillow")


class InputForm(TypedDict):
    """What an input of an exported model takes: squares of this side, made by this resize policy."""

    size: int
    resize: str


class ReportedScores(TypedDict):
    """The scores that the run reports on a part."""

    part: str
    n: int
    groups: int
    accuracy: IntervalDict
    log_loss: IntervalDict


class ExportMetadata(TypedDict):
    """What an exported file says of itself; ``run_reports`` is None where the run reports nothing.

    ``familiarity_groups`` is the number of groups of images that familiarities were measured on, where the file gives them;
    ``true_classes`` is the scale for prediction sets, and ``decision`` what decides the answer instead of the largest probability.
    """

    format: int
    class_names: list[str]
    inputs: dict[str, InputForm]
    run: str
    recipe: str
    backbone: str
    number_format: str
    temperature: float
    clip: float
    run_reports: ReportedScores | None
    data_sha256: str
    versions: dict[str, str]
    familiarity_groups: NotRequired[float]
    true_classes: NotRequired[ScaleFields]
    decision: NotRequired[DecisionFields]


class ListedFile(TypedDict):
    """Size and checksum of a file."""

    bytes: int
    sha256: str


class ExportCard(ExportMetadata):
    """``card.json``: the metadata, what was exported to, the comparison with the run, and every file."""

    to: str
    parity: dict[str, Any]
    notes: list[str]
    files: dict[str, ListedFile]


def metadata_of(run: Run, model: SavedModel, squares: Sequence[SquareLike], number_format: str, *, has_familiarity: bool) -> ExportMetadata:
    """What the exported file says of itself; the shape is :data:`tellapart.models.onnx_classifier.METADATA_SHAPE`.

    Args:
        run: exported.
        model: its saved model.
        squares: what the file takes.
        number_format: ``float32`` or ``int8``.
        has_familiarity: whether the familiarity of images is among the outputs.
    """
    name = reported_part(run)
    part = run.metrics.parts[name] if name else None
    metadata: ExportMetadata = {
        "format": FORMAT,
        "class_names": list(model.class_names),
        "inputs": {
            name: {"size": square.size, "resize": square.resize} for name, square in zip(input_names(squares), squares, strict=True)
        },
        "run": run.name,
        "recipe": run.metrics.recipe,
        "backbone": run.metrics.backbone,
        "number_format": number_format,
        "temperature": model.temperature,
        "clip": model.clip,
        "run_reports": {
            "part": name or "",
            "n": part.n,
            "groups": part.groups,
            "accuracy": part.accuracy.as_dict(),
            "log_loss": part.log_loss.as_dict(),
        }
        if part
        else None,
        "data_sha256": model.details.get("data_sha256", ""),
        "versions": {"tellapart": __version__, **_versions()},
    }
    if has_familiarity and model.familiarity is not None:
        metadata["familiarity_groups"] = model.familiarity.scale.groups
    if model.true_classes is not None and number_format == "float32":
        metadata["true_classes"] = model.true_classes.as_fields()
    if model.decision is not None:
        metadata["decision"] = model.decision.as_fields()
    return metadata


def card_of(metadata: ExportMetadata, to: str, parity: Parity, folder: Path, notes: Sequence[str]) -> ExportCard:
    """The content of ``card.json``: the metadata, what was compared, and a checksum of every file in ``folder``."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    listed: dict[str, ListedFile] = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}
    return {**metadata, "to": to, "parity": plain(parity), "notes": list(notes), "files": listed}


def _versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
