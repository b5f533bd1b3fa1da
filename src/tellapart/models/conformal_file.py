"""The tensors of a saved model that say how usual an image is: those of its familiarity and of its prediction sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.conformal import ConformalScale
from tellapart.models.familiarity import Familiarity, Standard

if TYPE_CHECKING:
    import torch

UNITS, STRANGENESS, TRUE_CLASSES = "familiarity.units", "familiarity.strangeness", "true_classes"
DISTANCE, ENERGY = "familiarity.distance", "familiarity.energy"


def conformal_tensors(familiarity: Familiarity | None, true_classes: ConformalScale | None) -> dict[str, torch.Tensor]:
    """The tensors by name; none where both are None."""
    import torch

    arrays: dict[str, FloatArray] = {}
    if familiarity is not None:
        arrays |= {UNITS: familiarity.units, **_scale_arrays(STRANGENESS, familiarity.scale)}
        arrays[DISTANCE] = _standard_array(familiarity.distance)
        if familiarity.energy is not None:
            arrays[ENERGY] = _standard_array(familiarity.energy)
    if true_classes is not None:
        arrays |= _scale_arrays(TRUE_CLASSES, true_classes)
    return {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in arrays.items()}


def read_conformal(path: Path, *, width: int) -> tuple[Familiarity | None, ConformalScale | None]:
    """What :func:`conformal_tensors` made, read back; no tensor is read before its shape is known.

    Args:
        path: the file.
        width: of the features of the model's first member.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged, or its tensors do not fit each other.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            names = set(file.keys())
            true_classes = _scale(file, TRUE_CLASSES) if f"{TRUE_CLASSES}.scores" in names else None
            if UNITS not in names:
                return None, true_classes
            units = _tensor(file, UNITS, "F16", 2)
            if units.shape[1] != width or not len(units):
                raise ValueError(f"{UNITS} has the shape {units.shape}, and the first member has {width:,} features")
            energy = _standard(file, ENERGY) if ENERGY in names else None
            return Familiarity(units, _standard(file, DISTANCE), energy, _scale(file, STRANGENESS)), true_classes
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _standard_array(standard: Standard) -> FloatArray:
    return np.array([standard.mean, standard.deviation], dtype=np.float64)


def _standard(file: Any, name: str) -> Standard:
    values = _tensor(file, name, "F64", 1)
    if len(values) != 2 or values[1] <= 0:
        raise ValueError(f"{name} holds values that cannot be used")
    return Standard(float(values[0]), float(values[1]))


def _scale_arrays(name: str, scale: ConformalScale) -> Mapping[str, FloatArray]:
    return {f"{name}.scores": scale.scores, f"{name}.weights": scale.weights}


def _scale(file: Any, name: str) -> ConformalScale:
    scores, weights = (_tensor(file, f"{name}.{part}", "F32", 1) for part in ("scores", "weights"))
    if len(scores) != len(weights) or not len(scores):
        raise ValueError(f"{name} has {len(scores):,} scores and {len(weights):,} weights")
    if (np.diff(scores) < 0).any() or not ((weights > 0) & (weights <= 1)).all():
        raise ValueError(f"{name} holds values that cannot be used")
    return ConformalScale(scores, weights)


def _tensor(file: Any, name: str, kind: str, dims: int) -> FloatArray:
    try:
        known = file.get_slice(name)
    except Exception as error:
        raise ValueError(f"{name} is missing") from error
    if known.get_dtype() != kind or len(known.get_shape()) != dims:
        raise ValueError(f"{name} is {known.get_dtype()} {tuple(known.get_shape())}, expected {kind} with {dims} dimensions")
    values: FloatArray = file.get_tensor(name)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds values that cannot be used")
    return values
