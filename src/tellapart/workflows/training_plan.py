"""The cost of a training before it starts: time, memory and disk, estimated from a few seconds of measurement."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tellapart.cache_dir import cache_root
from tellapart.concurrency import worker_count
from tellapart.counts import count
from tellapart.dataset import Catalog, Dataset, Entry, open_dataset
from tellapart.dataset.catalog import state_folder
from tellapart.dataset.decisions import read_decisions
from tellapart.dataset.parts import TEST_SHARE, check_labels
from tellapart.errors import DataError, TellapartError
from tellapart.feature_extraction import extract, waiting_entries
from tellapart.feature_spec import FeatureSpec
from tellapart.large_arrays import IN_MEMORY
from tellapart.progress import SILENT, Progress
from tellapart.results import Result
from tellapart.run_folder import Run
from tellapart.training.options import TrainOptions
from tellapart.training.recipe_runner import NetworkRunner, ProbeRunner, folds_by_size
from tellapart.training.recipes import recipe_runner

MEASURE_S = 3.0
WARM_UP = 16
"""Files that are read first, while networks are loaded."""
HELD_OUT = 0.2
"""Share of the training images that choose the epoch of a network."""
THUMBNAIL_BYTES = 3_000
BASE_BYTES = 700 << 20
BYTES_PER_IMAGE = 4_000
REST_S = 0.004
"""Memory of any training, and of each image; seconds for each image of everything but reading and training: near-duplicates, evaluation
and report. A rough figure from parts measured on up to 40,000 images, see docs/guides/scale.md."""


@dataclass(frozen=True, kw_only=True)
class PlannedStage(Result):
    """One stage of a training.

    Attributes:
        name: what is done.
        images: how many images it works on, each counted as often as it is seen.
        images_per_s: images per second, measured here; None where it was not measured.
        seconds: estimated duration.
        memory_bytes: estimated peak memory of the program.
        disk_bytes: what it writes to the cache.
    """

    name: str
    images: int
    images_per_s: float | None
    seconds: float
    memory_bytes: int
    disk_bytes: int


@dataclass(frozen=True, kw_only=True)
class TrainingPlan(Result):
    """What a training will cost.

    Attributes:
        folder: the images.
        recipe: what would be trained.
        files: number of files.
        cached: files that an earlier command has read already.
        stages: in their order.
        free_bytes: free disk space at the cache.
        more_images: what twice the images are expected to bring, from the learning curve of the newest run on this folder; or why that
            is not known.
    """

    folder: str
    recipe: str
    files: int
    cached: int
    stages: tuple[PlannedStage, ...]
    free_bytes: int
    more_images: str

    @property
    def seconds(self) -> float:
        """Estimated duration of all stages."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def memory_bytes(self) -> int:
        """Estimated peak memory."""
        return max(stage.memory_bytes for stage in self.stages)

    @property
    def disk_bytes(self) -> int:
        """What is written to the cache."""
        return sum(stage.disk_bytes for stage in self.stages)


def plan_training(folder: str | Path, options: TrainOptions, progress: Progress = SILENT) -> TrainingPlan:
    """Estimate what ``tellapart train`` with these options will cost; raises as :func:`tellapart.train`.

    The files read for the measurement are cached, so the training does not read them again.
    """
    runner = recipe_runner(options)
    dataset = open_dataset(folder, options, progress=progress)
    state, _ = state_folder(dataset.root, options.state)
    check_labels(dataset, read_decisions(state), 2)
    with Catalog(state / "catalog.sqlite") as catalog:
        waiting = waiting_entries(dataset, runner.spec, catalog)
        speed = _reading_speed(dataset, runner.spec, waiting, catalog, options, progress)
    n = len(dataset)
    stages = [_reading_stage(runner.spec, n, len(waiting), speed)]
    if isinstance(runner, NetworkRunner):
        stages.append(_training_stage(runner, dataset, options, progress))
    stages.append(_rest_stage(runner, n))
    recipe = "probe on " + options.backbone if isinstance(runner, ProbeRunner) else runner.recipe.title  # type: ignore[attr-defined]
    more = _more_images(options.out, dataset)
    free = shutil.disk_usage(_existing(cache_root())).free
    return TrainingPlan(
        folder=str(folder), recipe=recipe, files=n, cached=n - len(waiting), stages=tuple(stages), free_bytes=free, more_images=more
    )


