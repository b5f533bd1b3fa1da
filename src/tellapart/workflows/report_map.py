"""The map of a report by t-SNE, from the features of the run's model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tellapart.counts import count
from tellapart.dataset import Dataset, Entry
from tellapart.progress import Progress
from tellapart.run_folder import Run, RunContent


def mapped_by_tsne(run: Run, progress: Progress) -> RunContent:
    """What the report shows of a run, with the places of t-SNE for its images; those that are gone or have changed have none.

    Raises:
        DataError: not one of the images can be read.
        ModelError: the saved model is damaged.
        StorageError: the disk is full, or a file of the run is damaged.
    """
    from tellapart.exploration.projection import project
    from tellapart.feature_extraction import extract
    from tellapart.models.saved_model import load_model
    from tellapart.predictor import PredictionSettings, member_specs

    content = run.content()
    used = [row for row in content.rows if row.is_used and row.image_id]
    dataset = Dataset(Path(run.metrics.folder), tuple(Entry(row.path, label=row.label) for row in used))
    spec = member_specs(load_model(run.model_folder), PredictionSettings())[0]
    found = extract(dataset, spec, progress=progress)
    there = [row for row, file in zip(used, found.files, strict=True) if file.image_id == row.image_id]
    if len(there) < len(used):
        progress.note(f"{count(len(used) - len(there), 'image is', 'images are')} gone or changed, and not on the map")
    projection = project(found.features.of([row.image_id or "" for row in there]), progress=progress)
    place = {row.path: at for row, at in zip(there, projection.places.tolist(), strict=True)}
    rows = [
        replace(row, x=place[row.path][0], y=place[row.path][1]) if row.path in place else replace(row, x=None, y=None)
        for row in content.rows
    ]
    return replace(content, rows=rows, map_method=projection.method)
