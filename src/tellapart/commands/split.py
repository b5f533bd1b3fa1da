"""tellapart split: who trains and who is tested, groups kept whole, and what a leak would be worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.dataset.user_groups import pattern_complaint
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, when_not, with_options, without
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import device_option, num_workers_option, seed_option, state_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.dataset.file_rows import FileRow
    from tellapart.dataset.split_assignment import SplitAssignment, SplitPlan
    from tellapart.dataset.split_file import KnownSplit

NO_BACKBONE = "none"
DRAWN = (without("first"), when_not("how", "own"))
"""Where images are drawn into parts."""


@dataclass(frozen=True, kw_only=True)
class SplitOptions(DatasetOptions):
    """How to split."""

    out: Path | None = option(None, "The manifest to write; by default FOLDER's name and -split.csv.", metavar="FILE")
    how: str | None = option(
        None,
        "stratified: the shares in every class. random: every group by a hash of its own. own: your parts as they are."
        " By default own where you have parts, else stratified.",
        choices=("stratified", "random", "own"),
    )
    val: float = option(0.1, "Share of the images for validation.", minimum=0.0, maximum=0.9, only_for=DRAWN)
    test: float = option(0.2, "Share of the images for the test.", minimum=0.0, maximum=0.9, only_for=DRAWN)
    folds: int = option(0, "Also number so many folds of the training part; 0 for none.", minimum=0, maximum=100)
    group: str | None = option(
        None, "Keep together what this column of the manifest or of ATTRIBUTION.csv names alike: page, creator, host ...", metavar="COLUMN"
    )
    pattern: str | None = option(
        None, "Keep together what this regular expression catches alike in the paths.", metavar="REGEX", check=pattern_complaint
    )
    first: int = option(0, "Reproduce a bad split: the first so many files of each class by name are val.", minimum=0)
    keep: Path | None = option(None, "An earlier split whose images keep their parts; by default --out where it exists.", metavar="FILE")
    anew: bool = option(False, "Forget the split that --out holds, and begin anew.", only_for=(without("keep"), without("first")))
    seed: int = seed_option()
    backbone: str = option("lite2", "Network whose features tell near-duplicates and price a leak; none for neither.")
    state: Path | None = state_option()
    device: str = device_option(only_for=when_not("backbone", NO_BACKBONE))
    precision: str = precision_option(only_for=when_not("backbone", NO_BACKBONE))
    num_workers: int | None = num_workers_option()


@with_options(SplitOptions)
def split(folder: str | Path, *, options: SplitOptions, progress: Progress = AUTO) -> dict[str, Any]:
    """Divide a folder of photos into train, val and test, and write a manifest that every other verb takes.

    Near-duplicates always stay together, and so does what --group or --pattern names alike. No file is moved. Images that
    the manifest holds already keep their part; new ones join their group, or are placed by a hash of it.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: hears how far it is.
        options: as keywords; see :class:`SplitOptions`.

    Returns:
        ``out``, ``how``, ``images``, ``groups``, ``kept`` (images that an earlier split placed), ``parts`` (part: label: number),
        ``folds`` (fold: number), ``left_out`` (path: reason), ``crossings`` (what stands in several parts), ``leak`` (naive and honest
        score, or the reason why there is none), ``notes``.

    Raises:
        OptionError: an option's name or value is wrong, or options do not go together.
        DataError: the photos cannot be divided, or an earlier split cannot be read.
        StorageError: the disk is full or cannot be written.
    """
    _check(options)
    from tellapart.dataset.split_assignment import divide_rows, grouped_rows
    from tellapart.dataset.split_file import KnownSplit, read_split
    from tellapart.training.leakage import crossings

    out = _place(Path(folder), options)
    before = options.keep.expanduser() if options.keep else out if out.exists() and not options.anew and not options.first else None
    earlier = read_split(before) if before else KnownSplit()
    looked = _looked(folder, options, progress)
    rows, files, left_out, notes = _usable(looked, out)
    known = [earlier.of(file, row.image_id or "") for row, file in zip(rows, files, strict=True)]
    grouped = grouped_rows(rows, _own_groups(looked, Path(folder).expanduser(), rows, options), looked.pairs, known)
    plan = _plan(grouped, earlier, options, is_continued=any(known), notes=notes)
    division = divide_rows(grouped, known, plan)
    _write(division, files, out, plan)
    crossed = crossings(division.rows, looked.likenesses)
    notes += [*_earlier_notes(before, division, len(rows), earlier), *division.notes]
    found = {
        "out": str(out),
        "how": _how(plan),
        "images": len(rows),
        "groups": len({row.group for row in division.rows}),
        "kept": division.kept,
        **_counts(division),
        "left_out": left_out,
        "crossings": crossed.as_dict(),
        "leak": _leak(division.rows, looked, options),
        "notes": [*looked.notes, *notes],
    }
    for note in found["notes"]:
        progress.note(note)
    return found


def _check(chosen: SplitOptions) -> None:
    from tellapart.errors import OptionError

    if chosen.val + chosen.test >= 1 and not chosen.first and chosen.how != "own":
        raise OptionError(f"val {chosen.val:g} and test {chosen.test:g} leave nothing to train on", hint="together they must stay below 1")
    if chosen.val + chosen.test == 0 and not chosen.folds and not chosen.first and chosen.how != "own":
        raise OptionError("with val 0, test 0 and no folds nothing is held back", hint="--test 0.2, or --folds 5")
    if chosen.folds == 1:
        raise OptionError("one fold holds nothing back", hint="--folds 5")
    if chosen.first and (chosen.keep or chosen.how):
        raise OptionError("--first N is a split of its own, and goes with neither --keep nor --how", hint="leave them out")


def _place(folder: Path, chosen: SplitOptions) -> Path:
    """Where the manifest goes: a CSV, not among the photos of a folder, and not over the manifest that is read."""
    from tellapart.errors import OptionError
    from tellapart.printable import folder_name

    whole = folder.expanduser().absolute()
    name = folder_name(whole) if whole.is_dir() else whole.stem
    out = (chosen.out or Path(f"{name}-{'first' + str(chosen.first) if chosen.first else 'split'}.csv")).expanduser()
    if out.suffix.lower() != ".csv" or out.is_dir():
        raise OptionError(f"{out} cannot be the manifest: it must be a file that ends in .csv", hint="name a file such as split.csv")
    if out.resolve() == whole.resolve():
        raise OptionError(f"{out} is the manifest that is read", hint="name another file with --out")
    if whole.is_dir() and out.resolve().is_relative_to(whole.resolve()):
        raise OptionError(f"{out} lies in the folder of the photos, which is only read", hint="choose another place with --out")
    return out


def _looked(folder: str | Path, chosen: SplitOptions, progress: Progress) -> AnalyzedFolder:
    from tellapart.analyzed_folder import analyze_folder
    from tellapart.feature_extraction import FeatureSpec
    from tellapart.models.backbones import find_backbones

    spec = FeatureSpec(() if chosen.backbone == NO_BACKBONE else find_backbones(chosen.backbone))
    spec = spec.computed(chosen.device, chosen.precision)
    return analyze_folder(
        folder, spec, reading=chosen, state=chosen.state, device=chosen.device, num_workers=chosen.num_workers, progress=progress
    )


def _usable(looked: AnalyzedFolder, out: Path) -> tuple[list[FileRow], list[Path], dict[str, str], list[str]]:
    """The rows that are divided with their files, what is left out and why, and a sentence about it."""
    from tellapart.errors import DataError

    left_out = {row.path: row.reason or row.status for row in looked.rows if not row.is_used}
    has_labels = any(row.label is not None for row in looked.rows)
    rows, files = [], []
    for entry, row in zip(looked.dataset.entries, looked.rows, strict=True):
        file = looked.dataset.file(entry)
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
            f"of {count(len(looked.rows), 'image')} {len(rows):,} can be divided; two are needed",
            hint=f"the first left out: {next(iter(left_out.items()))}" if left_out else None,
        )
    notes = [f"{len(left_out):,} of {count(len(looked.rows), 'file is', 'files are')} left out of the split"] if left_out else []
    return rows, files, left_out, notes


def _own_groups(looked: AnalyzedFolder, where: Path, rows: Sequence[FileRow], chosen: SplitOptions) -> list[str | None]:
    """The user's groups: of the manifest, of --group and of --pattern; several of them are joined by their rows."""
    from tellapart.dataset.user_groups import column_groups, pattern_groups
    from tellapart.errors import OptionError

    if chosen.group and chosen.pattern:
        raise OptionError("--group and --pattern are two ways to say the same", hint="give one of them")
    paths = [row.path for row in rows]
    if chosen.group:
        return column_groups(where if where.exists() else looked.dataset.root, paths, chosen.group)
    if chosen.pattern:
        return pattern_groups(paths, chosen.pattern)
    return [row.group for row in rows]


