"""ImageClassifier: the probe as an estimator of scikit-learn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from tellapart.array_types import FloatArray
from tellapart.counts import count
from tellapart.dataset.in_memory_images import image_list, in_memory_dataset
from tellapart.errors import DataError
from tellapart.feature_extraction import extract
from tellapart.feature_spec import FeatureSpec
from tellapart.models.backbones import find_backbones
from tellapart.models.heads import mean_logits
from tellapart.models.precision import precision_option
from tellapart.options import Options, dataclass, option
from tellapart.progress import AUTO
from tellapart.shared_options import backbone_option, image_size_option, resize_option, seed_option, weights_option
from tellapart.training.linear_probe import LabeledFeatures, fit_probe


@dataclass(frozen=True, kw_only=True)
class _Parameters(Options):
    """The parameters of the estimator, which are checked when it is used, as scikit-learn asks."""

    backbone: str = backbone_option()
    weights: Path | None = weights_option()
    image_size: int | None = image_size_option()
    resize: str = resize_option()
    flip_average: bool = option(True, "Average features with the mirror image's.")
    class_weight: str = option("none", "Let every class weigh the same.", choices=("none", "balanced"))
    precision: str = precision_option()
    seed: int = seed_option()


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

    def fit(self, paths: Sequence[Any], labels: Sequence[Any] | None = None, groups: Sequence[str] | None = None) -> ImageClassifier:
        """Fit on images.

        Args:
            paths: n images: files, or as the class says; an array (n, height, width, 3) too.
            labels: n labels of at least two kinds.
            groups: n names; files of one group never stand on both sides of a fold, a file without one (None) goes alone.

        Raises:
            DataError: a file cannot be read, a label is missing or no label, or there are fewer than two classes.
        """
        paths = image_list(paths)
        parameters = self._parameters()
        targets, classes = _targets(labels, len(paths))
        if len(classes) < 2:
            raise DataError(f"there is only one label, {classes.tolist()!r}; a classifier needs two")
        group_names = None if groups is None else _group_names(groups)
        if group_names is not None and len(group_names) != len(paths):
            raise DataError(
                f"there are {count(len(paths), 'path')} and {count(len(group_names), 'group')}", hint="give one group for each path"
            )
        features, image_ids = self._features(paths)
        names = [str(name) for name in classes]
        own_groups = [name or image_id for name, image_id in zip(group_names or [None] * len(paths), image_ids, strict=True)]
        labeled = LabeledFeatures(features, targets, own_groups, names)
        probe = fit_probe(labeled, class_weight=parameters.class_weight, seed=parameters.seed)
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

    def score(self, paths: Sequence[Any], labels: Sequence[Any], sample_weight: Sequence[float] | None = None) -> float:
        """The accuracy on images with labels, 0 to 1; a label that was not learned counts as wrong.

        Raises:
            DataError: as of :meth:`fit`; or not one label is among those learned.
        """
        check_is_fitted(self)
        paths = image_list(paths)
        targets, classes = _targets(labels, len(paths))
        if not set(classes.tolist()) & set(self.classes_.tolist()):
            raise DataError(
                f"none of the labels {classes.tolist()[:5]!r} is one of those learned, {self.classes_.tolist()[:5]!r}",
                hint="give the labels as they were given to fit",
            )
        return float(np.average(self.predict(paths) == classes[targets], weights=sample_weight))

    def _parameters(self) -> _Parameters:
        """The parameters, checked.

        Raises:
            OptionError: one is wrong.
        """
        return _Parameters.of(**self.get_params())

    def _features(self, paths: Sequence[Any]) -> tuple[FloatArray, list[str]]:
        """Features (n, d) and image ids of images, all of which must be readable."""
        images = image_list(paths)
        given = self._parameters()
        backbones = find_backbones(given.backbone, weights=given.weights, image_size=given.image_size)
        spec = FeatureSpec(backbones, given.resize, given.flip_average)
        with in_memory_dataset(images) as dataset:
            extraction = extract(dataset, spec.computed("auto", given.precision), progress=AUTO)
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


def _targets(labels: Sequence[Any] | None, num_paths: int) -> tuple[Any, Any]:
    """What :func:`_encoded` gives for labels that are as many as paths.

    Raises:
        DataError: as of :func:`_encoded`; or they are not as many.
    """
    targets, classes = _encoded(labels)
    if len(targets) != num_paths:
        raise DataError(f"there are {count(num_paths, 'path')} and {count(len(targets), 'label')}", hint="give one label a path")
    return targets, classes


def _encoded(labels: Sequence[Any] | None) -> tuple[Any, Any]:
    """The number of each label's class, int64 (n,), and the classes, sorted.

    Raises:
        DataError: a label is missing, is a row of numbers, or labels are of kinds that do not go together; says which.
    """
    values = _column(labels, "labels")
    missing = [number for number, value in enumerate(values) if _is_missing(value)]
    if missing:
        raise DataError(
            f"{len(missing):,} of {count(len(values), 'label')} {'is' if len(missing) == 1 else 'are'} missing; "
            f"the first is {values[missing[0]]!r}, number {missing[0]} from 0",
            hint="leave those images out, or label them",
        )
    odd = next((value for value in values if not isinstance(value, str | bool | int | float | np.generic) or _is_odd(value)), None)
    if odd is not None:
        hint = "make text of all: [x.decode() for x in y]" if isinstance(odd, bytes) else "give one label for each path"
        raise DataError(f"a label is a text or a number, got {odd!r}", hint=hint)
    texts = [value for value in values if isinstance(value, str)]
    if texts and len(texts) < len(values):
        number = next(value for value in values if not isinstance(value, str))
        raise DataError(
            f"labels are all text or all numbers, got {texts[0]!r} and {number!r}", hint="make text of all: [str(x) for x in y]"
        )
    fraction = next((value for value in values if isinstance(value, float | np.floating) and not float(value).is_integer()), None)
    if fraction is not None:
        raise DataError(f"labels are classes, got the number {float(fraction)!r}", hint="a classifier learns classes, not quantities")
    classes, targets = np.unique(np.asarray(values), return_inverse=True)
    return targets.astype(np.int64), classes


def _is_odd(value: Any) -> bool:
    """Whether scikit-learn takes it for no label: bytes, or a complex number of numpy."""
    return isinstance(value, bytes | np.complexfloating)


def _is_missing(value: Any) -> bool:
    """None, NaN, what pandas writes for an absent value, and text of blanks."""
    if isinstance(value, str | bytes):
        return not value.strip()
    return value is None or str(value) in ("<NA>", "NaT") or bool(value != value)


def _group_names(groups: Sequence[Any]) -> list[str | None]:
    """The name of the group of each path; None where it is missing."""
    return [None if _is_missing(group) else str(group) for group in _column(groups, "groups")]


def _column(values: Any, what: str) -> list[Any]:
    """Labels or groups one by one; a table with one column is that column.

    Raises:
        DataError: they come in no order or are not one for each path: there are several columns, as where labels are one-hot.
    """
    one = what.removesuffix("s")
    if isinstance(values, str | bytes | Mapping | Set) or not isinstance(values, Iterable):
        raise DataError(f"expected a list of {what}, got {values!r}", hint=f"give a list with one {one} for each path")
    one_hot = "where labels are one-hot, give labels.argmax(axis=1)" if what == "labels" else f"give a list with one {one} for each path"
    if not hasattr(values, "shape"):
        single = [value.item() if getattr(value, "shape", None) == () and hasattr(value, "detach") else value for value in values]
        wide = next((value for value in single if isinstance(value, list | tuple | set | dict) or np.ndim(value)), None)
        if wide is not None:
            raise DataError(f"a {one} is a text or a number, got {wide!r}", hint=one_hot)
        return single
    table = np.asarray(values)
    if table.ndim == 2 and table.shape[1] != 1:
        shape = f"a table of {count(table.shape[0], 'row')} and {count(table.shape[1], 'column')}"
        raise DataError(f"{what} are one for each path, got {shape}", hint=one_hot)
    if table.ndim not in (1, 2):
        shape = f"an array of shape {table.shape}"
        raise DataError(f"{what} are one for each path, got {shape}", hint=f"give a list with one {one} for each path")
    return list(table.ravel())
