# Written by docs/reference/generate.py; do not edit.
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tellapart.progress import Progress
from tellapart.version import __version__ as __version__
from tellapart.evaluation import Comparison as Comparison
from tellapart.errors import DataError as DataError
from tellapart.dataset import Dataset as Dataset
from tellapart.features import FeatureMatrix as FeatureMatrix
from tellapart.classifier import ImageClassifier as ImageClassifier
from tellapart.errors import ImageError as ImageError
from tellapart.evaluation import Interval as Interval
from tellapart.errors import MissingExtra as MissingExtra
from tellapart.errors import ModelError as ModelError
from tellapart.errors import OptionError as OptionError
from tellapart.predictions import Predictions as Predictions
from tellapart.dataset_export.prepared import Prepared as Prepared
from tellapart.run_folder import Run as Run
from tellapart.errors import StorageError as StorageError
from tellapart.errors import TellapartError as TellapartError
from tellapart.errors import TimeLimitError as TimeLimitError
from tellapart.commands.serve import asgi as asgi
from tellapart.dataset import open_dataset as open_dataset
from tellapart.dataset_export.prepared import open_prepared as open_prepared
from tellapart.run_folder import open_run as open_run
from tellapart.collection.status import CollectResult
from tellapart.commands.augment import AugmentResult
from tellapart.commands.backbones import BackbonesResult
from tellapart.commands.balance import BalanceResult
from tellapart.commands.cache import CacheResult
from tellapart.commands.check import CheckResult
from tellapart.commands.cluster import ClusterResult
from tellapart.commands.crop import CropResult
from tellapart.commands.decisions import DecisionsResult
from tellapart.commands.decisions import UndoResult
from tellapart.commands.doctor import DoctorResult
from tellapart.commands.evaluate import EvaluateResult
from tellapart.commands.explain import ExplainResult
from tellapart.commands.explore import ExploreResult
from tellapart.commands.export_dataset import ExportDatasetResult
from tellapart.commands.export_model import ExportModelResult
from tellapart.commands.learning_curve import LearningCurveResult
from tellapart.commands.prepare import PrepareResult
from tellapart.commands.runs import RmRunResult
from tellapart.commands.runs import RunsResult
from tellapart.commands.serve import ServeResult
from tellapart.commands.similar import SimilarResult
from tellapart.commands.sources import SourcesResult
from tellapart.commands.split import SplitResult
from tellapart.commands.studio import StudioResult
from tellapart.commands.submit import Submission
from tellapart.commands.suggest import SuggestResult
from tellapart.predictor import PredictedFiles
from tellapart.workflows.decision_writing import DecisionResult
from tellapart.workflows.training_plan import TrainingPlan

def augment(
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    augment: str = ...,
    copies: int = ...,
    out: Path | None = ...,
    seed: int = ...,
) -> AugmentResult: ...

def autoencode(
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    architecture: str = ...,
    image_size: int | None = ...,
    latent: int | None = ...,
    resize: str = ...,
    augment: str = ...,
    epochs: int = ...,
    batch_size: int = ...,
    lr: float = ...,
    patience: int = ...,
    time_limit: str | None = ...,
    test_share: float | None = ...,
    seed: int = ...,
    name: str | None = ...,
    out: Path = ...,
    again: bool = ...,
    state: Path | None = ...,
    device: str = ...,
    precision: str = ...,
    num_workers: int | None = ...,
) -> Run: ...

def backbones(
    names: str | Sequence[str] = ...,
    *,
    progress: Progress = ...,
    measure: bool = ...,
    device: str = ...,
) -> BackbonesResult: ...

def balance(
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    strategy: str = ...,
    cap: int | None = ...,
    out: Path = ...,
    test_share: float | None = ...,
    backbone: str = ...,
    seed: int = ...,
    state: Path | None = ...,
    device: str = ...,
    precision: str = ...,
    num_workers: int | None = ...,
) -> BalanceResult: ...

