"""The recipe ``auto``: probes on several features, then fine-tuning where the time allows it, then an average of those that improve it.

Everything is chosen on out-of-fold predictions of the training images, near-duplicates together; the reported images are
looked at once, by what was chosen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from tellapart import calibration
from tellapart.analyzed_folder import AnalyzedFolder
from tellapart.array_types import FloatArray
from tellapart.counts import count
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.parts import Assignment
from tellapart.durations import duration_text, seconds_of
from tellapart.errors import ModelError, OptionError
from tellapart.evaluation.metrics import log_loss
from tellapart.feature_extraction import cached_features
from tellapart.feature_spec import FeatureSpec
from tellapart.features import FeatureMatrix
from tellapart.models.backbone_card import Backbone
from tellapart.models.backbones import find_backbones
from tellapart.progress import Progress
from tellapart.run_metrics import BeforeAfter, EvaluationMetrics, Lead, SearchSummary, Selection, Trial
from tellapart.training.candidates import Choice, choose
from tellapart.training.conformal_evaluation import with_familiarity
from tellapart.training.options import TrainOptions
from tellapart.training.part_evaluation import LabeledSet, baseline_predictions, evaluate_part
from tellapart.training.probe_evaluation import PartSets, concatenate_predictions, data_card, rows_with_neighbors
from tellapart.training.probe_search import ProbeSearch
from tellapart.training.recipe_evaluation import Evaluation
from tellapart.training.recipe_runner import DEFAULTS, LivePage, NetworkRunner, folds_by_size
from tellapart.training.time_budget import OutOfTime, TimeBudget, TimedProgress
from tellapart.training.trials import Tried, are_square, image_seconds, network_seconds, other_size, packaged_names

if TYPE_CHECKING:
    from tellapart.training.network_evaluation import NetworkAnswers  # loads torch

RESERVE_S, RESERVE_AN_IMAGE_S = 4.0, 0.004
"""What the evaluation and the report take in the end, roughly."""
LEAST_OF_A_TRAINING = 0.5
"""A fine-tuning is not begun where less than this share of its epochs would fit."""


@dataclass
class AutoRunner:
    """The best of several recipes; features, and a fine-tuning that was interrupted, are found in the cache again."""

    options: TrainOptions
    live_page: LivePage | None = None
    notes: list[str] = field(default_factory=list)
    processes: None = None

    def __post_init__(self) -> None:
        if self.options.balance not in ("none", "weights"):
            raise OptionError(f"auto cannot {self.options.balance}, as probes cannot", hint="--balance weights")
        limit = seconds_of(self.options.time_limit) if self.options.time_limit else None
        self.budget = TimeBudget(limit, RESERVE_S)
        self._network: NetworkRunner | None = None

    @cached_property
    def spec(self) -> FeatureSpec:
        """The features of the probe that is tried first."""
        chosen = self.options
        backbones = find_backbones(chosen.backbone, weights=chosen.weights, image_size=chosen.image_size)
        return FeatureSpec(backbones, chosen.resize).computed(chosen.device, chosen.precision)

    def train(self, assignment: Assignment, features: FeatureMatrix, progress: Progress, *, used_s: float = 0.0) -> None:
        """Nothing to do: the evaluation needs the files."""

    def evaluate(self, folder: AnalyzedFolder, assignment: Assignment, features: FeatureMatrix, progress: Progress) -> Evaluation:
        """Try, choose and evaluate."""
        self.budget.reserve_s += RESERVE_AN_IMAGE_S * len(assignment.rows)
        search = ProbeSearch(folder, assignment, self.options, self.budget, progress)
        search.run()
        network = self._fine_tuned(search, progress)
        candidates = [probe.candidate for probe in search.fitted] + ([network.candidate] if network else [])
        sets = PartSets.of(assignment, features)
        choice = choose(candidates, sets.train.data, networks=int(network is not None), seed=self.options.seed)
        self._note(search, choice)
        return self._evaluation(search, sets, choice, network)

    def forget(self) -> None:
        """Remove the checkpoints of the fine-tuning."""
        if self._network is not None:
            self._network.forget()

    def _fine_tuned(self, search: ProbeSearch, progress: Progress) -> NetworkAnswers | None:
        """A fine-tuning of the best single backbone, if there is time for it."""
        singles = [n for n, t in enumerate(search.trials) if len(t.backbones) == 1 and t.mirror and not t.backbones[0].card.is_special]
        if not singles:
            return None
        trial = search.trials[min(singles, key=lambda number: float(search.fitted[number].losses.mean()))]
        card = trial.backbones[0].sized(trial.image_size).card
        folds, limit = folds_by_size(len(search.train_rows)), None
        row = Tried(f"fine-tuning of {card.name}, {trial.resize}" + (f", {card.image_size} px" if trial.image_size else ""))
        search.tried.append(row)
        if self.budget.limit_s is not None:
            folds, limit, row.reason = self._affordable(trial.backbones[0].sized(trial.image_size), search)
        if row.reason:
            return None
        begun = time.monotonic()
        runner = self._network = self._runner(card.name, trial.resize, card.image_size, folds, limit)
        timed = TimedProgress(progress, self.budget)
        try:
            features = search.folder.extracted(runner.spec, progress=timed)
            runner.train(search.assignment, features, progress)
            answers = runner.answers(search.folder, search.assignment, features, timed)
        except OutOfTime:
            row.reason, answers = "the time was over", None
        except ModelError as error:
            row.reason, answers = str(error), None
        row.seconds = time.monotonic() - begun
        if answers is None:
            return None
        targets = PartSets.of(search.assignment, features).train.data.targets[answers.candidate.rows]
        row.log_loss = log_loss(answers.candidate.classifier.probabilities(answers.candidate.logits), targets)
        return answers

    def _affordable(self, backbone: Backbone, search: ProbeSearch) -> tuple[int, float | None, str]:
        """Folds and time limit of a fine-tuning that fits into what is left, or why none does."""
        n, n_all, an_image = len(search.train_rows), len(search.used_rows), image_seconds(backbone, self.options.device)
        if an_image is None:
            return 1, None, "how long it takes here is not known"
        usual = folds_by_size(n)
        for folds in dict.fromkeys((usual, 1)):
            needed = network_seconds(n, n_all, DEFAULTS["finetune"]["epochs"], folds, an_image)
            predicting = an_image / 2 * folds * n_all
            limit = self.budget.part_s(1.5 * predicting)
            if limit and limit >= LEAST_OF_A_TRAINING * (needed - predicting):
                return folds, limit, ""
        return 1, None, f"would take about {duration_text(needed)}"

    def _runner(self, name: str, resize: str, image_size: int, folds: int, limit: float | None) -> NetworkRunner:
        chosen = self.options
        names = ("balance", "seed", "name", "out", "device", "precision", "num_workers")
        own = {"weights": chosen.weights if name == chosen.backbone else None, "time_limit": f"{limit:.2f}s" if limit else None}
        values = {key: getattr(chosen, key) for key in names} | own
        values |= {"recipe": "finetune", "backbone": name, "resize": resize, "image_size": image_size, "folds": folds}
        return NetworkRunner(TrainOptions.from_others(**values), self.live_page)

    def _note(self, search: ProbeSearch, choice: Choice) -> None:
        done = [row for row in search.tried if row.log_loss is not None]
        for row, weight in zip(done, choice.weights.tolist(), strict=True):
            row.weight = weight
        self.notes += search.findings
        parts = ", ".join(f"{row.weight:.0%} {row.name}" for row in sorted(done, key=lambda row: -row.weight) if row.weight)
        self.notes.append(f"of {len(search.tried)} tried the model is {parts}")
        if choice.gain is not None:
            value, error = choice.gain
            self.notes.append(f"out of fold its log loss is {value:.4f} lower (standard error {error:.4f}) than that of the best left out")

    def _evaluation(self, search: ProbeSearch, sets: PartSets, choice: Choice, network: NetworkAnswers | None) -> Evaluation:
        chosen, count = choice.candidate, int((choice.weights > 0).sum())
        title = f"auto: average of {count}" if count > 1 else f"auto: {chosen.name}"
        base = search.fitted[0].candidate
        predictions, below = {}, {}
        for part, reported in sets.reported.items():
            logits = choice.logits([*self._reported(search, choice, reported), *([network.reported[part]] if network else [])])
            predictions[part] = reported.predictions(chosen.classifier.probabilities(logits), logits, title)
            base_logits = base.classifier.logits([member.logits(reported.data.features) for member in base.classifier.members])
            below[part] = baseline_predictions(sets.train, reported)
            below[part].append(reported.predictions(base.classifier.probabilities(base_logits), base_logits, base.name))
        parts = {part: evaluate_part(predictions[part], below[part]) for part in predictions}
        metrics = EvaluationMetrics(
            test=parts.get("test"),
            val=parts.get("val"),
            selection=_selection(choice, sets),
            search=self._search(search, choice),
            split_sensitivity=None,
            split_sensitivity_reason="Other splits were not tried: every one would mean the whole search again.",
            learning_curve=None,
            learning_curve_reason="No learning curve was made: it would mean the whole search again and again.",
            leak=None,
            data=data_card(search.assignment.rows, sets.class_names, search.assignment.duplicate_groups),
        )
        features = self._base_features(search)
        evaluation = Evaluation(
            recipe="auto",
            backbone=" + ".join(dict.fromkeys(b.card.name for member in chosen.classifier.members for b in member.backbones)),
            classifier=chosen.classifier,
            predictions=concatenate_predictions(list(predictions.values())),
            below=below,
            out_of_fold=sets.train.taken(chosen.rows).predictions(chosen.classifier.probabilities(chosen.logits), chosen.logits, title),
            rows=rows_with_neighbors(search.assignment.rows, features, sets.train, sets.reported),
            metrics=metrics,
            history=[{"event": "trial", **vars(row)} for row in search.tried],
        )
        return self._with_familiarity(evaluation, search, sets, choice, network)

    def _with_familiarity(
        self, evaluation: Evaluation, search: ProbeSearch, sets: PartSets, choice: Choice, network: NetworkAnswers | None
    ) -> Evaluation:
        """The evaluation with the familiarity of images to the first member of what was chosen."""
        is_average = network is not None and len(network.held_out) > 1 and bool(choice.weights[-1])
        first = choice.candidate.classifier.members[0]
        for trial in search.trials:
            spec = trial.spec(self.options.device, self.options.precision)
            if (spec.backbones, spec.resize, spec.mirror) == (first.backbones, first.resize, first.mirror):
                features = self._cached(spec, list({row.image_id: row for row in search.used_rows}.values()))
                return with_familiarity(evaluation, sets.train.rows, features, is_average_of_folds=is_average)
        assert network is not None  # noqa: S101 - the first member is of a probe or of the network
        held_out = network.held_out[0][0]
        return with_familiarity(evaluation, sets.train.rows, network.features, held_out=held_out, is_average_of_folds=is_average)

    def _base_features(self, search: ProbeSearch) -> FeatureMatrix:
        return self._cached(self.spec, list({row.image_id: row for row in search.used_rows}.values()))

    def _cached(self, spec: FeatureSpec, rows: Sequence[FileRow]) -> FeatureMatrix:
        cached = cached_features(spec, [row.image_id or "" for row in rows])
        if cached is None:
            raise ModelError("features that were in the cache are gone", hint="run the same command again")
        return cached

    def _reported(self, search: ProbeSearch, choice: Choice, reported: LabeledSet) -> list[FloatArray | None]:
        """The logits of each probe with weight for a reported part, float64 (n, k)."""
        answers: list[FloatArray | None] = []
        for trial, fitted, weight in zip(search.trials, search.fitted, choice.weights, strict=False):
            if not weight:
                answers.append(None)
                continue
            features = self._cached(trial.spec(self.options.device, self.options.precision), reported.rows)
            classifier = fitted.candidate.classifier
            answers.append(classifier.logits([m.logits(features.values) for m in classifier.members]))
        return answers

    def _search(self, search: ProbeSearch, choice: Choice) -> SearchSummary:
        """All that was tried, and how far what was chosen is ahead."""
        lead = Lead(*choice.gain) if choice.gain is not None and math.isfinite(choice.gain[1]) else None
        trials = [Trial(**vars(row)) for row in search.tried]
        return SearchSummary(trials, search.findings, lead, self.budget.spent_s, self.budget.limit_s)


def _selection(choice: Choice, sets: PartSets) -> Selection:
    chosen = choice.candidate
    targets = sets.train.data.targets[chosen.rows]
    return Selection(
        folds=5,
        n=len(choice.rows),
        temperature=chosen.classifier.temperature,
        clip=chosen.classifier.clip,
        log_loss=BeforeAfter(
            before=log_loss(calibration.softmax(chosen.logits), targets),
            after=log_loss(chosen.classifier.probabilities(chosen.logits), targets),
        ),
        cross_fitted_log_loss=choice.log_loss,
        candidates=choice.candidate_weights(),
    )


def outlook(options: TrainOptions, rows: Sequence[FileRow], spec: FeatureSpec) -> str:
    """What ``--recipe auto`` would try on these images, and what that would cost here, as a sentence.

    Args:
        options: of the training that was just done.
        rows: of the images.
        spec: the features it had.
    """
    used = [row for row in rows if row.is_used]
    n = sum(row.part == "train" for row in used)
    base = spec.backbones
    names = packaged_names([b.card.name for b in base])
    probes = 1 + 2 * len(names) + (len(names) > 1) + 2 * (not are_square(used)) + 1
    size = other_size(used, base[0].card.image_size)
    probes += size is not None
    text = f"--recipe auto would try {count(probes, 'probe')} and a fine-tuning"
    an_image = image_seconds(base[0], options.device, mirror=spec.mirror)
    if an_image is None:
        return f"{text}; how long that takes here is not known yet"
    an_image *= 1 if spec.mirror else 2
    passes = 0.8 * len(names) + 2 * (not are_square(used)) + 0.5
    passes += (size / base[0].card.image_size) ** 2 if size else 0.0
    probing = passes * an_image * len(used)
    tuning = network_seconds(n, len(used), DEFAULTS["finetune"]["epochs"], folds_by_size(n), an_image)
    return f"{text}: about {duration_text(probing)} and {duration_text(tuning)} here (--time-limit sets a limit)"
