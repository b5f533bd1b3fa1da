"""The tables of a prepared dataset: the location of each image, and the files left out with the reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tellapart.csv_writer import csv_file
from tellapart.dataset_export.samples import Sample
from tellapart.parquet_files import write_parquet

ROWS_AT_ONCE = 10_000


def write_samples(samples: Iterable[Sample], path: Path) -> dict[str, dict[str, int]]:
    """Write ``part``, ``row`` (in its part, from 0), ``path``, ``image_id``, ``label``, ``target`` and ``group`` of each sample.

    Returns:
        The number of images of each class, by part.
    """
    import pyarrow as pa

    text, whole = pa.string(), pa.int64()
    schema = pa.schema(
        [("part", text), ("row", whole), ("path", text), ("image_id", text), ("label", text), ("target", whole), ("group", text)]
    )
    rows: Counter[str] = Counter()
    classes: dict[str, Counter[str]] = defaultdict(Counter)
    waiting: list[dict[str, Any]] = []
    tables = [schema.empty_table()]
    for one in samples:
        place = {"part": one.part, "row": rows[one.part], "path": one.path, "image_id": one.image_id}
        waiting.append({**place, "label": one.label, "target": one.target, "group": one.group})
        rows[one.part] += 1
        classes[one.part].update([one.label] if one.label is not None else [])
        if len(waiting) == ROWS_AT_ONCE:
            tables.append(pa.Table.from_pylist(waiting, schema=schema))
            waiting = []
    write_parquet(pa.concat_tables([*tables, pa.Table.from_pylist(waiting, schema=schema)]), path)
    return {part: dict(sorted(classes[part].items())) for part in rows}


def write_left_out(left_out: Mapping[str, str], path: Path) -> None:
    """Write ``path`` and ``reason`` of every file that is not in the prepared set."""
    with csv_file(path, ("path", "reason")) as writer:
        writer.write_all(left_out.items())
