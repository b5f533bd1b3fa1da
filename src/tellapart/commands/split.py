"""tellapart split: divide images into train, val and test, keep groups together, and estimate what leakage inflates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.counts import count
from tellapart.dataset.groups import pattern_complaint
from tellapart.dataset.options import DatasetOptions
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, when_not, with_options, without
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
from tellapart.shared_options import device_option, num_workers_option, seed_option, state_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.dataset.file_rows import FileRow
    from tellapart.dataset.split_assignment import SplitAssignment, SplitPlan
    from tellapart.dataset.split_file import KnownSplit
    from tellapart.training.leakage import Crossings, LeakageEstimate, NoEstimate

NO_BACKBONE = "none"
DRAWN = (without("first_n"), when_not("strategy", "own"))
"""Shares and an earlier split matter only where images are assigned to parts by chance."""


@dataclass(frozen=True, kw_only=True)
class SplitOptions(DatasetOptions):
    """How to split."""

    out: Path | None = option(None, "The manifest to write; by default FOLDER's name and -split.csv.", metavar="FILE")
    strategy: str | None = option(
        None,
        "stratified: the shares in every class. random: every group by its hash. own: your parts as they are."
        " By default own where you have parts, else stratified.",
        choices=("stratified", "random", "own"),
    )
    val: float = option(0.1, "Share of the images for validation.", minimum=0.0, maximum=0.9, only_for=DRAWN)
    test: float = option(0.2, "Share of the images for testing.", minimum=0.0, maximum=0.9, only_for=DRAWN)
    folds: int = option(
        0, "Number of cross-validation folds of the training part; 0 for none.", minimum=0, maximum=100, only_for=without("first_n")
    )
    group: str | None = option(
        None,
        "Keep images together that agree in this column of the manifest or of ATTRIBUTION.csv: page, creator, host ...",
        metavar="COLUMN",
    )
    pattern: str | None = option(
        None, "Keep images together whose paths have the same match of this regular expression.", metavar="REGEX", check=pattern_complaint
    )
    first_n: int = option(0, "Reproduce a bad split: the first N files of each class by name are val.", minimum=0)
    previous: Path | None = option(
        None, "An earlier split whose images keep their parts; by default --out, if it exists.", metavar="FILE", only_for=DRAWN
    )
    reset: bool = option(False, "Ignore the split that --out holds, and start over.", only_for=(without("previous"), *DRAWN))
    seed: int = seed_option()
    backbone: str = option("lite2", "Backbone for near-duplicates and the leakage estimate; none for neither.")
    state: Path | None = state_option()
    device: str = device_option(only_for=when_not("backbone", NO_BACKBONE))
    precision: str = precision_option(only_for=when_not("backbone", NO_BACKBONE))
    num_workers: int | None = num_workers_option()


@dataclass(frozen=True, kw_only=True)
class SplitResult(Result):
    """The parts of a split, and what leaks between them.

    Attributes:
        out: the manifest.
        strategy: how images were assigned: ``stratified``, ``random``, ``own``, or ``first N``.
        images: number of images in the manifest.
        groups: number of groups they form.
        kept: images that keep the part of an earlier split.
        parts: images by part and label.
        folds: images by fold.
        left_out: path and reason of every file that is not in the manifest.
        crossings: what lies in several parts.
        leak: how much leakage inflates the score, or why that was not estimated.
        notes: what else is worth knowing.
    """

    out: Path
    strategy: str
    images: int
    groups: int
    kept: int
    parts: dict[str, dict[str, int]]
    folds: dict[int, int]
    left_out: dict[str, str]
    crossings: Crossings
    leak: LeakageEstimate | NoEstimate
    notes: list[str]


@with_options(SplitOptions)
def split(folder: str | Path, *, options: SplitOptions, progress: Progress = AUTO) -> SplitResult:
    """Divide a folder of images into train, val and test, and write a manifest that every other command takes.

    Near-duplicates always stay together, and so do images with the same --group or --pattern. No file is moved. Images that
    are in the manifest already keep their part; new ones join their group, or are assigned by its hash.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: receives the progress.
        options: as keywords; see :class:`SplitOptions`.

    Raises:
        OptionError: an option's name or value is wrong, or options contradict each other.
        DataError: the images cannot be divided, or an earlier split cannot be read.
        StorageError: the disk is full or cannot be written.
    """
    _check(options)
    from tellapart.dataset.split_assignment import divide_rows, grouped_rows
    from tellapart.dataset.split_file import KnownSplit, read_split
    from tellapart.training.leakage import crossings

    out = _place(Path(folder), options)
    before = (
        options.previous.expanduser() if options.previous else out if out.exists() and not options.reset and not options.first_n else None
    )
    earlier = read_split(before) if before else KnownSplit()
    analyzed = _analyze(folder, options, progress)
    rows, files, left_out, notes = _usable(analyzed, out)
    known = [earlier.of(file, row.image_id or "") for row, file in zip(rows, files, strict=True)]
    grouped = grouped_rows(rows, _own_groups(analyzed, Path(folder).expanduser(), rows, options), analyzed.pairs, known)
    plan = _plan(grouped, earlier, options, is_continued=any(known), notes=notes)
    division = divide_rows(grouped, known, plan)
    _write(division, files, out, plan)
    notes += [*_earlier_notes(before, division, len(rows), earlier), *division.notes]
    parts, folds = _counts(division)
    result = SplitResult(
        out=out,
        strategy=_strategy(plan),
        images=len(rows),
        groups=len({row.group for row in division.rows}),
        kept=division.kept,
        parts=parts,
        folds=folds,
        left_out=left_out,
        crossings=crossings(division.rows, analyzed.compared_pairs),
        leak=_estimate(division.rows, analyzed, options),
        notes=[*analyzed.notes, *notes],
    )
    for note in result.notes:
        progress.note(note)
    return result


def _check(chosen: SplitOptions) -> None:
    from tellapart.errors import OptionError

    if chosen.val + chosen.test >= 1 and not chosen.first_n and chosen.strategy != "own":
        raise OptionError(f"val {chosen.val:g} and test {chosen.test:g} leave nothing to train on", hint="their sum must be below 1")
    if chosen.val + chosen.test == 0 and not chosen.folds and not chosen.first_n and chosen.strategy != "own":
        raise OptionError("with val 0, test 0 and no folds nothing is held out", hint="--test 0.2, or --folds 5")
    if chosen.folds == 1:
        raise OptionError("one fold holds nothing out", hint="--folds 5")
    if chosen.first_n and chosen.strategy:
        raise OptionError("--first-n N is a strategy of its own, and does not go with --strategy", hint="leave one of them out")


def _place(folder: Path, chosen: SplitOptions) -> Path:
    """Where the manifest goes: a CSV, not among the photos of a folder, and not over the manifest that is read."""
    from tellapart.errors import OptionError
    from tellapart.printable import folder_name

    whole = folder.expanduser().absolute()
    name = folder_name(whole) if whole.is_dir() else whole.stem
    out = (chosen.out or Path(f"{name}-{'first' + str(chosen.first_n) if chosen.first_n else 'split'}.csv")).expanduser()
    if out.suffix.lower() != ".csv" or out.is_dir():
        raise OptionError(f"{out} cannot be the manifest: it must be a file that ends in .csv", hint="name a file such as split.csv")
    if out.resolve() == whole.resolve():
        raise OptionError(f"{out} is the manifest that is read", hint="name another file with --out")
    if whole.is_dir() and out.resolve().is_relative_to(whole.resolve()):
        raise OptionError(f"{out} is in the folder of the images, which is only read", hint="choose another place with --out")
    return out


def _analyze(folder: str | Path, chosen: SplitOptions, progress: Progress) -> AnalyzedFolder:
    from tellapart.analyzed_folder import analyze_folder
    from tellapart.feature_spec import FeatureSpec
    from tellapart.models.backbones import find_backbones

    spec = FeatureSpec(() if chosen.backbone == NO_BACKBONE else find_backbones(chosen.backbone))
    spec = spec.computed(chosen.device, chosen.precision)
    return analyze_folder(
        folder, spec, reading=chosen, state=chosen.state, device=chosen.device, num_workers=chosen.num_workers, progress=progress
    )


def _usable(analyzed: AnalyzedFolder, out: Path) -> tuple[list[FileRow], list[Path], dict[str, str], list[str]]:
    """The rows that are divided with their files, what is left out and why, and a sentence about it."""
    from tellapart.dataset.dataset import label_hint
    from tellapart.errors import DataError

    left_out = {row.path: row.reason or row.status for row in analyzed.rows if not row.is_used}
    has_labels = any(row.label is not None for row in analyzed.rows)
    rows, files = [], []
    for entry, row in zip(analyzed.dataset.entries, analyzed.rows, strict=True):
        file = analyzed.dataset.file(entry)
        if not row.is_used:
            continue
        if row.label is None and has_labels:
            left_out[row.path] = "no label"
        elif row.path != entry.path or entry.path != entry.path.strip():
            left_out[row.path] = "a manifest cannot hold its name"
        else:
            rows.append(row)
            files.append(file.absolute())
    if len(rows) < 2:
        raise DataError(
            f"of {count(len(analyzed.rows), 'image')} {len(rows):,} can be split; two are needed",
            hint=f"the first left out: {next(iter(left_out.items()))}" if left_out else None,
        )
    notes = [f"{len(left_out):,} of {count(len(analyzed.rows), 'file is', 'files are')} left out of the split"] if left_out else []
    if not has_labels:
        notes.append(f"no image has a label; {label_hint(row.path for row in rows)}")
    return rows, files, left_out, notes


def _own_groups(analyzed: AnalyzedFolder, where: Path, rows: Sequence[FileRow], chosen: SplitOptions) -> list[str | None]:
    """The user's groups: of the manifest, of --group and of --pattern; several of them are joined by their rows."""
    from tellapart.dataset.groups import column_groups, pattern_groups
    from tellapart.errors import OptionError

    if chosen.group and chosen.pattern:
        raise OptionError("--group and --pattern are two ways to say the same", hint="give one of them")
    paths = [row.path for row in rows]
    if chosen.group:
        return column_groups(where if where.exists() else analyzed.dataset.root, paths, chosen.group)
    if chosen.pattern:
        return pattern_groups(paths, chosen.pattern)
    return [row.group for row in rows]


