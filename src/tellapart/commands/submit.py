"""tellapart submit: a validated submission file for a Kaggle competition."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions, path_column_option
from tellapart.errors import OptionError
from tellapart.models.precision import precision_option
from tellapart.options import Options, dataclass, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
from tellapart.shared_options import device_option, num_workers_option
from tellapart.workflows.tta_options import tta_augment_option, tta_option

if TYPE_CHECKING:
    from tellapart.array_types import FloatArray
    from tellapart.dataset import Dataset
    from tellapart.interval import Interval
    from tellapart.kaggle.columns import Columns
    from tellapart.models.saved_model import SavedModel
    from tellapart.predictor import PredictedFiles
    from tellapart.run_folder import Run


def _is_csv(path: Path) -> str | None:
    return None if path.suffix.lower() == ".csv" else f"{path} must end in .csv"


@dataclass(frozen=True, kw_only=True)
class SubmitOptions(Options):
    """How to write a submission."""

    sample: Path | None = option(
        None, "Sample submission of the competition (required); its ids, columns and order are used.", metavar="FILE"
    )
    out: Path = option(Path("submission.csv"), "File to write (.csv).", metavar="FILE", check=_is_csv)
    clip: float | None = option(None, "Lower bound of the probabilities; it can only raise the run's own.", minimum=0, maximum=0.5)
    class_: str | None = option(None, "Class whose probability goes into the sample's only column.", metavar="NAME")
    path_column: str | None = path_column_option()
    tta: int = tta_option()
    tta_augment: str | None = tta_augment_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


@dataclass(frozen=True, kw_only=True)
class Submission(Result):
    """A submission that was written.

    Attributes:
        path: the file.
        rows: number of rows without the header.
        id_column: the name of the id column.
        matched_by: the part of a file's path that the ids are.
        columns: by column to fill, the class whose probability it holds; None where it holds the predicted class.
        clip: the lower bound of the probabilities that was used; the run's own is applied before rows are scaled to sum to 1.
        run_clip: the run's own clip, fitted out of fold and saved in ``model.json``.
        unreadable: reason by id, for files that cannot be read; their rows hold ``shares``.
        shares: the share of each class among the training images.
        unused: paths of files without an id in the sample.
        views: number of views of each image that were averaged.
        expected_accuracy: accuracy on the run's own test images, with one view; None if it has none.
        expected_log_loss: log loss there, in nats, with this clip; None if the columns do not define one.
    """

    path: Path
    rows: int
    id_column: str
    matched_by: str
    columns: Mapping[str, str | None]
    clip: float
    run_clip: float
    unreadable: Mapping[str, str]
    shares: Mapping[str, float]
    unused: tuple[str, ...]
    views: int
    expected_accuracy: Interval | None
    expected_log_loss: Interval | None

    @property
    def clip_source(self) -> str:
        """Where the clip comes from: ``run`` or ``--clip``."""
        return "--clip" if self.clip > self.run_clip else "run"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as ``tellapart submit --json`` prints them."""
        from tellapart.printable import printable

        intervals = {name: getattr(self, name) for name in ("expected_accuracy", "expected_log_loss")}
        return {
            "path": printable(str(self.path)),
            "rows": self.rows,
            "ids": {"column": self.id_column, "matched_by": self.matched_by},
            "columns": dict(self.columns),
            "clip": {"value": self.clip, "source": self.clip_source, "run": self.run_clip},
            "unreadable": dict(self.unreadable),
            "shares": dict(self.shares),
            "unused": list(self.unused),
            "views": self.views,
            **{name: interval.as_dict() if interval else None for name, interval in intervals.items()},
        }


@with_options(SubmitOptions)
def submit(run: str | Path, folder: str | Path, *, options: SubmitOptions, progress: Progress = AUTO) -> Submission:
    """Write a validated submission for a Kaggle competition.

    The ids, the columns and their order are those of the sample. An image that cannot be read gets the class shares of
    the training images, and is reported.

    Args:
        run: a run folder.
        folder: the competition's test images.
        progress: receives progress and notes.
        options: as keywords; see :class:`SubmitOptions`.

    Returns:
        What was written, and the scores to expect from the run's own evaluation.

    Raises:
        DataError: the sample cannot be read, or does not fit the files or the classes.
        OptionError: the class is unknown, there are fewer fixed crops than views, or the sample itself would be overwritten.
        ModelError: the saved model is damaged.
    """
    from tellapart.kaggle import submission_csv
    from tellapart.kaggle.columns import columns_of
    from tellapart.kaggle.sample_csv import read_sample
    from tellapart.models.saved_model import load_model
    from tellapart.predictor import predict_files
    from tellapart.run_folder import open_classifier_run
    from tellapart.workflows.tta_options import tta_settings

    source = _sample_file(options)
    opened = open_classifier_run(run)
    model = load_model(opened.model_folder)
    clip, lowest = _clip(model, options.clip)
    sample = read_sample(source)
    columns = columns_of(sample, model.class_names, options.class_)
    tests, matched_by, unused = _images_of(sample.ids, folder, options, progress)
    predicted = predict_files(model, tests, tta_settings(options), progress=progress)
    shares = _class_shares(opened, model.class_names)
    probabilities = submission_csv.floor_probabilities(_fill_unreadable(predicted, list(shares.values())), lowest)
    submission_csv.check_probabilities(probabilities, len(sample.ids), lowest)
    accuracy, log_loss = _expected(opened, columns, clip if clip > model.clip else None)
    submission_csv.write_submission(sample, submission_csv.submission_cells(probabilities, columns), options.out)
    return Submission(
        path=options.out,
        rows=len(sample.ids),
        id_column=sample.header[sample.id_place],
        matched_by=matched_by,
        columns=_classes_by_column(sample.columns, columns, model.class_names),
        clip=clip,
        run_clip=model.clip,
        unreadable={name: file.reason or "" for name, file in zip(sample.ids, predicted.files, strict=True) if file.image_id is None},
        shares=shares,
        unused=unused,
        views=predicted.views,
        expected_accuracy=accuracy,
        expected_log_loss=log_loss,
    )


