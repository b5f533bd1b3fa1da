"""Out-of-distribution detection: the familiarity of an image as a conformal p-value, from distances to training images and logits.

The strangeness of an image is its mean cosine distance to the three nearest training images, plus its energy, which is minus the log
of the sum of the exponentials of its logits (Liu et al. 2020); each in standard deviations. A strong answer makes an image familiar by
one deviation at most: networks answer strongly to much that they never saw. Chosen by measurement (docs/log.md, 2026-11-30).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.conformal import ConformalScale
from tellapart.counts import count
from tellapart.features.matrix import unit_rows
from tellapart.large_arrays import take_rows

if TYPE_CHECKING:
    import torch

NEIGHBORS = 3
MOST_KEPT = 2048
"""Training images that are kept to compare with: 5 MB for 1,280 features. Of more, a random sample is."""
MOST_MEASURED = 20_000
"""Training images whose strangeness makes the scale; of more, a random sample."""
BLOCK_COSINES = 2**22
STRONGEST = -1.0
"""The least energy that counts, in standard deviations."""


@dataclass(frozen=True)
class Standard:
    """Mean and standard deviation of a measure on held-out images."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: FloatArray) -> Standard:
        """Those of values, float (n,)."""
        return cls(float(np.mean(values)), max(float(np.std(values)), 1e-6))

    def __call__(self, values: FloatArray) -> FloatArray:
        """Values in deviations from the mean."""
        return np.asarray((np.asarray(values, dtype=np.float64) - self.mean) / self.deviation)


@dataclass(frozen=True, eq=False)
class Familiarity:
    """Training images to compare with, and how strange other images of the same kind usually are.

    Attributes:
        units: float16 (m, d), features of training images at unit length.
        distance: of the distances to them.
        energy: of the energies; None where only the distance counts.
        scale: strangeness of images that were not learned from.
    """

    units: FloatArray
    distance: Standard
    energy: Standard | None
    scale: ConformalScale

    def strangeness(self, features: FloatArray, logits: FloatArray) -> FloatArray:
        """How strange images are, float64 (n,), from their features (n, d) and logits (n, k)."""
        return _strangeness(distances(features, self.units), logits, self.distance, self.energy)

    def p_values(self, features: FloatArray, logits: FloatArray) -> FloatArray:
        """How familiar images are, float64 (n,) in (0, 1]; arguments as of :meth:`strangeness`.

        Of images like those of the training, a share of at most ``a`` has a value of at most ``a``.
        """
        return self.scale.p_values(self.strangeness(features, logits))


@dataclass(frozen=True, eq=False)
class Unlearned:
    """Out-of-sample outputs of a model for training images.

    Attributes:
        rows: of the training images, int64 (m,).
        logits: float (m, k); None where the model averages more networks than these come from, so that its energies are others.
        held_out: rows that the network behind the features was not trained on, int64; None where it saw none of the images.
    """

    rows: IntArray
    logits: FloatArray | None
    held_out: IntArray | None = None


def fit_familiarity(features: FloatArray, groups: Sequence[str], unlearned: Unlearned, *, seed: int = 0) -> Familiarity | None:
    """The familiarity of images in a space of features; None where there are too few images for it.

    Every distance of the scale is measured to images of other groups. Where the features come from a network that was trained on some
    of the images, only those that it held out make the scale, and only the others are kept.

    Args:
        features: of the training images, float32 (n, d).
        groups: n names.
        unlearned: which of them make the scale.
        seed: of the samples.
    """
    held_out = unlearned.held_out
    every: IntArray = np.arange(len(features))
    reference = _sample(every if held_out is None else np.setdiff1d(every, held_out), MOST_KEPT, seed)
    of_scale: IntArray = np.arange(len(unlearned.rows)) if held_out is None else np.flatnonzero(np.isin(unlearned.rows, held_out))
    of_scale = _sample(of_scale, MOST_MEASURED, seed)
    measured = unlearned.rows[of_scale]
    index = np.unique(np.array(groups, dtype=object).astype(str), return_inverse=True)[1]
    in_group = np.bincount(index[reference], minlength=len(groups))
    if not len(measured) or len(reference) - in_group[index[measured]].max() < NEIGHBORS:
        return None
    units = unit_rows(take_rows(features, reference)).astype(np.float16)
    mean_distances = distances(take_rows(features, measured), units, index[measured], index[reference])
    logits = None if unlearned.logits is None else unlearned.logits[of_scale]
    distance, energy = Standard.of(mean_distances), None if logits is None else Standard.of(energies(logits))
    strangeness = _strangeness(mean_distances, logits, distance, energy)
    return Familiarity(units, distance, energy, ConformalScale.of(strangeness, [groups[row] for row in measured.tolist()]))


def energies(logits: FloatArray) -> FloatArray:
    """Minus the log of the sum of the exponentials of logits (n, k), float64 (n,)."""
    values = np.asarray(logits, dtype=np.float64)
    largest = values.max(axis=1)
    return np.asarray(-largest - np.log(np.exp(values - largest[:, None]).sum(axis=1)))


def distances(features: FloatArray, units: FloatArray, groups: IntArray | None = None, kept_groups: IntArray | None = None) -> FloatArray:
    """Mean cosine distances, float32 (n,), of features (n, d) to the nearest of ``units`` (m, d).

    Args:
        features: of any length.
        units: at unit length.
        groups: of the images, int (n,); where they are given, only units of other groups count.
        kept_groups: of the units, int (m,).
    """
    reference = units.astype(np.float32)
    count = min(NEIGHBORS, len(reference))
    mean_distances = np.empty(len(features), dtype=np.float32)
    block = max(1, BLOCK_COSINES // len(reference))
    for start in range(0, len(features), block):
        rows = slice(start, start + block)
        cosines = unit_rows(features[rows]) @ reference.T
        if groups is not None and kept_groups is not None:
            cosines[groups[rows, None] == kept_groups] = -np.inf
        mean_distances[rows] = 1 - np.partition(cosines, -count, axis=1)[:, -count:].mean(axis=1)
    return mean_distances


def _strangeness(mean_distances: FloatArray, logits: FloatArray | None, distance: Standard, energy: Standard | None) -> FloatArray:
    if energy is None or logits is None:
        return distance(mean_distances)
    return np.asarray(distance(mean_distances) + np.maximum(energy(energies(logits)), STRONGEST))


def _sample(rows: IntArray, most: int, seed: int) -> IntArray:
    return rows if len(rows) <= most else np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


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
                raise ValueError(f"{UNITS} has the shape {units.shape}, and the first member has {count(width, 'feature')}")
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
    return ConformalScale.checked(scores, weights, name)


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
