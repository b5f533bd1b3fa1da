"""2-D projections of features by t-SNE, UMAP or PCA, and their quality: the neighbors preserved, and nearest-neighbor labels on them."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from tellapart.array_types import BoolArray, FloatArray, IntArray
from tellapart.concurrency import available_cores
from tellapart.counts import count
from tellapart.errors import MissingExtra, OptionError
from tellapart.exploration.pca import nonfinite_rows, pca_coordinates, principal_components_2d
from tellapart.features.matrix import unit_rows
from tellapart.large_arrays import row_blocks
from tellapart.progress import SILENT, Progress

logger = logging.getLogger(__name__)

PCA, TSNE, UMAP = "pca", "tsne", "umap"
METHODS = (TSNE, PCA, UMAP)
TITLES = {PCA: "PCA", TSNE: "t-SNE", UMAP: "UMAP"}
PERPLEXITY = 30.0
UMAP_NEIGHBORS = 15
LEAST = 10
"""Fewer images than this are projected by PCA, whatever the method."""
MAX_TSNE_IMAGES = {"openTSNE": 200_000, "scikit-learn": 10_000}
"""Images that t-SNE runs on; from a larger set as many are drawn at random, and the others are placed next to them."""
NUM_DRAWN_NEIGHBORS = 5
"""Nearest drawn images whose mean position another image gets."""
STEPS, EVERY = 750, 25
ONE_THREAD = 10_000
SPREAD = 1e-6
BLOCK = 4_096


@dataclass(frozen=True, eq=False)
class Projection:
    """The 2-D coordinates of n images.

    Attributes:
        method: ``PCA``, ``t-SNE`` or ``UMAP``; may differ from the method requested, see ``notes``.
        places: float32 (n, 2), without a unit; only neighborhoods are meaningful (for PCA, distances too).
        software: the library that computed it.
        notes: sentences for the user.
    """

    method: str
    places: FloatArray
    software: str
    notes: tuple[str, ...] = ()


def project(
    features: FloatArray, *, method: str = TSNE, perplexity: float = PERPLEXITY, seed: int = 0, progress: Progress = SILENT
) -> Projection:
    """Project the features of n images to two dimensions.

    t-SNE and UMAP use the same 50 principal components as clustering. t-SNE is computed by openTSNE if it is installed, else by
    scikit-learn; see ``MAX_TSNE_IMAGES`` for how many images each takes.

    Args:
        features: float (n, d), all finite.
        method: ``tsne``, ``pca`` or ``umap``.
        perplexity: of t-SNE (about the number of neighbors it preserves); lowered for few images.
        seed: of the random number generators.
        progress: progress receiver.

    Raises:
        OptionError: the method is unknown.
        MissingExtra: umap-learn is not installed.
        ValueError: a value of the features is not finite.
    """
    if method not in METHODS:
        raise OptionError(f"unknown method {method!r}", hint=f"choose one of {', '.join(METHODS)}")
    if len(nonfinite_rows(features)):
        raise ValueError("the features contain values that are not finite")
    n = len(features)
    if n < 2 or _largest_range(features) <= SPREAD:
        alike = ("all images have the same features, so they have the same position",) if n > 1 else ()
        return Projection(TITLES[PCA], np.zeros((n, 2), np.float32), "numpy", alike)
    if method == PCA or n < LEAST:
        few = (f"{count(n, 'image is', 'images are')} too few for {TITLES[method]}: PCA is used instead",) if method != PCA else ()
        return Projection(TITLES[PCA], principal_components_2d(features, seed=seed), "numpy", few)
    reduced = pca_coordinates(features, seed=seed)
    return _umap(reduced, seed, progress) if method == UMAP else _tsne(reduced, perplexity, seed, progress)


def _largest_range(features: FloatArray) -> float:
    """The largest difference between two values of a column of float (n, d)."""
    lows = np.stack([features[block].min(axis=0) for block in row_blocks(features)]).min(axis=0)
    highs = np.stack([features[block].max(axis=0) for block in row_blocks(features)]).max(axis=0)
    return float((highs - lows).max(initial=0.0))


def _tsne(reduced: FloatArray, perplexity: float, seed: int, progress: Progress) -> Projection:
    n = len(reduced)
    software = "openTSNE" if find_spec("openTSNE") else "scikit-learn"
    if software == "scikit-learn":
        logger.info("openTSNE is not installed: t-SNE is computed by scikit-learn, which is slower and takes fewer images")
    most = MAX_TSNE_IMAGES[software]
    drawn = np.arange(n) if n <= most else np.sort(np.random.default_rng(seed).choice(n, most, replace=False))
    possible = min(perplexity, (len(drawn) - 1) / 3)
    notes = [f"perplexity {possible:.1f}, a third of the {count(len(drawn), 'image')}"] if possible < perplexity else []
    fit = _open_tsne if software == "openTSNE" else _scikit_tsne
    coordinates = fit(np.ascontiguousarray(reduced[drawn]), possible, seed, progress)
    if n > most:
        notes.append(
            f"t-SNE ran on {count(most, 'image')} drawn at random;"
            f" each other image is at the mean of its {NUM_DRAWN_NEIGHBORS} nearest neighbors among them"
        )
        coordinates = _place_others(reduced, drawn, coordinates)
    return Projection(TITLES[TSNE], coordinates, software, tuple(notes))


def _open_tsne(reduced: FloatArray, perplexity: float, seed: int, progress: Progress) -> FloatArray:
    import openTSNE

    with progress.stage("computing t-SNE", total=STEPS, unit="steps") as advance:

        def report(step: int, _error: float, _places: Any) -> None:
            advance(EVERY)

        model = openTSNE.TSNE(
            perplexity=perplexity, initialization="pca", n_jobs=_threads(len(reduced)), random_state=seed,
            callbacks=report, callbacks_every_iters=EVERY, early_exaggeration_iter=250, n_iter=STEPS - 250,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.array(model.fit(reduced), dtype=np.float32)


def _scikit_tsne(reduced: FloatArray, perplexity: float, seed: int, progress: Progress) -> FloatArray:
    from sklearn import manifold
    from threadpoolctl import threadpool_limits

    threads = _threads(len(reduced))
    with progress.stage("computing t-SNE", total=len(reduced)) as advance, warnings.catch_warnings(), threadpool_limits(threads):
        warnings.simplefilter("ignore")
        coordinates = manifold.TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=threads).fit_transform(reduced)
        advance(len(reduced))
    return np.asarray(coordinates, dtype=np.float32)


def _threads(n: int) -> int:
    """Number of threads: one for small problems, whose threads wait for each other longer than they compute on a busy machine."""
    return available_cores() if n > ONE_THREAD else 1


def _umap(reduced: FloatArray, seed: int, progress: Progress) -> Projection:
    model = _umap_class()(n_neighbors=min(UMAP_NEIGHBORS, len(reduced) - 1), random_state=seed, n_jobs=1)
    with progress.stage("computing UMAP", total=len(reduced)) as advance, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coordinates = model.fit_transform(reduced)
        advance(len(reduced))
    return Projection(TITLES[UMAP], np.asarray(coordinates, dtype=np.float32), "umap-learn")


def _umap_class() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import umap
        except ModuleNotFoundError as error:
            if error.name != "umap":
                raise
            raise MissingExtra("umap-learn is not installed", hint="pip install 'tellapart[maps]', or --method tsne") from error
    return umap.UMAP


def _place_others(reduced: FloatArray, drawn: IntArray, coordinates: FloatArray) -> FloatArray:
    """Coordinates of all n images, float32 (n, 2): each image that was not drawn gets the mean of its nearest drawn neighbors."""
    from sklearn.neighbors import NearestNeighbors

    whole = np.empty((len(reduced), 2), np.float32)
    whole[drawn] = coordinates
    others = np.setdiff1d(np.arange(len(reduced)), drawn)
    index = NearestNeighbors(n_neighbors=NUM_DRAWN_NEIGHBORS, algorithm="brute").fit(reduced[drawn])
    for start in range(0, len(others), BLOCK):
        rows = others[start : start + BLOCK]
        whole[rows] = coordinates[index.kneighbors(reduced[rows], return_distance=False)].mean(axis=1)
    return whole


NEIGHBORS = 10
TRIED = 2_000
_CELLS = 16_000_000
"""Maximum similarities in memory at once: 64 MB of float32."""


def neighbor_preservation(
    features: FloatArray, coordinates: FloatArray, *, k: int = NEIGHBORS, tried: int = TRIED, seed: int = 0
) -> float | None:
    """The share, 0 to 1, of the k nearest images by features that are among the k nearest on the map; k / (n - 1) by chance.

    Args:
        features: float (n, d), compared by cosine.
        coordinates: float (n, 2), the coordinates on the map.
        k: number of neighbors.
        tried: at most so many images, drawn at random, are compared with all n.
        seed: of the drawing.

    Returns:
        None for fewer than three images.
    """
    n = len(features)
    k = min(k, n - 2)
    if k < 1:
        return None
    rows = sample_rows(n, tried, seed)
    alone = np.arange(n)
    preserved = 0
    for full, flat in zip(
        nearest_neighbors(features, rows, alone, k, is_cosine=True), nearest_neighbors(coordinates, rows, alone, k), strict=True
    ):
        preserved += sum(len(np.intersect1d(one, other, assume_unique=True)) for one, other in zip(full, flat, strict=True))
    return preserved / (k * len(rows))


def neighbor_label_accuracy(
    vectors: FloatArray, labels: IntArray, groups: IntArray, rows: IntArray, *, k: int = NEIGHBORS, is_cosine: bool = False
) -> BoolArray:
    """Whether a k-nearest-neighbor vote gives each image its label: bool (m,) for the images ``rows``.

    The image itself and those of its group (near-duplicates) have no vote, so predictions are out of sample. Ties go to the
    label of the nearest.

    Args:
        vectors: float (n, d), features or map coordinates.
        labels: int (n,) from 0; -1 for unlabeled images, which have no vote.
        groups: int (n,), equal for near-duplicates.
        rows: int (m,), the images to predict, all labeled.
        k: number of neighbors.
        is_cosine: whether neighbors are by cosine or by Euclidean distance.
    """
    known = np.flatnonzero(labels >= 0)
    index_of = np.full(len(labels), -1)
    index_of[known] = np.arange(len(known))
    votes, predicted = labels[known], []
    for neighbors in nearest_neighbors(vectors[known], index_of[rows], groups[known], min(k, len(known) - 1), is_cosine=is_cosine):
        predicted.append(_majority(np.where(neighbors >= 0, votes[neighbors], -1)))
    return np.concatenate(predicted) == labels[rows] if predicted else np.zeros(0, bool)


def nearest_neighbors(vectors: FloatArray, rows: IntArray, groups: IntArray, k: int, *, is_cosine: bool = False) -> Iterator[IntArray]:
    """Yield the k nearest images of other groups for each of ``rows``, nearest first, in blocks int (b, k); -1 pads missing ones."""
    measured = unit_rows(vectors) if is_cosine else np.asarray(vectors, dtype=np.float32)
    lengths = np.zeros(len(measured), np.float32) if is_cosine else np.square(measured).sum(axis=1)
    step = max(1, _CELLS // max(1, len(measured)))
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        closeness = 2 * (measured[block] @ measured.T) - lengths
        closeness[groups[block][:, None] == groups[None, :]] = -np.inf
        neighbors = np.argpartition(closeness, -k, axis=1)[:, -k:] if k < closeness.shape[1] else np.tile(np.arange(k), (len(block), 1))
        values = np.take_along_axis(closeness, neighbors, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        neighbors, values = np.take_along_axis(neighbors, order, axis=1), np.take_along_axis(values, order, axis=1)
        yield np.where(np.isfinite(values), neighbors, -1)


def sample_rows(n: int, limit: int, seed: int) -> IntArray:
    """At most ``limit`` random indices out of 0..n-1, int (m,), sorted."""
    return np.arange(n) if n <= limit else np.sort(np.random.default_rng(seed).choice(n, limit, replace=False))


def _majority(votes: IntArray) -> IntArray:
    """The most frequent vote of each row of int (b, k), ties to the first vote; -1 is not a vote."""
    counts = (votes[:, :, None] == votes[:, None, :]).sum(axis=2)
    counts[votes < 0] = 0
    return np.asarray(np.take_along_axis(votes, counts.argmax(axis=1)[:, None], axis=1)[:, 0])
