"""What is written about an exported model: metadata inside the file, and the card beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tellapart.model_export.parity import Parity
from tellapart.model_export.run_photos import reported_part
from tellapart.models.onnx_classifier import FORMAT, SquareLike, input_names
from tellapart.models.saved_model import SavedModel
from tellapart.results import plain
from tellapart.run_folder import Run
from tellapart.version import __version__

CARD = "card.json"
PACKAGES = ("torch", "timm", "onnx", "onnxscript", "onnxruntime", "numpy", "pillow")


def metadata_of(run: Run, model: SavedModel, squares: Sequence[SquareLike], number_format: str) -> dict[str, Any]:
    """What the exported file says of itself; the shape is :data:`tellapart.models.onnx_classifier.METADATA_SHAPE`.

    Args:
        run: exported.
        model: its saved model.
        squares: what the file takes.
        number_format: ``float32`` or ``int8``.
    """
    part = reported_part(run)
    found: Mapping[str, Any] = run.metrics[part] if part else {}
    return {
        "format": FORMAT,
        "class_names": list(model.class_names),
        "inputs": {
            name: {"size": square.size, "resize": square.resize} for name, square in zip(input_names(squares), squares, strict=True)
        },
        "run": run.name,
        "recipe": run.metrics["recipe"],
        "backbone": run.metrics["backbone"],
        "number_format": number_format,
        "temperature": model.temperature,
        "clip": model.clip,
        "thresholds": run.metrics.get("thresholds") or {},
        "run_reports": {"part": part, **{name: found[name] for name in ("n", "groups", "accuracy", "log_loss")}} if part else None,
        "data_sha256": model.details.get("data_sha256", ""),
        "versions": {"tellapart": __version__, **_versions()},
    }


def card_of(metadata: Mapping[str, Any], to: str, parity: Parity, folder: Path, notes: Sequence[str]) -> dict[str, Any]:
    """The content of ``card.json``: the metadata, what was compared, and a checksum of every file in ``folder``."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    listed = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}
    return {**metadata, "to": to, "parity": plain(parity), "notes": list(notes), "files": listed}


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
