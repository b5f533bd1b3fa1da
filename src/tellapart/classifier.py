"""ImageClassifier: the probe as an estimator of scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from tellapart.array_types import FloatArray
from tellapart.dataset.in_memory_images import image_list, in_memory_dataset
from tellapart.errors import DataError
from tellapart.feature_extraction import extract
from tellapart.feature_spec import FeatureSpec
from tellapart.models.backbones import find_backbones
from tellapart.models.heads import mean_logits
from tellapart.models.precision import precision_option
from tellapart.options import Options, dataclass, option
from tellapart.progress import AUTO
from tellapart.training.linear_probe import LabeledFeatures, fit_probe


@dataclass(frozen=True, kw_only=True)
class _Words(Options):
    """The options that are one of a few words."""

    resize: str = option("crop", "How a photo becomes a square.", choices=("crop", "pad", "squash"))
    class_weight: str = option("none", "Let every class weigh the same.", choices=("none", "balanced"))
    precision: str = precision_option()


class ImageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of images: ``fit(images, labels)``, then ``predict``, ``predict_proba``, ``score``.

    An image is a path, bytes, a PIL image, or an array: uint8 or floats from 0 to 1, (height, width, 3) or (height, width).

    It is the probe of ``tellapart train`` without the run folder: same features (cached), same heads, same calibration.
    Near-duplicates are not looked for: files with the same bytes stay together, others only if ``groups`` says so.

    Args:
        backbone: ``lite0``, ``lite1``, ``lite2``, several joined by ``+``, or any timm name.
        weights: weights file for a timm name.
        image_size: side of the network's input in pixels; None for its own.
        resize: ``crop``, ``pad`` or ``squash``.
        flip_average: average features with the mirror image's.
        class_weight: ``none`` or ``balanced``.
        precision: number format of the network: ``auto``, ``float32`` or ``bfloat16``.
        seed: of the folds.
    """

    def __init__(
        self,
        backbone: str = "lite2",
        *,
        weights: str | Path | None = None,
        image_size: int | None = None,
        resize: str = "crop",
        flip_average: bool = True,
        class_weight: str = "none",
        precision: str = "auto",
        seed: int = 0,
    ) -> None:
        self.backbone = backbone
        self.weights = weights
        self.image_size = image_size
        self.resize = resize
        self.flip_average = flip_average
        self.class_weight = class_weight
        self.precision = precision
        self.seed = seed

    def fit(self, paths: Sequence[Any], labels: Sequence[Any], groups: Sequence[str] | None = None) -> ImageClassifier:
        """Fit on images.

        Args:
            paths: n images: files, or as the class says; an array (n, height, width, 3) too.
            labels: n labels of at least two kinds.
            groups: n names; files of one group never stand on both sides of a fold.

        Raises:
            DataError: a file cannot be read, a label is missing or no label, or there are fewer than two classes.
        """
        paths = image_list(paths)
        targets, classes = _encoded(labels)
        if len(targets) != len(paths):
            raise DataError(f"there are {len(paths)} paths and {len(targets)} labels", hint="give one label a path")
        if len(classes) < 2:
            raise DataError(f"there is only one label, {classes.tolist()!r}; a classifier needs two")
        if groups is not None and len(groups) != len(paths):
            raise DataError(f"there are {len(paths)} paths and {len(groups)} groups", hint="give one group for each path")
        features, image_ids = self._features(paths)
        names = [str(name) for name in classes]
        own_groups = list(groups) if groups is not None else image_ids
        probe = fit_probe(LabeledFeatures(features, targets, own_groups, names), class_weight=self.class_weight, seed=self.seed)
        self.classes_ = classes
        self.probe_ = probe
        self.n_features_in_ = 1
        return self

    def predict_proba(self, paths: Sequence[Any]) -> FloatArray:
        """Calibrated probabilities, float64 (n, k), in the order of ``classes_``."""
        check_is_fitted(self)
        features, _ = self._features(paths)
        return self.probe_.probabilities(mean_logits(self.probe_.heads, features))

    def predict(self, paths: Sequence[Any]) -> Any:
        """The most probable label of each image (n,)."""
        check_is_fitted(self)
        return self.classes_[self.predict_proba(paths).argmax(axis=1)]

    def _features(self, paths: Sequence[Any]) -> tuple[FloatArray, list[str]]:
        """Features (n, d) and image ids of images, all of which must be readable."""
        images = image_list(paths)
        _Words.of(resize=self.resize, class_weight=self.class_weight, precision=self.precision)
        weights = Path(self.weights) if self.weights is not None else None
        spec = FeatureSpec(find_backbones(self.backbone, weights=weights, image_size=self.image_size), self.resize, self.flip_average)
        with in_memory_dataset(images) as dataset:
            extraction = extract(dataset, spec.computed("auto", self.precision), progress=AUTO)
        broken = [file for file in extraction.files if file.image_id is None]
        if broken:
            noun = "files" if all(isinstance(image, str | Path) for image in images) else "images"
            raise DataError(
                f"{len(broken)} of {len(images)} {noun} cannot be read; the first is {broken[0].path}: {broken[0].reason}",
                hint="leave them out",
            )
        image_ids = [file.image_id or "" for file in extraction.files]
        return extraction.features.of(image_ids), image_ids

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


