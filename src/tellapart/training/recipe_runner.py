"""From the options of a training to a recipe that runs: the features it needs, the training, and the evaluation."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tellapart.concurrency import worker_count
from tellapart.counts import count
from tellapart.durations import seconds_of
from tellapart.errors import OptionError
from tellapart.progress import Progress
from tellapart.training.tracking import Listeners, OnEpoch, tracker

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.dataset.parts import Assignment
    from tellapart.feature_spec import FeatureSpec
    from tellapart.features import FeatureMatrix
    from tellapart.models.saved_model import Member
    from tellapart.training.distributed import Processes
    from tellapart.training.fold_training import FoldMember
    from tellapart.training.linear_probe import Probe
    from tellapart.training.network_evaluation import NetworkAnswers
    from tellapart.training.network_recipe import NetworkRecipe
    from tellapart.training.options import TrainOptions
    from tellapart.training.recipe_evaluation import Evaluation

LivePage = Callable[[Path, str, int, int], AbstractContextManager[OnEpoch]]
"""Opens a page at a path, with a title, the number of trainings and of their epochs, that shows a training while it runs."""

SCRATCH_SIZE = 128
DEFAULTS: dict[str, dict[str, Any]] = {
    "finetune": {"epochs": 4, "batch_size": 16, "lr": 2e-4, "label_smoothing": 0.0, "augment": "light"},
    "scratch": {"epochs": 60, "batch_size": 32, "lr": 2e-3, "label_smoothing": 0.1, "augment": "strong"},
}
"""Defaults of each recipe; chosen by measurement (docs/log.md)."""
FOLDS_OF_FEW = ((600, 5), (2000, 3))
"""Below so many training images a fine-tuning has so many folds; above, one fifth of the images is enough to judge it."""


def folds_by_size(n: int) -> int:
    """The folds of a fine-tuning on n training images, where the user gives none."""
    return next((folds for most, folds in FOLDS_OF_FEW if n < most), 1)


class RecipeRunner(Protocol):
    """A recipe with its options."""

    notes: list[str]

    @property
    def spec(self) -> FeatureSpec:
        """The features it needs."""

    @property
    def processes(self) -> Processes | None:
        """The distributed process group; None for this process alone."""

    def train(self, assignment: Assignment, features: FeatureMatrix, progress: Progress, *, used_s: float = 0.0) -> None:
        """Do the part that several processes do together; ``used_s`` seconds of the time limit are used or reserved."""

    def evaluate(self, folder: AnalyzedFolder, assignment: Assignment, features: FeatureMatrix, progress: Progress) -> Evaluation:
        """Fit what is left and evaluate."""

    def forget(self) -> None:
        """Remove what was saved for resuming."""


@dataclass
class ProbeRunner:
    """A linear probe; it is quick, so only features are saved for resuming."""

    options: TrainOptions
    notes: list[str] = field(default_factory=list)
    processes: None = None

    def __post_init__(self) -> None:
        if self.options.folds not in (None, 1):
            raise OptionError(
                "a probe has no folds to average: its head is already selected by 5-fold cross-validation",
                hint="--recipe finetune --folds 5",
            )
        if self.options.balance not in ("none", "weights"):
            raise OptionError(
                f"a probe cannot {self.options.balance}: class weights do the same for a linear head without losing an image",
                hint="--balance weights",
            )

    @cached_property
    def spec(self) -> FeatureSpec:
        """The features of the backbones."""
        from tellapart.feature_spec import FeatureSpec
        from tellapart.models.backbones import find_backbones

        chosen = self.options
        backbones = find_backbones(chosen.backbone, weights=chosen.weights, image_size=chosen.image_size)
        return FeatureSpec(backbones, chosen.resize, chosen.flip_average).computed(chosen.device, chosen.precision)

    def train(self, assignment: Assignment, features: FeatureMatrix, progress: Progress, *, used_s: float = 0.0) -> None:
        """Nothing to do: the evaluation fits the probe."""

    def evaluate(self, folder: AnalyzedFolder, assignment: Assignment, features: FeatureMatrix, progress: Progress) -> Evaluation:
        """Fit and evaluate."""
        from tellapart.training.probe_evaluation import EvaluationOptions, evaluate_probe

        chosen = self.options
        class_weight = "balanced" if chosen.balance == "weights" else "none"
        evaluation = EvaluationOptions(class_weight, chosen.seed, chosen.n_splits, chosen.learning_curve)
        return evaluate_probe(assignment, features, self.spec, evaluation, progress)

    def forget(self) -> None:
        """Nothing was saved."""


@dataclass
class NetworkRunner:
    """A network trained from scratch or from a pretrained backbone; its checkpoints are saved on disk."""

    options: TrainOptions
    live_page: LivePage | None = None
    notes: list[str] = field(default_factory=list)
    _folds: list[FoldMember] = field(default_factory=list)
    _probe: Probe | None = None
    _class_names: tuple[str, ...] = ()
    _folder: Path | None = None

    @cached_property
    def processes(self) -> Processes:
        """The processes that torchrun started."""
        from tellapart.training.distributed import started_processes

        return started_processes()

    @cached_property
    def device(self) -> str:
        """The device it runs on."""
        from tellapart.models.devices import chosen_device

        return chosen_device(self.options.device)

    @cached_property
    def recipe(self) -> NetworkRecipe:
        """What is trained."""
        from tellapart.augmentation.policy import parse_augmentation
        from tellapart.models.backbones import find_backbones
        from tellapart.training.network_recipe import NetworkRecipe, scratch_card

        chosen = self.options
        backbone = None
        if chosen.recipe == "finetune":
            backbones = find_backbones(chosen.backbone, weights=chosen.weights, image_size=chosen.image_size)
            if len(backbones) > 1:
                raise OptionError(
                    f"one network is fine-tuned at a time, got {chosen.backbone!r}", hint="one run each, then: tellapart ensemble"
                )
            backbone = backbones[0]
            if backbone.card.is_special:
                raise OptionError(f"{chosen.backbone} is not fine-tuned, only probed", hint=f"--recipe probe --backbone {chosen.backbone}")
        return NetworkRecipe(
            name=chosen.recipe,
            card=backbone.card if backbone else scratch_card(chosen.architecture, chosen.image_size or SCRATCH_SIZE),
            backbone=backbone,
            resize=chosen.resize,
            unfreeze=chosen.unfreeze,
            augmentation=parse_augmentation(str(self._value("augment"))),
            plan=self._plan(),
            folds=chosen.folds or 1,
            precision=chosen.precision,
        )

    @cached_property
    def spec(self) -> FeatureSpec:
        """Resized images for the training, and features for the initial head."""
        from tellapart.feature_spec import FeatureSpec

        recipe = self.recipe
        backbones = (recipe.backbone,) if recipe.backbone else ()
        spec = FeatureSpec(backbones, recipe.resize, self.options.flip_average, (recipe.card.image_size,))
        return spec.computed(self.options.device, self.options.precision)

    def train(self, assignment: Assignment, features: FeatureMatrix, progress: Progress, *, used_s: float = 0.0) -> None:
        """Train every member, distributed over the processes."""
        from dataclasses import replace

        from tellapart.training.fold_training import train_members, training_folder
        from tellapart.training.linear_probe import fit_probe
        from tellapart.training.probe_evaluation import PartSets

        sets = PartSets.of(assignment, features)
        self._class_names = sets.class_names
        recipe = self.recipe = self._with_folds(len(sets.train.rows))
        if recipe.backbone is not None:
            with progress.stage("fitting the initial head", unit="steps"):
                self._probe = fit_probe(sets.train.data, seed=self.options.seed)
            recipe = self.recipe = replace(recipe, head=self._probe.choices[0])
        image_ids = [row.image_id or "" for row in sets.train.rows]
        self._folder = training_folder(recipe, sets.train.data, image_ids, device=self.device, processes=self.processes)
        with self._listeners(progress) as listeners:
            self._folds = train_members(
                recipe,
                sets.train.data,
                image_ids,
                device=self.device,
                num_workers=worker_count(self.options.num_workers),
                processes=self.processes,
                listeners=listeners,
                used_s=used_s,
            )
        if len(self._folds) < recipe.folds:
            self.notes.append(f"there are images for {len(self._folds)} of {count(recipe.folds, 'fold')}")
            self.recipe = replace(recipe, folds=len(self._folds))
        self.notes += [note for fold in self._folds for note in fold.facts["notes"]]

    @contextmanager
    def _listeners(self, progress: Progress) -> Iterator[Listeners]:
        """Who follows the training: the progress, the logger that was asked for, and the live page."""
        recipe = self.recipe
        with ExitStack() as stack:
            followers = [stack.enter_context(tracker(self.options.logger, self.options.out, self.options.as_dict()))]
            if self.live_page is not None:
                page = self.options.out / f"{self.options.name or recipe.name}.{os.getpid()}.training.html"
                followers.append(stack.enter_context(self.live_page(page, recipe.title, recipe.folds, recipe.plan.epochs)))
                progress.note(f"live page of the training: {page.absolute().as_uri()}")

            def on_epoch(title: str, history: Sequence[Mapping[str, Any]]) -> None:
                for follower in followers:
                    if follower:
                        follower(title, history)

            yield Listeners(progress, on_epoch)

    def evaluate(self, folder: AnalyzedFolder, assignment: Assignment, features: FeatureMatrix, progress: Progress) -> Evaluation:
        """Predict every image with the members, and evaluate."""
        from tellapart.models.saved_model import Member
        from tellapart.training.candidates import probe_candidate
        from tellapart.training.network_evaluation import choice_note, evaluate_network

        recipe, probe = self.recipe, None
        if self._probe is not None:
            member = Member(self.spec.backbones, self.spec.resize, self.spec.mirror, ())
            probe = probe_candidate(self._probe, member, self._class_names, f"probe on {recipe.card.name}")
        evaluation = evaluate_network(assignment, features, recipe, self._folds, self._features_of(folder, progress), probe)
        self.notes += choice_note(evaluation.metrics.selection)
        return evaluation

    def answers(self, folder: AnalyzedFolder, assignment: Assignment, features: FeatureMatrix, progress: Progress) -> NetworkAnswers:
        """Predict every image with the members, without an evaluation."""
        from tellapart.training.network_evaluation import network_answers
        from tellapart.training.probe_evaluation import PartSets

        sets = PartSets.of(assignment, features)
        return network_answers(sets, self.recipe, self._folds, self._features_of(folder, progress))

    def _features_of(self, folder: AnalyzedFolder, progress: Progress) -> Callable[[Sequence[Member]], list[FeatureMatrix]]:
        """Computes the features of every image with the backbones of members."""
        from tellapart.feature_spec import FeatureSpec

        def features_of(members: Sequence[Member]) -> list[FeatureMatrix]:
            specs = [FeatureSpec(one.backbones, one.resize, one.mirror).computed(self.options.device) for one in members]
            return folder.extracted_by_members(specs, progress=progress)

        return features_of

    def forget(self) -> None:
        """Remove checkpoints and members; they are saved in the run now."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _with_folds(self, n: int) -> NetworkRecipe:
        """The recipe for n training images."""
        from dataclasses import replace

        recipe = self.recipe
        if recipe.backbone is None:
            return recipe
        return replace(recipe, folds=self.options.folds or folds_by_size(n))

    def _value(self, name: str) -> Any:
        """An option, or the default of the recipe."""
        given = getattr(self.options, name)
        return DEFAULTS[self.options.recipe][name] if given is None else given

    def _plan(self) -> Any:
        from tellapart.training.config import TrainingConfig

        chosen = self.options
        return TrainingConfig(
            epochs=self._value("epochs"),
            batch_size=self._value("batch_size"),
            lr=self._value("lr"),
            weight_decay=chosen.weight_decay,
            layer_decay=chosen.layer_decay,
            label_smoothing=self._value("label_smoothing"),
            mixup=chosen.mixup,
            cutmix=chosen.cutmix,
            balance=chosen.balance,
            patience=chosen.patience,
            selects_epoch=chosen.recipe == "scratch",
            time_s=seconds_of(chosen.time_limit) if chosen.time_limit else None,
            seed=chosen.seed,
        )
