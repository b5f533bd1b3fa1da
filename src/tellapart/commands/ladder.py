"""tellapart ladder: every recipe on one split, each compared with the one before it."""

from __future__ import annotations

import functools
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.durations import duration_complaint
from tellapart.errors import OptionError
from tellapart.models.precision import precision_option
from tellapart.options import Condition, dataclass, option, with_options
from tellapart.printable import folder_name, place_of
from tellapart.progress import AUTO, Progress
from tellapart.run_metrics import SavedStep
from tellapart.shared_options import (
    again_option,
    backbone_option,
    balance_option,
    device_option,
    num_workers_option,
    run_name_option,
    runs_option,
    seed_option,
    state_option,
    test_share_option,
    weights_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tellapart.analyzed_folder import AnalyzedFolder, OpenedFolder
    from tellapart.dataset.parts import Assignment
    from tellapart.feature_spec import FeatureSpec
    from tellapart.predictions import Predictions
    from tellapart.run_folder import Run
    from tellapart.training.ladder import LadderStep
    from tellapart.training.recipe_evaluation import Evaluation
    from tellapart.training.recipe_runner import LivePage, RecipeRunner

SMALLEST_PROBABILITY = 1e-12
STEPS = ("scratch", "probe", "finetune", "folds", "tta", "calibration")


def _steps_complaint(text: str) -> str | None:
    from tellapart.errors import closest_name

    for name in text.split(","):
        if name.strip() not in STEPS:
            hint = closest_name(name.strip(), STEPS)
            return f"there is no step {name.strip()!r}; the steps are {', '.join(STEPS)}" + (f" ({hint})" if hint else "")
    if not {"scratch", "probe", "finetune", "folds"} & {name.strip() for name in text.split(",")}:
        return "at least one of scratch, probe, finetune and folds is needed"
    return None


WITH_BACKBONE = ("probe", "finetune", "folds")


def _with_step(*names: str) -> Condition:
    """One of these steps must be among ``steps``."""

    def complaint(options: LadderOptions) -> str | None:
        steps = {name.strip() for name in options.steps.split(",")}
        return None if steps & set(names) else f"without the step {' or '.join(names)}"

    return complaint


@dataclass(frozen=True, kw_only=True)
class LadderOptions(DatasetOptions):
    """What to compare."""

    steps: str = option(",".join(STEPS), "Steps to compare, separated by commas.", check=_steps_complaint)
    backbone: str = backbone_option(only_for=_with_step(*WITH_BACKBONE))
    weights: Path | None = weights_option(only_for=_with_step(*WITH_BACKBONE))
    architecture: str = option(
        "resnet", "Architecture for scratch: resnet, tiny, classic, or any timm name.", only_for=_with_step("scratch")
    )
    scratch_size: int | None = option(None, "Image size for scratch, in pixels.", minimum=24, maximum=2048, only_for=_with_step("scratch"))
    scratch_epochs: int | None = option(None, "Number of epochs for scratch.", minimum=1, maximum=10_000, only_for=_with_step("scratch"))
    epochs: int | None = option(None, "Number of epochs for finetune.", minimum=1, maximum=10_000, only_for=_with_step("finetune", "folds"))
    zero_shot: str | None = option(
        None, "Also add a zero-shot classifier that only gets the class names: imagenet, clip:NAME or clip:NAME=FILE.", metavar="NAME"
    )
    folds: int = option(5, "Number of cross-validation folds, one network each.", minimum=2, maximum=100, only_for=_with_step("folds"))
    tta: int = option(4, "Views of each image for the step tta.", minimum=2, maximum=8, only_for=_with_step("tta"))
    balance: str = balance_option()
    time_limit: str | None = option(
        None,
        "Time limit for training each network, such as 90s, 10m or 2h.",
        check=duration_complaint,
        metavar="TIME",
        only_for=_with_step("scratch", "finetune", "folds"),
    )
    test_share: float | None = test_share_option()
    seed: int = seed_option()
    name: str | None = run_name_option("ladder")
    out: Path = runs_option()
    again: bool = again_option()
    state: Path | None = state_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


@with_options(LadderOptions)
def ladder(folder: str | Path, *, options: LadderOptions, progress: Progress = AUTO) -> Run:
    """Train every recipe on one split and measure what each step gains.

    The steps: majority class, nearest neighbors, a network from scratch, a linear probe, fine-tuning, an average over
    cross-validation folds, test-time augmentation, calibration. All but the last report uncalibrated probabilities.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: receives progress and notes.
        options: as keywords; see :class:`LadderOptions`.

    Returns:
        A run whose report shows the ladder; its model is the recipe with the best out-of-fold log loss.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: the images cannot be used as they are.
        ModelError: a network is not available, or a training diverged.
        StorageError: the disk is full or cannot be written.
    """
    from tellapart.analyzed_folder import open_folder
    from tellapart.output_guards import check_outside
    from tellapart.reports import write_report
    from tellapart.reports.live_page import live_page
    from tellapart.run_folder import Run
    from tellapart.training.run_writer import RunContext, equal_run, new_run_folder, write_run

    started = datetime.now(UTC)
    opened = open_folder(folder, reading=options, min_classes=2, state=options.state, num_workers=options.num_workers, progress=progress)
    check_outside(options.out, opened.dataset)
    run = _LadderRun(options, opened, functools.partial(live_page, folder=place_of(folder)), progress)
    run.assign()
    if same := equal_run("ladder", options.out, options.as_dict(), run.assignment.rows, progress):
        return Run(same)
    run.train_recipes()
    run.refine()
    evaluation = run.evaluation()
    dataset, notes = opened.dataset, [*run.folder.notes, *run.notes]
    with new_run_folder(options.out, f"{folder_name(dataset.root)}-ladder", given=options.name, progress=progress) as (partial, final):
        write_run(partial, final, evaluation, RunContext("ladder", dataset, options.as_dict(), notes, started))
        write_report(partial, run.folder.thumbnails)
    for recipe in run.finished:
        recipe.forget()
    for sentence in notes:
        progress.note(sentence)
    return Run(final)


class _LadderRun:
    """The steps of one ladder, on one split."""

    folder: AnalyzedFolder
    assignment: Assignment

    def __init__(self, options: LadderOptions, opened: OpenedFolder, live: LivePage, progress: Progress) -> None:
        self.options, self.opened, self.live, self.progress = options, opened, live, progress
        self.wanted = [name.strip() for name in options.steps.split(",")]
        self.recipes: dict[str, RecipeRunner] = {}
        self.seconds_before: dict[str, float] = {}
        self.evaluations: dict[str, Evaluation] = {}
        self.steps: list[LadderStep] = []
        self.finished: list[RecipeRunner] = []
        self.sources: set[str] = set()
        self.notes: list[str] = []
        self.knows_words = self._word_network()

    def _word_network(self) -> FeatureSpec | None:
        """The network asked with the class names alone; found before anything is trained, so that a wrong name costs nothing."""
        if self.options.zero_shot is None:
            return None
        from tellapart.feature_spec import spec_of
        from tellapart.models.zero_shot import check_knows_words

        name, _, weights = self.options.zero_shot.partition("=")
        spec = spec_of(name, weights=Path(weights).expanduser() if weights else None)
        check_knows_words(spec.backbones, _as_words(sorted({entry.label for entry in self.opened.dataset.entries if entry.label})))
        return spec

    def assign(self) -> None:
        """Make the one split of all recipes, by the features of the first that has a backbone."""
        chosen = self.options
        own: dict[str, dict[str, Any]] = {
            "scratch": {"image_size": chosen.scratch_size, "epochs": chosen.scratch_epochs},
            "probe": {"n_splits": 0, "learning_curve": False},
            "finetune": {"epochs": chosen.epochs, "folds": 1},
            "folds": {"recipe": "finetune", "folds": chosen.folds, "epochs": chosen.epochs},
        }
        self.recipes = {name: self._recipe(name, **options) for name, options in own.items() if name in self.wanted}
        first = next((name for name, recipe in self.recipes.items() if recipe.spec.backbones), next(iter(self.recipes)))
        start = time.monotonic()
        self.folder = self.opened.analyze(self.recipes[first].spec, progress=self.progress)
        self.assignment = self.folder.assignment(test_share=chosen.test_share, seed=chosen.seed)
        self.notes += self.assignment.notes
        self.seconds_before = {first: time.monotonic() - start}

    def train_recipes(self) -> None:
        """Train the recipes, from the simplest on."""
        for name, recipe in self.recipes.items():
            self._train(name, recipe, self.seconds_before.get(name, 0.0))

    def _recipe(self, name: str, **own: Any) -> RecipeRunner:
        from tellapart.training.options import TrainOptions
        from tellapart.training.recipes import recipe_runner

        chosen = self.options
        shared = ("backbone", "weights", "architecture", "balance", "time_limit", "seed", "device", "precision", "num_workers", "out")
        values = {"recipe": name, **{key: getattr(chosen, key) for key in shared}, **own}
        if values["recipe"] == "probe" and chosen.balance not in ("none", "weights"):
            values["balance"] = "weights"
            self.notes.append(f"the probe uses class weights: {chosen.balance} is for networks trained batch by batch")
        return recipe_runner(TrainOptions.from_others(**values), live_page=self.live)

    def _train(self, name: str, recipe: RecipeRunner, seconds_before: float) -> None:
        from tellapart.training.ladder import LadderStep, without_calibration

        start = time.monotonic() - seconds_before
        features = self.folder.extracted(recipe.spec, progress=self.progress)
        recipe.train(self.assignment, features, self.progress)
        evaluation = recipe.evaluate(self.folder, self.assignment, features, self.progress)
        self.evaluations[name] = evaluation
        self.sources.add(evaluation.predictions.source)
        self.finished.append(recipe)
        self.notes += recipe.notes
        cost = evaluation.metrics.training
        seconds = time.monotonic() - start
        if cost is not None:
            seconds = max(seconds, cost.seconds)  # larger where part of it was done before an interruption
        predictions = without_calibration(evaluation.predictions, evaluation.predictions.source)
        self.steps.append(LadderStep(predictions, seconds, cost.images_per_s if cost else None))

    def refine(self) -> None:
        """More views, and calibration, of the last recipe trained."""
        from tellapart.training.ladder import LadderStep, without_calibration

        last = list(self.evaluations.values())[-1]
        predictions = last.predictions
        if "tta" in self.wanted:
            start = time.monotonic()
            predictions = self._with_views(last)
            name = f"{last.predictions.source}, {count(self.options.tta, 'view')}"
            self.steps.append(LadderStep(without_calibration(predictions, name), time.monotonic() - start))
        if "calibration" in self.wanted:
            probabilities = last.classifier.probabilities(predictions.logits)
            calibrated = replace(predictions, probabilities=probabilities, source=f"{self.steps[-1].predictions.source}, calibrated")
            self.steps.append(LadderStep(calibrated, 0.0))

    def _with_views(self, evaluation: Evaluation) -> Any:
        """The reported images seen several times."""
        from dataclasses import fields

        from tellapart.dataset.dataset import files_dataset
        from tellapart.models.saved_model import SavedModel
        from tellapart.predictor import PredictionSettings, predict_files

        classifier, reported = evaluation.classifier, evaluation.predictions
        own = {field.name: getattr(classifier, field.name) for field in fields(classifier)}
        model = SavedModel(**own, folder=Path(), details={"run": "tta"})
        entries = {row.path: entry for row, entry in zip(evaluation.rows, self.opened.dataset.entries, strict=True)}
        paths = [self.opened.dataset.file(entries[path]) for path in reported.paths]
        viewed = predict_files(
            model,
            files_dataset(paths),
            PredictionSettings(
                views=self.options.tta,
                device=self.options.device,
                precision=self.options.precision,
                num_workers=self.options.num_workers,
            ),
            progress=self.progress,
        ).predictions
        row_of = {image_id: row for row, image_id in enumerate(viewed.image_ids)}
        order = [row_of[image_id] for image_id in reported.image_ids]
        return replace(reported, probabilities=viewed.probabilities[order], logits=viewed.logits[order])

    def _zero_shot(self, reported: Predictions) -> list[LadderStep]:
        """What a network says that knows the names of the classes and has seen no photo of them."""
        from tellapart.training.ladder import LadderStep

        if self.knows_words is None:
            return []
        import numpy as np

        from tellapart.models.zero_shot import zero_shot

        start = time.monotonic()
        features = self.folder.extracted(self.knows_words.computed(self.options.device), progress=self.progress)
        words = _as_words(reported.class_names)
        try:
            scores = zero_shot(self.knows_words.backbones[0], features.of(reported.image_ids), words)
        except OptionError as error:
            self.notes.append(f"no zero-shot step: {error}")
            return []
        likely = np.maximum(scores[:, :-1], SMALLEST_PROBABILITY)
        probabilities = likely / likely.sum(axis=1, keepdims=True)
        logits = np.log(probabilities)
        predictions = replace(
            reported, probabilities=probabilities, logits=logits, source=f"zero-shot, {self.knows_words.backbones[0].card.name}"
        )
        return [LadderStep(predictions, time.monotonic() - start)]

    def evaluation(self) -> Evaluation:
        """The recipe with the best out-of-fold log loss, on the images for which all have one, with the whole ladder in its numbers."""
        from tellapart.training.ladder import LadderStep, best_out_of_fold, step_rows

        best = self.evaluations[best_out_of_fold({name: one.out_of_fold for name, one in self.evaluations.items()})]
        base = next((one for name, one in self.evaluations.items() if name != "scratch"), best)
        parts = best.metrics.parts
        for part, lowest in base.below.items():
            own = [LadderStep(predictions, 0.0) for predictions in lowest if predictions.source not in self.sources]
            scratch = int("scratch" in self.evaluations)
            untaught = [*own[:2], *self._zero_shot(lowest[0])]
            rungs = step_rows([*untaught, *self.steps[:scratch], *own[2:], *self.steps[scratch:]], part)
            parts[part] = replace(parts[part], rungs=rungs)
        metrics = replace(
            best.metrics,
            test=parts.get("test"),
            val=parts.get("val"),
            ladder=SavedStep(best.predictions.source),
            decisions=self.assignment.decisions,
        )
        return replace(best, metrics=metrics)


def _as_words(labels: Sequence[str]) -> list[str]:
    return [label.replace("_", " ") for label in labels]
