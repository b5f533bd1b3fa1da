"""Realistic run folders out of thin air: what the tests and the screenshots of the report are made from."""

# ruff: noqa: E501
from __future__ import annotations

import colorsys
import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFilter

from tellapart.predictions import Predictions

ANIMALS = ("cats", "dogs", "foxes", "otters", "owls", "bears", "wolves", "hares", "deer", "seals", "swans", "toads")
NASTY = (
    'it\'s "quoted"',
    "<script>alert(1)</script>",
    "line\nbreak",
    "Ünïcödé 猫 🦊",
    "</script><!--",
    "a very long class name that goes on and on and on",
)


def interval(value: float, width: float, top: float | None = 1.0) -> dict[str, float]:
    high = value + width if top is None else min(top, value + width)
    return {"value": round(value, 5), "low": round(max(0.0, value - width), 5), "high": round(high, 5)}


def class_names(count: int) -> tuple[str, ...]:
    return tuple(ANIMALS[i] if i < len(ANIMALS) else f"species {i + 1}" for i in range(count))


@lru_cache(maxsize=4096)
def image(label: str, kind: int) -> bytes:
    """A small colored JPEG of about 4 kB: the label sets the hue, the kind everything else."""
    seed = int.from_bytes(hashlib.sha256(f"{label}:{kind}".encode()).digest()[:4], "big")
    rng = np.random.default_rng(seed)
    hue = (int.from_bytes(hashlib.sha256(label.encode()).digest()[:2], "big") / 65536 + rng.normal(0, 0.03)) % 1
    width, height = [(128, 96), (96, 128), (128, 128)][int(rng.integers(3))]
    back = tuple(int(255 * c) for c in colorsys.hsv_to_rgb((hue + 0.45) % 1, 0.25, rng.uniform(0.5, 0.9)))
    image = Image.new("RGB", (width, height), back)
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, r = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(12, 40)
        color = tuple(int(255 * c) for c in colorsys.hsv_to_rgb((hue + rng.normal(0, 0.04)) % 1, 0.6, rng.uniform(0.4, 0.95)))
        draw.ellipse((x - r, y - r * 0.8, x + r, y + r * 0.8), fill=color)
    image = image.filter(ImageFilter.GaussianBlur(1.2))
    pixels = np.asarray(image, dtype=np.int16) + rng.normal(0, 9, (height, width, 1)).astype(np.int16)
    out = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=78)
    return out.getvalue()


def thumbnails_of(folder: Path, kinds: int = 16) -> Callable[[Sequence[str]], Mapping[str, bytes]]:
    """Thumbnails for the run in ``folder``; one id in 40 is missing from the answer."""
    table = pq.read_table(folder / "images.parquet", columns=["image_id", "label"])
    labels = dict(zip(table["image_id"].to_pylist(), table["label"].to_pylist(), strict=True))

    def thumbnails(image_ids: Sequence[str]) -> dict[str, bytes]:
        found = {i: int(i[:8], 16) for i in image_ids}
        return {i: image(str(labels.get(i)), number % kinds) for i, number in found.items() if number % 40}

    return thumbnails


def softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def predictions_of(names: tuple[str, ...], n: int, rng: np.random.Generator, sharpness: float) -> Predictions:
    k = len(names)
    targets = np.sort(rng.integers(0, k, n))
    logits = rng.normal(0, 1.0, (n, k))
    logits[np.arange(n), targets] += sharpness
    logits[np.arange(n), (targets + 1) % k] += rng.exponential(1.0, n)
    ids = tuple(hashlib.sha256(f"test{i}".encode()).hexdigest() for i in range(n))
    labels = tuple(names[t] for t in targets)
    probabilities = softmax(logits / 1.08)
    paths = tuple(f"test/{labels[i]}/IMG_{i:05d}.jpg" for i in range(n))
    parts = ("test",) * n
    return Predictions(ids, paths, labels, probabilities, logits, names, parts, tuple(f"g{i}" for i in range(n)), "probe on lite2")


def bins_of(predictions: Predictions, power: float) -> list[dict[str, float]]:
    found = []
    for low in np.arange(0, 1, 0.1):
        inside = (predictions.confidence > low) & (predictions.confidence <= low + 0.1)
        if inside.any():
            confidence = float(predictions.confidence[inside].mean() ** power)
            found.append(
                {
                    "low": low,
                    "high": low + 0.1,
                    "n": int(inside.sum()),
                    "confidence": confidence,
                    "accuracy": float(predictions.is_right[inside].mean()),
                }
            )
    return found


