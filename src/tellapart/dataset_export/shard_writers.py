"""Shards: prepared images in tar files (as the package webdataset reads them) or Parquet files (as Hugging Face has them)."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from tellapart.array_types import ByteArray
from tellapart.dataset_export.rendering import ORIGINAL, encoded, suffix_of
from tellapart.dataset_export.samples import PartFiles, Rendered, Sample
from tellapart.json_files import checked_record

IMAGES_A_GROUP = 100
"""Of a Parquet file: the unit in which it is read."""
BYTES_A_GROUP = 1 << 24
_MODE = 0o644


class Shard(Protocol):
    """One file that takes encoded images."""

    size_bytes: int

    def add(self, sample: Sample, key: str, data: bytes) -> None:
        """Write an image under a key."""

    def finish(self) -> None:
        """Complete and sync the file."""

    def close(self) -> None:
        """Let go of the file."""


class TarShard:
    """``<key>.jpg``, ``<key>.cls`` (the target) and ``<key>.json`` for each image; the same images give the same bytes."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = open(path, "wb")  # noqa: SIM115
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
        self.size_bytes = 0

    def add(self, sample: Sample, key: str, data: bytes) -> None:
        """Write an image and what is known of it."""
        card = {"path": sample.path, "label": sample.label, "image_id": sample.image_id, "part": sample.part, "group": sample.group}
        card = {key: value and value.encode("utf-8", "backslashreplace").decode("utf-8") for key, value in card.items()}
        text = json.dumps(checked_record(card), ensure_ascii=False, sort_keys=True).encode("utf-8")
        for suffix, body in ((suffix_of(data), data), ("cls", str(sample.target).encode()), ("json", text)):
            member = tarfile.TarInfo(f"{key}.{suffix}")
            member.size, member.mode = len(body), _MODE
            self._tar.addfile(member, io.BytesIO(body))
        self.size_bytes = self._file.tell()

    def finish(self) -> None:
        """Complete and sync the file."""
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def close(self) -> None:
        """Let go of the file."""
        with suppress(OSError):
            self._file.close()


class ParquetShard:
    """Rows of image (bytes and path), label (a number with its name in the schema), image_id and group."""

    def __init__(self, path: Path, class_names: Sequence[str]) -> None:
        import pyarrow.parquet as pq

        self._schema = _image_schema(class_names)
        self._file: BinaryIO = open(path, "wb")  # noqa: SIM115
        self._writer = pq.ParquetWriter(self._file, self._schema, compression="none")
        self._rows: list[dict[str, Any]] = []
        self._waiting = 0
        self.size_bytes = 0

    def add(self, sample: Sample, key: str, data: bytes) -> None:
        """Take an image; it is written with its row group."""
        label = sample.target if sample.label is not None else None
        image = {"bytes": data, "path": sample.path}
        self._rows.append({"image": image, "label": label, "image_id": sample.image_id, "group": sample.group})
        self._waiting += len(data)
        self.size_bytes += len(data)
        if len(self._rows) == IMAGES_A_GROUP or self._waiting >= BYTES_A_GROUP:
            self._write()

    def finish(self) -> None:
        """Complete and sync the file."""
        self._write()
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def close(self) -> None:
        """Let go of the file."""
        self._rows = []
        with suppress(OSError):
            self._writer.close()
        with suppress(OSError):
            self._file.close()

    def _write(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows, self._waiting = [], 0


def _image_schema(class_names: Sequence[str]) -> Any:
    """Columns with the note by which the package datasets knows images and classes."""
    import pyarrow as pa

    text = {"dtype": "string", "_type": "Value"}
    label = {"names": list(class_names), "_type": "ClassLabel"} if class_names else {"dtype": "int64", "_type": "Value"}
    features = {"image": {"_type": "Image"}, "label": label, "image_id": text, "group": text}
    fields = [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("label", pa.int64()),
        ("image_id", pa.string()),
        ("group", pa.string()),
    ]
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})


