"""Maps: every image at a place in the plane, so that those a network finds alike lie near each other."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.concurrency import available_cores
from tellapart.counts import count
from tellapart.errors import MissingExtra, OptionError
from tellapart.exploration.pca import pca_coordinates
from tellapart.exploration.pca_projection import principal_map
from tellapart.progress import SILENT, Progress

PCA, TSNE, UMAP = "pca", "tsne", "umap"
METHODS = (TSNE, PCA, UMAP)
TITLES = {PCA: "PCA", TSNE: "t-SNE", UMAP: "UMAP"}
PERPLEXITY = 30.0
UMAP_NEIGHBORS = 15
LEAST = 10
"""Fewer images have no neighborhoods to keep: their map is PCA."""
DRAWN_AT_ONCE = {"openTSNE": 200_000, "scikit-learn": 10_000}
"""Most images that are given to t-SNE themselves; of more, as many drawn at random, and the others beside them."""
BESIDE = 5
"""Drawn neighbors that say where another image lies."""
STEPS, EVERY = 750, 25
ONE_THREAD = 10_000
SPREAD = 1e-6
BLOCK = 4_096


@dataclass(frozen=True, eq=False)
class Projection:
    """A place for each of n images.

    Attributes:
        method: ``PCA``, ``t-SNE`` or ``UMAP``; not always what was asked for, see ``notes``.
        places: float32 (n, 2), in no unit; only what is near what has a meaning (for PCA, distances too).
        software: what computed it.
        notes: sentences worth knowing.
    """

    method: str
    places: FloatArray
    software: str
    notes: tuple[str, ...] = ()


def project(
    features: FloatArray, *, method: str = TSNE, perplexity: float = PERPLEXITY, seed: int = 0, progress: Progress = SILENT
) -> Projection:
    """A map of n images by their features.

    t-SNE and UMAP see what clusters are sought in: 50 strongest directions, rows of length 1. t-SNE is openTSNE's where that
    is installed, else scikit-learn's; see ``DRAWN_AT_ONCE`` for how many images each takes.

    Args:
        features: float (n, d), every value finite.
        method: ``tsne``, ``pca`` or ``umap``.
        perplexity: how many neighbors of an image t-SNE tries to keep near it; lowered where there are few images.
        seed: of all that is drawn.
        progress: hears of every step where the software tells.

    Raises:
        OptionError: there is no such method.
        MissingExtra: umap-learn is not installed.
        ValueError: a value of the features is not finite.
    """
    if method not in METHODS:
        raise OptionError(f"there is no map {method!r}", hint=f"there are {', '.join(METHODS)}")
    if not np.isfinite(features).all():
        raise ValueError("features hold values that are no numbers")
    n = len(features)
    if n < 2 or np.ptp(features, axis=0).max(initial=0.0) <= SPREAD:
        alike = ("all images have the same features, so they lie at one place",) if n > 1 else ()
        return Projection(TITLES[PCA], np.zeros((n, 2), np.float32), "numpy", alike)
    if method == PCA or n < LEAST:
        few = (f"{count(n, 'image is', 'images are')} too few for {TITLES[method]}: this is PCA",) if method != PCA else ()
        return Projection(TITLES[PCA], principal_map(features, seed=seed), "numpy", few)
    reduced = pca_coordinates(features, seed=seed)
    return _umap(reduced, seed, progress) if method == UMAP else _tsne(reduced, perplexity, seed, progress)


def _tsne(reduced: FloatArray, perplexity: float, seed: int, progress: Progress) -> Projection:
    n = len(reduced)
    software = "openTSNE" if find_spec("openTSNE") else "scikit-learn"
    most = DRAWN_AT_ONCE[software]
    drawn = np.arange(n) if n <= most else np.sort(np.random.default_rng(seed).choice(n, most, replace=False))
    possible = min(perplexity, (len(drawn) - 1) / 3)
    notes = [f"perplexity {possible:.1f}, a third of the {count(len(drawn), 'image')}"] if possible < perplexity else []
    fit = _open_tsne if software == "openTSNE" else _scikit_tsne
    places = fit(np.ascontiguousarray(reduced[drawn]), possible, seed, progress)
    if n > most:
        notes.append(
            f"{count(most, 'image')} drawn at random were placed by t-SNE, each of the others amid the {BESIDE} of them most like it"
        )
        places = _beside(reduced, drawn, places)
    return Projection(TITLES[TSNE], places, software, tuple(notes))


def _open_tsne(reduced: FloatArray, perplexity: float, seed: int, progress: Progress) -> FloatArray:
    import openTSNE

    with progress.stage("placing by t-SNE", total=STEPS, unit="steps") as advance:

        def told(step: int, _error: float, _places: Any) -> None:
            advance(EVERY)

        plan = openTSNE.TSNE(
            perplexity=perplexity, initialization="pca", n_jobs=_threads(len(reduced)), random_state=seed,
            callbacks=told, callbacks_every_iters=EVERY, early_exaggeration_iter=250, n_iter=STEPS - 250,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.array(plan.fit(reduced), dtype=np.float32)


def _scikit_tsne(reduced: FloatArray, perplexity: float, seed: int, progress: Progress) -> FloatArray:
    from sklearn import manifold
    from threadpoolctl import threadpool_limits

    threads = _threads(len(reduced))
    with progress.stage("placing by t-SNE", total=len(reduced)) as advance, warnings.catch_warnings(), threadpool_limits(threads):
        warnings.simplefilter("ignore")
        places = manifold.TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=threads).fit_transform(reduced)
        advance(len(reduced))
    return np.asarray(places, dtype=np.float32)


def _threads(n: int) -> int:
    """How many threads are worth it: on a busy machine those of a small problem wait for each other longer than they compute."""
    return available_cores() if n > ONE_THREAD else 1


def _umap(reduced: FloatArray, seed: int, progress: Progress) -> Projection:
    plan = _umap_class()(n_neighbors=min(UMAP_NEIGHBORS, len(reduced) - 1), random_state=seed, n_jobs=1)
    with progress.stage("placing by UMAP", total=len(reduced)) as advance, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        places = plan.fit_transform(reduced)
        advance(len(reduced))
    return Projection(TITLES[UMAP], np.asarray(places, dtype=np.float32), "umap-learn")


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


def _beside(reduced: FloatArray, drawn: IntArray, places: FloatArray) -> FloatArray:
    """Places of all n images: of the drawn their own, of the others the mean of their nearest drawn neighbors'."""
    from sklearn.neighbors import NearestNeighbors

    whole = np.empty((len(reduced), 2), np.float32)
    whole[drawn] = places
    others = np.setdiff1d(np.arange(len(reduced)), drawn)
    index = NearestNeighbors(n_neighbors=BESIDE, algorithm="brute").fit(reduced[drawn])
    for start in range(0, len(others), BLOCK):
        rows = others[start : start + BLOCK]
        whole[rows] = places[index.kneighbors(reduced[rows], return_distance=False)].mean(axis=1)
    return whole
