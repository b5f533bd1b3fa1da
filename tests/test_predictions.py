from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tellapart.errors import StorageError
from tellapart.predictions import Predictions


def predictions(n: int = 4) -> Predictions:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(n, 3))
    e = np.exp(logits)
    ids = tuple(f"id{i}" for i in range(n))
    return Predictions(
        ids,
        tuple(f"{i}\n猫.jpg" for i in range(n)),
        ("a", "b", None, "unknown")[:n],
        e / e.sum(axis=1, keepdims=True),
        logits,
        ("a", "b", "ü"),
        ("test", "val", None, "test")[:n],
        ids,
        "toy",
    )


@pytest.mark.parametrize("n", [0, 1, 4])
def test_they_survive_the_disk_bit_for_bit(tmp_path: Path, n: int) -> None:
    before = predictions(n)
    before.save(tmp_path / "predictions.parquet")
    after = Predictions.load(tmp_path / "predictions.parquet")
    assert np.array_equal(before.probabilities, after.probabilities)
    assert np.array_equal(before.logits, after.logits)
    for name in ("image_ids", "paths", "labels", "class_names", "parts", "groups", "source"):
        assert getattr(before, name) == getattr(after, name)


def test_targets_know_what_is_unknown() -> None:
    assert predictions().targets.tolist() == [0, 1, -1, -1]


def test_rows_are_chosen_by_mask_index_and_part() -> None:
    whole = predictions()
    assert whole.where(np.array([True, False, True, False])).image_ids == ("id0", "id2")
    assert whole.where(np.array([3, 0])).image_ids == ("id3", "id0")
    assert whole.part("test").image_ids == ("id0", "id3")
    assert len(whole.part("train")) == 0
    assert np.array_equal(whole.where(np.array([2])).logits[0], whole.logits[2])


def test_the_frame_has_a_column_for_every_class() -> None:
    frame = predictions().to_frame()
    assert list(frame.columns) == ["path", "label", "predicted", "probability", "p(a)", "p(b)", "p(ü)", "status", "reason"]
    assert frame["probability"].tolist() == predictions().confidence.tolist()


@pytest.mark.parametrize("name", ["probabilities", "logits", "paths", "labels", "parts", "groups"])
def test_columns_of_another_length_are_refused(name: str) -> None:
    whole = predictions()
    with pytest.raises(ValueError, match=name):
        replace(whole, **{name: getattr(whole, name)[:-1]})


@pytest.mark.parametrize("content", [None, b"", b"PAR1 not really PAR1"])
def test_a_damaged_file_is_a_storage_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "predictions.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StorageError, match=r"predictions\.parquet"):
        Predictions.load(path)


def test_a_table_of_another_kind_is_a_storage_error(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"something": [1]}), tmp_path / "other.parquet")
    with pytest.raises(StorageError):
        Predictions.load(tmp_path / "other.parquet")
    pq.write_table(pa.table({"something": [1]}).replace_schema_metadata({"class_names": '["a"]', "source": "x"}), tmp_path / "half.parquet")
    with pytest.raises(StorageError):
        Predictions.load(tmp_path / "half.parquet")
