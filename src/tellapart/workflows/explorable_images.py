"""The images that cluster, explore and similar work on: the used images of a folder, each once, with their features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from tellapart.analyzed_folder import AnalyzedFolder, open_folder
from tellapart.array_types import FloatArray, IntArray
from tellapart.counts import count
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.groups import groups_together
from tellapart.dataset.options import AS_FOUND, DatasetOptions
from tellapart.errors import DataError, OptionError
from tellapart.exploration.pca import nonfinite_rows
from tellapart.feature_spec import IMAGENET, WORDS_OF, FeatureSpec, spec_of
from tellapart.large_arrays import take_rows
from tellapart.models.backbone_card import Backbone
from tellapart.models.backbones import find_backbones
from tellapart.models.imagenet_classes import class_probabilities
from tellapart.models.zero_shot import check_knows_words, is_clip, zero_shot
from tellapart.output_guards import check_outside
from tellapart.progress import SILENT, Progress

NO_WORDS = "none"
NOT_FINITE = "its features are not finite numbers"


@dataclass(frozen=True, eq=False)
class ExplorableImages:
    """The images that are explored, with their features.

    Attributes:
        analyzed: the folder as decided.
        rows: n rows, one an image; of an image that stands in several parts the first.
        features: float32 (n, d), as the network gives them.
        words: m words to name clusters with; none for the ImageNet class names, or for no names.
        probabilities: of those words and at the end of anything else, (n, m + 1), or of the 1,000 ImageNet classes,
            (n, 1000); None where nothing was asked for.
        left_out: path and reason of every file that takes no part.
        name: what the features are called.
    """

    analyzed: AnalyzedFolder
    rows: list[FileRow]
    features: FloatArray
    words: tuple[str, ...]
    probabilities: FloatArray | None
    left_out: dict[str, str]
    name: str

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def labels(self) -> list[str | None]:
        """The label of each image, as decided (n,)."""
        return [row.label for row in self.rows]

    @cached_property
    def number_of(self) -> dict[str, int]:
        """The number of each image by its id."""
        return {row.image_id or "": number for number, row in enumerate(self.rows)}

    @cached_property
    def originals(self) -> IntArray:
        """For each image the first of those that show the same photo, itself where there is no other; int (n,)."""
        groups = groups_together(self.number_of, self.analyzed.pairs)
        first: dict[str, int] = {}
        for image_id, number in self.number_of.items():
            first.setdefault(groups[image_id], number)
        return np.array([first[groups[image_id]] for image_id in self.number_of], np.int64)


def explorable_images(
    folder: str | Path,
    spec: FeatureSpec,
    *,
    places: Mapping[str, Path] | None = None,
    words: str = NO_WORDS,
    reading: DatasetOptions = AS_FOUND,
    state: Path | None = None,
    num_workers: int | None = None,
    progress: Progress = SILENT,
) -> ExplorableImages:
    """Analyze a folder with one or two networks, and select the images that can be explored.

    Args:
        folder: class folders, unsorted images, a manifest or a bucket.
        spec: the features wanted, and the device that computes them, see :func:`tellapart.feature_spec.spec_of`.
        places: what will be written, by the option that names it; checked before any image is read.
        words: what clusters may be called: ``imagenet``, ``none``, or words with commas between. A CLIP among the features is
            asked for those itself, else the packaged classifier is.
        reading: how folders and tables are read.
        state: folder of catalog and decisions.
        num_workers: threads that read images.
        progress: progress receiver.

    Raises:
        DataError: the folder cannot be used, or no image is left.
        OptionError: the packaged classifier does not know a word, and there is no CLIP; or a place is among the photos.
        StorageError: the disk is full, or the decisions cannot be read.
    """
    spec = spec.computed(spec.device)
    backbones = spec.backbones
    own = () if words in (IMAGENET, NO_WORDS) else words_of(words)
    classifier = None if words == NO_WORDS else _word_network(backbones, own, spec.device)
    shared = _shared_backbone(classifier, backbones, spec.device) if classifier else None
    extracted = replace(spec, backbones=tuple(dict.fromkeys([*backbones, *([shared] if shared else [])])))
    opened = open_folder(folder, reading=reading, state=state, num_workers=num_workers, progress=progress)
    for option, path in (places or {}).items():
        check_outside(path, opened.dataset, option=option)
    analyzed = opened.analyze(extracted.computed(spec.device), progress=progress)
    rows, values, left_out = _usable_images(analyzed)
    name = "+".join(_display_name(backbone) for backbone in backbones)
    columns = _columns(extracted.backbones)
    features = values if extracted.backbones == backbones else np.hstack([values[:, columns[backbone]] for backbone in backbones])
    probabilities = values[:, columns[shared]] if shared else None
    if classifier and probabilities is not None and shared != classifier:
        probabilities = class_probabilities(classifier, probabilities)
    if classifier and own and probabilities is not None:
        probabilities = zero_shot(classifier, probabilities, own)
    return ExplorableImages(analyzed, rows, features, own, probabilities, left_out, name)


def _usable_images(analyzed: AnalyzedFolder) -> tuple[list[FileRow], FloatArray, dict[str, str]]:
    """A row for each different used image, their features float32 (n, d), and the reason of each file that is left out.

    Raises:
        DataError: no image is left.
    """
    rows = _unique_rows(analyzed.rows)
    left_out = {row.path: row.reason or row.status for row in analyzed.rows if not row.is_used}
    values = analyzed.features.of([row.image_id or "" for row in rows])
    broken = set(nonfinite_rows(values).tolist())
    if broken:
        left_out |= {row.path: NOT_FINITE for number, row in enumerate(rows) if number in broken}
        finite = [number for number in range(len(rows)) if number not in broken]
        rows, values = [rows[number] for number in finite], take_rows(values, np.array(finite, np.int64))
    if not rows:
        reasons = ", ".join(sorted(set(left_out.values()))[:3])
        raise DataError(f"of {count(len(analyzed.rows), 'image')} none can be explored: {reasons}")
    return rows, values, left_out


def words_of(text: str) -> tuple[str, ...]:
    """The words of ``cheetah,lion,fox``.

    Raises:
        OptionError: there are fewer than two, or one stands there twice.
    """
    words = tuple(" ".join(word.split()) for word in text.split(",") if word.strip())
    if len(words) < 2 or len(set(words)) < len(words):
        raise OptionError(
            f"{text!r} is not a choice of words",
            hint="give two or more with commas between, such as cheetah,lion,fox; or imagenet, or none",
        )
    return words


def _word_network(backbones: Sequence[Backbone], words: Sequence[str], device: str) -> Backbone:
    """Who is asked for words: a CLIP that looks at the images anyway, or the packaged classifier."""
    clips = [backbone for backbone in backbones if words and is_clip(backbone)]
    packaged = spec_of(IMAGENET).computed(device).backbones[0]
    knows = clips[0] if clips else next((backbone for backbone in backbones if backbone.card == packaged.card), packaged)
    try:
        check_knows_words([knows], words)
    except OptionError as error:
        raise OptionError(str(error), hint=f"{error.hint}; a CLIP knows any word: --features clip:ViT-B-32") from error
    return knows


def _shared_backbone(knows: Backbone, backbones: Sequence[Backbone], device: str) -> Backbone:
    """The network from whose features the words are computed: of a classifier its backbone, so that no image is computed twice."""
    if knows in backbones or is_clip(knows):
        return knows
    packaged = find_backbones(WORDS_OF)[0].in_precision("auto", device)
    return next((backbone for backbone in backbones if backbone.card == packaged.card), packaged)


def _unique_rows(rows: Sequence[FileRow]) -> list[FileRow]:
    first: dict[str | None, FileRow] = {}
    for row in rows:
        if row.is_used:
            first.setdefault(row.image_id, row)
    return list(first.values())


def _columns(backbones: Sequence[Backbone]) -> dict[Backbone, slice]:
    """Where the features of each backbone stand in a row."""
    ends = np.cumsum([backbone.card.num_features for backbone in backbones]).tolist()
    return {backbone: slice(start, end) for backbone, start, end in zip(backbones, [0, *ends[:-1]], ends, strict=True)}


def _display_name(backbone: Backbone) -> str:
    layer = backbone.card.layer
    return f"{backbone.card.name} ({layer})" if layer else backbone.card.name
