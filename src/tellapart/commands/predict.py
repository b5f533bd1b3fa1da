"""tellapart predict: predict the classes of new images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from tellapart.dataset.options import DatasetOptions, label_column_option, path_column_option
from tellapart.models.precision import precision_option
from tellapart.options import Options, dataclass, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import device_option, num_workers_option
from tellapart.workflows.predicted_answers import coverage_option, top_option, unknown_option
from tellapart.workflows.tta_options import tta_augment_option, tta_option

if TYPE_CHECKING:
    from tellapart.dataset import Dataset
    from tellapart.predictor import PredictedFiles
    from tellapart.workflows.predicted_answers import AnswerRules

    Answers = Callable[[Dataset], PredictedFiles]

FORMATS = (".csv", ".parquet", ".json")
GROUP_ROWS = 8192
SHEETS = (".jpg", ".jpeg", ".png")


def _is_sheet(path: Path) -> str | None:
    return None if path.suffix.lower() in SHEETS else f"{path} must end in {', '.join(SHEETS)}"


def _is_table(path: Path) -> str | None:
    return None if path.suffix.lower() in FORMATS else f"{path} must end in {', '.join(FORMATS)}"


@dataclass(frozen=True, kw_only=True)
class PredictOptions(Options):
    """How to predict."""

    out: Path | None = option(None, "Table to write: .csv, .parquet or .json.", metavar="FILE", check=_is_table)
    sheet: Path | None = option(
        None, "Contact sheet to write, by class, the least certain first: .jpg or .png.", metavar="FILE", check=_is_sheet
    )
    sort_into: Path | None = option(None, "New folder for copies of the images, in a folder for each predicted class.", metavar="DIR")
    unknown: float | None = unknown_option()
    coverage: float | None = coverage_option()
    top: int | None = top_option()
    path_column: str | None = path_column_option()
    label_column: str | None = label_column_option()
    tta: int = tta_option()
    tta_augment: str | None = tta_augment_option()
    device: str = device_option()
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


@with_options(PredictOptions)
def predict(run: str | Path, images: Any, *, options: PredictOptions, progress: Progress = AUTO) -> PredictedFiles:
    """Predict the classes of new images with a run's saved model.

    Args:
        run: a run folder, the ``model`` folder in it, or an ONNX file that ``export-model`` wrote or the folder it lies in, which runs
            without torch.
        images: folders (every image below, whatever its folders are called), manifests, files or patterns such as ``new/*.jpg``;
            ``-`` reads a list of paths from standard input.
            In place of a file also bytes, a PIL image, or an array: uint8 or floats from 0 to 1, (height, width, 3) or (height, width);
            an array of n of them too.
        progress: receives progress and notes.
        options: as keywords; see :class:`PredictOptions`.

    Returns:
        Predictions for all files that can be read, and the reason for each that cannot.

    Raises:
        OptionError: an option's name or value is wrong, the model does not know familiarity or prediction sets, or not so finely, there
            are fewer fixed crops than views, or ``sheet`` or ``sort_into`` is
            inside the image folder, or ``sort_into`` is not empty.
        DataError: there is no such run, or no image can be read.
        ModelError: the saved model is damaged.
    """
    from dataclasses import replace

    from tellapart.analyzed_folder import open_image_source
    from tellapart.models.onnx_classifier import onnx_file
    from tellapart.output_guards import check_new_folder, check_no_manifest, check_outside, noting_unchanged
    from tellapart.workflows.predicted_answers import sort_into_classes, write_prediction_sheet

    exported = onnx_file(Path(run).expanduser())
    answer = _answer_of_run(run, options, progress) if exported is None else _answer_of_onnx(exported, options, progress)
    reading = DatasetOptions(path_column=options.path_column, label_column=options.label_column)
    with open_image_source(images, reading, progress) as dataset:
        if options.out is not None:
            check_no_manifest(options.out, dataset)
        if options.sheet is not None:
            check_outside(options.sheet, dataset, option="--sheet")
        if options.sort_into is not None:
            check_outside(options.sort_into, dataset, option="--sort-into")
            check_new_folder(options.sort_into)
        predicted = answer(dataset)
        if options.sheet is not None:
            with noting_unchanged([options.sheet], progress):
                write_prediction_sheet(predicted, dataset, options.sheet, progress)
        if options.sort_into is not None:
            sort_into_classes(predicted, dataset, options.sort_into, progress)
    if options.out is not None:
        with noting_unchanged([options.out], progress):
            save_table(predicted.iter_records(), predicted.columns, options.out)
    return replace(predicted, out=options.out, sheet=options.sheet, sorted_into=options.sort_into)


def _answer_of_run(run: str | Path, options: PredictOptions, progress: Progress) -> Answers:
    """What predicts a data set with the saved model of a run."""
    from tellapart.models.saved_model import load_model, model_folder
    from tellapart.predictor import predict_files
    from tellapart.workflows.predicted_answers import AnswerRules
    from tellapart.workflows.tta_options import tta_settings

    model = load_model(model_folder(run))

    def answer(dataset: Dataset) -> PredictedFiles:
        return predict_files(model, dataset, tta_settings(options), progress=progress)

    return _by_rules(answer, AnswerRules.of_model(model), options, progress)


def _answer_of_onnx(file: Path, options: PredictOptions, progress: Progress) -> Answers:
    """What predicts a data set with an ONNX file; torch is not loaded.

    Raises:
        OptionError: an option is given that only a run has a use for.
    """
    from tellapart.errors import OptionError
    from tellapart.models.onnx_classifier import OnnxClassifier
    from tellapart.onnx_predictor import predict_files_with_onnx
    from tellapart.workflows.predicted_answers import AnswerRules

    idle = [name for name in ("tta", "tta_augment", "device", "precision") if options.is_given(name)]
    if idle:
        raise OptionError(
            "\n".join(f"{name} has no effect with an ONNX file" for name in idle), hint="give the run that the file was exported from"
        )
    classifier = OnnxClassifier(file)

    def answer(dataset: Dataset) -> PredictedFiles:
        return predict_files_with_onnx(classifier, dataset, num_workers=options.num_workers, progress=progress)

    return _by_rules(answer, AnswerRules.of_onnx(classifier), options, progress)


def _by_rules(answer: Answers, rules: AnswerRules, options: PredictOptions, progress: Progress) -> Answers:
    """The answers of a model by its own rule, and as the options ask; what it cannot answer is refused."""
    from tellapart.workflows.predicted_answers import AnswerSettings, check_answers, with_answers

    settings = AnswerSettings.of(options)
    check_answers(rules, settings)
    if rules.decision is not None:
        progress.note(f"the answers follow what was saved with the model: {rules.decision.source}; the probabilities are as ever")
    return lambda dataset: with_answers(answer(dataset), rules, settings)


def save_table(rows: Iterable[dict[str, Any]], columns: Sequence[str], path: Path) -> None:
    """Write rows as CSV, Parquet or JSON, whole or not at all, a few thousand at a time."""
    from tellapart.atomic_files import replacing
    from tellapart.csv_writer import csv_file

    if path.suffix.lower() == ".json":
        with replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
            _write_json(rows, file)
    elif path.suffix.lower() == ".parquet":
        with replacing(path) as partial, partial.open("wb") as file:
            _write_parquet(rows, columns, file)
    else:
        with csv_file(path, columns) as writer:
            writer.write_all(rows)


def _write_json(rows: Iterable[dict[str, Any]], file: TextIO) -> None:
    """A list of objects, as ``json.dumps`` writes it with one blank of indentation."""
    import json

    before = "[\n"
    for row in rows:
        lines = json.dumps(row, indent=1, ensure_ascii=False).split("\n")
        file.write(before + "\n".join(f" {line}" for line in lines))
        before = ",\n"
    file.write("\n]\n")


def _write_parquet(rows: Iterable[dict[str, Any]], columns: Sequence[str], file: BinaryIO) -> None:
    """One row group for every ``GROUP_ROWS`` rows."""
    from itertools import islice

    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = ("path", "label", "predicted", "prediction_set", "top", "status", "reason")
    schema = pa.schema([(name, pa.string() if name in texts else pa.float64()) for name in columns])
    with pq.ParquetWriter(file, schema) as writer:
        following = iter(rows)
        while some := list(islice(following, GROUP_ROWS)):
            writer.write_table(pa.Table.from_pylist(some, schema))
