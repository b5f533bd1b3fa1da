"""What an exploration found, out of thin air: views of any size for the tests and screenshots of the map page."""

# ruff: noqa: E501
from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .synthetic import class_names, image


def exploration_view(
    *,
    n: int = 300,
    names: Sequence[str] = class_names(3),
    files: Sequence[str] = (),
    folder: str = "/photos/wild ones",
    k: int = 4,
    seed: int = 0,
    is_labeled: bool = True,
) -> dict[str, Any]:
    """A view of ``n`` images in ``k`` round islands; classes and islands mostly agree."""
    rng = np.random.default_rng(seed)
    island = rng.integers(0, k, n)
    angle = 2 * np.pi * island / k
    x, y = 40 * np.cos(angle) + rng.normal(0, 8, n), 30 * np.sin(angle) + rng.normal(0, 8, n)
    label = np.where(rng.random(n) < 0.1, rng.integers(0, len(names), n), island % len(names))
    path = [f"{names[label[i]]}/{i:06}.jpg" for i in range(n)]
    path[: len(files)] = files[:n]
    scores = rng.random(n)
    return {
        "header": {
            "folder": folder, "images": n, "features": "lite2", "layer": None, "class_names": list(names) if is_labeled else [],
            "tellapart": "0.1.0", "made": "2026-11-21T10:00:00+00:00",
        },
        "map": {
            "method": "t-SNE",
            "x": x.tolist(),
            "y": y.tolist(),
            "label": label.tolist() if is_labeled else [None] * n,
            "cluster": [None if rng.random() < 0.02 else int(c) for c in island],
            "score": scores.tolist(),
            "image_id": [hashlib.sha256(f"{seed} {i}".encode()).hexdigest() for i in range(n)],
            "path": path,
            "trust": {"neighbors_kept": 0.41, "k": 10, "knn_2d": _interval(0.91), "knn_full": _interval(0.94)} if is_labeled else {"neighbors_kept": 0.41},
        },
        "clusters": {
            "method": "kmeans",
            "k": k,
            "sentence": f"KMeans put the images into {k} clusters.",
            "clusters": [_cluster(c, np.flatnonzero(island == c), label, names if is_labeled else ()) for c in range(k)],
            "scores": {"nmi": 0.81, "ari": 0.77, "accuracy": 0.93} if is_labeled else None,
        },
        "choice": {
            "ks": list(range(1, 11)),
            "distortion": [1.0 / (1 + 0.4 * i) for i in range(10)],
            "reference": [1.0 / (1 + 0.15 * i) for i in range(10)],
            "silhouette": [None, 0.2, 0.31, 0.42, 0.36, 0.33, 0.3, 0.28, 0.27, 0.26],
            "calinski_harabasz": [None, 410.0, 520.0, 640.0, 580.0, 540.0, 500.0, 470.0, 450.0, 440.0],
            "stability": [None, 0.8, 0.9, 0.99, 0.8, 0.72, 0.7, 0.66, 0.6, 0.6],
            "suggested": 4,
            "reason": "4 clusters: clearest and the same on every draw.",
        },
        "encoding": {"sentence": "They tell classes apart rather than colors.", "nmi": {"class": 0.81, "color": 0.1, "aspect": 0.02, "source": None}},
        "outliers": np.argsort(-scores)[: min(n, 60)].tolist(),
        "neighbors": {i: [[int(j), 0.9 - 0.05 * place] for place, j in enumerate(_others(island, i, rng))] for i in range(min(n, 500))},
        "notes": ["2 images could not be read and are not on the map."],
    }  # fmt: skip


def _interval(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.02, "high": value + 0.02}


def _cluster(number: int, inside: Any, label: Any, names: Sequence[str]) -> dict[str, Any]:
    points = [int(i) for i in inside]
    return {
        "number": number,
        "name": None,
        "size": len(points),
        "medoid": points[0],
        "nearest": points[1:9],
        "farthest": points[9:14],
        "classes": dict(Counter(names[label[i]] for i in points)) if names else {},
        "words": ["cheetah", "leopard", "snow leopard"],
    }


def _others(island: Any, i: int, rng: np.random.Generator) -> list[int]:
    return [int(j) for j in rng.choice(np.flatnonzero(island == island[i]), 6) if j != i]


def thumbnails_of_exploration(view: Mapping[str, Any], *, kinds: int = 16) -> Callable[[Sequence[str]], Mapping[str, bytes]]:
    """An image of its class for each image id; one id in 40 is missing."""
    points = view["map"]
    names = view["header"]["class_names"] or ["wild"]
    label_of = {one: names[label or 0] for one, label in zip(points["image_id"], points["label"], strict=True)}

    def found(image_ids: Sequence[str]) -> Mapping[str, bytes]:
        return {one: image(label_of[one], int(one[:6], 16) % kinds) for one in image_ids if int(one[6:12], 16) % 40}

    return found
