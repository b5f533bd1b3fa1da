"""tellapart balance: how unequal the classes are, what to do about it, and a list with fewer photos of the frequent ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.options import dataclass, option, when, with_options
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import num_workers_option, seed_option, state_option, test_share_option

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.dataset.file_rows import FileRow

BY_TRAINING = ("weights", "oversample")
EVEN = 1.5
"""Ratio of the largest to the smallest class below which nothing is worth doing."""
FEW = 50
"""Photos of a class with which numbers mean something."""

WRITTEN = when("how", "undersample", "cap")


@dataclass(frozen=True, kw_only=True)
class BalanceOptions(DatasetOptions):
    """What to do about unequal classes."""

    how: str = option(
        "none",
        "none: only count; undersample: of each class as many training photos as the smallest has; cap: at most --cap of each.",
        choices=("none", "undersample", "cap", *BY_TRAINING),
    )
    cap: int | None = option(None, "For cap: most training photos of a class.", minimum=2, metavar="N", only_for=when("how", "cap"))
    out: Path = option(Path("balanced.csv"), "The list to write.", metavar="FILE", only_for=WRITTEN)
    test_share: float | None = test_share_option(only_for=WRITTEN)
    backbone: str = option("lite2", "Network that recognizes near-duplicates.", only_for=WRITTEN)
    seed: int = seed_option(only_for=WRITTEN)
    state: Path | None = state_option()
    num_workers: int | None = num_workers_option()


def _with_cap(options: dict[str, Any]) -> dict[str, Any]:
    """A cap alone says how."""
    return {**options, "how": "cap"} if options.get("cap") is not None and options.get("how", "none") == "none" else options


@with_options(BalanceOptions, adapt=_with_cap)
def balance(folder: str | Path, *, options: BalanceOptions, progress: Progress = AUTO) -> dict[str, Any]:
    """Say how unequal the classes are and what to do about it; with ``how`` write a list with fewer of the frequent ones.

    Only training photos are left out: test and validation stay as the world is. A class first loses further copies of a
    photo and further images of a group, then drawn ones. The photos are only read; the list is a manifest for ``train``.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: hears how far it is.
        options: as keywords; see :class:`BalanceOptions`.

    Returns:
        ``classes`` (for each: label, train, val, test, kept, weight), ``ratio`` of the largest to the smallest class,
        ``advice``, ``how``, ``out`` (None where nothing was written), ``left_out`` (number), ``notes``.

    Raises:
        OptionError: an option's name or value is wrong, or training itself does what is asked for.
        DataError: the photos cannot be used as they are.
        StorageError: the disk is full or cannot be written.
    """
    from tellapart.analyzed_folder import analyze_folder
    from tellapart.curation.undersampling import training_counts, undersample
    from tellapart.feature_extraction import FeatureSpec
    from tellapart.models.backbones import find_backbones
    from tellapart.output_guards import check_table

    _check(options, folder)
    if options.how == "none":
        looked = analyze_folder(
            folder, FeatureSpec(()), reading=options, min_classes=2, state=options.state, num_workers=options.num_workers, progress=progress
        )
        rows, kept, notes = looked.rows, looked.rows, list(looked.notes)
        _check_classes(training_counts(rows))
    else:
        out = options.out.expanduser()
        check_table(out)
        spec = FeatureSpec(find_backbones(options.backbone))
        looked = analyze_folder(
            folder, spec, reading=options, min_classes=2, state=options.state, num_workers=options.num_workers, progress=progress
        )
        assignment = looked.assignment(test_share=options.test_share, seed=options.seed)
        rows, notes = assignment.rows, [*looked.notes, *assignment.notes]
        counts = training_counts(rows)
        most = min(counts.values()) if options.how == "undersample" else options.cap or 0
        kept = undersample(rows, most, better=places(looked), seed=options.seed)
        notes += _written(looked, kept, out, seed=options.seed)
    for note in notes:
        progress.note(note)
    return {**_answer(rows, kept, options), "notes": notes}


def _check(chosen: BalanceOptions, folder: str | Path) -> None:
    from tellapart.errors import OptionError

    if chosen.how in BY_TRAINING:
        raise OptionError(
            f"a list cannot {'weigh classes' if chosen.how == 'weights' else 'repeat photos: a row that comes twice is an exact copy'};"
            " training does that itself",
            hint=f"tellapart train {folder} --balance {chosen.how}"
            + (" --recipe finetune (a probe knows weights only)" if chosen.how == "oversample" else ""),
        )
    if chosen.how == "cap" and chosen.cap is None:
        raise OptionError("cap needs a number", hint="--how cap --cap 500")


def _check_classes(counts: Mapping[str, int]) -> None:
    from tellapart.errors import DataError

    if len(counts) < 2:
        found = f"there is only one class, {next(iter(counts))!r}" if counts else "no usable training image has a label"
        raise DataError(
            f"{found}; there is nothing to balance",
            hint="put the images of each class into a folder of its own: photos/cats/*.jpg, photos/dogs/*.jpg",
        )


def places(looked: AnalyzedFolder) -> dict[str, int]:
    """The place of each copy among its copies, by path."""
    groups = [group for group in looked.duplicate_groups if group.kind in ("exact", "near")]
    return {path: place for group in groups for place, path in enumerate(group.paths)}


def _written(looked: AnalyzedFolder, kept: Sequence[FileRow], out: Path, *, seed: int) -> list[str]:
    from tellapart.dataset_export.decided_copy import Exported, write_table

    files = [looked.dataset.file(entry) for entry in looked.dataset.entries]
    write_table([Exported(file, row) for file, row in zip(files, kept, strict=True) if row.is_used], out)
    return [f"of each class the copies of a photo go first, then photos drawn with seed {seed}; quality plays no part"]


def _answer(rows: Sequence[FileRow], kept: Sequence[FileRow], chosen: BalanceOptions) -> dict[str, Any]:
    from collections import Counter

    from tellapart.curation.undersampling import class_weight, training_counts

    before, after = training_counts(rows), training_counts(kept)
    weights = class_weight(before)
    reported = Counter((row.label, row.part) for row in rows if row.is_used)
    classes = [
        {
            "label": label,
            "train": count,
            "val": reported[(label, "val")],
            "test": reported[(label, "test")],
            "kept": after.get(label, 0),
            "weight": round(weights[label], 4),
        }
        for label, count in before.items()
    ]
    return {
        "classes": classes,
        "ratio": round(max(before.values()) / min(before.values()), 2),
        "advice": advice(before),
        "how": chosen.how,
        "out": None if chosen.how == "none" else str(chosen.out),
        "left_out": sum(before.values()) - sum(after.values()),
    }


def advice(counts: Mapping[str, int]) -> str:
    """The cheapest remedy for numbers of training photos by class, and why; measured in docs/log.md."""
    largest, smallest = max(counts, key=lambda label: counts[label]), min(counts, key=lambda label: counts[label])
    ratio = counts[largest] / counts[smallest]
    short = [label for label, count in counts.items() if count < FEW]
    more = f"{smallest!r} has only {count(counts[smallest], 'photo')}: more of them help more than any weighing" if short else ""
    if ratio < EVEN:
        return "; ".join(["the classes are about even: nothing to do", *([more] if more else [])])
    weigh = (
        "leave it as it is for the best log loss and accuracy; if a mistake in a rare class costs as much as one in a frequent class,"
        " tellapart train --balance weights: no photo is lost"
    )
    return f"{more}. Otherwise {weigh}" if more else weigh
