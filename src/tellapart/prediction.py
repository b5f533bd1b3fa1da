"""From pictures to predictions with a saved model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tellapart.dataset import Dataset
from tellapart.dataset.catalog import FileState
from tellapart.extraction import FeatureSpec, extract
from tellapart.models.backbones import Backbone
from tellapart.models.saved import SavedModel
from tellapart.paths import printable
from tellapart.predictions import Predictions
from tellapart.progress import SILENT, Progress

if TYPE_CHECKING:
    from tellapart.models.network import FeatureNetwork


@dataclass(frozen=True, eq=False)
class PredictedFiles:
    """Predictions for the files that could be read, and the state of every file in the data set's order."""

    predictions: Predictions
    files: tuple[FileState, ...]

    @property
    def unreadable(self) -> list[FileState]:
        """The files without a prediction; each has its reason."""
        return [file for file in self.files if file.image_id is None]


def predict_files(
    model: SavedModel,
    dataset: Dataset,
    *,
    views: int = 1,
    augment: str = "",
    device: str = "auto",
    num_workers: int | None = None,
    progress: Progress = SILENT,
) -> PredictedFiles:
    """Predictions of a saved model for every readable file of a data set; nothing is written beside the photos.

    Members are asked one after another. With ``views`` the logits of several views of each picture are averaged:
    crops, or draws of the augmentation ``augment``.

    Raises:
        DataError: not one file could be read.
    """

    def network(backbone: Backbone) -> FeatureNetwork:
        from tellapart.models.network import FeatureNetwork

        return FeatureNetwork(backbone, device=device)

    of_members = []
    for member in model.members:
        of_views = []
        for view in range(views):
            spec = FeatureSpec(member.backbones, member.resize, member.mirror, view=view, augment=augment)
            extraction = extract(dataset, spec, network=network, num_workers=num_workers, progress=progress)
            readable = [(entry, file) for entry, file in zip(dataset.entries, extraction.files, strict=True) if file.image_id]
            of_views.append(member.logits(extraction.features.of([file.image_id or "" for _, file in readable])))
        of_members.append(np.mean(of_views, axis=0))
    logits = model.logits(of_members)
    image_ids = [file.image_id or "" for _, file in readable]
    predictions = Predictions(
        image_ids=tuple(image_ids),
        paths=tuple(printable(entry.path) for entry, _ in readable),
        labels=tuple(printable(entry.label) if entry.label is not None else None for entry, _ in readable),
        probabilities=model.probabilities(logits),
        logits=logits,
        class_names=model.class_names,
        parts=tuple(entry.part for entry, _ in readable),
        groups=_groups(image_ids, [entry.group for entry, _ in readable]),
        source=f"{model.details.get('run', model.folder.name)}",
    )
    return PredictedFiles(predictions, extraction.files)


def _groups(image_ids: Sequence[str], chosen: Sequence[str | None]) -> tuple[str, ...]:
    """Groups as far as they are known without looking for near-duplicates: the user's, else the same bytes."""
    return tuple(group if group is not None else image_id[:16] for image_id, group in zip(image_ids, chosen, strict=True))
