"""tellapart suggest: which images to label next, or to look at again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.options import dataclass, given, option, with_options, without
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
from tellapart.shared_options import device_option, features_option, num_workers_option, seed_option, state_option

if TYPE_CHECKING:
    from tellapart.array_types import IntArray
    from tellapart.feature_spec import FeatureSpec
    from tellapart.workflows.active_learning import Judge, Suggestion
    from tellapart.workflows.explorable_images import ExplorableImages

TABLE_FILE = "suggested.csv"


def _classes_complaint(words: str) -> str | None:
    names = [name.strip() for name in words.split(",")]
    return None if len(names) == len(set(names)) > 1 and all(names) else f"must be two or more classes with commas between, got {words!r}"


@dataclass(frozen=True, kw_only=True)
class SuggestOptions(DatasetOptions):
    """What is suggested, and how."""

    run: Path | None = option(None, "Run whose least certain images are suggested; without one, prototypes of clusters.", metavar="RUN")
    n: int = option(20, "Number of images to suggest.", minimum=1, maximum=10_000)
    labeled: bool = option(False, "Suggest labeled images, whose label the run finds unlikely, to check again.", only_for=given("run"))
    classes: str | None = option(
        None,
        "Classes to label with, with commas between; by default those of the run, or of the folder.",
        metavar="NAMES",
        check=_classes_complaint,
        only_for=without("run"),
    )
    features: str = features_option(only_for=without("run"))
    out: Path = option(Path("suggested"), "Folder for the page and the table.", metavar="DIR")
    seed: int = seed_option()
    state: Path | None = state_option()
    device: str = device_option()
    num_workers: int | None = num_workers_option()


@dataclass(frozen=True)
class SuggestedImage(Result):
    """An image to label.

    Attributes:
        path: in the folder.
        label: its label; None without one.
        predicted: the most probable class by the run; None without a run.
        probability: of that class.
        margin: how far ahead that class is; of a labeled image, how far its label is ahead of the best other class.
        familiarity: of the image; None where it is not known.
    """

    path: str
    label: str | None
    predicted: str | None
    probability: float | None
    margin: float | None
    familiarity: float | None


@dataclass(frozen=True)
class SuggestResult(Result):
    """What is suggested.

    Attributes:
        images: the most urgent first.
        candidates: number of images that could have been chosen, near-duplicates counted once.
        class_names: to label with.
        worth: what these labels are expected to be worth, as a sentence; None without a run.
        page: ``review.html``, on which they are labeled.
        table: ``suggested.csv``.
        notes: what else is worth knowing.
    """

    images: tuple[SuggestedImage, ...]
    candidates: int
    class_names: tuple[str, ...]
    worth: str | None
    page: Path
    table: Path
    notes: tuple[str, ...]


@with_options(SuggestOptions)
def suggest(folder: str | Path, *, options: SuggestOptions, progress: Progress = AUTO) -> SuggestResult:
    """Suggest which images to label next: those a run is least sure of, each unlike the others; without a run, prototypes of clusters.

    Nothing is labeled: the page saves a file that ``tellapart decisions --apply`` takes.

    Args:
        folder: images, labeled or not; near-duplicates of labeled ones are not suggested.
        progress: receives progress and notes.
        options: as keywords; see :class:`SuggestOptions`.

    Raises:
        OptionError: an option is wrong, there are no classes to label with, or the page would lie among the photos.
        DataError: there is no such run, or no image to suggest.
        ModelError: the run's model is damaged.
        StorageError: the disk is full or cannot be written.
    """
    from tellapart.output_guards import noting_unchanged
    from tellapart.reports.review_page import PAGE, VIEW, write_review
    from tellapart.run_folder import open_classifier_run
    from tellapart.workflows.active_learning import Judge, candidates, expected_worth, labeling_view, write_suggestions
    from tellapart.workflows.explorable_images import explorable_images

    judge = None if options.run is None else Judge.of(open_classifier_run(options.run), device=options.device)
    spec = _spec(options) if judge is None else judge.specs[0]
    out = options.out.expanduser()
    images = explorable_images(
        folder,
        spec,
        places={"--out": out},
        reading=options,
        state=options.state,
        num_workers=options.num_workers,
        progress=progress,
    )
    class_names = _class_names(images, judge, options)
    rows = candidates(images, judge, are_labeled=options.labeled)
    suggestion = _suggestion(images, judge, rows, options, progress)
    worth = None if judge is None or options.labeled else expected_worth(judge.run, len(suggestion.rows))
    notes = [*images.analyzed.notes, *([worth] if worth else [])]
    if len(rows) <= options.n:
        notes.append(f"there are no more than {count(len(rows), 'image')} to choose from, so all of them are suggested")
    view = labeling_view(images, suggestion, class_names, folder=str(folder), notes=notes)
    with noting_unchanged([out / PAGE, out / VIEW, out / TABLE_FILE], progress):
        page = write_review(out, view, images.analyzed.thumbnails)
        write_suggestions(out / TABLE_FILE, suggestion)
    for sentence in notes:
        progress.note(sentence)
    listed = tuple(_image(suggestion, number) for number in range(len(suggestion.rows)))
    return SuggestResult(listed, len(rows), tuple(class_names), worth, page, out / TABLE_FILE, tuple(notes))


def _spec(options: SuggestOptions) -> FeatureSpec:
    from tellapart.feature_spec import spec_of

    return spec_of(options.features).computed(options.device)


def _suggestion(images: ExplorableImages, judge: Judge | None, rows: IntArray, options: SuggestOptions, progress: Progress) -> Suggestion:
    from tellapart.workflows.active_learning import suggest_by_run, suggest_from_nothing

    if judge is None:
        return suggest_from_nothing(images, rows, options.n, seed=options.seed)
    return suggest_by_run(images, judge, rows, options.n, are_labeled=options.labeled, seed=options.seed, progress=progress)


def _class_names(images: ExplorableImages, judge: Judge | None, options: SuggestOptions) -> list[str]:
    from tellapart.errors import OptionError

    if judge is not None:
        return list(judge.model.class_names)
    if options.classes:
        return [name.strip() for name in options.classes.split(",")]
    names = sorted({label for label in images.labels if label is not None})
    if not names:
        raise OptionError("there are no classes to label with: no image has a label, and there is no run", hint="--classes cats,dogs")
    return names


def _image(chosen: Suggestion, number: int) -> SuggestedImage:
    def value(values: object) -> float | None:
        return None if values is None else float(values[number])  # type: ignore[index]

    row = chosen.rows[number]
    predicted = chosen.predicted[number] if chosen.predicted else None
    return SuggestedImage(row.path, row.label, predicted, value(chosen.probabilities), value(chosen.margins), value(chosen.familiarity))