def part_of(predictions: Predictions) -> dict[str, Any]:
    k, n = len(predictions.class_names), len(predictions)
    matrix = np.zeros((k, k), dtype=int)
    np.add.at(matrix, (predictions.targets, predictions.predicted), 1)
    accuracy = float(predictions.is_right.mean())
    loss = float(-np.log(predictions.probabilities[np.arange(n), predictions.targets]).mean())
    wide = 1.96 * (accuracy * (1 - accuracy) / n) ** 0.5 + 0.002
    per_class = []
    for i, name in enumerate(predictions.class_names):
        recall, precision = matrix[i, i] / max(1, matrix[i].sum()), matrix[i, i] / max(1, matrix[:, i].sum())
        f1 = None if recall + precision == 0 else 2 * recall * precision / (recall + precision)
        per_class.append({"name": name, "precision": precision, "recall": recall, "f1": f1, "support": int(matrix[i].sum())})
    coverage = []
    for share in np.arange(1.0, 0.09, -0.1):
        threshold = float(np.quantile(predictions.confidence, 1 - share))
        kept = predictions.confidence >= threshold
        coverage.append({"coverage": float(kept.mean()), "threshold": threshold, "accuracy": float(predictions.is_right[kept].mean())})
    gain = {
        "accuracy": {"value": 0.021, "low": 0.004, "high": 0.039},
        "log_loss": {"value": -0.06, "low": -0.09, "high": -0.03},
        "p_value": 0.0187,
    }
    rungs = [
        {"name": "majority class", "accuracy": interval(1 / k, 0.03), "log_loss": interval(float(np.log(k)), 0.02, None), "gain": None},
        {"name": "5 nearest neighbors", "accuracy": interval(accuracy - 0.021, wide * 1.2), "log_loss": interval(loss + 0.06, 0.04, None),
         "gain": {**gain, "accuracy": {"value": 0.45, "low": 0.41, "high": 0.49}, "p_value": 1e-30}},
        {"name": "this model", "accuracy": interval(accuracy, wide), "log_loss": interval(loss, 0.02, None), "gain": gain},
    ]  # fmt: skip
    return {
        "n": n, "groups": n - 9, "accuracy": interval(accuracy, wide), "log_loss": interval(loss, 0.02, None), "macro_f1": interval(accuracy - 0.002, wide),
        "auc": interval(0.993, 0.004), "ece": {"before": 0.024, "after": 0.011}, "per_class": per_class, "confusion_matrix": matrix.tolist(),
        "reliability": {"before": bins_of(predictions, 0.7), "after": bins_of(predictions, 1.0)}, "coverage": coverage, "rungs": rungs,
    }  # fmt: skip


