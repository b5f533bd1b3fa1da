"""The run of a check: every issue of the images of an analyzed folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.counts import count
from tellapart.curation.class_balance import Origins, balance_sentence, origins, source_table, telling_sentence
from tellapart.curation.duplicate_groups import CopyFindings, DuplicateGroup, copy_findings, duplicate_groups
from tellapart.curation.issues import NAMES, Finding, IssueTable, certain, combined_ranks, grade_findings
from tellapart.curation.outliers import LEAST, outlier_scores
from tellapart.curation.quality_issues import RULES, appearance_scores, placeholder_groups
from tellapart.dataset.file_rows import UNREADABLE, FileRow
from tellapart.dataset.groups import groups_together
from tellapart.dataset.row_building import undecided_rows
from tellapart.progress import SILENT, Progress

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.curation.label_errors import LabelErrors

COPIES = ("exact_duplicate", "contradiction", "leak", "near_duplicate", "placeholder")
LEAST_GROUPS = 5
"""A class of fewer different images cannot be held out, so nothing is said of its labels."""


@dataclass(frozen=True, eq=False)
class CheckFindings:
    """What was found.

    Attributes:
        rows: one a file, as decided, before anything was compared.
        table: a finding for each issue that was looked for.
        skipped: why an issue that was wanted was not looked for, by name.
        groups: kinds and members of groups of copies, for the page.
        doubts: the estimated label errors of the ``doubted`` images, or None.
        doubted: the row of ``doubts`` by number of the file.
        class_names: columns of its probabilities.
        doubt: (n,) overall order, NaN where not measured.
        origins: where the images come from.
        notes: sentences for the user.
    """

    rows: list[FileRow]
    table: IssueTable
    skipped: dict[str, str]
    groups: list[tuple[str, DuplicateGroup]]
    doubts: LabelErrors | None
    doubted: Mapping[int, int]
    class_names: list[str]
    doubt: FloatArray
    origins: Origins
    notes: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Number of usable images of each class."""
        counts: dict[str, int] = defaultdict(int)
        for row in self.rows:
            if row.is_used and row.label is not None:
                counts[row.label] += 1
        return dict(sorted(counts.items()))

    @property
    def balance(self) -> tuple[str, float] | None:
        """A sentence on the class sizes."""
        return balance_sentence(self.counts)

    @property
    def sources(self) -> list[tuple[str, dict[str, int]]]:
        """Images of each class from each source."""
        return [(source, dict(counts)) for source, counts in source_table(self.used, self.origins.source_of)]

    @property
    def used(self) -> list[FileRow]:
        """The rows that can be used."""
        return [row for row in self.rows if row.is_used]

    @cached_property
    def sources_sentence(self) -> str | None:
        """A sentence where the source gives the class away."""
        return telling_sentence("where an image comes from", source_table(self.used, self.origins.source_of))


def run_check(analyzed: AnalyzedFolder, issues: Sequence[str] = NAMES, *, seed: int = 0, progress: Progress = SILENT) -> CheckFindings:
    """Look for the wanted issues among all images that the user has not excluded.

    Args:
        analyzed: the folder; features of width 0 mean none.
        issues: names of issues.
        seed: of folds and samples.
        progress: receives every step.
    """
    check = CheckRun(analyzed, issues, seed)
    steps = {
        "looking for copies": check.copies,
        "judging image quality": check.appearance,
        "looking for outliers": check.outliers,
        "looking for wrong labels": check.labels,
    }
    check.unreadable()
    if not check.wanted.isdisjoint((*COPIES, "mislabeled")):
        _ = analyzed.compared_pairs  # it has stages of its own
    for title, step in steps.items():
        with progress.stage(title, unit="steps"):
            step()
    return check.result()