def _reading_speed(
    dataset: Dataset, spec: FeatureSpec, waiting: list[Entry], catalog: Catalog, options: TrainOptions, progress: Progress
) -> float | None:
    """Files read per second, by reading a few that are spread over the dataset; None where all are cached."""
    if not waiting:
        return None
    num_workers = worker_count(options.num_workers)
    spread = waiting[:: max(1, len(waiting) // 4096)]
    size, begin, speed = WARM_UP * num_workers, 0, None
    with progress.stage("measuring how fast images are read", unit="images") as advance:
        while begin < len(spread) and size:
            some = replace(dataset, entries=tuple(spread[begin : begin + size]))
            start = time.monotonic()
            with suppress(DataError):  # none of these few is an image
                extract(some, spec, catalog=catalog, num_workers=num_workers)
            speed = len(some) / (time.monotonic() - start)
            advance(len(some))
            begin, size = begin + size, 0 if begin else max(WARM_UP * num_workers, round(speed * MEASURE_S))
    return speed


def _reading_stage(spec: FeatureSpec, n: int, waiting: int, speed: float | None) -> PlannedStage:
    width = 4 * sum(backbone.card.num_features for backbone in spec.backbones)
    squares = sum(3 * size * size for size in spec.pixel_sizes)
    return PlannedStage(
        name="reading images",
        images=waiting,
        images_per_s=speed,
        seconds=waiting / speed if speed else 0.0,
        memory_bytes=BASE_BYTES + BYTES_PER_IMAGE // 2 * n,
        disk_bytes=waiting * (width + squares + THUMBNAIL_BYTES),
    )


def _training_stage(runner: NetworkRunner, dataset: Dataset, options: TrainOptions, progress: Progress) -> PlannedStage:
    from tellapart.training.speed_measurement import training_speed

    recipe = runner.recipe
    with progress.stage("measuring how fast the network trains", unit="images"):
        num_workers = worker_count(options.num_workers)
        speed = training_speed(recipe, max(2, len(dataset.class_names)), device=runner.device, num_workers=num_workers)
    share = 1.0 if any(entry.part for entry in dataset.entries) else 1 - (options.test_share or TEST_SHARE)
    trained = sum(entry.part in (None, "train") for entry in dataset.entries) * share
    folds = options.folds or (folds_by_size(round(trained)) if options.recipe == "finetune" else 1)
    images = round(trained * (1 - HELD_OUT) * recipe.plan.epochs * folds)
    seconds = min(images / speed, recipe.plan.time_s or float("inf"))
    memory = BASE_BYTES + BYTES_PER_IMAGE * len(dataset)
    name = f"training {recipe.title}, {count(recipe.plan.epochs, 'epoch')}"
    return PlannedStage(name=name, images=images, images_per_s=speed, seconds=seconds, memory_bytes=memory, disk_bytes=0)


def _rest_stage(runner: object, n: int) -> PlannedStage:
    """Near-duplicates, evaluation and report. Large features are standardized and rotated on disk, four times their size."""
    width = 4 * sum(backbone.card.num_features for backbone in runner.spec.backbones)  # type: ignore[attr-defined]
    arrays = n * width
    memory = BASE_BYTES + BYTES_PER_IMAGE * n + 4 * min(arrays, IN_MEMORY)
    on_disk = 4 * arrays if arrays > IN_MEMORY else 0
    name = "near-duplicates, evaluation and report"
    return PlannedStage(name=name, images=n, images_per_s=None, seconds=REST_S * n, memory_bytes=memory, disk_bytes=on_disk)


def _more_images(runs: Path, dataset: Dataset) -> str:
    """What twice the images are expected to bring, from the newest run on the folder that measured it."""
    files = sorted(runs.expanduser().glob("*/metrics.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for file in files:
        try:
            run = Run(file.parent)
            curve, images = run.metrics.learning_curve, run.metrics.folder
        except TellapartError:
            continue
        if curve and images == str(dataset.root):
            gain, twice = curve.twice.gain, curve.twice.n_train
            low, value, high = (100 * x for x in (gain.low, gain.value, gain.high))
            return f"twice the training images ({twice:,}): {value:+.1f} points of accuracy ({low:+.1f} to {high:+.1f}), says {run.name}"
    return "what more images would bring is not known: no run on this folder measured its learning curve"


def _existing(folder: Path) -> Path:
    return folder if folder.exists() or folder == folder.parent else _existing(folder.parent)