def cache(
    *,
    progress: Progress = ...,
    clear: str | None = ...,
    older_than: str | None = ...,
) -> CacheResult: ...

def check(
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    backbone: str = ...,
    image_size: int | None = ...,
    resize: str = ...,
    issues: str | None = ...,
    apply: str | None = ...,
    out: Path = ...,
    seed: int = ...,
    state: Path | None = ...,
    device: str = ...,
    precision: str = ...,
    num_workers: int | None = ...,
) -> CheckResult: ...

def cluster(
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    k: int = ...,
    method: str = ...,
    features: str = ...,
    layer: str | None = ...,
    weights: Path | None = ...,
    image_size: int | None = ...,
    pca: int = ...,
    n_init: int = ...,
    max_k: int = ...,
    vocabulary: str = ...,
    name: str | None = ...,
    apply: bool = ...,
    folders: Path | None = ...,
    links: bool = ...,
    out: Path = ...,
    seed: int = ...,
    state: Path | None = ...,
    device: str = ...,
    precision: str = ...,
    num_workers: int | None = ...,
) -> ClusterResult: ...

def collect(
    names: str | Sequence[str] = ...,
    *,
    progress: Progress = ...,
    out: str = ...,
    per_class: int | None = ...,
    class_: tuple[str, ...] = ...,
    plan: Path | None = ...,
    urls: Path | None = ...,
    page: tuple[str, ...] = ...,
    label: str | None = ...,
    next_page: str | None = ...,
    pages: int = ...,
    browser: bool = ...,
    sources: str | None = ...,
    licenses: str | None = ...,
    contact: str | None = ...,
    max_side: int = ...,
    min_side: int = ...,
    resize: int | None = ...,
    crop: str | None = ...,
    per_host: int = ...,
    host_rate: float = ...,
    concurrency: int = ...,
    time: str | None = ...,
    shards: bool = ...,
    uneven_sources: bool = ...,
    allow_private: bool = ...,
    status: bool = ...,
    state: Path | None = ...,
) -> CollectResult: ...

def compare(
    first: str | Path,
    second: str | Path,
    *,
    progress: Progress = ...,
) -> Comparison: ...

def crop(
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    target: str = ...,
    margin: float = ...,
    square: bool = ...,
    on_multiple: str = ...,
    align: bool = ...,
    on_missing: str = ...,
    filter_identities: bool = ...,
    size: int | None = ...,
    out: Path | None = ...,
    measure_benefit: bool | None = ...,
    seed: int = ...,
    state: Path | None = ...,
    device: str = ...,
    precision: str = ...,
    num_workers: int | None = ...,
) -> CropResult: ...

def decisions(
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    apply: Path | None = ...,
    all: bool = ...,
    reason: str = ...,
    state: Path | None = ...,
) -> DecisionsResult: ...

def demo(
    *,
    progress: Progress = ...,
    backbone: str = ...,
    out: Path = ...,
) -> Run: ...

def doctor(
    *,
    progress: Progress = ...,
) -> DoctorResult: ...

def ensemble(
    runs: Sequence[str | Path],
    *,
    progress: Progress = ...,
    weights: str = ...,
    name: str | None = ...,
    out: Path = ...,
    again: bool = ...,
) -> Run: ...

def evaluate(
    run: str | Path,
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    out: Path | None = ...,
    report: Path | None = ...,
    tta: int = ...,
    tta_augment: str | None = ...,
    device: str = ...,
    precision: str = ...,
    num_workers: int | None = ...,
) -> EvaluateResult: ...

def exclude(
    folder: str | Path,
    files: str | Path | Sequence[str | Path],
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    reason: str = ...,
    state: Path | None = ...,
) -> DecisionResult: ...

def explain(
    run: str | Path,
    images: str | Path | Sequence[str | Path],
    *,
    progress: Progress = ...,
    class_: str | None = ...,
    path_column: str | None = ...,
    layer: str | None = ...,
    occlusion: bool = ...,
    square: float = ...,
    out: Path | None = ...,
    device: str = ...,
    precision: str = ...,
) -> ExplainResult: ...

