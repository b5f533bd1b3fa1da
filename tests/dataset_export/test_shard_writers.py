from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tellapart.dataset_export.rendering import ORIGINAL
from tellapart.dataset_export.samples import Sample
from tellapart.dataset_export.shard_writers import ShardForm, ShardStore
from tellapart.json_files import checked_record
from tests import sample_images


def sample(number: int, part: str = "train") -> Sample:
    return Sample(Path("/x"), f"a/{number}.jpg", f"id {number}", "dogs", 1, part, None if number else "album")


def store(folder: Path, kind: str, state: dict[str, list[int]], sizes: tuple[int, ...] = (16,), most: int = 10**9) -> ShardStore:
    return ShardStore(folder, sizes, ShardForm(kind, ("cats", "dogs")), most, state)


def pixels(number: int) -> np.ndarray:
    return sample_images.photo_pixels(number, 16, 16)


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def test_a_tar_shard_is_what_webdataset_reads(tmp_path: Path) -> None:
    shards = store(tmp_path, "tar", {}, (16, ORIGINAL))
    original = sample_images.palette_png()
    assert not shards.add(sample(0), shards.render(original, {16: pixels(0)}))
    shards.add(sample(1), shards.render(original, {16: pixels(1)}))
    found = shards.finish()
    names = {"16": ["16/train-000000.tar"], "original": ["original/train-000000.tar"]}
    assert found == {"train": {"images": 2, "files": names}}
    small = members(tmp_path / "16/train-000000.tar")
    assert list(small) == [f"00000000{i}.{suffix}" for i in (0, 1) for suffix in ("jpg", "cls", "json")]
    assert small["000000001.cls"] == b"1"
    card = {"path": "a/0.jpg", "label": "dogs", "image_id": "id 0", "part": "train", "group": "album"}
    assert json.loads(small["000000000.json"]) == checked_record(card)
    assert Image.open(io.BytesIO(small["000000000.jpg"])).size == (16, 16)
    assert members(tmp_path / "original/train-000000.tar")["000000000.png"] == original


def test_a_parquet_shard_is_what_hugging_face_reads(tmp_path: Path) -> None:
    shards = store(tmp_path, "parquet", {})
    for number in range(150):
        shards.add(sample(number), shards.render(b"", {16: pixels(0)}))
    assert shards.finish() == {"train": {"images": 150, "files": {"16": ["16/data/train-00000-of-00001.parquet"]}}}
    path = tmp_path / "16/data/train-00000-of-00001.parquet"
    table = pq.read_table(path)
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["label"] == {"names": ["cats", "dogs"], "_type": "ClassLabel"}
    assert features["image"] == {"_type": "Image"}
    assert pq.ParquetFile(path).num_row_groups == 2
    row = table.to_pylist()[149]
    assert (row["label"], row["image_id"], row["group"], row["image"]["path"]) == (1, "id 149", None, "a/149.jpg")
    assert Image.open(io.BytesIO(row["image"]["bytes"])).size == (16, 16)


@pytest.mark.parametrize("kind", ["tar", "parquet"])
def test_shards_go_on_after_the_last_full_one_and_end_with_the_same_bytes(tmp_path: Path, kind: str) -> None:
    def fill(shards: ShardStore, start: int) -> dict[str, list[int]]:
        state: dict[str, list[int]] = {}
        for number in range(start, 40):
            one = sample(number, "train" if number < 30 else "val")
            if shards.add(one, shards.render(b"", {16: pixels(number), 8: pixels(number)[::2, ::2]})):
                state = shards.saved()
            if number == 20 and not start:
                break
        return state

    whole = store(tmp_path / "whole", kind, {}, (16, 8), 8000)
    for number in range(40):
        whole.add(sample(number, "train" if number < 30 else "val"), whole.render(b"", {16: pixels(number), 8: pixels(number)[::2, ::2]}))
    card = whole.finish()
    cut = store(tmp_path / "cut", kind, {}, (16, 8), 8000)
    state = fill(cut, start=0)
    cut.close()
    assert 0 < sum(state["train"]) <= 21
    again = store(tmp_path / "cut", kind, state, (16, 8), 8000)
    fill(again, start=sum(state["train"]))
    assert again.finish() == again.finish() == card
    files = {p.relative_to(tmp_path / "whole"): p.read_bytes() for p in (tmp_path / "whole").rglob("*") if p.is_file()}
    assert files == {p.relative_to(tmp_path / "cut"): p.read_bytes() for p in (tmp_path / "cut").rglob("*") if p.is_file()}
    assert len(card["train"]["files"]["16"]) == len(card["train"]["files"]["8"]) > 2
    assert card["train"]["images"] == 30