class ShardStore:
    """The shards of a prepared data set; those of all sizes are full at the same image, so that they go together."""

    saves_every_s = 0.0

    def __init__(self, folder: Path, sizes: Sequence[int], form: ShardForm, shard_bytes: int, state: Mapping[str, Sequence[int]]) -> None:
        """Go on after the finished shards of ``state`` (see :meth:`saved`); others are overwritten."""
        self._folder, self._sizes, self._form, self._shard_bytes = folder, sizes, form, shard_bytes
        self._full: dict[str, list[int]] = {part: list(rows) for part, rows in state.items()}
        self._open: dict[int, Shard] = {}
        self._part = ""
        self._rows = 0
        for size in sizes:
            self._place(size).mkdir(parents=True, exist_ok=True)

    def render(self, data: bytes, pixels: Mapping[int, ByteArray]) -> Rendered:
        """The files of one image: the original, or JPEGs of uint8 (size, size, 3) by size."""
        return {size: data if size == ORIGINAL else encoded(pixels[size]) for size in self._sizes}

    def add(self, sample: Sample, rendered: Rendered) -> bool:
        """Write an image; true when that filled a shard."""
        if self._open and sample.part != self._part:
            self._close_shards()
        if not self._open:
            self._part, self._rows = sample.part, 0
            number = len(self._full.setdefault(sample.part, []))
            self._open = {size: self._form.shard(self._place(size) / self._form.growing(sample.part, number)) for size in self._sizes}
        key = f"{sum(self._full[sample.part]) + self._rows:09}"
        for size, shard in self._open.items():
            shard.add(sample, key, rendered[size])
        self._rows += 1
        is_full = max(shard.size_bytes for shard in self._open.values()) >= self._shard_bytes
        if is_full:
            self._close_shards()
        return is_full

    def saved(self) -> dict[str, list[int]]:
        """The numbers of images in each finished shard of each part."""
        return {part: list(rows) for part, rows in self._full.items()}

    def finish(self) -> dict[str, PartFiles]:
        """Complete the last shards and give all their final names; for each part its files."""
        self._close_shards()
        files_of_parts: dict[str, PartFiles] = {}
        for part, rows in self._full.items():
            files: dict[str, list[str]] = {}
            for size in self._sizes:
                for number in range(len(rows)):
                    growing = self._place(size) / self._form.growing(part, number)
                    final = growing.with_name(self._form.final(part, number, len(rows)))
                    if growing != final and growing.exists():
                        os.replace(growing, final)
                    files.setdefault(size_name(size), []).append(final.relative_to(self._folder).as_posix())
            files_of_parts[part] = {"images": sum(rows), "files": files}
        return files_of_parts

    def close(self) -> None:
        """Let go of the open shards."""
        for shard in self._open.values():
            shard.close()

    def _close_shards(self) -> None:
        if self._open:
            for shard in self._open.values():
                shard.finish()
            self._full[self._part].append(self._rows)
        self._open, self._rows = {}, 0

    def _place(self, size: int) -> Path:
        return self._folder / size_name(size) / self._form.folder


class ShardForm:
    """Names and writer of one kind of shard."""

    def __init__(self, kind: str, class_names: Sequence[str]) -> None:
        self.folder = "data" if kind == "parquet" else "."
        make: dict[str, Callable[[Path], Shard]] = {"tar": TarShard, "parquet": lambda path: ParquetShard(path, class_names)}
        self.kind, self.shard = kind, make[kind]

    def growing(self, part: str, number: int) -> str:
        """A shard's name while the number of shards is not known."""
        return f"{part}-{number:06}.tar" if self.kind == "tar" else f"{part}-{number:05}.parquet"

    def final(self, part: str, number: int, count: int) -> str:
        """A shard's name among ``count``."""
        return self.growing(part, number) if self.kind == "tar" else f"{part}-{number:05}-of-{count:05}.parquet"


def size_name(size: int) -> str:
    """A size as it is called in names and flags."""
    return "original" if size == ORIGINAL else str(size)