def explore(
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    only: str | None = ...,
    k: int = ...,
    method: str = ...,
    map: str = ...,
    features: str = ...,
    layer: str | None = ...,
    weights: Path | None = ...,
    image_size: int | None = ...,
    vocabulary: str = ...,
    name: str | None = ...,
    perplexity: float = ...,
    out: Path = ...,
    seed: int = ...,
    state: Path | None = ...,
    device: str = ...,
    precision: str = ...,
    num_workers: int | None = ...,
) -> ExploreResult: ...

def export_dataset(
    folder: str | Path,
    out: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    format: str = ...,
    state: Path | None = ...,
) -> ExportDatasetResult: ...

def export_model(
    run: str | Path,
    *,
    progress: Progress = ...,
    to: str = ...,
    out: Path | None = ...,
    int8: bool = ...,
    single: bool = ...,
    runtime: Path | None = ...,
) -> ExportModelResult: ...

def ladder(
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    steps: str = ...,
    backbone: str = ...,
    weights: Path | None = ...,
    architecture: str = ...,
    scratch_size: int | None = ...,
    scratch_epochs: int | None = ...,
    epochs: int | None = ...,
    zero_shot: str | None = ...,
    folds: int = ...,
    tta: int = ...,
    balance: str = ...,
    time_limit: str | None = ...,
    test_share: float | None = ...,
    seed: int = ...,
    name: str | None = ...,
    out: Path = ...,
    again: bool = ...,
    state: Path | None = ...,
    device: str = ...,
    precision: str = ...,
    num_workers: int | None = ...,
) -> Run: ...

def learning_curve(
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    recipe: str = ...,
    sizes: str | None = ...,
    draws: int = ...,
    backbone: str = ...,
    weights: Path | None = ...,
    architecture: str = ...,
    image_size: int | None = ...,
    augment: str | None = ...,
    epochs: int | None = ...,
    balance: str = ...,
    test_share: float | None = ...,
    seed: int = ...,
    out: Path | None = ...,
    state: Path | None = ...,
    device: str = ...,
    precision: str = ...,
    num_workers: int | None = ...,
) -> LearningCurveResult: ...

def predict(
    run: str | Path,
    images: Any,
    *,
    progress: Progress = ...,
    out: Path | None = ...,
    sheet: Path | None = ...,
    sort_into: Path | None = ...,
    unknown: float | None = ...,
    coverage: float | None = ...,
    top: int | None = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    tta: int = ...,
    tta_augment: str | None = ...,
    device: str = ...,
    precision: str = ...,
    num_workers: int | None = ...,
) -> PredictedFiles: ...

def prepare(
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    size: tuple[str, ...] = ...,
    out: Path = ...,
    format: str = ...,
    resize: str = ...,
    channels: str = ...,
    dtype: str = ...,
    gray: bool = ...,
    shuffle: bool = ...,
    shard_mb: int = ...,
    seed: int = ...,
    state: Path | None = ...,
    num_workers: int | None = ...,
) -> PrepareResult: ...

def relabel(
    folder: str | Path,
    files: str | Path | Sequence[str | Path],
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    reason: str = ...,
    state: Path | None = ...,
    to: str | None = ...,
    allow_new: bool = ...,
) -> DecisionResult: ...

def report(
    run: str | Path,
    *,
    progress: Progress = ...,
    explain: int = ...,
    map: str = ...,
    again: bool = ...,
) -> Path: ...

def restore(
    folder: str | Path,
    files: str | Path | Sequence[str | Path],
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    reason: str = ...,
    state: Path | None = ...,
) -> DecisionResult: ...

def rm_run(
    runs: Sequence[str | Path],
    *,
    progress: Progress = ...,
    yes: bool = ...,
) -> RmRunResult: ...

def runs(
    folder: str | Path = ...,
    *,
    progress: Progress = ...,
    page: Path | None = ...,
) -> RunsResult: ...