def _plan(rows: Sequence[FileRow], earlier: KnownSplit, chosen: SplitOptions, *, is_continued: bool, notes: list[str]) -> SplitPlan:
    from tellapart.dataset.parts import REPORTED
    from tellapart.dataset.split_assignment import OWN, STRATIFIED, SplitPlan

    has_parts = any(row.part is not None for row in rows)
    is_divided = any(row.part in REPORTED for row in rows)
    strategy = chosen.strategy or (OWN if is_divided and not is_continued else STRATIFIED)
    if strategy == OWN and not has_parts:
        from tellapart.errors import DataError

        raise DataError("there are no parts to keep", hint="--strategy stratified")
    idle = [name for name in ("val", "test") if chosen.is_given(name)]
    if strategy == OWN and not chosen.strategy and not chosen.first_n and idle:
        from tellapart.errors import OptionError

        raise OptionError(
            f"{' and '.join(idle)} {'has' if len(idle) == 1 else 'have'} no effect: the images have parts of their own, which are kept",
            hint="leave it out, or make new parts with --strategy stratified",
        )
    if strategy == OWN and not chosen.strategy and not chosen.first_n:
        notes.append("your own parts are kept as they are; --strategy stratified makes new ones")
    folds = chosen.folds
    if is_continued and earlier.folds and folds not in (0, earlier.folds):
        from tellapart.errors import OptionError

        raise OptionError(f"the earlier split has {count(earlier.folds, 'fold')}, not {folds}", hint=f"--folds {earlier.folds}, or --reset")
    return SplitPlan(
        strategy, {"test": chosen.test, "val": chosen.val}, folds or (earlier.folds if is_continued else 0), chosen.first_n, chosen.seed
    )