def metrics_of(
    folder: Path, names: tuple[str, ...], parts: Mapping[str, Predictions], n_train: int, rng: np.random.Generator
) -> dict[str, Any]:
    accuracy = {part: float(p.is_right.mean()) for part, p in parts.items()}
    level = next(iter(accuracy.values()), 0.9)
    splits = [
        {"seed": s, "n": 560, "accuracy": float(np.clip(level + rng.normal(0, 0.006), 0, 1)), "log_loss": float(0.09 + rng.normal(0, 0.01))}
        for s in range(20)
    ]
    found = [s["accuracy"] for s in splits]
    scale = (1 - level) * n_train**0.5 * 0.8
    points = [
        {
            "n_train": n,
            "accuracy": [float(1 - 0.01 - scale * n**-0.5 + rng.normal(0, 0.1 / n**0.5)) for _ in range(5)],
            "log_loss": [0.1] * 5,
        }
        for n in (n_train // 16, n_train // 8, n_train // 4, n_train // 2, n_train)
    ]
    twice = 1 - 0.01 - scale * (2 * n_train) ** -0.5
    counts = [n_train // len(names)] * len(names)
    return {
        "run": folder.name, "folder": "/photos/wild", "created": "2026-11-21T10:00:00+00:00", "tellapart": "0.1.0", "recipe": "probe",
        "backbone": "lite2", "class_names": list(names), **{part: part_of(p) for part, p in parts.items()},
        "selection": {
            "folds": 5, "n": n_train, "strengths": [{"power": 1.0, "strength": s, "log_loss": 0.05 + abs(np.log10(s) + 2) * 0.01} for s in (1e-3, 1e-2, 1e-1, 1.0)],
            "temperature": 1.08, "clip": 0.0005, "log_loss": {"before": 0.031, "after": 0.029},
        },
        "split_sensitivity": {
            "splits": splits, "accuracy": {"mean": float(np.mean(found)), "low": min(found), "high": max(found)},
            "log_loss": {"mean": 0.09, "low": 0.07, "high": 0.11},
            "first": {"per_class": 50, "n": 50 * len(names), "accuracy": interval(level - 0.02, 0.03), "log_loss": interval(0.12, 0.04, None)},
        },
        "learning_curve": {
            "points": points, "fit": {"floor": 0.01, "scale": scale, "power": 0.5},
            "twice": {"n_train": 2 * n_train, "accuracy": interval(twice, 0.006), "gain": {"value": twice - level, "low": -0.001, "high": 0.012}},
        },
        "leak": {
            "images": 37, "groups": 35, "part": "val", "naive": {"accuracy": interval(0.985, 0.008), "log_loss": interval(0.05, 0.01, None)},
            "honest": {"accuracy": interval(0.968, 0.011), "log_loss": interval(0.09, 0.02, None)},
        },
        "data": {
            "files": 2800, "used": 2790, "unreadable": 4, "set_aside": 6,
            "classes": [{"name": name, "train": c, "val": 0, "test": 0} for name, c in zip(names, counts, strict=True)],
            "duplicates": {"exact_groups": 12, "near_groups": 8, "images": 41, "groups": [[f"a/{i}.jpg", f"b/{i}.jpg"] for i in range(20)]},
        },
        "notes": ["37 images lie in both train and val; they were counted once.", "lite2 was trained on ImageNet, which holds some of these animals."],
    }  # fmt: skip


def write_images(folder: Path, names: tuple[str, ...], parts: Mapping[str, Predictions], n_train: int, rng: np.random.Generator) -> None:
    train_ids = [hashlib.sha256(f"train{i}".encode()).hexdigest() for i in range(n_train)]
    centers = rng.normal(0, 3, (len(names), 2))
    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            "path image_id label part group status reason width height size_bytes x y neighbors similarities".split()  # noqa: SIM905
        )
    }

    def row(**values: Any) -> None:
        for name, column in columns.items():
            column.append(values.get(name))

    for i, image_id in enumerate(train_ids):
        k = i * len(names) // n_train
        x, y = centers[k] + rng.normal(0, 1, 2)
        row(path=f"train/{names[k]}/IMG_{i:05d}.jpg", image_id=image_id, label=names[k], part="train", group=f"t{i}", status="used",
            width=640, height=480, size_bytes=81_000 + i, x=x, y=y)  # fmt: skip
    for predictions in parts.values():
        for i, image_id in enumerate(predictions.image_ids):
            k = predictions.targets[i]
            x, y = centers[k] * 0.95 + rng.normal(0, 1.1, 2)
            near = [train_ids[int(j)] for j in rng.integers(k * n_train // len(names), (k + 1) * n_train // len(names), 3)]
            row(path=predictions.paths[i], image_id=image_id, label=predictions.labels[i], part=predictions.parts[i], group=f"g{i}", status="used",
                width=800, height=600, size_bytes=90_000, x=x, y=y, neighbors=near, similarities=[0.93, 0.91, 0.87])  # fmt: skip
    for i in range(4):
        row(path=f"train/broken {i}.jpg", status="unreadable", reason="the file is cut short", size_bytes=1200)
    for i in range(6):
        row(
            path=f"train/small <{i}>.png",
            image_id=f"{i:064x}",
            label=names[0],
            status="set aside",
            reason="smaller than 32 pixels",
            size_bytes=900,
        )
    kinds = {"width": pa.int32(), "height": pa.int32(), "size_bytes": pa.int64(), "x": pa.float32(), "y": pa.float32(),
             "neighbors": pa.list_(pa.string()), "similarities": pa.list_(pa.float32())}  # fmt: skip
    pq.write_table(
        pa.table({name: pa.array(values, kinds.get(name, pa.string())) for name, values in columns.items()}), folder / "images.parquet"
    )


def history_of(folds: int, epochs: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Epoch events as the loop writes them; folds end after different numbers of epochs."""
    events = []
    for fold in range(1, folds + 1):
        floor, level = rng.uniform(0.07, 0.1), rng.uniform(0.965, 0.98)
        for epoch in range(1, max(1, epochs - (fold - 1) % 3) + 1):
            done = 1 - float(np.exp(-3 * epoch / epochs))
            held = {"loss": floor + 0.6 * (1 - done) + 0.05 * max(0, epoch - 0.8 * epochs) / epochs + rng.uniform(0, 0.01),
                    "accuracy": 0.5 + (level - 0.5) * done, "n": 160}  # fmt: skip
            events.append({"event": "epoch", "fold": fold, "epoch": epoch, "step": 50 * epoch, "lr": 1e-3, "train": {"loss": 0.75 - 0.6 * done, "accuracy": 0.5 + 0.45 * done},
                           "held_out": held, "seconds": 31.5 * epoch, "images_per_s": 152.0})  # fmt: skip
    return events


def as_network(folder: Path, *, recipe: str = "finetune", folds: int = 5, epochs: int = 12, seed: int = 5) -> Path:
    """Make of a run of ``write_run`` one that trained a network."""
    rng = np.random.default_rng(seed)
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    members = [
        {"fold": f, "n": 160, "accuracy": float(rng.uniform(0.96, 0.98)), "log_loss": float(rng.uniform(0.06, 0.1))}
        for f in range(1, folds + 1)
    ]
    metrics |= {
        "recipe": recipe,
        "selection": {"folds": folds, "n": 160 * folds, "temperature": 1.12, "clip": 0.0005, "log_loss": {"before": 0.09, "after": 0.08}, "members": members},
        "split_sensitivity": None, "split_sensitivity_reason": "Other splits were not tried: every one would mean training the network again.",
        "learning_curve": None, "learning_curve_reason": "No learning curve was made.",
        "training": {"seconds": 1890.0, "images": 38_000, "images_per_s": 152.0, "epochs": epochs, "image_size": 240, "augmentation": "flip,rotation=10,shift=0.08"},
    }  # fmt: skip
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    lines = "".join(json.dumps(event) + "\n" for event in history_of(folds, epochs, rng))
    (folder / "history.jsonl").write_text(lines, encoding="utf-8")
    return folder


RUNGS = (
    ("majority class", 0.5), ("5 nearest neighbors", 0.931), ("scratch, resnet", 0.902), ("probe on lite2", 0.955), ("finetune, lite2", 0.968),
    ("finetune, lite2, 5 folds", 0.974), ("finetune, lite2, 5 folds, 4 views", 0.976), ("finetune, lite2, 5 folds, 4 views, calibrated", 0.976),
)  # fmt: skip


def as_ladder(folder: Path, *, saved: str = "finetune, lite2, 5 folds", changed: int = 30) -> Path:
    """Make of a run one of ``tellapart ladder``, with 8 rungs and the images each put right or got wrong."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    for part in {"test", "val"} & set(metrics):
        table = pq.read_table(folder / "predictions.parquet", columns=["path"])
        paths, rungs = table["path"].to_pylist(), []
        for number, (name, accuracy) in enumerate(RUNGS):
            rung: dict[str, Any] = {"name": name, "accuracy": interval(accuracy, 0.013), "log_loss": interval(1 - accuracy, 0.02, None), "gain": None,
                                    "seconds": (0.0, 0.0, 752.0, 3.4, 1903.0, 9400.0, 48.2, 0.0)[number], "images_per_s": 152.0 if number in (2, 4, 5) else None}  # fmt: skip
            if number:
                step = accuracy - RUNGS[number - 1][1]
                rung["gain"] = {"accuracy": {"value": step, "low": step - 0.01, "high": step + 0.01}, "log_loss": {"value": -step, "low": -step - 0.02, "high": -step + 0.02}, "p_value": 0.002 if step else 1.0}  # fmt: skip
                fixed, broke = (changed, changed // 4) if step else (0, 0)
                rung |= {
                    "fixed": {"n": fixed, "paths": paths[: min(24, fixed)]},
                    "broke": {"n": broke, "paths": paths[-min(24, broke) :] if broke else []},
                }
            rungs.append(rung)
        metrics[part]["rungs"] = rungs
    metrics["ladder"] = {"saved": saved}
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    return folder


def write_run(
    folder: Path,
    *,
    names: tuple[str, ...] = ("cats", "dogs"),
    n_test: int = 800,
    n_train: int = 2240,
    sharpness: float = 5.2,
    part: str = "test",
    seed: int = 7,
) -> Path:
    """Write a complete run folder (without model and report) and return it; ``n_test=0`` reports no part at all."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    predictions = predictions_of(names, n_test, rng, sharpness)
    if part != "test":
        predictions = Predictions(**{**predictions.__dict__, "parts": (part,) * n_test})
    parts = {part: predictions} if n_test else {}
    predictions.save(folder / "predictions.parquet")
    write_images(folder, names, parts, n_train, rng)
    metrics = metrics_of(folder, names, parts, n_train, rng)
    if n_test:
        counts = np.bincount(predictions.targets, minlength=len(names))
        for row, count in zip(metrics["data"]["classes"], counts, strict=True):
            row[part] = int(count)
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    options = {
        "verb": "train",
        "folder": "/photos/wild",
        "options": {"backbone": "lite2", "seed": 0},
        "versions": {"tellapart": "0.1.0", "torch": "2.6"},
    }
    (folder / "options.json").write_text(json.dumps(options), encoding="utf-8")
    return folder