def serve(
    runs: Sequence[str | Path],
    *,
    progress: Progress = ...,
    host: str = ...,
    port: int = ...,
    allow_host: tuple[str, ...] = ...,
    key_file: Path | None = ...,
    queue: int = ...,
    deadline: float = ...,
    max_body: float = ...,
    max_images: int = ...,
    num_workers: int | None = ...,
) -> ServeResult: ...

def similar(
    folder: str | Path,
    image: str | Path | None = ...,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    all_: bool = ...,
    k: int = ...,
    skip_duplicates: bool = ...,
    features: str = ...,
    layer: str | None = ...,
    weights: Path | None = ...,
    image_size: int | None = ...,
    out: Path | None = ...,
    state: Path | None = ...,
    device: str = ...,
    precision: str = ...,
    num_workers: int | None = ...,
) -> SimilarResult: ...

def sources(
    names: str | Sequence[str] = ...,
    *,
    progress: Progress = ...,
    check: bool = ...,
    contact: str | None = ...,
    allow_private: bool = ...,
) -> SourcesResult: ...

def split(
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    out: Path | None = ...,
    strategy: str | None = ...,
    val: float = ...,
    test: float = ...,
    folds: int = ...,
    group: str | None = ...,
    pattern: str | None = ...,
    first_n: int = ...,
    previous: Path | None = ...,
    reset: bool = ...,
    seed: int = ...,
    backbone: str = ...,
    state: Path | None = ...,
    device: str = ...,
    precision: str = ...,
    num_workers: int | None = ...,
) -> SplitResult: ...

def studio(
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    open: bool = ...,
    port: int = ...,
    host: str = ...,
    allow_host: tuple[str, ...] = ...,
    runs: Path = ...,
    check: Path = ...,
    explore: Path = ...,
    suggested: Path = ...,
    state: Path | None = ...,
    num_workers: int | None = ...,
) -> StudioResult: ...

def submit(
    run: str | Path,
    folder: str | Path,
    *,
    progress: Progress = ...,
    sample: Path | None = ...,
    out: Path = ...,
    clip: float | None = ...,
    class_: str | None = ...,
    path_column: str | None = ...,
    tta: int = ...,
    tta_augment: str | None = ...,
    device: str = ...,
    precision: str = ...,
    num_workers: int | None = ...,
) -> Submission: ...

def suggest(
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    run: Path | None = ...,
    n: int = ...,
    labeled: bool = ...,
    classes: str | None = ...,
    features: str = ...,
    out: Path = ...,
    seed: int = ...,
    state: Path | None = ...,
    device: str = ...,
    num_workers: int | None = ...,
) -> SuggestResult: ...

def train(
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    recipe: str = ...,
    backbone: str = ...,
    weights: Path | None = ...,
    architecture: str = ...,
    image_size: int | None = ...,
    resize: str = ...,
    flip_average: bool = ...,
    balance: str = ...,
    augment: str | None = ...,
    epochs: int | None = ...,
    batch_size: int | None = ...,
    lr: float | None = ...,
    weight_decay: float = ...,
    layer_decay: float = ...,
    label_smoothing: float | None = ...,
    mixup: float = ...,
    cutmix: float = ...,
    unfreeze: str = ...,
    patience: int = ...,
    folds: int | None = ...,
    time_limit: str | None = ...,
    logger: str | None = ...,
    test_share: float | None = ...,
    n_splits: int = ...,
    learning_curve: bool = ...,
    costs: Path | None = ...,
    recall: str | None = ...,
    seed: int = ...,
    name: str | None = ...,
    out: Path = ...,
    plan: bool = ...,
    again: bool = ...,
    state: Path | None = ...,
    device: str = ...,
    precision: str = ...,
    num_workers: int | None = ...,
) -> Run | TrainingPlan: ...

def undo(
    folder: str | Path,
    *,
    progress: Progress = ...,
    label_folder: str = ...,
    path_column: str | None = ...,
    label_column: str | None = ...,
    batch: int | None = ...,
    state: Path | None = ...,
) -> UndoResult: ...