def _plan(rows: Sequence[FileRow], earlier: KnownSplit, chosen: SplitOptions, *, is_continued: bool, notes: list[str]) -> SplitPlan:
    from tellapart.dataset.split_assignment import OWN, STRATIFIED, SplitPlan

    has_parts = any(row.part is not None for row in rows)
    how = chosen.how or (OWN if has_parts and not is_continued else STRATIFIED)
    if how == OWN and not has_parts:
        from tellapart.errors import DataError

        raise DataError("there are no parts to keep", hint="--how stratified")
    idle = [name for name in ("val", "test") if chosen.is_given(name)]
    if how == OWN and not chosen.how and not chosen.first and idle:
        from tellapart.errors import OptionError

        raise OptionError(
            f"{' and '.join(idle)} {'has' if len(idle) == 1 else 'have'} no effect: the images have parts of their own, which are kept",
            hint="leave it out, or make new parts with --how stratified",
        )
    if how == OWN and not chosen.how and not chosen.first:
        notes.append("your own parts are kept as they are; --how stratified makes new ones")
    folds = chosen.folds
    if is_continued and earlier.folds and folds not in (0, earlier.folds):
        from tellapart.errors import OptionError

        raise OptionError(f"the earlier split has {count(earlier.folds, 'fold')}, not {folds}", hint=f"--folds {earlier.folds}, or --anew")
    return SplitPlan(
        how, {"test": chosen.test, "val": chosen.val}, folds or (earlier.folds if is_continued else 0), chosen.first, chosen.seed
    )


