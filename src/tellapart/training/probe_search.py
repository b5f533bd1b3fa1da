"""The first stage of ``--recipe auto``: linear probes on the features of several backbones, input sizes and resize policies."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from tellapart.analyzed_folder import AnalyzedFolder
from tellapart.array_types import FloatArray
from tellapart.cache_dir import cache_root
from tellapart.counts import count
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.parts import Assignment
from tellapart.durations import duration_text
from tellapart.evaluation.greedy_ensemble import mean_gain, scaled_losses
from tellapart.evaluation.metrics import log_loss
from tellapart.feature_spec import FeatureSpec
from tellapart.features import FeatureCache, FeatureMatrix
from tellapart.models.backbone_card import Backbone
from tellapart.models.backbones import find_backbones
from tellapart.models.saved_model import Member
from tellapart.progress import Progress
from tellapart.training.candidates import Candidate, probe_candidate
from tellapart.training.linear_probe import fit_probe, limited_rows
from tellapart.training.options import TrainOptions
from tellapart.training.part_evaluation import LabeledSet
from tellapart.training.time_budget import OutOfTime, TimeBudget, TimedProgress
from tellapart.training.trials import ProbeTrial, Tried, are_square, other_size, packaged_names

PILOT = 48
"""Images whose time says what all would take."""
SAMPLE = 1000
"""Training images that decide first whether a trial is worth computing features of all."""


@dataclass(eq=False)
class ProbeSearch:
    """Probes tried one after another; the first is the usual one, and is always finished.

    Attributes:
        folder, assignment: the files and their parts.
        options: of the training.
        budget: the time.
        progress: receives progress.
        fitted, trials: those tried to the end.
        tried: a row for every trial.
        findings: sentences about these images.
    """

    folder: AnalyzedFolder
    assignment: Assignment
    options: TrainOptions
    budget: TimeBudget
    progress: Progress
    fitted: list[FittedProbe] = field(default_factory=list)
    trials: list[ProbeTrial] = field(default_factory=list)
    tried: list[Tried] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    _fitting_s: float = 0.0

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, sorted."""
        return tuple(sorted({row.label for row in self.train_rows if row.label is not None}))

    @cached_property
    def train_rows(self) -> list[FileRow]:
        """The training images."""
        return [row for row in self.assignment.rows if row.is_used and row.part == "train"]

    @cached_property
    def used_rows(self) -> list[FileRow]:
        """All images that take part."""
        return [row for row in self.assignment.rows if row.is_used]

    def run(self) -> None:
        """Try everything the time allows."""
        chosen = self.options
        base = find_backbones(chosen.backbone, weights=chosen.weights, image_size=chosen.image_size)
        self._try(ProbeTrial(base, chosen.resize))
        self._fitting_s = self.tried[0].seconds
        self.budget.reserve_s += 2 * self._fitting_s  # the evaluation in the end is slow where the first probe was
        resize = self._resize(base)
        names = packaged_names([b.card.name for b in base])
        others = [find_backbones(name, image_size=chosen.image_size)[0] for name in names]
        joined = []
        for other in others:
            if self._try(ProbeTrial((other,), resize)):
                joined.append(other)
                self._try(ProbeTrial((*base, other), resize))
        if len(joined) > 1:
            self._try(ProbeTrial((*base, *joined), resize))
        size = other_size(self.used_rows, base[0].card.image_size) if chosen.image_size is None else None
        if size is not None and not any(b.card.is_special for b in base):
            self._try(ProbeTrial(base, resize, image_size=size))
        self._try(ProbeTrial(base, resize, mirror=False))
        self._mirror_finding()

    def _resize(self, base: tuple[Backbone, ...]) -> str:
        """The resize policy of the trials that follow: another one than the given only if it is better by a standard error."""
        given = self.options.resize
        if are_square(self.used_rows):
            self.findings.append("nearly all images are square, so crop, pad and squash give the same")
            return given
        first = len(self.trials) - 1
        for policy in ("crop", "squash", "pad"):
            if policy != given:
                self._try(ProbeTrial(base, policy))
        compared = list(range(first, len(self.trials)))
        best = min(compared, key=lambda number: float(self.fitted[number].losses.mean()))
        gain, error = self._gain(first, best)
        if best != first and gain >= error:
            policy = self.trials[best].resize
            lower = f"log loss lower by {gain:.4f} (standard error {error:.4f}) out of fold"
            self.findings.append(f"{policy} suits these images better than {given}: {lower}")
            return policy
        if len(compared) > 1:
            others = " or ".join(self.trials[number].resize for number in compared[1:])
            self.findings.append(f"{given} stays: {others} is not better on these images by a standard error")
        return given

    def _mirror_finding(self) -> None:
        last = len(self.trials) - 1
        if self.trials[last].mirror:
            return
        same = [n for n, t in enumerate(self.trials) if t == ProbeTrial(self.trials[last].backbones, self.trials[last].resize)]
        if same:
            gain, error = self._gain(last, same[0])
            verdict = "helps" if gain >= error else "harms" if -gain >= error else "changes nothing for sure"
            self.findings.append(
                f"averaging with the mirror image {verdict}: log loss {-gain:+.4f} (standard error {error:.4f}) out of fold"
            )

    def _gain(self, before: int, after: int) -> tuple[float, float]:
        """By how much the log loss falls from one trial to another out of fold, and its standard error."""
        groups = np.array([self.train_rows[row].group or "" for row in self.fitted[before].candidate.rows])
        return mean_gain(self.fitted[before].losses, self.fitted[after].losses, np.unique(groups, return_inverse=True)[1])

    def _try(self, trial: ProbeTrial) -> bool:
        """Compute the features, fit the probe and keep it, if there is time; whether it was kept."""
        begun, row = time.monotonic(), Tried(trial.name)
        spec = trial.spec(self.options.device, self.options.precision)
        self.tried.append(row)
        try:
            if self.fitted:
                row.reason = self._why_not(spec)
            if not row.reason:
                fitted = self._probe(spec, self.train_rows, trial.name, self.used_rows)
                row.log_loss = fitted.log_loss
                self.fitted.append(fitted)
                self.trials.append(trial)
        except OutOfTime:
            row.reason = "the time was over"
        row.seconds = time.monotonic() - begun
        return not row.reason

    def _why_not(self, spec: FeatureSpec) -> str:
        """Why a trial is left out: no time, or clearly worse on a sample of the training images; empty if it is not."""
        missing = self._missing(spec)
        if self.budget.limit_s is not None:
            needed = self._fitting_s * (_width(spec) / _width(self._base_spec)) ** 2
            if len(missing) > PILOT:
                begun = time.monotonic()
                self._features(spec, [row for row in self.used_rows if row.image_id in missing][:PILOT])
                needed += (time.monotonic() - begun) / PILOT * (len(missing) - PILOT)
            if needed > self.budget.left_s:
                return f"would take about {duration_text(needed)}" if self.budget.left_s > 0 else "the time was over"
        if missing and len(self.train_rows) > 2 * SAMPLE:
            return self._worse_on_sample(spec)
        return ""

    def _worse_on_sample(self, spec: FeatureSpec) -> str:
        rows = [self.train_rows[i] for i in limited_rows(len(self.train_rows), SAMPLE, self.options.seed).tolist()]
        if {row.label for row in rows} != set(self.class_names):
            return ""
        first, other = (self._probe(each, rows, "", rows) for each in (self._base_spec, spec))
        gain, error = mean_gain(first.losses, other.losses, np.unique([row.group or "" for row in rows], return_inverse=True)[1])
        return f"worse on {count(len(rows), 'training image')} by {-gain:.4f} (standard error {error:.4f})" if gain < -2 * error else ""

    @cached_property
    def _base_spec(self) -> FeatureSpec:
        """The features of the first trial."""
        return self.trials[0].spec(self.options.device, self.options.precision)

    def _missing(self, spec: FeatureSpec) -> set[str]:
        """The images that lack features of a backbone in the cache."""
        ids = {row.image_id or "" for row in self.used_rows}
        root = cache_root() / "features"
        caches = [FeatureCache(root, spec.fingerprint(b), b.card.num_features) for b in spec.backbones]
        return {image_id for cache in caches for image_id in ids - cache.image_ids()}

    def _features(self, spec: FeatureSpec, rows: Sequence[FileRow]) -> FeatureMatrix:
        paths = {row.path for row in rows}
        dataset = self.folder.dataset
        entries = tuple(e for e, row in zip(dataset.entries, self.assignment.rows, strict=True) if row.path in paths)
        some = replace(self.folder.opened, dataset=replace(dataset, entries=entries))
        return some.extract(spec, progress=TimedProgress(self.progress, self.budget) if self.fitted else self.progress).features

    def _probe(self, spec: FeatureSpec, train: Sequence[FileRow], name: str, needed: Sequence[FileRow]) -> FittedProbe:
        data = LabeledSet.of(train, self._features(spec, needed), self.class_names).data
        class_weight = "balanced" if self.options.balance == "weights" else "none"
        with self.progress.stage("fitting a probe", unit="steps"):
            probe = fit_probe(data, class_weight=class_weight, seed=self.options.seed)
        member = Member(spec.backbones, spec.resize, spec.mirror, ())
        rows, logits = probe.out_of_fold
        return FittedProbe(
            probe_candidate(probe, member, self.class_names, name),
            log_loss(probe.probabilities(logits), data.targets[rows]),
            scaled_losses(logits, data.targets[rows]),
        )


@dataclass(frozen=True, eq=False)
class FittedProbe:
    """A probe as a candidate, its out-of-fold log loss, and the loss of each image float64 (m,) at the best temperature."""

    candidate: Candidate
    log_loss: float
    losses: FloatArray


def _width(spec: FeatureSpec) -> int:
    """Number of values per image."""
    return sum(b.card.num_features for b in spec.backbones)
