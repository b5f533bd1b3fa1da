"""tellapart explain: the image regions that a prediction depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.dataset.options import DatasetOptions, path_column_option
from tellapart.models.precision import precision_option
from tellapart.options import Options, dataclass, option, when, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
from tellapart.shared_options import device_option, layer_option

if TYPE_CHECKING:
    from PIL.Image import Image

    from tellapart.array_types import FloatArray
    from tellapart.dataset import Dataset
    from tellapart.feature_spec import FeatureSpec
    from tellapart.models.backbone_card import Backbone
    from tellapart.models.feature_network import Features
    from tellapart.models.gradcam import MemberScore
    from tellapart.models.saved_model import SavedModel
    from tellapart.predictions import Predictions

SUFFIXES = (".jpg", ".jpeg", ".png")
SHEET = "explain.jpg"


def _is_image(path: Path) -> str | None:
    return None if path.suffix.lower() in SUFFIXES else f"{path} must end in {', '.join(SUFFIXES)}"


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(Options):
    """How to explain."""

    class_: str | None = option(None, "Class to explain; by default the predicted one.", metavar="NAME")
    path_column: str | None = path_column_option()
    layer: str | None = layer_option()
    occlusion: bool = option(True, "Also compute an occlusion map: cover one region after another and measure the change.")
    square: float = option(
        0.25, "Side of the occluding square, as a share of the image side.", minimum=0.02, maximum=1.0, only_for=when("occlusion", True)
    )
    out: Path | None = option(
        None, "Image file to write, .jpg or .png; by default beside the run: runs/photos-1-explain.jpg.", metavar="FILE", check=_is_image
    )
    device: str = device_option()
    precision: str = precision_option()


@dataclass(frozen=True)
class ExplainedImage(Result):
    """The explanation of one image.

    Attributes:
        path: of the image.
        predicted: the predicted class.
        class_: the class explained.
        probability: the predicted probability of ``class_``.
        brightest: by map, x and y of its maximum, as shares of the network's input.
    """

    path: str
    predicted: str
    class_: str
    probability: float
    brightest: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class ExplainResult(Result):
    """The maps of several images.

    Attributes:
        out: the image file with all maps.
        images: one for each image that can be read.
        unreadable: reason by path, for files that cannot be read.
    """

    out: Path
    images: tuple[ExplainedImage, ...]
    unreadable: Mapping[str, str]


@with_options(ExplainOptions)
def explain(
    run: str | Path, images: str | Path | Sequence[str | Path], *, options: ExplainOptions, progress: Progress = AUTO
) -> ExplainResult:
    """Show the image regions that a prediction depends on: Grad-CAM and occlusion maps, in one image file.

    Both are in log odds of the explained class. They show where the network looks, not why, and not that it is right.

    Args:
        run: a run folder, or the ``model`` folder in it.
        images: folders (every image below, whatever its folders are called), manifests, files or patterns such as ``new/*.jpg``;
            ``-`` reads a list of paths from standard input.
        progress: receives progress and notes.
        options: as keywords; see :class:`ExplainOptions`.

    Returns:
        The file written, the maximum of each map, and the files that cannot be read.

    Raises:
        OptionError: an option's name or value is wrong, the run has no such class, or the file would lie among photos.
        DataError: there is no such run, or not one image could be read.
        ModelError: the saved model is damaged, or has no such layer.
        StorageError: the file cannot be written.
    """
    from tellapart.analyzed_folder import open_given_images
    from tellapart.models.network_loading import LoadedNetworks
    from tellapart.models.saved_model import load_model, model_folder
    from tellapart.predictor import PredictionSettings, member_specs, predict_files
    from tellapart.printable import printable
    from tellapart.reports.gradcam_sheet import Explained, explanation_sheet
    from tellapart.workflows.heat_maps import heat_maps

    model = load_model(model_folder(run))
    target_class = _class_index(model, options.class_)
    dataset = open_given_images(images, DatasetOptions(path_column=options.path_column), progress)
    out = _output_path(options.out, run, dataset)
    settings = PredictionSettings(device=options.device, precision=options.precision)
    specs = member_specs(model, settings)
    networks = LoadedNetworks(specs[0].device)
    predicted = predict_files(model, dataset, settings, network=networks, progress=progress)
    predictions = predicted.predictions
    files = [dataset.file(entry) for entry, file in zip(dataset.entries, predicted.files, strict=True) if file.image_id]
    targets = [int(k) if target_class is None else target_class for k in predictions.predicted]
    scores = _scores(model, specs, networks) if options.occlusion else []
    inputs, maps = heat_maps(model, files, targets, progress, layer=options.layer, scores=scores, square=options.square)
    tiles = [
        Explained(pixels, *_captions(model.class_names, row, target), heat)
        for pixels, row, target, heat in zip(inputs, predictions.probabilities, targets, maps, strict=True)
    ]
    _save_sheet(explanation_sheet(tiles, title=f"Where {Path(run).name} looks"), out, progress)
    explained = tuple(_explained_images(predictions, targets, maps))
    return ExplainResult(out, explained, {printable(file.path): file.reason or "" for file in predicted.unreadable})


def _explained_images(
    predictions: Predictions, targets: Sequence[int], maps: Sequence[Mapping[str, FloatArray]]
) -> Iterator[ExplainedImage]:
    """What was predicted for each image and explained, and the brightest place of each of its maps."""
    names = predictions.class_names
    for path, probabilities, target, heat in zip(predictions.paths, predictions.probabilities, targets, maps, strict=True):
        yield ExplainedImage(
            path=path,
            predicted=names[int(probabilities.argmax())],
            class_=names[target],
            probability=float(probabilities[target]),
            brightest={name: _brightest(one) for name, one in heat.items()},
        )


def _save_sheet(sheet: Image, out: Path, progress: Progress) -> None:
    from tellapart.atomic_files import replacing
    from tellapart.output_guards import noting_unchanged

    with noting_unchanged([out], progress), replacing(out) as partial, partial.open("wb") as file:
        if out.suffix.lower() == ".png":
            sheet.save(file, "PNG")
        else:
            sheet.save(file, "JPEG", quality=92)


def _output_path(out: Path | None, run: str | Path, dataset: Dataset) -> Path:
    """The file to write: never among the images explained, nor among those that the run was trained on."""
    from tellapart.errors import DataError, StorageError
    from tellapart.output_guards import check_outside
    from tellapart.run_folder import open_run

    folder = Path(run).expanduser().absolute()
    path = folder.with_name(f"{folder.name}-{SHEET}") if out is None else out.expanduser()
    try:
        trained_on = [Path(open_run(folder).metrics.folder)]
    except (DataError, StorageError):
        trained_on = []
    check_outside(path, dataset, *trained_on)
    return path


def _class_index(model: SavedModel, name: str | None) -> int | None:
    """The class to explain; None for the predicted one of each image."""
    from tellapart.errors import OptionError, closest_name

    if name is None:
        return None
    if name not in model.class_names:
        close = closest_name(name, model.class_names)
        raise OptionError(f"the run has no class {name!r}", hint=close or f"its classes are {', '.join(model.class_names)}")
    return model.class_names.index(name)


def _scores(model: SavedModel, specs: Sequence[FeatureSpec], networks: Callable[[Backbone], Features]) -> list[MemberScore]:
    """The score of each member, from the networks that predicted."""
    from tellapart.models.gradcam import MemberScore

    return [MemberScore(member, [networks(one) for one in spec.backbones]) for member, spec in zip(model.members, specs, strict=True)]


def _captions(class_names: Sequence[str], probabilities: FloatArray, target: int) -> tuple[str, str]:
    """The explained class and the three most probable ones, with their probabilities."""
    best = [int(k) for k in (-probabilities).argsort()[:3]]
    return f"{class_names[target]}: {100 * probabilities[target]:.1f} %", ", ".join(
        f"{class_names[k]} {100 * probabilities[k]:.1f} %" for k in best
    )


def _brightest(heat: FloatArray) -> tuple[float, float]:
    """X and y of the maximum of a map (height, width), as shares of its width and height."""
    y, x = divmod(int(heat.argmax()), heat.shape[1])
    return round((x + 0.5) / heat.shape[1], 3), round((y + 0.5) / heat.shape[0], 3)