def _encoded(labels: Sequence[Any]) -> tuple[Any, Any]:
    """The number of each label's class, int64 (n,), and the classes, sorted.

    Raises:
        DataError: a label is missing, is no label but a row of numbers, or they are of kinds that do not go together; it says which.
    """
    if isinstance(labels, str | bytes | dict):
        raise DataError(f"expected a list of labels, got {labels!r}", hint="give a list with one label for each path")
    values = _column(labels)
    missing = [number for number, value in enumerate(values) if _is_missing(value)]
    if missing:
        raise DataError(
            f"{len(missing):,} of {len(values):,} labels {'is' if len(missing) == 1 else 'are'} missing; "
            f"the first is {values[missing[0]]!r}, number {missing[0]} from 0",
            hint="leave those images out, or label them",
        )
    odd = next((value for value in values if not isinstance(value, str | bytes | bool | int | float | np.generic)), None)
    if odd is not None:
        raise DataError(f"a label is a text or a number, got {odd!r}", hint="give one label for each path")
    texts = [value for value in values if isinstance(value, str | bytes)]
    if texts and len(texts) < len(values):
        number = next(value for value in values if not isinstance(value, str | bytes))
        raise DataError(
            f"labels are all text or all numbers, got {texts[0]!r} and {number!r}", hint="make text of all: [str(x) for x in y]"
        )
    fraction = next((value for value in values if isinstance(value, float | np.floating) and not float(value).is_integer()), None)
    if fraction is not None:
        raise DataError(f"labels are classes, got the number {float(fraction)!r}", hint="a classifier learns classes, not quantities")
    classes, targets = np.unique(np.asarray(values), return_inverse=True)
    return targets.astype(np.int64), classes


def _is_missing(value: Any) -> bool:
    """None, NaN, and what pandas writes for an absent value."""
    return not isinstance(value, str | bytes) and (value is None or str(value) in ("<NA>", "NaT") or bool(value != value))


def _column(labels: Sequence[Any]) -> list[Any]:
    """The labels one by one; a table with one column is that column.

    Raises:
        DataError: there are several columns, as where labels are one-hot.
    """
    if not hasattr(labels, "shape"):
        labels = list(labels)
        wide = next((value for value in labels if isinstance(value, list | tuple | set | dict) or np.ndim(value)), None)
        if wide is not None:
            raise DataError(f"a label is a text or a number, got {wide!r}", hint="where labels are one-hot, give labels.argmax(axis=1)")
        return labels
    table = np.asarray(labels)
    if table.ndim == 2 and table.shape[1] != 1:
        raise DataError(
            f"labels are one for each path, got a table of {table.shape[0]:,} rows and {table.shape[1]:,} columns",
            hint="where labels are one-hot, give labels.argmax(axis=1)",
        )
    if table.ndim not in (1, 2):
        raise DataError(
            f"labels are one for each path, got an array of shape {table.shape}", hint="give a list with one label for each path"
        )
    return list(table.ravel())
