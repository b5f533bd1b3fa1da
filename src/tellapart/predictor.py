"""Predicting images with a saved model."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.augmentation.tta_views import VIEWS
from tellapart.dataset import Catalog, Dataset, Entry
from tellapart.dataset.catalog import FileState
from tellapart.errors import ModelError, OptionError
from tellapart.feature_extraction import extract_together
from tellapart.feature_spec import FeatureSpec
from tellapart.features import FeatureMatrix
from tellapart.models.saved_model import Member, SavedModel
from tellapart.predictions import PredictionRow, Predictions
from tellapart.printable import printable
from tellapart.progress import SILENT, Progress

if TYPE_CHECKING:
    from tellapart.models.backbone_card import Backbone
    from tellapart.models.feature_network import Features

TOGETHER_BYTES = 1 << 30
"""Bytes of weights of the networks that lie in memory together."""


@dataclass(frozen=True, eq=False)
class PredictedFiles:
    """Predictions for the readable files, and the state of every file, in the order of the dataset.

    Attributes:
        predictions: averaged over the views.
        first_view: of the image itself, alone; the same as ``predictions`` if there was only one view.
        views: number of views averaged.
        files: one for each file of the data set.
        labels: the true label of each file, None where it is unknown.
        features: of the images themselves, from the model's first member.
        familiarity: of each readable image, float64 (n,) in (0, 1]; None where the model does not know it.
        answers: for each readable image; None for the most probable class.
        more: further columns of text, one value for each readable image.
        out: the table that was written, or None.
        sheet: the contact sheet that was written, or None.
        sorted_into: the folder of copies by predicted class, or None.
    """

    predictions: Predictions
    first_view: Predictions
    views: int
    files: tuple[FileState, ...]
    labels: tuple[str | None, ...]
    features: FeatureMatrix
    familiarity: FloatArray | None = None
    answers: tuple[str, ...] | None = None
    more: Mapping[str, Sequence[str]] = field(default_factory=dict)
    out: Path | None = None
    sheet: Path | None = None
    sorted_into: Path | None = None

    @property
    def unreadable(self) -> list[FileState]:
        """The files without a prediction; each has its reason."""
        return [file for file in self.files if file.image_id is None]

    @property
    def answered(self) -> tuple[str, ...]:
        """What is answered for each readable image: the most probable class, unless something else decides."""
        predictions = self.predictions
        return self.answers if self.answers is not None else tuple(predictions.class_names[k] for k in predictions.predicted.tolist())

    @property
    def columns(self) -> list[str]:
        """The columns of :meth:`records`: those of :attr:`Predictions.columns`, and before the last two what else is known."""
        usual = self.predictions.columns
        return [*usual[:-2], *(["familiarity"] if self.familiarity is not None else []), *self.more, *usual[-2:]]

    def records(self) -> list[PredictionRow]:
        """One row per file, as :meth:`iter_records` gives them."""
        return list(self.iter_records())

    def iter_records(self) -> Iterator[PredictionRow]:
        """Yield one row per file, in the order given, by column name; for unreadable files label and reason."""
        predicted = self._readable_records()
        empty: PredictionRow = dict.fromkeys(self.columns)
        for file, label in zip(self.files, self.labels, strict=True):
            yield (
                next(predicted)
                if file.image_id
                else {**empty, "path": printable(file.path), "label": label, "status": "unreadable", "reason": file.reason}
            )

    def _readable_records(self) -> Iterator[PredictionRow]:
        columns, familiarity, answered = self.columns, self.familiarity, self.answered
        for row, record in enumerate(self.predictions.iter_records()):
            record["predicted"] = answered[row]
            if familiarity is not None:
                record["familiarity"] = float(familiarity[row])
            record |= {name: values[row] for name, values in self.more.items()}
            yield {name: record[name] for name in columns}

    def to_frame(self) -> Any:
        """A pandas DataFrame of :meth:`records`."""
        import pandas as pd

        return pd.DataFrame(self.records(), columns=self.columns)

    def _repr_html_(self) -> str:
        unreadable = f"<p>{len(self.unreadable):,} of {len(self.files):,} cannot be read:</p>" if self.unreadable else ""
        lines = "".join(f"<li>{html.escape(printable(file.path))}: {html.escape(str(file.reason))}</li>" for file in self.unreadable[:10])
        return self.predictions._repr_html_() + (f"{unreadable}<ul>{lines}</ul>" if unreadable else "")


@dataclass(frozen=True, kw_only=True)
class PredictionSettings:
    """How images are predicted.

    Attributes:
        views: number of views of each image.
        augment: augmentation that the further views are drawn from; by default they are fixed crops.
        device: device to compute on.
        precision: number format; ``auto`` for the one the model was made with.
        num_workers: worker threads; None for one per core.
    """

    views: int = 1
    augment: str = ""
    device: str = "auto"
    precision: str = "auto"
    num_workers: int | None = None


def predict_files(
    model: SavedModel,
    dataset: Dataset,
    settings: PredictionSettings | None = None,
    *,
    network: Callable[[Backbone], Features] | None = None,
    progress: Progress = SILENT,
) -> PredictedFiles:
    """Predictions of a saved model for every readable file of a data set; nothing is written to the image folder.

    Each image is decoded once for all views and all members with the same input size. View 0 is the image itself; the logits
    of the views are averaged.

    Args:
        model: the saved model.
        dataset: the files.
        settings: by default one view.
        network: loads the network of a backbone; by default each is loaded and released again.
        progress: receives progress and notes.

    Raises:
        OptionError: there are fewer fixed crops than views.
        ModelError: it is an autoencoder, which names no classes.
        DataError: no file can be read.
    """
    settings = settings or PredictionSettings()
    views, num_workers = settings.views, settings.num_workers
    if not settings.augment:
        check_crops(views, model.members)
    specs = member_specs(model, settings)
    files, features = extract_members(dataset, specs, views=views, network=network, num_workers=num_workers, progress=progress)
    readable = [(entry, file) for entry, file in zip(dataset.entries, files, strict=True) if file.image_id]
    image_ids = [file.image_id or "" for _, file in readable]
    first, averaged = [], []
    for member, of_member in zip(model.members, features, strict=True):
        of_views = [member.logits(of_view.of(image_ids)) for of_view in of_member]
        first.append(of_views[0])
        averaged.append(np.mean(of_views, axis=0))
    predictions = _predictions(model, readable, averaged)
    labels = tuple(shown_label(entry) for entry in dataset.entries)
    at_first = _predictions(model, readable, first) if views > 1 else predictions
    own = features[0][0]
    familiarity = None if model.familiarity is None else model.familiarity.p_values(own.of(image_ids), at_first.logits)
    return PredictedFiles(predictions, at_first, views, files, labels, own, familiarity)


def member_specs(model: SavedModel, settings: PredictionSettings) -> list[FeatureSpec]:
    """What is computed of an image for each member.

    Raises:
        ModelError: it is an autoencoder, which names no classes.
    """
    if not model.class_names:
        raise ModelError(
            f"{model.details.get('run', model.folder)} is an autoencoder: it has no classes", hint="as features: --features run:RUN"
        )
    specs = [FeatureSpec(member.backbones, member.resize, member.mirror, augment=settings.augment) for member in model.members]
    return [spec.computed(settings.device, settings.precision) for spec in specs]


def extract_members(
    dataset: Dataset,
    specs: Sequence[FeatureSpec],
    *,
    views: int = 1,
    catalog: Catalog | None = None,
    network: Callable[[Backbone], Features] | None = None,
    num_workers: int | None = None,
    progress: Progress = SILENT,
) -> tuple[tuple[FileState, ...], list[tuple[FeatureMatrix, ...]]]:
    """The features that the members of a model need, each image decoded once for those with the same input size.

    Networks lie in memory together up to :data:`TOGETHER_BYTES` of weights; beyond, images are read once more.

    Args:
        dataset: the files.
        specs: one for each member.
        views: number of views of each image.
        catalog: of the files, where they have one.
        network: loads the network of a backbone; by default each is loaded and released again.
        num_workers: worker threads; None for one per core.
        progress: receives progress and notes.

    Returns:
        The state of every file, and for each member its features in every view.
    """
    views_of: dict[int, tuple[FeatureMatrix, ...]] = {}
    files: tuple[FileState, ...] = ()
    for members in _together(specs):
        of_views = [replace(specs[member], view=number) for member in members for number in range(views)]
        extraction = extract_together(dataset, of_views, catalog=catalog, network=network, num_workers=num_workers, progress=progress)
        files = files or extraction.files
        for index, member in enumerate(members):
            views_of[member] = extraction.views[index * views : (index + 1) * views]
    return files, [views_of[member] for member in range(len(specs))]


def _together(specs: Sequence[FeatureSpec]) -> list[list[int]]:
    """Numbers of the specs in groups of the same input size, each of a bounded size in memory."""
    groups: list[list[int]] = []
    room: dict[int, int] = {}
    group_of: dict[int, list[int]] = {}
    for number, spec in enumerate(specs):
        size = sum(backbone.tensors.stat().st_size for backbone in spec.backbones if backbone.tensors.is_file())
        if spec.largest not in group_of or room[spec.largest] < size:
            group_of[spec.largest], room[spec.largest] = [], TOGETHER_BYTES
            groups.append(group_of[spec.largest])
        group_of[spec.largest].append(number)
        room[spec.largest] -= size
    return groups


def check_crops(views: int, members: Sequence[Member]) -> None:
    """Check that there are enough fixed crops: there are 16, or 8 where features are averaged with the mirror image.

    Raises:
        OptionError: there are fewer.
    """
    most = min(len(VIEWS) if member.mirror else 2 * len(VIEWS) for member in members)
    if views > most:
        raise OptionError(
            f"tta must be at most {most} for this model, got {views}: there are no more fixed crops",
            hint="--tta-augment draws any number of random views, for example --tta-augment light",
        )


def _predictions(model: SavedModel, readable: Sequence[tuple[Entry, FileState]], of_members: Sequence[FloatArray]) -> Predictions:
    """Predictions for the readable files, from the logits, float (n, k), of each member."""
    logits = model.logits(of_members)
    source = f"{model.details.get('run', model.folder.name)}"
    return file_predictions(
        readable, probabilities=model.probabilities(logits), logits=logits, class_names=model.class_names, source=source
    )


def file_predictions(
    readable: Sequence[tuple[Entry, FileState]],
    *,
    probabilities: FloatArray,
    logits: FloatArray,
    class_names: tuple[str, ...],
    source: str,
) -> Predictions:
    """The record of answers, float64 (n, k), for n readable files."""
    image_ids = [file.image_id or "" for _, file in readable]
    return Predictions(
        image_ids=tuple(image_ids),
        paths=tuple(printable(entry.path) for entry, _ in readable),
        labels=tuple(shown_label(entry) for entry, _ in readable),
        probabilities=probabilities,
        logits=logits,
        class_names=class_names,
        parts=tuple(entry.part for entry, _ in readable),
        groups=_groups(image_ids, [entry.group for entry, _ in readable]),
        source=source,
    )


def shown_label(entry: Entry) -> str | None:
    """The label of an entry as tables show it."""
    return None if entry.label is None else printable(entry.label)


def _groups(image_ids: Sequence[str], chosen: Sequence[str | None]) -> tuple[str, ...]:
    """Groups without a search for near-duplicates: the user's, else files with the same bytes."""
    return tuple(group if group is not None else image_id[:16] for image_id, group in zip(image_ids, chosen, strict=True))
