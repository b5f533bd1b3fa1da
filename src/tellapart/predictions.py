"""Predictions: the record that all metrics are computed from."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tellapart.array_types import BoolArray, FloatArray, IntArray
from tellapart.counts import count
from tellapart.errors import StorageError, reason_of
from tellapart.json_files import parse_json, several, text
from tellapart.parquet_files import read_parquet, write_parquet

COLUMNS = ("image_id", "path", "label", "part", "group", "probabilities", "logits")
"""Columns that are read from ``predictions.parquet``."""


PredictionRow: TypeAlias = dict[str, str | float | None]
"""A row of a table of predictions by column name; see :meth:`Predictions.iter_records`."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Probabilities for n images and k classes, with labels, parts and groups.

    Attributes:
        image_ids: n content hashes.
        paths: n paths, relative to the image folder.
        labels: n class names, None where the label is unknown.
        probabilities: float64 (n, k), rows sum to 1; calibrated (after temperature and clip).
        logits: float64 (n, k), uncalibrated.
        class_names: k names, the order of the columns.
        parts: n part names (``train``, ``val``, ``test``) or None.
        groups: n group names; images of a group are not independent of each other.
        source: where the predictions come from, e.g. ``probe on lite2``.
    """

    image_ids: tuple[str, ...]
    paths: tuple[str, ...]
    labels: tuple[str | None, ...]
    probabilities: FloatArray
    logits: FloatArray
    class_names: tuple[str, ...]
    parts: tuple[str | None, ...]
    groups: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        n, k = len(self.image_ids), len(self.class_names)
        for name in ("probabilities", "logits"):
            if getattr(self, name).shape != (n, k):
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, expected {(n, k)}")
        for name in ("paths", "labels", "parts", "groups"):
            if len(getattr(self, name)) != n:
                raise ValueError(f"{name} has {count(len(getattr(self, name)), 'item')}, expected {n}")

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def targets(self) -> IntArray:
        """Integer labels, int64 (n,); -1 where the label is unknown or not one of the classes."""
        index = {name: i for i, name in enumerate(self.class_names)}
        return np.array([index.get(label, -1) if label is not None else -1 for label in self.labels], dtype=np.int64)

    @property
    def predicted(self) -> IntArray:
        """Index of the most probable class, int64 (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @property
    def confidence(self) -> FloatArray:
        """Probability of the predicted class, float64 (n,)."""
        return np.asarray(self.probabilities.max(axis=1))

    @property
    def is_right(self) -> BoolArray:
        """Whether the predicted class is the label, bool (n,)."""
        return np.asarray(self.predicted == self.targets)

    def where(self, keep: BoolArray | IntArray) -> Predictions:
        """Select rows by a mask, bool (n,), or by indices, int (m,)."""
        index = np.arange(len(self))[keep]

        def take(column: Sequence[Any]) -> tuple[Any, ...]:
            return tuple(column[i] for i in index)

        return replace(
            self,
            image_ids=take(self.image_ids),
            paths=take(self.paths),
            labels=take(self.labels),
            probabilities=self.probabilities[index],
            logits=self.logits[index],
            parts=take(self.parts),
            groups=take(self.groups),
        )

    def part(self, name: str) -> Predictions:
        """The rows of one part."""
        return self.where(np.array([part == name for part in self.parts], dtype=bool))

    def to_table(self) -> Any:
        """A pyarrow table in the form of ``predictions.parquet`` (see docs/reference/run-folder.md)."""
        import pyarrow as pa

        names = [self.class_names[i] for i in self.predicted]
        table = pa.table(
            {
                "image_id": pa.array(self.image_ids, pa.string()),
                "path": pa.array(self.paths, pa.string()),
                "label": pa.array(self.labels, pa.string()),
                "part": pa.array(self.parts, pa.string()),
                "group": pa.array(self.groups, pa.string()),
                "predicted": pa.array(names, pa.string()),
                "probability": pa.array(self.confidence, pa.float64()),
                "probabilities": _lists(self.probabilities),
                "logits": _lists(self.logits),
            }
        )
        return table.replace_schema_metadata({"class_names": json.dumps(self.class_names), "source": self.source})

    @property
    def columns(self) -> list[str]:
        """The columns of every table of predictions: of :meth:`records`, of :meth:`to_frame`, and of what ``predict --out`` writes."""
        return ["path", "label", "predicted", "probability", *(f"p({name})" for name in self.class_names), "status", "reason"]

    def records(self) -> list[PredictionRow]:
        """One row per image, as :meth:`iter_records` gives them."""
        return list(self.iter_records())

    def iter_records(self) -> Iterator[PredictionRow]:
        """Yield one row per image, by column name.

        ``label`` is the true class, None where it is unknown; ``predicted`` the most probable class, ``probability`` its
        probability, ``p(<class>)`` that of each class. ``status`` and ``reason`` say which files could not be read; here
        they are ``ok`` and None.
        """
        columns, confidence = self.columns, self.confidence
        for row, predicted in enumerate(self.predicted.tolist()):
            own = (self.paths[row], self.labels[row], self.class_names[predicted], float(confidence[row]))
            yield dict(zip(columns, [*own, *self.probabilities[row].tolist(), "ok", None], strict=True))

    def to_frame(self) -> Any:
        """A pandas DataFrame of :meth:`records`."""
        import pandas as pd

        return pd.DataFrame(self.records(), columns=self.columns)

    def save(self, path: Path) -> None:
        """Write ``predictions.parquet`` atomically."""
        write_parquet(self.to_table(), path)

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """Read what :meth:`save` wrote.

        Raises:
            StorageError: the file is absent or damaged.
        """
        try:
            table = read_parquet(path)
            metadata = table.schema.metadata or {}
            class_names = tuple(parse_json(metadata[b"class_names"], several(text(), is_unique=True)))
            column = {name: table.column(name).to_pylist() for name in COLUMNS}
            shape = (table.num_rows, len(class_names))
            predictions = cls(
                image_ids=tuple(column["image_id"]),
                paths=tuple(column["path"]),
                labels=tuple(column["label"]),
                probabilities=np.array(column["probabilities"], dtype=np.float64).reshape(shape),
                logits=np.array(column["logits"], dtype=np.float64).reshape(shape),
                class_names=class_names,
                parts=tuple(column["part"]),
                groups=tuple(column["group"]),
                source=metadata[b"source"].decode(),
            )
            predictions._check_values()
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise StorageError(f"{path} cannot be read as predictions: {reason_of(error)}") from error
        return predictions

    def _check_values(self) -> None:
        """Check that ids, paths and groups are text, and that probabilities are valid.

        Raises:
            ValueError: they are not.
        """
        for name in ("image_ids", "paths", "groups"):
            if not all(isinstance(value, str) for value in getattr(self, name)):
                raise ValueError(f"{name} are not all text")
        for name in ("labels", "parts"):
            if not all(value is None or isinstance(value, str) for value in getattr(self, name)):
                raise ValueError(f"{name} are not all text or absent")
        if not np.isfinite(self.logits).all() or not (self.probabilities >= 0).all():
            raise ValueError("logits or probabilities are not finite, or probabilities are negative")
        if len(self) and not np.allclose(self.probabilities.sum(axis=1), 1.0, atol=1e-6):
            raise ValueError("the probabilities of an image do not sum to 1")

    def _repr_html_(self) -> str:
        rows = self.to_frame().head(10)
        return (
            f"<b>{count(len(self), 'prediction')}</b>, {count(len(self.class_names), 'class', 'classes')}, from {html.escape(self.source)}"
            + str(rows.to_html(index=False))
        )


def _lists(values: FloatArray) -> Any:
    """A pyarrow column with one list for each row of float64 (n, k)."""
    import pyarrow as pa

    n, k = values.shape
    flat = pa.array(np.ascontiguousarray(values, np.float64).ravel())
    return pa.ListArray.from_arrays(pa.array(np.arange(n + 1, dtype=np.int32) * np.int32(k)), flat)
