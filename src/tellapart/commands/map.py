"""tellapart map: every image of a folder at a place in the plane, on a page that can be looked through."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.dataset.options import DatasetOptions
from tellapart.exploration.projection import METHODS, PERPLEXITY
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, num_workers_option, option, when
from tellapart.progress import AUTO, Progress

if TYPE_CHECKING:
    from tellapart.workflows.projection_page import FolderProjection

EXAMPLE = "tellapart map photos --method tsne --out map.html"


def _is_page(path: Path) -> str | None:
    return None if path.suffix.lower() in (".html", ".htm") else f"{path} must end in .html"


@dataclass(frozen=True, kw_only=True)
class MapOptions(DatasetOptions):
    """What is mapped, and how."""

    features: str = option(
        "lite2", "What is seen: lite0, lite1, lite2, a timm name, run:FOLDER, imagenet, pixels or faces.", metavar="WHAT"
    )
    layer: str | None = option(None, "Layer of the network, such as blocks.3; by default the last before the classifier.", metavar="NAME")
    weights: Path | None = option(None, "Weights of the network, for a timm name.", metavar="FILE")
    image_size: int | None = option(None, "Side of the network's input, where it is not its own.", minimum=16, maximum=2048, metavar="N")
    method: str = option("tsne", "How images are placed; umap needs the extra maps.", choices=METHODS)
    perplexity: float = option(
        PERPLEXITY,
        "For tsne: how many neighbors of an image are kept near it.",
        minimum=2.0,
        maximum=500.0,
        only_for=when("method", "tsne"),
    )
    seed: int = option(0, "Seed of the placing.", minimum=0)
    out: Path = option(Path("map.html"), "The page to write; the table of places lies beside it.", metavar="FILE", check=_is_page)
    state: Path | None = option(None, "Folder for the catalog; by default .tellapart in the photo folder.", metavar="DIR")
    device: str = option("auto", "Where to compute.", choices=("auto", "cpu", "cuda", "mps"))
    precision: str = precision_option()
    num_workers: int | None = num_workers_option()


def map(folder: str | Path, *, progress: Progress = AUTO, **options: Any) -> dict[str, Any]:
    """Put every image at a place, so that those a network finds alike lie near each other.

    Writes a page with the map and a table beside it (``map.csv``: path, image_id, label, x, y). Works without labels. It
    also says how far to trust the map: how many neighbors of an image are still near it, and how well classes can be
    read from the map, beside the whole feature space.

    Args:
        folder: class folders, a flat folder, parts with class folders, or a manifest.
        progress: hears how far it is.
        **options: the fields of :class:`MapOptions`.

    Returns:
        ``out``, ``table``, ``method``, ``software``, ``images``, ``trust`` (``neighbors_kept``, ``knn_2d``, ``knn_full``) and ``notes``.

    Raises:
        OptionError: an option's name or value is wrong, or the result would lie among the photos.
        DataError: there is no image to place.
        ModelError: no such network, layer or weights.
        MissingExtra: UMAP is asked for and not installed.
        StorageError: the page cannot be written.
    """
    chosen = MapOptions.of(**options)
    from tellapart.feature_spec import spec_of
    from tellapart.output_guards import check_outside
    from tellapart.reports.explore_page import write_map
    from tellapart.workflows.explorable_images import explorable_images
    from tellapart.workflows.projection_page import header_view, project_folder

    spec = spec_of(chosen.features, layer=chosen.layer, weights=chosen.weights, image_size=chosen.image_size)
    looking: dict[str, Any] = {
        "reading": chosen,
        "state": chosen.state,
        "device": chosen.device,
        "num_workers": chosen.num_workers,
        "progress": progress,
    }
    subjects = explorable_images(folder, spec, **looking)
    out = chosen.out.expanduser()
    check_outside(out, subjects.looked.dataset)
    found = project_folder(subjects, method=chosen.method, perplexity=chosen.perplexity, seed=chosen.seed, progress=progress)
    view = {"header": header_view(found, chosen, folder), "map": found.view(), "notes": found.notes}
    with progress.stage("writing the page", total=1, unit="pages") as advance:
        _write_table(found, out.with_suffix(".csv"))
        write_map(out, view, subjects.looked.thumbnails)
        advance(1)
    for note in found.notes:
        progress.note(note)
    return {
        "out": str(out),
        "table": str(out.with_suffix(".csv")),
        "method": found.made.method,
        "software": found.made.software,
        "images": len(subjects),
        "trust": found.trust,
        "notes": found.notes,
    }


def _write_table(found: FolderProjection, table: Path) -> None:
    from tellapart.csv_writer import csv_file

    with csv_file(table, ("path", "image_id", "label", "x", "y")) as writer:
        for row, (x, y) in zip(found.subjects.rows, found.made.places, strict=True):
            writer.write([row.path, row.image_id, row.label or "", f"{x:.4f}", f"{y:.4f}"])
