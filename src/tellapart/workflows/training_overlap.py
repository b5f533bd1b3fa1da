"""Which images must not be used to evaluate a run: its training images, their near-duplicates, and images of the same groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tellapart.analyzed_folder import signatures_and_images
from tellapart.array_types import BoolArray, ByteArray
from tellapart.counts import count
from tellapart.curation.near_duplicates import SAME_FILE, compare_pairs
from tellapart.dataset import Dataset
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.groups import groups_together
from tellapart.dataset.thumbnail_store import Thumbnails, run_thumbnail_loader, thumbnail_loader
from tellapart.feature_extraction import cached_features
from tellapart.feature_spec import FeatureSpec
from tellapart.features import FeatureMatrix
from tellapart.images import decode
from tellapart.images.hamming_search import hamming_pairs
from tellapart.images.perceptual_hash import difference_hashes
from tellapart.models.saved_model import SavedModel
from tellapart.predictor import PredictedFiles
from tellapart.progress import Progress
from tellapart.run_folder import Run

SEEN, NEAR, GROUP = "seen_in_training", "near_duplicate_of_training", "group_in_training"


@dataclass(frozen=True, eq=False)
class TrainingOverlap:
    """What images have in common with the training images of a run.

    Attributes:
        kinds: for each of the n predicted images ``SEEN``, ``NEAR``, ``GROUP``, or None where it has nothing in common with them.
        reasons: for each of them, in words.
        groups: the group of each: near-duplicates and images of one group of the user's share one.
        notes: what could not be looked for.
    """

    kinds: list[str | None]
    reasons: list[str | None]
    groups: tuple[str, ...]
    notes: list[str]


def training_overlap(run: Run, model: SavedModel, dataset: Dataset, predicted: PredictedFiles, progress: Progress) -> TrainingOverlap:
    """What the predicted images have in common with the images a run was trained on.

    Near-duplicates are found as in ``train``: with the hashes that the run keeps, the features of its first member, and
    thumbnails, the last two from the cache. Thumbnails are made again where the training images are still in their place; of
    training images that are gone without a trace, only the hash is compared, and a note says so.

    Args:
        run: whose training images are meant.
        model: the saved model of the run.
        dataset: the predicted images.
        predicted: what was predicted.
        progress: progress receiver.
    """
    trained = {row.image_id: row for row in run.rows if row.is_used and row.part == "train" and row.image_id}
    new = dict.fromkeys(predicted.predictions.image_ids)
    with progress.stage("comparing with the training images", total=len(new)) as advance:
        pairs, notes = _near_duplicates(run, trained, model, dataset, predicted)
        advance(len(new))
    names = [*trained, *(image_id for image_id in new if image_id not in trained)]
    user_group = {image_id: row.user_group for image_id, row in trained.items()}
    entry_group = {file.path: entry.group for entry, file in zip(dataset.entries, predicted.files, strict=True)}
    own = [entry_group[file.path] for file in predicted.files if file.image_id]
    alike = groups_together(names, pairs)
    together = groups_together([*user_group, *predicted.predictions.image_ids], pairs, [*user_group.values(), *own])
    twin_of, fellow_of = _first_of_each(alike, trained), _first_of_each(together, trained)
    kinds: list[str | None] = []
    reasons: list[str | None] = []
    for image_id in predicted.predictions.image_ids:
        twin, fellow = twin_of.get(alike[image_id]), fellow_of.get(together[image_id])
        if image_id in trained:
            kind, reason = SEEN, f"is the training image {trained[image_id].path}"
        elif twin:
            kind, reason = NEAR, f"near-duplicate of the training image {twin.path}"
        elif fellow:
            kind, reason = GROUP, f"in one group with the training image {fellow.path}"
        else:
            kind, reason = None, None
        kinds.append(kind)
        reasons.append(reason)
    return TrainingOverlap(kinds, reasons, tuple(together[image_id][:16] for image_id in predicted.predictions.image_ids), notes)


def _first_of_each(groups: Mapping[str, str], trained: Mapping[str, FileRow]) -> dict[str, FileRow]:
    """The first training image of each group that has any."""
    first: dict[str, FileRow] = {}
    for image_id, row in trained.items():
        first.setdefault(groups[image_id], row)
    return first


def _near_duplicates(
    run: Run, trained: Mapping[str, FileRow], model: SavedModel, dataset: Dataset, predicted: PredictedFiles
) -> tuple[list[tuple[str, str]], list[str]]:
    """Pairs of near-duplicates of which at least one is a predicted image, and notes."""
    known = {image_id: row for image_id, row in trained.items() if row.hash and row.mirror_hash}
    notes = (
        [] if known else ["this run keeps no hashes of its training images, so near-duplicates of them were not looked for: train again"]
    )
    of_new, of_trained = thumbnail_loader(dataset, predicted.files), run_thumbnail_loader(Path(run.metrics.folder), list(known.values()))

    def small(image_ids: Sequence[str]) -> Mapping[str, bytes]:
        return {**of_trained([i for i in image_ids if i in known]), **of_new([i for i in image_ids if i not in known])}

    new = [image_id for image_id in dict.fromkeys(predicted.predictions.image_ids) if image_id not in trained]
    if not new:
        return [], []
    new_hashes = _hashes_of(small, new)
    if not new_hashes:
        return [], []
    image_ids = [*known, *new_hashes]
    hashes, mirror_hashes = (
        np.array([*(np.frombuffer(getattr(row, name), np.uint8) for row in known.values()), *own], np.uint8).reshape(-1, 16)
        for name, own in zip(("hash", "mirror_hash"), zip(*new_hashes.values(), strict=True), strict=True)
    )
    is_new = np.arange(len(image_ids)) >= len(known)
    features = _features(model, list(known), predicted.features, list(new_hashes))
    pairs = [
        one.pair for one in compare_pairs(hashes, mirror_hashes, features, *signatures_and_images(small), is_asked=is_new) if one.is_copy
    ]
    gone = set(known) - set(of_trained(list(known)))
    if gone:
        notes.append(
            f"{count(len(gone), 'training image is', 'training images are')} neither in {run.metrics.folder} nor in the cache:"
            " near-duplicates of them were sought by hash alone"
        )
        pairs += _by_hash_alone(image_ids, hashes, mirror_hashes, np.array([i in gone for i in image_ids]), is_new)
    return pairs, notes


def _features(model: SavedModel, known: Sequence[str], of_new: FeatureMatrix, new: Sequence[str]) -> FeatureMatrix:
    """Features of both, those of the training images from the cache; none at all where some are missing there."""
    member = model.members[0]
    of_known = cached_features(FeatureSpec(member.backbones, member.resize, member.mirror), known) if known else None
    values = np.concatenate([of_known.values, of_new.of(new)]) if of_known else np.empty((len(known) + len(new), 0), np.float32)
    return FeatureMatrix((*known, *new), values, of_new.provenance)


def _hashes_of(small: Thumbnails, image_ids: Sequence[str]) -> dict[str, tuple[ByteArray, ByteArray]]:
    """Both hashes of every image that has a thumbnail."""
    both = {image_id: difference_hashes(decode(jpeg).pixels) for image_id, jpeg in small(image_ids).items()}
    return {image_id: (np.frombuffer(plain, np.uint8), np.frombuffer(mirrored, np.uint8)) for image_id, (plain, mirrored) in both.items()}


def _by_hash_alone(
    image_ids: Sequence[str], hashes: ByteArray, mirror_hashes: ByteArray, is_gone: BoolArray, is_new: BoolArray
) -> list[tuple[str, str]]:
    """Pairs of a new image and one that is gone whose hashes are as near as those of one image saved twice."""
    limit = int(SAME_FILE["bits"])
    near = np.concatenate([hamming_pairs(hashes, limit), hamming_pairs(hashes, limit, mirror_hashes)])
    first, second = near.T
    meant = (is_gone[first] & is_new[second]) | (is_new[first] & is_gone[second])
    return [(image_ids[a], image_ids[b]) for a, b in near[meant].tolist()]
