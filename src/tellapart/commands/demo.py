"""tellapart demo: train on real images that come as a Python package."""

from __future__ import annotations

import importlib.util
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.counts import count
from tellapart.options import Options, dataclass, option, with_options
from tellapart.part_metrics import PartMetrics
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import backbone_option

if TYPE_CHECKING:
    from tellapart.run_folder import Run

PACKAGE = "elpv_dataset"
CELLS_OF_A_MODULE = 60
ABOUT = (
    "The demo's photos: 2,624 electroluminescence images of solar cells, working or defective, from the package elpv-dataset "
    "(Buerhop-Lutz et al., ZAE Bayern; license CC BY-NC-SA 4.0: not for commercial use)."
)


@dataclass(frozen=True, kw_only=True)
class DemoOptions(Options):
    """How to run the demo."""

    backbone: str = backbone_option("lite0")
    out: Path = option(Path("tellapart-demo"), "Folder for the demo.", metavar="DIR")


@with_options(DemoOptions)
def demo(*, options: DemoOptions, progress: Progress = AUTO) -> Run:
    """Train on the solar cells of the package ``elpv-dataset``; a second call uses the cache.

    A manifest lists the package's own files: certain labels only (defect probability 0 or 1). Cells of one module look
    alike and must stay together. The package does not say which module a cell is from, so 60 consecutive cells of one
    type, the usual number, are treated as a module.

    Args:
        progress: receives progress and notes.
        options: as keywords; see :class:`DemoOptions`.

    Raises:
        MissingExtra: the package with the images is not installed.
    """
    from tellapart.training.options import TrainOptions
    from tellapart.workflows.training_run import train_folder

    progress.note(ABOUT)
    manifest = write_manifest(photo_folder(), options.out.absolute())
    run = train_folder(
        manifest,
        TrainOptions.of(backbone=options.backbone, out=options.out / "runs", state=options.out / "state", name="solar-cells"),
        progress,
    )
    progress.note(about_the_interval(run.metrics.parts["test"]))
    return run


def about_the_interval(part: PartMetrics) -> str:
    """Why the interval of the demo is wide."""
    from tellapart.evaluation.intervals import effective_images

    worth = max(1, round(effective_images(part.accuracy, part.n)))
    return (
        f"The {count(part.n, 'test photo')} are cells of {part.groups:,} modules. Cells of a module look alike and tend to be "
        f"right or wrong together, so for the accuracy they count as about {count(worth, 'independent photo')}: "
        f"hence {part.accuracy.percent()}."
    )


def photo_folder() -> Path:
    """The folder of the package's images."""
    from tellapart.errors import MissingExtra

    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise MissingExtra("the demo's photos are not installed", hint="pip install 'tellapart[demo]'")
    return Path(package.origin).parent / "data"


def write_manifest(photos: Path, folder: Path) -> Path:
    """Write a CSV manifest of the certain labels: ``path``, ``label``, ``group``; the images stay where they are."""
    from tellapart.csv_writer import csv_file

    rows = [line.split() for line in (photos / "labels.csv").read_text(encoding="utf-8").splitlines() if line.strip()]
    labels = {0.0: "working", 1.0: "defective"}
    manifest = folder / "solar_cells.csv"
    with csv_file(manifest, ("path", "label", "group")) as writer:
        for kind_run, (_, cells) in enumerate(groupby(rows, key=lambda row: row[2])):
            for number, (path, probability, kind) in enumerate(cells):
                if float(probability) in labels:
                    module = f"{kind}-{kind_run}-{number // CELLS_OF_A_MODULE}"
                    writer.write([str(photos / path), labels[float(probability)], module])
    return manifest