class CheckRun:
    """The state of one check."""

    def __init__(self, analyzed: AnalyzedFolder, issues: Sequence[str], seed: int) -> None:
        self.analyzed, self.wanted, self.seed = analyzed, set(issues), seed
        self.rows = analyzed.decisions.applied(undecided_rows(analyzed.dataset, analyzed.files, analyzed.facts))
        self.used = [number for number, row in enumerate(self.rows) if row.is_used and row.image_id is not None]
        self.has_features = analyzed.features.values.shape[1] > 0
        self.origins = origins(analyzed.dataset.root, [self.rows[number] for number in self.used])
        self.findings: dict[str, Finding] = {}
        self.skipped: dict[str, str] = {}
        self.groups: list[tuple[str, DuplicateGroup]] = []
        self.doubts: LabelErrors | None = None
        self.doubted: dict[int, int] = {}
        self.class_names: list[str] = []
        self.notes: list[str] = []

    def result(self) -> CheckFindings:
        """Everything together."""
        n = len(self.rows)
        both = [self.findings[name].scores for name in ("outlier", "mislabeled") if name in self.findings]
        doubt = combined_ranks(*both) if len(both) == 2 else np.full(n, np.nan)
        self.notes += self._confounded()
        return CheckFindings(
            self.rows,
            IssueTable(self.findings),
            self.skipped,
            self.groups,
            self.doubts,
            self.doubted,
            self.class_names,
            doubt,
            self.origins,
            self.notes,
        )

    def unreadable(self) -> None:
        """Files that are not images."""
        if "unreadable" in self.wanted:
            flagged = {number: 0.0 for number, row in enumerate(self.rows) if row.status == UNREADABLE}
            self.findings["unreadable"] = certain(len(self.rows), flagged, [*self.used, *flagged])

    def copies(self) -> None:
        """Copies, contradictions, leaks and placeholders."""
        issues = self.wanted & set(COPIES)
        if not issues:
            return
        facts = self.analyzed.facts
        groups = duplicate_groups([self.rows[number] for number in self.used], facts, self.analyzed.compared_pairs)
        names = {row.path: self.origins.keyword_of.get(row.path) or row.label or "" for row in self.rows}
        placeholders = placeholder_groups(groups, facts, names)
        copies: CopyFindings = copy_findings(self.rows, self.used, groups, placeholders)
        for name in COPIES:
            if name in issues:
                self.findings[name] = certain(len(self.rows), copies.flagged[name], self.used)
        self.groups = [(kind, group) for kind, group in copies.groups if copies.issue_of(kind) in issues]
        if not self.has_features:
            self.notes.append("without a backbone near-duplicates are told by their pixels alone")

    def appearance(self) -> None:
        """Quality issues, from the statistics of each image."""
        facts = self.analyzed.facts
        facts_of_rows = [facts.get(row.image_id or "") if row.is_used else None for row in self.rows]
        for name in RULES:
            if name in self.wanted:
                self.findings[name] = grade_findings(appearance_scores(name, facts_of_rows))

    def outliers(self) -> None:
        """Images unlike their class."""
        if "outlier" not in self.wanted:
            return
        if not self.has_features:
            self.skipped["outlier"] = "it needs a backbone"
            return
        first = self._images(lambda row: True)
        labels = [self.rows[number].label for number in first]
        names = sorted({label for label in labels if label is not None})
        classes = np.array([-1 if label is None else names.index(label) for label in labels], np.int64)
        scores = outlier_scores(self._features(first), classes)
        self.findings["outlier"] = grade_findings(self._spread(first, scores))
        if len(first) and np.isnan(scores).all():
            del self.findings["outlier"]
            self.skipped["outlier"] = f"no class has {count(LEAST, 'image')}"

    def labels(self) -> None:
        """Labels that are probably wrong."""
        if "mislabeled" not in self.wanted:
            return
        reason = self._no_labels_to_doubt()
        if reason:
            self.skipped["mislabeled"] = reason
            return
        from tellapart.curation.label_errors import find_label_errors
        from tellapart.training.linear_probe import LabeledFeatures
        from tellapart.training.out_of_fold_logits import held_out_logits

        first, groups = self._doubtable()
        self.class_names = sorted({self.rows[number].label or "" for number in first})
        target_of = {name: number for number, name in enumerate(self.class_names)}
        targets = np.array([target_of[self.rows[number].label or ""] for number in first], np.int64)
        data = LabeledFeatures(self._features(first), targets, groups, self.class_names)
        self.doubts = find_label_errors(held_out_logits(data, seed=self.seed), targets)
        self.findings["mislabeled"] = grade_findings(self._spread(first, self.doubts.right))
        known = {(self.rows[number].image_id, self.rows[number].label): row for row, number in enumerate(first)}
        keys = ((number, (self.rows[number].image_id, self.rows[number].label)) for number in self.used)
        self.doubted = {number: known[key] for number, key in keys if key in known}

    def _no_labels_to_doubt(self) -> str | None:
        if not self.has_features:
            return "it needs a backbone"
        labels = {self.rows[number].label for number in self.used} - {None}
        if len(labels) < 2:
            return "the images have no labels" if not labels else "there is only one class"
        if len({self.rows[number].label for number in self._doubtable()[0]}) < 2:
            return f"fewer than two classes have {count(LEAST_GROUPS, 'different image')}"
        return None

    def _doubtable(self) -> tuple[list[int], list[str]]:
        """Labeled images without contradiction, in classes large enough, and their groups."""
        labels: dict[str, set[str]] = defaultdict(set)
        for number in self.used:
            row = self.rows[number]
            if row.label is not None:
                labels[row.image_id or ""].add(row.label)
        first = self._images(lambda row: row.label is not None and len(labels[row.image_id or ""]) == 1)
        groups = self._groups(first)
        different: dict[str, set[str]] = defaultdict(set)
        for number, group in zip(first, groups, strict=True):
            different[self.rows[number].label or ""].add(group)
        testable = [index for index, number in enumerate(first) if len(different[self.rows[number].label or ""]) >= LEAST_GROUPS]
        for label in sorted(name for name, groups_of_label in different.items() if len(groups_of_label) < LEAST_GROUPS):
            self._note(f"{label!r} has too few different images to say anything of its labels")
        return [first[index] for index in testable], [groups[index] for index in testable]

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    def _images(self, is_wanted: Callable[[FileRow], bool]) -> list[int]:
        """The first file of each image and label."""
        first: dict[tuple[str | None, str | None], int] = {}
        for number in self.used:
            row = self.rows[number]
            if is_wanted(row):
                first.setdefault((row.image_id, row.label), number)
        return list(first.values())

    def _groups(self, numbers: Sequence[int]) -> list[str]:
        """The group of each file: near-duplicates and images of one group of the user's are joined."""
        ids = [self.rows[number].image_id or "" for number in numbers]
        known = set(ids)
        used = [row for row in (self.rows[number] for number in self.used) if row.image_id in known]
        own = [*[None] * len(ids), *(row.group for row in used)]
        group_of = groups_together([*ids, *(row.image_id or "" for row in used)], self.analyzed.pairs, own)
        return [group_of[image_id] for image_id in ids]

    def _features(self, numbers: Sequence[int]) -> FloatArray:
        return self.analyzed.features.of([self.rows[number].image_id or "" for number in numbers])

    def _spread(self, first: Sequence[int], scores: FloatArray) -> FloatArray:
        """Scores of images as scores of all their files."""
        known = {(self.rows[number].image_id, self.rows[number].label): score for number, score in zip(first, scores, strict=True)}
        values = np.full(len(self.rows), np.nan)
        for number in self.used:
            values[number] = known.get((self.rows[number].image_id, self.rows[number].label), np.nan)
        return values

    def _confounded(self) -> list[str]:
        """Properties that have nothing to do with what images show and yet tell the classes apart."""
        facts = self.analyzed.facts
        used = [self.rows[number] for number in self.used]
        formats = {row.path: facts[row.image_id].format for row in used if row.image_id in facts}
        sizes = {row.path: f"{row.width} x {row.height}" for row in used if row.width}
        sentences = [
            telling_sentence("the file format", source_table(used, formats)),
            telling_sentence("the size in pixels", source_table(used, sizes)),
        ]
        return [sentence for sentence in sentences if sentence]
