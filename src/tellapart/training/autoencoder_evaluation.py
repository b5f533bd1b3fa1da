"""Evaluate a trained autoencoder: reconstruction errors, outliers, and what its latent units do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tellapart.array_types import BoolArray, ByteArray, FloatArray, IntArray
from tellapart.autoencoder_metrics import LatentSummary, ReconstructionErrors, ReconstructionMetrics
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.parts import REPORTED
from tellapart.images.pixel_store import Pixels
from tellapart.interval import Interval
from tellapart.progress import SILENT, Progress
from tellapart.training.autoencoder_training import AutoencoderRecipe, TrainedAutoencoder
from tellapart.training.data_loader import DataLoader
from tellapart.training.fold_training import replicas_on
from tellapart.training.latent_analysis import (
    LatentUnits,
    RunningUnits,
    Traversal,
    as_pixels,
    linear_code,
    linear_errors,
    mean_error,
    outlier_scores,
    traversal,
)
from tellapart.training.reconstruction import AutoencoderLearner, reconstruct
from tellapart.training.thread_replicas import one_thread_each

EXAMPLES = 6
STRANGEST = 24


@dataclass(frozen=True, eq=False)
class Example:
    """An image, uint8 (s, s, 3), its number among the rows, and what the autoencoder made of it."""

    row: int
    original: ByteArray
    answer: ByteArray


@dataclass(frozen=True, eq=False)
class AutoencoderEvaluation:
    """Evaluation of an autoencoder on n images.

    Attributes:
        rows: the used images, each with a part and a group.
        chose: whether an image was used to choose the epoch, bool (n,).
        errors: mean squared error of each image, scale 0 to 1, float64 (n,).
        compared: rows compared with the baselines: those held back, else all, int64 (m,).
        mean_image, linear: errors of the baselines, the mean training image and PCA, float64 (m,).
        components: number of principal components.
        scores: outlier scores, float64 (n,); see :func:`tellapart.training.latent_analysis.outlier_scores`.
        units: of the latent.
        examples: of the images held back (of all, where none were): ``best``, ``median`` and ``worst``.
        strangest: by score.
        base: the row whose latent is moved.
        traversal: what moving its units draws.
    """

    rows: list[FileRow]
    chose: BoolArray
    errors: FloatArray
    compared: IntArray
    mean_image: FloatArray
    linear: FloatArray
    components: int
    scores: FloatArray
    units: LatentUnits
    examples: dict[str, list[Example]]
    strangest: list[Example]
    base: int
    traversal: Traversal

    @property
    def is_held_back(self) -> BoolArray:
        """Whether an image was used neither for training nor for selection, bool (n,)."""
        return np.array([row.part in REPORTED for row in self.rows], bool)

    @property
    def is_trained_on(self) -> BoolArray:
        """Whether the network was trained on an image, bool (n,)."""
        return ~self.is_held_back & ~self.chose

    def metrics(self) -> ReconstructionMetrics:
        """What was measured, for ``metrics.json``."""
        learned = np.flatnonzero(self.is_trained_on)
        beside = ReconstructionErrors(n=len(learned), error=self._mean(self.errors[learned], learned))
        return ReconstructionMetrics(
            held_back=self._compare_with_baselines() if self.is_held_back.any() else None,
            trained_on=beside if self.is_held_back.any() else self._compare_with_baselines(),
            components=self.components,
            units=LatentSummary(
                latent=len(self.units.deviation),
                dead=self.units.dead.tolist() if len(self.rows) > 1 else None,
                worth=self.units.worth,
            ),
        )

    def _compare_with_baselines(self) -> ReconstructionErrors:
        rows, errors = self.compared, self.errors[self.compared]
        return ReconstructionErrors(
            n=len(rows),
            error=self._mean(errors, rows),
            mean_image=self._mean(self.mean_image, rows),
            linear=self._mean(self.linear, rows),
            better_than_linear=self._mean(self.linear - errors, rows),
        )

    def _mean(self, values: FloatArray, rows: IntArray) -> Interval:
        return mean_error(values, [self.rows[i].group or str(i) for i in rows])


def evaluate_autoencoder(
    trained: TrainedAutoencoder,
    recipe: AutoencoderRecipe,
    rows: Sequence[FileRow],
    *,
    device: str,
    num_workers: int,
    progress: Progress = SILENT,
) -> AutoencoderEvaluation:
    """Evaluate an autoencoder on every used image.

    Args:
        trained: the network.
        recipe: how it was trained.
        rows: the used images; those with part ``train`` in the order they were trained in.
        device: where to compute.
        num_workers: threads that make batches.
        progress: progress receiver.
    """
    images = list(rows)
    image_ids = [row.image_id or "" for row in images]
    everything = np.arange(len(images))
    training = np.flatnonzero([row.part == "train" for row in images])
    chose = np.isin(everything, training[trained.held_out])
    learner, threads = trained.learner(device), replicas_on(device)
    with recipe.store.open(image_ids) as pixels, one_thread_each(threads):
        feed = recipe.feed(pixels, image_ids, device=device, num_workers=num_workers)
        errors, units = _reconstruct_all(learner, feed, everything, threads, progress)
        is_held_back = np.array([row.part in REPORTED for row in images], bool)
        shown = np.flatnonzero(is_held_back) if is_held_back.any() else everything
        code = linear_code(pixels, np.setdiff1d(training, np.flatnonzero(chose)), learner.latent_width)
        mean_image, linear = linear_errors(code, pixels, shown)
        scores = outlier_scores(errors, ~is_held_back & ~chose)
        order = shown[np.argsort(errors[shown], kind="stable")]
        base = int(order[len(order) // 2])
        examples = {name: _examples(learner, feed, pixels, chosen) for name, chosen in _example_rows(order).items()}
        strangest = _examples(learner, feed, pixels, np.argsort(-scores, kind="stable")[:STRANGEST])
        moved = traversal(_decoder(learner, device), units, _latent(learner, feed, base))
    return AutoencoderEvaluation(
        rows=images,
        chose=chose,
        errors=errors,
        compared=shown,
        mean_image=mean_image,
        linear=linear,
        components=len(code.basis),
        scores=scores,
        units=units,
        examples=examples,
        strangest=strangest,
        base=base,
        traversal=moved,
    )


def _reconstruct_all(
    learner: AutoencoderLearner, feed: DataLoader, rows: IntArray, threads: int, progress: Progress
) -> tuple[FloatArray, LatentUnits]:
    errors, so_far = [], RunningUnits(len(rows))
    with progress.stage("reconstructing images", total=len(rows)) as advance:
        for latents, errors_of_batch in reconstruct(learner, feed, rows, threads):
            so_far.add(latents)
            errors.append(errors_of_batch)
            advance(len(errors_of_batch))
    return np.concatenate(errors), so_far.units()


def _example_rows(order: IntArray) -> dict[str, IntArray]:
    """The best, the median and the worst of rows ordered by error; no row twice where there are three or more."""
    each = max(1, min(EXAMPLES, len(order) // 3))
    middle = max(0, (len(order) - each) // 2)
    return {"best": order[:each], "median": order[middle : middle + each], "worst": order[::-1][:each]}


def _examples(learner: AutoencoderLearner, feed: DataLoader, pixels: Pixels, rows: IntArray) -> list[Example]:
    x = torch.cat(list(feed.plain(rows, len(rows))))
    with torch.inference_mode():
        answers = as_pixels(learner(x).cpu().numpy())
    return [Example(int(row), original, answer) for row, original, answer in zip(rows, pixels.take(rows), answers, strict=True)]


def _latent(learner: AutoencoderLearner, feed: DataLoader, row: int) -> FloatArray:
    ((latents, _),) = reconstruct(learner, feed, np.array([row]))
    return np.asarray(latents[0])


def _decoder(learner: AutoencoderLearner, device: str) -> Any:
    def decode(latents: FloatArray) -> FloatArray:
        with torch.inference_mode():
            return np.asarray(learner.head(torch.from_numpy(latents).to(device)).float().cpu().numpy())

    return decode
