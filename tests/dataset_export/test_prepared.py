from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import tellapart
from tellapart.errors import DataError, OptionError, StorageError
from tests import folders, sample_images


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tellapart.Prepared:
    place = tmp_path_factory.mktemp("prepared")
    root = folders.write(place / "photos", {f"{'ab'[i % 2]}/{i}.jpg": sample_images.photo(i, 40, 40) for i in range(11)})
    tellapart.prepare(root, size=[16, 24], out=place / "new")
    return tellapart.open_prepared(place / "new")


def test_batches_hold_every_image_once_with_its_label(prepared: tellapart.Prepared) -> None:
    part = prepared["train"]
    for seed in (None, 0):
        batches = list(part.batches(4, size=24, seed=seed))
        assert [len(labels) for _, labels in batches] == [4, 4, 3]
        pixels, labels = (np.concatenate([batch[i] for batch in batches]) for i in (0, 1))
        where = [int(np.flatnonzero((part.images(24) == one).all(axis=(1, 2, 3)))[0]) for one in pixels]
        assert sorted(where) == list(range(11))
        assert (sorted(where) == where) == (seed is None)
        assert np.array_equal(part.labels[where], labels)


def test_a_seed_gives_the_same_order_and_an_epoch_another(prepared: tellapart.Prepared) -> None:
    def first(seed: int, epoch: int) -> bytes:
        images, _ = next(prepared["train"].batches(5, seed=seed, epoch=epoch))
        assert not isinstance(images, np.memmap)
        return images.tobytes()

    assert first(0, 0) == first(0, 0)
    assert len({first(0, 0), first(0, 1), first(1, 0)}) == 3


def test_what_is_not_there_is_said_with_what_is(prepared: tellapart.Prepared) -> None:
    with pytest.raises(OptionError, match="no part 'test'") as caught:
        prepared["test"]
    assert caught.value.hint == "the parts are train"
    with pytest.raises(OptionError, match="no size 99") as caught:
        prepared["train"].images(99)
    assert caught.value.hint == "the sizes are 16, 24"
    with pytest.raises(OptionError, match="at least 1"):
        list(prepared["train"].batches(0))


def test_folders_that_are_none_are_told_apart(prepared: tellapart.Prepared, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"was not prepared: it has no prepared\.json"):
        tellapart.open_prepared(tmp_path)
    (tmp_path / "prepared.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        tellapart.open_prepared(tmp_path)
    (tmp_path / "prepared.json").write_text(json.dumps({**prepared.card, "format": 99}))
    with pytest.raises(DataError, match="by a newer version"):
        tellapart.open_prepared(tmp_path)


def test_a_damaged_array_is_said(prepared: tellapart.Prepared, tmp_path: Path) -> None:
    (tmp_path / "prepared.json").write_text(json.dumps(prepared.card))
    part = tellapart.open_prepared(tmp_path)["train"]
    with pytest.raises(StorageError, match="cannot be read as an array"):
        part.images(16)
    data = (prepared.folder / "train_16.npy").read_bytes()
    (tmp_path / "train_16.npy").write_bytes(data[:-100])
    with pytest.raises(StorageError, match="cannot be read as an array"):
        part.images(16)
    np.save(tmp_path / "train_16.npy", np.zeros((3, 16, 16, 3), np.uint8))
    with pytest.raises(StorageError, match="has 3 rows, and there should be 11"):
        part.images(16)


WRONG_CARDS: dict[str, object] = {
    "path outside": lambda card: card["parts"]["train"]["files"].update({"16": ["../x.npy"]}),
    "absolute path": lambda card: card["parts"]["train"]["files"].update({"16": ["/etc/passwd"]}),
    "no list": lambda card: card["parts"]["train"].update({"files": "x"}),
    "negative": lambda card: card["parts"]["train"].update({"images": -1}),
    "classes twice": lambda card: card.update({"class_names": ["a", "a"]}),
    "mean text": lambda card: card.update({"mean": "0.5"}),
    "parts list": lambda card: card.update({"parts": []}),
    "format true": lambda card: card.update({"format": True}),
}


@pytest.mark.parametrize("kind", WRONG_CARDS)
def test_a_card_with_a_wrong_value_is_a_clear_error(tmp_path: Path, kind: str) -> None:
    part = {"images": 1, "files": {"16": ["train.npy"]}, "classes": {"a": 1}}
    card = {"format": 1, "form": "npy", "fingerprint": "0", "sizes": ["16"], "class_names": ["a"]}
    card |= {"parts": {"train": part}, "mean": None, "std": None}
    (tmp_path / "prepared.json").write_text(json.dumps(card))
    assert tellapart.open_prepared(tmp_path).class_names == ("a",)
    WRONG_CARDS[kind](card)  # type: ignore[operator]
    (tmp_path / "prepared.json").write_text(json.dumps(card))
    with pytest.raises(DataError, match="cannot be read"):
        tellapart.open_prepared(tmp_path)
