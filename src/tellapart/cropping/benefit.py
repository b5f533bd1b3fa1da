"""How much cropping helps: the same linear probe on whole images and on crops, evaluated on the same images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from tellapart.analyzed_folder import analyze_files, analyze_folder
from tellapart.cropping.crop_folder import Crop, write_crops
from tellapart.cropping.geometry import CropShape
from tellapart.evaluation import accuracy_interval
from tellapart.evaluation.comparison import compare
from tellapart.feature_spec import FeatureSpec
from tellapart.features import FeatureMatrix
from tellapart.interval import Interval
from tellapart.models.backbones import find_backbones
from tellapart.progress import SILENT, Progress
from tellapart.results import Result
from tellapart.training.linear_probe import fit_probe
from tellapart.training.part_evaluation import probe_predictions
from tellapart.training.probe_evaluation import PartSets

if TYPE_CHECKING:
    from tellapart.cropping.options import CropOptions
    from tellapart.dataset.parts import Assignment
    from tellapart.predictions import Predictions

BACKBONE = "lite0"
TEST_SHARE = 0.3


@dataclass(frozen=True, kw_only=True)
class CropBenefit(Result):
    """What cropping changes for a linear probe.

    Attributes:
        n: held-out images that both probes are evaluated on.
        whole_images: accuracy on whole images.
        crops: accuracy on crops.
        accuracy: the paired difference, crops minus whole images.
        log_loss: the paired difference, in nats.
        p_value: of the exact McNemar test.
        verdict: the result in a sentence.
    """

    n: int
    whole_images: Interval
    crops: Interval
    accuracy: Interval
    log_loss: Interval
    p_value: float
    verdict: str


def measure_crop_benefit(
    folder: str | Path,
    crops: Sequence[Crop],
    shape: CropShape,
    chosen: CropOptions,
    written: tuple[Path | None, Sequence[str]],
    progress: Progress = SILENT,
) -> CropBenefit:
    """Accuracy on held-out images before and after cropping, and the paired difference.

    Both probes are evaluated on the images of which a crop was kept. One is trained on all whole images of the training
    part, the other on the crops that were kept. Of several crops of an image the first counts.

    Args:
        folder: the images.
        crops: the crops that were kept.
        shape: the shape of the crops.
        chosen: the options.
        written: the folder of the crops and their names; None if they were not written.
        progress: receives every image.

    Raises:
        DataError: there are too few labeled images to hold some out.
    """
    spec = FeatureSpec(find_backbones(BACKBONE)).computed(chosen.device, chosen.precision)
    analyzed = analyze_folder(
        folder,
        spec,
        reading=chosen,
        min_classes=2,
        state=chosen.state,
        device=chosen.device,
        num_workers=chosen.num_workers,
        progress=progress,
    )
    assignment = analyzed.assignment(test_share=None, seed=chosen.seed)
    ids, crops_of = _crop_features(crops, shape, spec, written, chosen.num_workers, progress)
    rows = {row.image_id or "": row for row in assignment.rows if ids.get(row.path)}
    named = set(ids)
    on_crops = FeatureMatrix(tuple(rows), crops_of.of([ids[row.path] or "" for row in rows.values()]), crops_of.provenance)
    before = _evaluate(assignment, analyzed.features, named, "whole images")
    cropped = replace(assignment, rows=[row if row.path in named else row.left_out("set aside") for row in assignment.rows])
    after = _evaluate(cropped, on_crops, named, "crops")
    comparison = compare(before, after)
    return CropBenefit(
        n=comparison.n,
        whole_images=accuracy_interval(before),
        crops=accuracy_interval(after),
        accuracy=comparison.accuracy,
        log_loss=comparison.log_loss,
        p_value=comparison.p_value,
        verdict=comparison.verdict,
    )


def _crop_features(
    crops: Sequence[Crop],
    shape: CropShape,
    spec: FeatureSpec,
    written: tuple[Path | None, Sequence[str]],
    num_workers: int | None,
    progress: Progress,
) -> tuple[dict[str, str | None], FeatureMatrix]:
    """The id of the first crop of each image by the path of the image, and the features of the crops."""
    first = {crop.path: crop for crop in reversed(crops)}
    with TemporaryDirectory() as spare:
        where, names = written
        if where is None:
            where = Path(spare)
            names, _ = write_crops(list(first.values()), where, shape, lambda _: None)
            named = dict(zip(first, names, strict=True))
        else:
            named = {crop.path: name for crop, name in zip(reversed(crops), reversed(names), strict=True)}
        named = {path: name for path, name in named.items() if name}
        made = analyze_files([where / name for name in named.values()], spec, num_workers=num_workers, progress=progress)
    return {path: file.image_id for path, file in zip(named, made.files, strict=True)}, made.features


def _evaluate(assignment: Assignment, features: FeatureMatrix, paths: set[str], source: str) -> Predictions:
    """Predictions of a probe for those of the reported photos that have a crop."""
    sets = PartSets.of(assignment, features)
    probe = fit_probe(sets.train.data)
    reported = next(iter(sets.reported.values()))
    rows = np.array([index for index, row in enumerate(reported.rows) if row.path in paths], dtype=np.int64)
    return probe_predictions(probe, reported.taken(rows), source)