def _sample_file(chosen: SubmitOptions) -> Path:
    """The sample submission, checked not to be the file to write."""
    if chosen.sample is None:
        raise OptionError("sample must be given", hint="--sample sample_submission.csv, from the competition's page")
    is_same = chosen.out.resolve() == chosen.sample.resolve()
    if is_same or (chosen.out.exists() and chosen.sample.exists() and chosen.out.samefile(chosen.sample)):
        raise OptionError(f"out: {chosen.out} is the sample itself, which is never overwritten", hint="choose another name with --out")
    return chosen.sample


def _clip(model: SavedModel, chosen: float | None) -> tuple[float, float]:
    """The clip to use, and the lowest probability it allows: the run's own is applied before rows are scaled."""
    if chosen is not None and chosen > model.clip:
        k = len(model.class_names)
        if chosen * k >= 1:
            raise OptionError(f"clip must be below 1 / {k}, as there are {count(k, 'class', 'classes')}, got {chosen}")
        return chosen, chosen
    return model.clip, model.clip / (1 + (len(model.class_names) - 1) * model.clip)


def _images_of(ids: tuple[str, ...], folder: str | Path, chosen: SubmitOptions, progress: Progress) -> tuple[Dataset, str, tuple[str, ...]]:
    """The image of each id in the order of the ids, what the ids are matched by, and the paths of the other images.

    In a folder with ``train`` and ``test`` only the test part counts.
    """
    from tellapart.analyzed_folder import open_given_images
    from tellapart.dataset import Dataset
    from tellapart.dataset.folder_names import part_of
    from tellapart.kaggle.id_matching import files_of_ids
    from tellapart.printable import printable

    opened = open_given_images(folder, DatasetOptions(path_column=chosen.path_column), progress)
    parts = [{entry.part, *(part_of(name) for name in entry.path.split("/")[:-1])} for entry in opened.entries]
    tests = [entry for entry, part in zip(opened.entries, parts, strict=True) if "test" in part] or list(opened.entries)
    paths = [printable(entry.path) for entry in tests]
    matched = files_of_ids(ids, paths)
    dataset = Dataset(opened.root, tuple(tests[index] for index in matched.places))
    return dataset, matched.matched_by, tuple(paths[index] for index in matched.unused)


def _class_shares(run: Run, class_names: tuple[str, ...]) -> dict[str, float]:
    """The share of each class among the training images."""
    counts = {known.name: known.train for known in (run.metrics.data.classes if run.metrics.data else [])}
    total = sum(counts[name] for name in class_names)
    return {name: counts[name] / total for name in class_names}


def _fill_unreadable(predicted: PredictedFiles, shares: list[float]) -> FloatArray:
    """Probabilities (n, k) of all files in their order, float64; the shares where a file cannot be read."""
    import numpy as np

    is_read = np.array([file.image_id is not None for file in predicted.files], dtype=bool)
    probabilities = np.tile(np.asarray(shares, dtype=np.float64), (len(is_read), 1))
    probabilities[is_read] = predicted.predictions.probabilities
    return probabilities


def _expected(run: Run, columns: Columns, raised: float | None) -> tuple[Interval | None, Interval | None]:
    """Accuracy and log loss of the run's own evaluation; the log loss is computed again where the clip was raised."""
    from dataclasses import replace

    from tellapart.evaluation import log_loss_interval
    from tellapart.kaggle.submission_csv import floor_probabilities

    name, part = next(iter(run.metrics.parts.items()), ("", None))
    if part is None:
        return None, None
    has_log_loss = len(columns.classes) > 1 or (len(columns.classes) == 1 and len(run.class_names) == 2)
    if not has_log_loss:
        return part.accuracy, None
    if raised is None:
        return part.accuracy, part.log_loss
    predictions = run.predictions.part(name)
    return part.accuracy, log_loss_interval(replace(predictions, probabilities=floor_probabilities(predictions.probabilities, raised)))


def _classes_by_column(names: tuple[str, ...], columns: Columns, class_names: tuple[str, ...]) -> dict[str, str | None]:
    """The class whose probability each column holds; None for the predicted class."""
    if not columns.classes:
        return dict.fromkeys(names)
    return {name: class_names[number] for name, number in zip(names, columns.classes, strict=True)}
