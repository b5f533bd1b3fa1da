"""tellapart balance: show how unequal the classes are, and undersample the frequent ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, when, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
from tellapart.shared_options import device_option, num_workers_option, seed_option, state_option, test_share_option

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.dataset.file_rows import FileRow

BY_TRAINING = ("weights", "oversample")
EVEN = 1.5
"""Ratio of the largest to the smallest class below which nothing needs doing."""
FEW = 50
"""Training images of a class below which more images are the best remedy."""

WRITTEN = when("strategy", "undersample", "cap")


@dataclass(frozen=True, kw_only=True)
class BalanceOptions(DatasetOptions):
    """What to do about unequal classes."""

    strategy: str = option(
        "none",
        "none: only count; undersample: keep as many training images of each class as the smallest has; cap: at most --cap of each.",
        choices=("none", "undersample", "cap", *BY_TRAINING),
    )
    cap: int | None = option(None, "For cap: most training images per class.", minimum=2, metavar="N", only_for=when("strategy", "cap"))
    out: Path = option(Path("balanced.csv"), "The manifest to write.", metavar="FILE", only_for=WRITTEN)
    test_share: float | None = test_share_option(only_for=WRITTEN)
    backbone: str = option("lite2", "Backbone for near-duplicates.", only_for=WRITTEN)
    seed: int = seed_option(only_for=WRITTEN)
    state: Path | None = state_option()
    device: str = device_option(only_for=WRITTEN)
    precision: str = precision_option(only_for=WRITTEN)
    num_workers: int | None = num_workers_option()


def _with_cap(options: dict[str, Any]) -> dict[str, Any]:
    """``cap`` alone implies ``strategy="cap"``."""
    return {**options, "strategy": "cap"} if options.get("cap") is not None and "strategy" not in options else options


@dataclass(frozen=True, kw_only=True)
class ClassBalance(Result):
    """The images of one class.

    Attributes:
        label: the class.
        train: training images.
        val: validation images.
        test: test images.
        kept: training images that the manifest keeps.
        weight: weight of each image in a loss where all classes count the same.
    """

    label: str
    train: int
    val: int
    test: int
    kept: int
    weight: float


@dataclass(frozen=True, kw_only=True)
class BalanceResult(Result):
    """How unequal the classes are.

    Attributes:
        classes: one record per class.
        ratio: training images of the largest class over those of the smallest.
        advice: what to do about it.
        strategy: how the manifest was made.
        out: the manifest; None if none was written.
        left_out: number of training images that the manifest leaves out.
        notes: what else is worth knowing.
    """

    classes: list[ClassBalance]
    ratio: float
    advice: str
    strategy: str
    out: Path | None
    left_out: int
    notes: list[str]


@with_options(BalanceOptions, adapt=_with_cap)
def balance(folder: str | Path, *, options: BalanceOptions, progress: Progress = AUTO) -> BalanceResult:
    """Show how unequal the classes are and what to do about it; with ``strategy`` write a manifest that undersamples them.

    Only training images are left out; test and validation keep their natural distribution. A class first loses further
    copies of an image and further images of a group, then random ones. The images are only read.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: receives the progress.
        options: as keywords; see :class:`BalanceOptions`.

    Raises:
        OptionError: an option's name or value is wrong, or it is a strategy of ``train``.
        DataError: the images cannot be used as they are.
        StorageError: the disk is full or cannot be written.
    """
    from tellapart.analyzed_folder import analyze_folder, open_folder
    from tellapart.curation.class_balance import training_counts, undersample
    from tellapart.feature_spec import FeatureSpec
    from tellapart.models.backbones import find_backbones
    from tellapart.output_guards import check_outside, check_table

    _check(options, folder)
    if options.strategy == "none":
        analyzed = analyze_folder(
            folder, FeatureSpec(()), reading=options, min_classes=2, state=options.state, num_workers=options.num_workers, progress=progress
        )
        rows, undersampled, notes = analyzed.rows, analyzed.rows, list(analyzed.notes)
        _check_classes(training_counts(rows))
    else:
        out = options.out.expanduser()
        check_table(out)
        spec = FeatureSpec(find_backbones(options.backbone)).computed(options.device, options.precision)
        opened = open_folder(
            folder, reading=options, min_classes=2, state=options.state, num_workers=options.num_workers, progress=progress
        )
        check_outside(out, opened.dataset)
        analyzed = opened.analyze(spec, progress=progress)
        assignment = analyzed.assignment(test_share=options.test_share, seed=options.seed)
        rows, notes = assignment.rows, [*analyzed.notes, *assignment.notes]
        counts = training_counts(rows)
        most = min(counts.values()) if options.strategy == "undersample" else options.cap or 0
        undersampled = undersample(rows, most, better=copy_ranks(analyzed), seed=options.seed)
        notes += _write(analyzed, undersampled, out, seed=options.seed)
    for note in notes:
        progress.note(note)
    return _result(rows, undersampled, options, notes)


def _check(chosen: BalanceOptions, folder: str | Path) -> None:
    from tellapart.errors import OptionError

    if chosen.strategy in BY_TRAINING:
        raise OptionError(
            f"a list cannot {'weight classes' if chosen.strategy == 'weights' else 'repeat images: a row given twice is an exact copy'};"
            " training does that itself",
            hint=f"tellapart train {folder} --balance {chosen.strategy}"
            + (" --recipe finetune (a linear probe supports weights only)" if chosen.strategy == "oversample" else ""),
        )
    if chosen.strategy == "cap" and chosen.cap is None:
        raise OptionError("cap needs a number", hint="--strategy cap --cap 500")


def _check_classes(counts: Mapping[str, int]) -> None:
    from tellapart.errors import DataError

    if len(counts) < 2:
        problem = f"there is only one class, {next(iter(counts))!r}" if counts else "no usable training image has a label"
        raise DataError(
            f"{problem}; there is nothing to balance",
            hint="put the images of each class into a folder of its own: photos/cats/*.jpg, photos/dogs/*.jpg",
        )


def copy_ranks(analyzed: AnalyzedFolder) -> dict[str, int]:
    """The rank of each copy among its copies, by path; 0 is the best."""
    groups = [group for group in analyzed.duplicate_groups if group.kind in ("exact", "near")]
    return {path: rank for group in groups for rank, path in enumerate(group.paths)}


def _write(analyzed: AnalyzedFolder, undersampled: Sequence[FileRow], out: Path, *, seed: int) -> list[str]:
    from tellapart.dataset_export.decided_copy import Exported, write_table

    files = [analyzed.dataset.file(entry) for entry in analyzed.dataset.entries]
    write_table([Exported(file, row) for file, row in zip(files, undersampled, strict=True) if row.is_used], out)
    return [f"of each class, copies are left out first, then images at random (seed {seed}); image quality plays no role"]


def _result(rows: Sequence[FileRow], undersampled: Sequence[FileRow], chosen: BalanceOptions, notes: list[str]) -> BalanceResult:
    from collections import Counter

    from tellapart.curation.class_balance import class_weight, training_counts

    before, after = training_counts(rows), training_counts(undersampled)
    weights = class_weight(before)
    reported = Counter((row.label, row.part) for row in rows if row.is_used)
    classes = [
        ClassBalance(
            label=label,
            train=number,
            val=reported[(label, "val")],
            test=reported[(label, "test")],
            kept=after.get(label, 0),
            weight=round(weights[label], 4),
        )
        for label, number in before.items()
    ]
    return BalanceResult(
        classes=classes,
        ratio=round(max(before.values()) / min(before.values()), 2),
        advice=advice(before),
        strategy=chosen.strategy,
        out=None if chosen.strategy == "none" else chosen.out,
        left_out=sum(before.values()) - sum(after.values()),
        notes=notes,
    )


def advice(counts: Mapping[str, int]) -> str:
    """The simplest remedy for these numbers of training images per class; measured in docs/log.md."""
    largest, smallest = max(counts, key=lambda label: counts[label]), min(counts, key=lambda label: counts[label])
    ratio = counts[largest] / counts[smallest]
    short = [label for label, count in counts.items() if count < FEW]
    more = f"{smallest!r} has only {count(counts[smallest], 'image')}: more of them help more than any weighting" if short else ""
    if ratio < EVEN:
        return "; ".join(["the classes are about even: nothing to do", *([more] if more else [])])
    weighting = (
        "leave it as it is for the best log loss and accuracy; if a mistake in a rare class costs as much as one in a frequent class,"
        " use tellapart train --balance weights: no image is lost"
    )
    return f"{more}. Otherwise {weighting}" if more else weighting
