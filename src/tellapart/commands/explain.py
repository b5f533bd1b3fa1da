"""tellapart explain: where a trained network looks when it answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.models.precision import precision_option
from tellapart.options import Options, dataclass, option, when, with_options
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import device_option, layer_option

if TYPE_CHECKING:
    from tellapart.array_types import ByteArray, FloatArray
    from tellapart.dataset import Dataset
    from tellapart.models.saved_model import SavedModel

SUFFIXES = (".jpg", ".jpeg", ".png")
SHEET = "explain.jpg"
STEPS_A_SQUARE = 2


def _is_image(path: Path) -> str | None:
    return None if path.suffix.lower() in SUFFIXES else f"{path} must end in {', '.join(SUFFIXES)}"


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(Options):
    """What to explain, and how."""

    class_: str | None = option(None, "The class asked about; by default the one that is predicted.", metavar="NAME")
    layer: str | None = layer_option()
    occlusion: bool = option(True, "Also cover one place after another and see what it costs.")
    square: float = option(
        0.25, "Side of the covering square, as a share of the image's.", minimum=0.02, maximum=1.0, only_for=when("occlusion", True)
    )
    out: Path | None = option(
        None, "The sheet to write, .jpg or .png; by default beside the run: runs/photos-1-explain.jpg.", metavar="FILE", check=_is_image
    )
    device: str = device_option()
    precision: str = precision_option()


@with_options(ExplainOptions)
def explain(
    run: str | Path, images: str | Path | Sequence[str | Path], *, options: ExplainOptions, progress: Progress = AUTO
) -> dict[str, Any]:
    """Show which places of images a run's answer rests on: Grad-CAM and occlusion, on one sheet.

    Both are in log odds of the class asked about. They show where the network looks, not why, and not that it is right.

    Args:
        run: a run folder, or the ``model`` folder in it.
        images: folders (every image below, whatever its folders are called), manifests, files or patterns such as ``new/*.jpg``;
            ``-`` reads a list of paths from standard input.
        progress: hears of every image.
        options: as keywords; see :class:`ExplainOptions`.

    Returns:
        ``out`` and ``images``: path, predicted class, the class asked about, its probability, ``brightest`` (x and y of each map's
        hottest place as shares of what the network sees), ``unreadable`` (path and reason).

    Raises:
        OptionError: an option's name or value is wrong, the run knows no such class, or the sheet would lie among photos.
        DataError: there is no such run, or not one image could be read.
        ModelError: the saved model is damaged, or has no such layer.
        StorageError: the sheet cannot be written.
    """
    from tellapart.analyzed_folder import model_folder, open_given_images
    from tellapart.atomic_files import replacing
    from tellapart.models.saved_model import load_model
    from tellapart.predictor import predict_files
    from tellapart.printable import printable
    from tellapart.reports.gradcam_sheet import Explained, explanation_sheet

    model = load_model(model_folder(run))
    asked = _asked(model, options.class_)
    dataset = open_given_images(images, progress)
    out = _place(options.out, run, dataset)
    found = predict_files(model, dataset, device=options.device, precision=options.precision, progress=progress)
    predictions = found.predictions
    files = [dataset.file(entry) for entry, file in zip(dataset.entries, found.files, strict=True) if file.image_id]
    targets = [int(k) if asked is None else asked for k in predictions.predicted]
    seen, maps = _heat_maps(model, files, targets, options, progress)
    shown = [
        Explained(pixels, *_said(model.class_names, row, target), heat)
        for pixels, row, target, heat in zip(seen, predictions.probabilities, targets, maps, strict=True)
    ]
    told = [
        {
            "path": path,
            "predicted": model.class_names[int(row.argmax())],
            "class": model.class_names[target],
            "probability": float(row[target]),
            "brightest": {name: _brightest(one) for name, one in heat.items()},
        }
        for path, row, target, heat in zip(predictions.paths, predictions.probabilities, targets, maps, strict=True)
    ]
    sheet = explanation_sheet(shown, title=f"Where {Path(run).name} looks")
    with replacing(out) as partial, partial.open("wb") as file:
        if out.suffix.lower() == ".png":
            sheet.save(file, "PNG")
        else:
            sheet.save(file, "JPEG", quality=92)
    return {"out": str(out), "images": told, "unreadable": {printable(one.path): one.reason for one in found.unreadable}}


def _place(out: Path | None, run: str | Path, dataset: Dataset) -> Path:
    """Where the sheet goes: never among the images explained, nor among those that the run was trained on."""
    from tellapart.errors import DataError
    from tellapart.output_guards import check_outside
    from tellapart.runs import open_run

    folder = Path(run).expanduser().absolute()
    place = folder.with_name(f"{folder.name}-{SHEET}") if out is None else out.expanduser()
    try:
        trained_on = [Path(open_run(folder).metrics["folder"])]
    except (DataError, KeyError):
        trained_on = []
    check_outside(place, dataset, *trained_on)
    return place


def _asked(model: SavedModel, name: str | None) -> int | None:
    from tellapart.errors import OptionError, closest_name

    if name is None:
        return None
    if name not in model.class_names:
        close = closest_name(name, model.class_names)
        raise OptionError(f"the run knows no class {name!r}", hint=close or f"its classes are {', '.join(model.class_names)}")
    return model.class_names.index(name)


def _heat_maps(
    model: SavedModel, files: Sequence[Path], targets: Sequence[int], chosen: ExplainOptions, progress: Progress
) -> tuple[list[ByteArray], list[dict[str, FloatArray]]]:
    """The squares the network sees and their maps by name; those of several members are averaged by weight."""
    from typing import cast

    import numpy as np

    from tellapart.images import ResizePolicy, decode, resize
    from tellapart.models.gradcam import MemberNetwork, MemberScore, grad_cam, occlusion

    side = max(backbone.card.image_size for member in model.members for backbone in member.backbones)
    square = max(1, round(side * chosen.square))
    total = sum(member.weight for member in model.members)
    seen: list[ByteArray] = []
    maps: list[dict[str, FloatArray]] = [{} for _ in files]

    def add(number: int, name: str, heat: FloatArray, weight: float) -> None:
        maps[number][name] = maps[number].get(name, np.zeros_like(heat)) + heat * np.float32(weight / total)

    with progress.stage("explaining", total=len(files) * len(model.members)) as advance:
        for place, member in enumerate(model.members):
            network = MemberNetwork(member)
            score = MemberScore(member, chosen.device) if chosen.occlusion else None
            for number, (file, target) in enumerate(zip(files, targets, strict=True)):
                pixels = resize(decode(file.read_bytes(), min_size=side).pixels, side, cast(ResizePolicy, member.resize))
                seen += [pixels] if place == 0 else []
                add(number, "Grad-CAM", grad_cam(network, pixels, target, layer=chosen.layer), member.weight)
                if score is not None:
                    heat = occlusion(score.of(target), pixels, side=square, step=max(1, square // STEPS_A_SQUARE))
                    add(number, "occlusion", heat, member.weight)
                advance(1)
    return seen, maps


def _said(class_names: Sequence[str], probabilities: FloatArray, target: int) -> tuple[str, str]:
    best = [int(k) for k in (-probabilities).argsort()[:3]]
    return f"{class_names[target]}: {100 * probabilities[target]:.1f} %", ", ".join(
        f"{class_names[k]} {100 * probabilities[k]:.1f} %" for k in best
    )


def _brightest(heat: FloatArray) -> tuple[float, float]:
    y, x = divmod(int(heat.argmax()), heat.shape[1])
    return round((x + 0.5) / heat.shape[1], 3), round((y + 0.5) / heat.shape[0], 3)
