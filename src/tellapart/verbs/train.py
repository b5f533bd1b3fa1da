"""tellapart train: from a folder of photos to a saved model, honest numbers and a report."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.options import Options, dataclass, option
from tellapart.paths import folder_name, name_complaint
from tellapart.progress import SILENT, Progress

if TYPE_CHECKING:
    from tellapart.runs import Run

EXAMPLE = "tellapart train photos"


@dataclass(frozen=True, kw_only=True)
class TrainOptions(Options):
    """How to train."""

    backbone: str = option("lite2", "Network that sees: lite0, lite1, lite2, several joined by +, or any timm name.")
    weights: Path | None = option(None, "Weights for a timm name: a .safetensors or .pth file.", metavar="FILE")
    image_size: int | None = option(None, "Side of the network's input in pixels; by default its own.", minimum=32, maximum=2048)
    resize: str = option("crop", "How a photo becomes a square.", choices=("crop", "pad", "squash"))
    mirror: bool = option(True, "Average each photo's features with those of its mirror image (twice the work, better numbers).")
    class_weight: str = option("none", "Let every class weigh the same.", choices=("none", "balanced"))
    test_share: float = option(
        0.2, "Share of the photos held back for the test, unless you have a test or validation folder.", minimum=0.02, maximum=0.9
    )
    splits: int = option(20, "Other splits to try, to see how much the numbers depend on the split; 0 for none.", minimum=0, maximum=1000)
    curve: bool = option(True, "Measure the learning curve: would more photos help?")
    seed: int = option(0, "Seed of the split and of everything random.", minimum=0)
    name: str | None = option(None, "Name of the run; by default the folder's name and a number.", metavar="NAME", check=name_complaint)
    out: Path = option(Path("runs"), "Folder for the runs.", metavar="DIR")
    state: Path | None = option(None, "Folder for the catalog; by default .tellapart in the photo folder.", metavar="DIR")
    device: str = option("auto", "Where to compute.", choices=("auto", "cpu", "cuda", "mps"))
    num_workers: int | None = option(None, "Threads that read pictures; by default one a core.", minimum=1, maximum=256)


def train(folder: str | Path, *, progress: Progress = SILENT, **options: Any) -> Run:
    """Train a classifier on a folder of photos and judge it honestly.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: hears how far it is.
        **options: the fields of :class:`TrainOptions`.

    Returns:
        The finished run: model, metrics, predictions and report in one folder.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: the photos cannot be used as they are.
        ModelError: the backbone or its weights are not to be had.
        StorageError: the disk is full or cannot be written.
    """
    chosen = TrainOptions.of(**options)
    from tellapart.dataset import Catalog, open_dataset
    from tellapart.dataset.catalog import state_folder
    from tellapart.dataset.rows import file_rows
    from tellapart.extraction import FeatureSpec, extract
    from tellapart.models.backbones import find_backbones
    from tellapart.reports import write_report
    from tellapart.runs import Run
    from tellapart.training.examination import ExaminationOptions, examine
    from tellapart.training.parts import assign
    from tellapart.training.record import run_folder, write_run
    from tellapart.verbs.looking import networks, similar_pairs, thumbnails

    started = datetime.now(UTC)
    dataset = open_dataset(folder, progress=progress)
    spec = FeatureSpec(find_backbones(chosen.backbone, weights=chosen.weights, image_size=chosen.image_size), chosen.resize, chosen.mirror)
    state, note = state_folder(dataset.root, chosen.state)
    with Catalog(state / "catalog.sqlite") as catalog:
        extraction = extract(
            dataset, spec, catalog=catalog, network=networks(chosen.device), num_workers=chosen.num_workers, progress=progress
        )
    with progress.stage("training and judging", unit="steps"):
        rows = file_rows(dataset, extraction.files, extraction.facts)
        assignment = assign(rows, similar_pairs(dataset, extraction), test_share=chosen.test_share, seed=chosen.seed)
        wanted = ExaminationOptions(chosen.class_weight, chosen.seed, chosen.splits, chosen.curve)
        examination = examine(assignment, extraction.features, wanted)
    notes = [*dataset.notes, *([note] if note else []), *assignment.notes]
    with run_folder(chosen.out, chosen.name or folder_name(dataset.root)) as (partial, final):
        write_run(partial, final, examination, spec, dataset, chosen.as_dict(), notes, started)
        write_report(partial, thumbnails(dataset, extraction.files))
    for sentence in notes:
        progress.note(sentence)
    return Run(final)
