"""ImageClassifier: the probe with scikit-learn's manners."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from tellapart.dataset.given_images import given_images, image_list
from tellapart.errors import DataError
from tellapart.extraction import FeatureSpec, extract
from tellapart.models.backbones import find_backbones
from tellapart.models.heads import mean_logits
from tellapart.options import Options, dataclass, option
from tellapart.progress import AUTO
from tellapart.training.probe import LabelledFeatures, fit_probe
from tellapart.types import FloatArray


@dataclass(frozen=True, kw_only=True)
class _Words(Options):
    """The options that are one of a few words."""

    resize: str = option("crop", "How a photo becomes a square.", choices=("crop", "pad", "squash"))
    class_weight: str = option("none", "Let every class weigh the same.", choices=("none", "balanced"))


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
        mirror: average features with the mirror image's.
        class_weight: ``none`` or ``balanced``.
        seed: of the folds.
    """

    def __init__(
        self,
        backbone: str = "lite2",
        *,
        weights: str | Path | None = None,
        image_size: int | None = None,
        resize: str = "crop",
        mirror: bool = True,
        class_weight: str = "none",
        seed: int = 0,
    ) -> None:
        self.backbone = backbone
        self.weights = weights
        self.image_size = image_size
        self.resize = resize
        self.mirror = mirror
        self.class_weight = class_weight
        self.seed = seed

    def fit(self, paths: Sequence[Any], labels: Sequence[Any], groups: Sequence[str] | None = None) -> ImageClassifier:
        """Fit on images.

        Args:
            paths: n images: files, or as the class says; an array (n, height, width, 3) too.
            labels: n labels of at least two kinds.
            groups: n names; files of one group never stand on both sides of a fold.

        Raises:
            DataError: a file cannot be read, or there are fewer than two labels.
        """
        paths = image_list(paths)
        targets, classes = _encoded(labels)
        if len(targets) != len(paths):
            raise DataError(f"there are {len(paths)} paths and {len(targets)} labels", hint="give one label a path")
        if len(classes) < 2:
            raise DataError(f"there is only one label, {classes.tolist()!r}; telling apart needs two")
        features, image_ids = self._features(paths)
        names = [str(name) for name in classes]
        own_groups = list(groups) if groups is not None else image_ids
        probe = fit_probe(LabelledFeatures(features, targets, own_groups, names), class_weight=self.class_weight, seed=self.seed)
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
        _Words.of(resize=self.resize, class_weight=self.class_weight)
        weights = Path(self.weights) if self.weights is not None else None
        spec = FeatureSpec(find_backbones(self.backbone, weights=weights, image_size=self.image_size), self.resize, self.mirror)
        with given_images(images) as dataset:
            extraction = extract(dataset, spec, progress=AUTO)
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
    classes, targets = np.unique(np.asarray(labels), return_inverse=True)
    return targets.astype(np.int64), classes