def _strategy(plan: SplitPlan) -> str:
    return f"first {plan.first_n}" if plan.first_n else plan.strategy


def _write(division: SplitAssignment, files: Sequence[Path], out: Path, plan: SplitPlan) -> None:
    from tellapart.dataset.split_file import SplitRow, write_split

    rows = [
        SplitRow(file, row.label, row.part or "train", row.group or "", fold, row.image_id or "")
        for row, file, fold in zip(division.rows, files, division.folds, strict=True)
    ]
    write_split(rows, out, _strategy(plan))


def _earlier_notes(before: Path | None, division: SplitAssignment, number: int, earlier: KnownSplit) -> list[str]:
    """What an earlier split decided."""
    if before is None:
        return []
    gone = max(0, len(earlier.by_path) - division.kept)
    lost = f"; {gone:,} that it names are not there any more, or left out" if gone else ""
    return [
        f"{count(division.kept, 'image keeps', 'images keep')} the part that {before} gives them, {number - division.kept:,} are new{lost}"
    ]


def _counts(division: SplitAssignment) -> tuple[dict[str, dict[str, int]], dict[int, int]]:
    """Numbers of images: by part and label, and by fold."""
    from collections import Counter

    from tellapart.dataset.entry import PARTS

    parts = {
        part: dict(sorted(Counter(row.label or "" for row in division.rows if row.part == part).items()))
        for part in PARTS
        if any(row.part == part for row in division.rows)
    }
    folds = Counter(fold for fold in division.folds if fold is not None)
    return parts, dict(sorted(folds.items()))


def _estimate(rows: Sequence[FileRow], analyzed: AnalyzedFolder, chosen: SplitOptions) -> LeakageEstimate | NoEstimate:
    from tellapart.training.leakage import NoEstimate, estimate_leakage

    if chosen.backbone == NO_BACKBONE:
        return NoEstimate("not asked for (--backbone none)")
    return estimate_leakage([row for row in rows if row.label is not None], analyzed.features, seed=chosen.seed)
