"""tellapart submit: a checked file for a Kaggle competition."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.errors import OptionError
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import device_option, num_workers_option
from tellapart.workflows.tta_options import tta_augment_option, tta_option

if TYPE_CHECKING:
    from tellapart.array_types import FloatArray
    from tellapart.dataset import Dataset
    from tellapart.evaluation import Interval
    from tellapart.kaggle.columns import Columns
    from tellapart.models.saved_model import SavedModel
    from tellapart.predictor import PredictedFiles
    from tellapart.runs import Run


def _is_csv(path: Path) -> str | None:
    return None if path.suffix.lower() == ".csv" else f"{path} must end in .csv"


@dataclass(frozen=True, kw_only=True)
class SubmitOptions(DatasetOptions):
    """How to write a submission."""

    sample: Path | None = option(
        None, "The competition's sample submission; its ids, columns and order are kept. Must be given.", metavar="FILE"
    )
    out: Path = option(Path("submission.csv"), "File to write (.csv).", metavar="FILE", check=_is_csv)
    clip: float | None = option(None, "Least probability to write; it can only raise the run's own.", minimum=0, maximum=0.5)
    class_: str | None = option(None, "The class whose probability the sample's one column means.", metavar="NAME")
    views: int = tta_option()
    view_augment: str | None = tta_augment_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A submission as it was written.

    Attributes:
        path: the file.
        rows: how many rows it has under its header.
        id_column: the name of the id column.
        matched_by: what of a file's path the ids are.
        columns: for each column to fill the class whose probability it holds, or None where it holds the predicted class.
        clip: the least probability of a class that stands; the run's own is applied before rows are scaled to sum to 1.
        run_clip: the run's own clip, fitted out of fold and kept in ``model.json``.
        unreadable: for each id whose file could not be read the reason; its row holds ``shares``.
        shares: the share of each class among the training images.
        unused: paths of files that no id means.
        views: how many views of each image were averaged.
        expected_accuracy: on the images the run was judged on, with one view; None if it was not.
        expected_log_loss: there, in nats, with this clip; None if no log loss can be told from the columns.
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
        """Where the clip that stands comes from: ``run`` or ``--clip``."""
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
            **{name: found.as_dict() if found else None for name, found in intervals.items()},
        }


@with_options(SubmitOptions)
def submit(run: str | Path, folder: str | Path, *, options: SubmitOptions, progress: Progress = AUTO) -> Submission:
    """Write a checked submission for a Kaggle competition.

    The ids, the columns and their order are those of the sample; an image that cannot be read gets the training
    images' class shares and is named.

    Args:
        run: a run folder.
        folder: the competition's test images.
        progress: hears how far it is.
        options: as keywords; see :class:`SubmitOptions`.

    Returns:
        What was written, and what the run's own numbers let expect.

    Raises:
        DataError: the sample cannot be read, or does not fit the files or the classes.
        OptionError: the class is not known, there are not so many views, or the sample itself would be overwritten.
        ModelError: the saved model is damaged.
    """
    from tellapart.kaggle import submission_csv
    from tellapart.kaggle.columns import columns_of
    from tellapart.kaggle.sample_csv import read_sample
    from tellapart.models.saved_model import load_model
    from tellapart.predictor import predict_files
    from tellapart.runs import open_judged_run
    from tellapart.workflows.tta_options import tta_settings

    source = _sample_file(options)
    opened = open_judged_run(run)
    model = load_model(opened.model_folder)
    clip, lowest = _clip(model, options.clip)
    sample = read_sample(source)
    columns = columns_of(sample, model.class_names, options.class_)
    wanted, matched_by, unused = _images_of(sample.ids, folder, options, progress)
    found = predict_files(model, wanted, **tta_settings(options), progress=progress)
    shares = _class_shares(opened, model.class_names)
    probabilities = submission_csv.floor_probabilities(_filled(found, list(shares.values())), lowest)
    submission_csv.check_probabilities(probabilities, len(sample.ids), lowest)
    accuracy, log_loss = _expected(opened, columns, clip if clip > model.clip else None)
    submission_csv.write_submission(sample, submission_csv.submission_cells(probabilities, columns), options.out)
    return Submission(
        path=options.out,
        rows=len(sample.ids),
        id_column=sample.header[sample.id_place],
        matched_by=matched_by,
        columns=_meanings(sample.columns, columns, model.class_names),
        clip=clip,
        run_clip=model.clip,
        unreadable={name: file.reason or "" for name, file in zip(sample.ids, found.files, strict=True) if file.image_id is None},
        shares=shares,
        unused=unused,
        views=found.views,
        expected_accuracy=accuracy,
        expected_log_loss=log_loss,
    )


def _sample_file(chosen: SubmitOptions) -> Path:
    """The sample, once it is sure that it is not the file to write."""
    if chosen.sample is None:
        raise OptionError("sample must be given", hint="--sample sample_submission.csv, from the competition's page")
    is_same = chosen.out.resolve() == chosen.sample.resolve()
    if is_same or (chosen.out.exists() and chosen.sample.exists() and chosen.out.samefile(chosen.sample)):
        raise OptionError(f"out: {chosen.out} is the sample itself, which is never overwritten", hint="choose another name with --out")
    return chosen.sample


def _clip(model: SavedModel, chosen: float | None) -> tuple[float, float]:
    """The clip that stands, and the least probability it lets through: the run's is applied before rows are scaled."""
    if chosen is not None and chosen > model.clip:
        k = len(model.class_names)
        if chosen * k >= 1:
            raise OptionError(f"clip must be below 1 / {k}, as there are {count(k, 'class', 'classes')}, got {chosen}")
        return chosen, chosen
    return model.clip, model.clip / (1 + (len(model.class_names) - 1) * model.clip)