def _how(plan: SplitPlan) -> str:
    return f"first {plan.first}" if plan.first else plan.how


def _write(division: SplitAssignment, files: Sequence[Path], out: Path, plan: SplitPlan) -> None:
    from tellapart.dataset.split_file import SplitRow, write_split

    rows = [
        SplitRow(file, row.label, row.part or "train", row.group or "", fold, row.image_id or "")
        for row, file, fold in zip(division.rows, files, division.folds, strict=True)
    ]
    write_split(rows, out, _how(plan))


def _earlier_notes(before: Path | None, division: SplitAssignment, number: int, earlier: KnownSplit) -> list[str]:
    """What an earlier split decided."""
    if before is None:
        return []
    gone = max(0, len(earlier.by_path) - division.kept)
    lost = f"; {gone:,} that it names are not there any more, or left out" if gone else ""
    return [
        f"{count(division.kept, 'image keeps', 'images keep')} the part that {before} gives them, {number - division.kept:,} are new{lost}"
    ]


def _counts(division: SplitAssignment) -> dict[str, Any]:
    """Numbers of images: by part and label, and by fold."""
    from collections import Counter

    from tellapart.dataset.entry import PARTS

    parts = {
        part: dict(sorted(Counter(row.label or "" for row in division.rows if row.part == part).items()))
        for part in PARTS
        if any(row.part == part for row in division.rows)
    }
    folds = Counter(fold for fold in division.folds if fold is not None)
    return {"parts": parts, "folds": dict(sorted(folds.items()))}


def _leak(rows: Sequence[FileRow], looked: AnalyzedFolder, chosen: SplitOptions) -> dict[str, Any]:
    from tellapart.training.leakage import leak_price

    if chosen.backbone == NO_BACKBONE:
        return {"reason": "not asked for (--backbone none)"}
    return leak_price([row for row in rows if row.label is not None], looked.extraction.features, seed=chosen.seed)