def _images_of(ids: tuple[str, ...], folder: str | Path, chosen: SubmitOptions, progress: Progress) -> tuple[Dataset, str, tuple[str, ...]]:
    """The image of each id in their order, what the ids are matched by, and the paths of the other images.

    In a folder with ``train`` and ``test`` only the test part counts.
    """
    from tellapart.dataset import Dataset
    from tellapart.dataset.dataset import open_images
    from tellapart.dataset.folder_names import part_of
    from tellapart.kaggle.id_matching import files_of_ids
    from tellapart.printable import printable

    opened = open_images(folder, chosen, progress=progress)
    for note in opened.notes:
        progress.note(note)
    parts = [{entry.part, *(part_of(name) for name in entry.path.split("/")[:-1])} for entry in opened.entries]
    tests = [entry for entry, part in zip(opened.entries, parts, strict=True) if "test" in part] or list(opened.entries)
    paths = [printable(entry.path) for entry in tests]
    matched = files_of_ids(ids, paths)
    wanted = Dataset(opened.root, tuple(tests[place] for place in matched.places))
    return wanted, matched.matched_by, tuple(paths[place] for place in matched.unused)


def _class_shares(run: Run, class_names: tuple[str, ...]) -> dict[str, float]:
    """The share of each class among the training images."""
    counts = {known["name"]: known["train"] for known in run.metrics["data"]["classes"]}
    total = sum(counts[name] for name in class_names)
    return {name: counts[name] / total for name in class_names}


def _filled(found: PredictedFiles, shares: list[float]) -> FloatArray:
    """Probabilities (n, k) of all files in their order; the shares where a file could not be read."""
    import numpy as np

    is_read = np.array([file.image_id is not None for file in found.files], dtype=bool)
    probabilities = np.tile(np.asarray(shares, dtype=np.float64), (len(is_read), 1))
    probabilities[is_read] = found.predictions.probabilities
    return probabilities


def _expected(run: Run, columns: Columns, raised: float | None) -> tuple[Interval | None, Interval | None]:
    """Accuracy and log loss as the run was judged; the log loss anew where the clip was raised."""
    from dataclasses import replace

    from tellapart.evaluation import Interval, log_loss_interval
    from tellapart.kaggle.submission_csv import floor_probabilities
    from tellapart.runs import REPORTED_PARTS

    part = next((name for name in REPORTED_PARTS if name in run.metrics), None)
    if part is None:
        return None, None
    accuracy = Interval.from_dict(run.metrics[part]["accuracy"])
    tells_log_loss = len(columns.classes) > 1 or (len(columns.classes) == 1 and len(run.class_names) == 2)
    if not tells_log_loss:
        return accuracy, None
    if raised is None:
        return accuracy, Interval.from_dict(run.metrics[part]["log_loss"])
    judged = run.predictions.part(part)
    return accuracy, log_loss_interval(replace(judged, probabilities=floor_probabilities(judged.probabilities, raised)))


def _meanings(names: tuple[str, ...], columns: Columns, class_names: tuple[str, ...]) -> dict[str, str | None]:
    """What each column holds, by class; None for the predicted class."""
    if not columns.classes:
        return dict.fromkeys(names)
    return {name: class_names[number] for name, number in zip(names, columns.classes, strict=True)}
