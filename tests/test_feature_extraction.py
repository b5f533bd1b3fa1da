from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tellapart.dataset import Catalog, Dataset, open_dataset
from tellapart.errors import DataError, StorageError
from tellapart.feature_extraction import BATCH, Extraction, extract
from tellapart.feature_spec import FeatureSpec
from tellapart.models.backbone_card import Backbone, BackboneCard
from tests import folders, sample_images

CARD = BackboneCard("toy", "toy", "0" * 64, 32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 12)
OTHER = BackboneCard("other", "other", "1" * 64, 48, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 12)


_folder = tempfile.TemporaryDirectory()
TENSORS = Path(_folder.name) / "toy.safetensors"
save_file({"weight": np.arange(4, dtype=np.float32)}, TENSORS)


class ToyNetwork:
    """A network that needs no torch: the mean color of four quarters, counting the images it has seen."""

    device = "cpu"

    def __init__(self, card: BackboneCard) -> None:
        self.card = card
        self.seen = 0
        self.mirrors: set[bool] = set()

    def features(self, pixels: np.ndarray, *, mirror: bool) -> np.ndarray:
        assert pixels.shape[1:] == (self.card.image_size, self.card.image_size, 3)
        self.seen += len(pixels)
        self.mirrors.add(mirror)
        half = self.card.image_size // 2
        blocks = pixels.reshape(len(pixels), 2, half, 2, half, 3).mean(axis=(2, 4), dtype=np.float32)
        return blocks.reshape(len(pixels), 12)


@pytest.fixture
def networks() -> dict[str, ToyNetwork]:
    return {"toy": ToyNetwork(CARD), "other": ToyNetwork(OTHER)}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def dataset(photos: Path, tmp_path: Path) -> Dataset:
    return open_dataset(folders.some_of(photos, tmp_path / "photos", each=7))


def spec(*cards: BackboneCard) -> FeatureSpec:
    return FeatureSpec(tuple(Backbone(card, TENSORS) for card in cards or (CARD,)))


def run(dataset: Dataset, networks: dict[str, ToyNetwork], *cards: BackboneCard, state: Path | None = None) -> tuple[Extraction, int]:
    """The extraction, and how many images went through a network for it."""
    before = sum(n.seen for n in networks.values())
    if state is None:
        found = extract(dataset, spec(*cards), network=lambda b: networks[b.card.name])
    else:
        with Catalog(state) as catalog:
            found = extract(dataset, spec(*cards), catalog=catalog, network=lambda b: networks[b.card.name])
    return found, sum(n.seen for n in networks.values()) - before


def test_every_file_has_its_features_in_its_place(dataset: Dataset, networks: dict[str, ToyNetwork]) -> None:
    found, seen = run(dataset, networks)
    assert seen == len(dataset) == len(found.files) == 21
    assert [file.path for file in found.files] == [entry.path for entry in dataset.entries]
    network = ToyNetwork(CARD)
    from tellapart.images import decode, resize

    for file in found.files[::5]:
        pixels = resize(decode((dataset.root / file.path).read_bytes(), min_size=128).pixels, 32, "crop")
        assert np.allclose(found.features.of([file.image_id])[0], network.features(pixels[None], mirror=False)[0])


@pytest.mark.parametrize("num_workers", [1, 2, 7])
def test_the_number_of_workers_changes_nothing(
    dataset: Dataset, networks: dict[str, ToyNetwork], num_workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = run(dataset, networks)
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "another"))
    second = extract(dataset, spec(), network=lambda b: networks["toy"], num_workers=num_workers)
    assert second.files == first.files
    assert np.array_equal(second.features.values, first.features.values)


def test_a_second_time_nothing_is_read_or_computed(
    dataset: Dataset, networks: dict[str, ToyNetwork], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "catalog.sqlite"
    first, _ = run(dataset, networks, state=state)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail(f"read {self}"))
    second, seen = run(dataset, networks, state=state)
    assert seen == 0
    assert np.array_equal(second.features.values, first.features.values)
    assert second.facts == first.facts
    assert len(second.facts) == 21


@pytest.mark.parametrize("mirror", [True, False])
def test_the_network_mirrors_if_asked(dataset: Dataset, networks: dict[str, ToyNetwork], mirror: bool) -> None:
    extract(dataset, FeatureSpec((Backbone(CARD, TENSORS),), mirror=mirror), network=lambda b: networks["toy"])
    assert networks["toy"].mirrors == {mirror}


def test_no_network_is_made_while_another_is_at_work(dataset: Dataset) -> None:
    """torch.fx patches every module of the process while it traces one."""
    turns = itertools.count()
    at_work: set[int] = set()
    overlaps = []

    class SlowNetwork(ToyNetwork):
        def features(self, pixels: np.ndarray, *, mirror: bool) -> np.ndarray:
            at_work.add(id(pixels))
            time.sleep(0.2 * next(turns))
            at_work.discard(id(pixels))
            return super().features(pixels, mirror=mirror)

    def make(backbone: Backbone) -> SlowNetwork:
        for _ in range(20):
            time.sleep(0.01)
            overlaps.extend(at_work)
        return SlowNetwork(backbone.card)

    assert len(dataset.entries) > BATCH
    extract(dataset, spec(CARD, OTHER), network=make, num_workers=2)
    assert overlaps == []


def test_without_a_catalog_files_are_read_again_but_not_computed(dataset: Dataset, networks: dict[str, ToyNetwork]) -> None:
    run(dataset, networks)
    assert run(dataset, networks)[1] == 0


def test_a_new_and_a_changed_file_alone_are_computed(dataset: Dataset, networks: dict[str, ToyNetwork], tmp_path: Path) -> None:
    state = tmp_path / "catalog.sqlite"
    first, _ = run(dataset, networks, state=state)
    folders.write(dataset.root, {"dots/new.jpg": sample_images.photo(501), dataset.entries[0].path: sample_images.photo(502)})
    second, seen = run(open_dataset(dataset.root), networks, state=state)
    assert seen == 2
    assert second.files[0].image_id != first.files[0].image_id


def test_a_moved_file_is_known_by_its_content(dataset: Dataset, networks: dict[str, ToyNetwork], tmp_path: Path) -> None:
    state = tmp_path / "catalog.sqlite"
    run(dataset, networks, state=state)
    (dataset.root / dataset.entries[0].path).rename(dataset.root / "plain/moved here.jpg")
    assert run(open_dataset(dataset.root), networks, state=state)[1] == 0


def test_another_backbone_adds_its_features_beside(dataset: Dataset, networks: dict[str, ToyNetwork], tmp_path: Path) -> None:
    state = tmp_path / "catalog.sqlite"
    alone, _ = run(dataset, networks, state=state)
    both, seen = run(dataset, networks, CARD, OTHER, state=state)
    assert seen == 21
    assert both.features.values.shape == (21, 24)
    assert np.array_equal(both.features.values[:, :12], alone.features.values)
    assert networks["other"].seen == 21


def test_everything_the_vectors_depend_on_has_its_own_cache(tmp_path: Path) -> None:
    backbone = Backbone(CARD, TENSORS)
    base = FeatureSpec((backbone,))
    others = tmp_path / "others.safetensors"
    save_file({"weight": np.zeros(4, np.float32)}, others)
    prints = {
        base.fingerprint(backbone),
        replace(base, resize="pad").fingerprint(backbone),
        replace(base, mirror=False).fingerprint(backbone),
        base.fingerprint(backbone.sized(64)),
        base.fingerprint(Backbone(CARD, others)),
        base.fingerprint(backbone.in_precision("float32", "cpu")),
        base.fingerprint(backbone.in_precision("bfloat16", "cpu")),
        base.fingerprint(Backbone(replace(CARD, mean=(0.4, 0.5, 0.5)), TENSORS)),
    }
    assert len(prints) == 7, "auto is one of the two number formats"
    copy = tmp_path / "copy.safetensors"
    save_file({"backbone.0.weight": np.arange(4, dtype=np.float32), "head": np.zeros(3)}, copy)
    same = Backbone(replace(CARD, weights_sha256="2" * 64), copy, "backbone.0.")
    assert base.fingerprint(backbone) == base.fingerprint(same), "what the tensors hold counts, not the card's word for it"


def test_tensors_that_change_under_the_same_card_have_their_own_features(
    dataset: Dataset, networks: dict[str, ToyNetwork], tmp_path: Path
) -> None:
    file = tmp_path / "model.safetensors"
    for value, seen in ((1, 21), (1, 21), (2, 42), (1, 42)):
        save_file({"weight": np.full(4, value, np.float32)}, file)
        extract(dataset, FeatureSpec((Backbone(CARD, file),)), network=lambda _: networks["toy"])
        assert networks["toy"].seen == seen


def test_a_square_that_has_rotted_is_made_again(dataset: Dataset, networks: dict[str, ToyNetwork], tmp_path: Path) -> None:
    wanted = replace(spec(), pixel_sizes=(16,))
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        found = extract(dataset, wanted, catalog=catalog, network=lambda _: networks["toy"])
        (store,) = wanted.pixel_stores()
        ids = list(found.features.image_ids)
        with store.open(ids) as pixels:
            before = pixels.take(np.arange(len(ids)))
        for path in store.folder.glob("*.pixels"):
            data = bytearray(path.read_bytes())
            data[100] ^= 1
            path.write_bytes(data)
        extract(dataset, wanted, catalog=catalog, network=lambda _: networks["toy"])
        with store.open(ids) as pixels:
            assert np.array_equal(pixels.take(np.arange(len(ids))), before)
    assert networks["toy"].seen == 21, "its features were whole"


def test_unreadable_files_have_a_reason_and_stop_nobody(photos: Path, networks: dict[str, ToyNetwork], tmp_path: Path) -> None:
    root = folders.some_of(photos, tmp_path / "photos", each=3)
    bad = sample_images.bad_files()
    folders.write(root, {f"bad/{name}": data for name, (data, _) in bad.items()})
    (root / "bad/nowhere.jpg").symlink_to(root / "missing")
    (root / "bad/loop.jpg").symlink_to(root / "bad/loop.jpg")
    (root / "bad/folder.png").symlink_to(root / "dots")
    found, seen = run(open_dataset(root), networks, state=tmp_path / "catalog.sqlite")
    reasons = {file.path: file.reason for file in found.files if file.image_id is None}
    assert seen == 9
    for name, (_, reason) in bad.items():
        assert str(reasons.pop(f"bad/{name}")).startswith(reason), name
    assert reasons == {"bad/nowhere.jpg": "there is no such file", "bad/loop.jpg": "cannot be read: Too many levels of symbolic links"}


def test_an_unreadable_file_is_tried_again(photos: Path, networks: dict[str, ToyNetwork], tmp_path: Path) -> None:
    root, state = folders.some_of(photos, tmp_path / "photos", each=2), tmp_path / "catalog.sqlite"
    broken = root / "dots/broken.jpg"
    broken.write_bytes(b"")
    found, _ = run(open_dataset(root), networks, state=state)
    assert [file.reason for file in found.files if file.image_id is None] == ["empty file"]
    broken.write_bytes(sample_images.photo(1))
    found, seen = run(open_dataset(root), networks, state=state)
    assert seen == 1
    assert all(file.image_id for file in found.files)


def test_nothing_readable_is_a_clear_error_with_the_reasons(networks: dict[str, ToyNetwork], tmp_path: Path) -> None:
    root = folders.write(tmp_path / "photos", {"a/1.jpg": b"", "b/2.jpg": sample_images.TEXT})
    with pytest.raises(DataError, match=r"none of the 2 files could be read: empty file; not an image \(looks like text\)"):
        run(open_dataset(root), networks)


@pytest.mark.parametrize("kind", ["flipped", "cut", "empty", "no manifest"])
def test_a_corrupt_feature_cache_is_noticed_and_computed_again(
    dataset: Dataset, networks: dict[str, ToyNetwork], tmp_path: Path, kind: str
) -> None:
    state = tmp_path / "catalog.sqlite"
    first, _ = run(dataset, networks, state=state)
    for path in (tmp_path / "cache/features").rglob("*.npy"):
        data = bytearray(path.read_bytes())
        data[-5] ^= 255
        path.write_bytes({"flipped": bytes(data), "cut": bytes(data[:-8]), "empty": b"", "no manifest": bytes(data)}[kind])
        if kind == "no manifest":
            path.with_suffix(".json").unlink()
    second, seen = run(dataset, networks, state=state)
    assert seen == 21
    assert np.array_equal(second.features.values, first.features.values)
    assert run(dataset, networks, state=state)[1] == 0


@pytest.mark.parametrize("lost", ["cache", "catalog", "thumbnails"])
def test_whatever_is_thrown_away_is_made_again(dataset: Dataset, networks: dict[str, ToyNetwork], tmp_path: Path, lost: str) -> None:
    state = tmp_path / "catalog.sqlite"
    first, _ = run(dataset, networks, state=state)
    if lost == "cache":
        shutil.rmtree(tmp_path / "cache")
    for path in tmp_path.glob("catalog*" if lost == "catalog" else "cache/thumbnails*"):
        path.unlink()
    second, seen = run(dataset, networks, state=state)
    assert seen == (21 if lost == "cache" else 0)
    assert np.array_equal(second.features.values, first.features.values)
    assert second.facts == first.facts


def test_an_interruption_keeps_what_is_finished(dataset: Dataset, networks: dict[str, ToyNetwork], tmp_path: Path) -> None:
    state = tmp_path / "catalog.sqlite"

    class Impatient:
        def stage(self, title: str, total: int | None = None, unit: str = "images"):
            from contextlib import contextmanager

            @contextmanager
            def stage():
                def advance(count: int) -> None:
                    raise KeyboardInterrupt

                yield advance

            return stage()

        def note(self, message: str) -> None: ...

    with Catalog(state) as catalog, pytest.raises(KeyboardInterrupt):
        extract(dataset, spec(), catalog=catalog, network=lambda b: networks["toy"], progress=Impatient())
    found, seen = run(dataset, networks, state=state)
    assert seen == 21 - BATCH, "the batch that was finished is not computed again"
    assert len(found.features) == 21


def test_a_full_disk_is_a_storage_error_and_what_is_finished_stays(
    dataset: Dataset, networks: dict[str, ToyNetwork], tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "catalog.sqlite"
    monkeypatch.setenv("TELLAPART_CACHE", str(small_disk))
    run(Dataset(dataset.root, dataset.entries[:5]), networks, state=state)
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))
    with pytest.raises(StorageError):
        run(dataset, networks, state=state)
    filler.unlink()
    _, seen = run(dataset, networks, state=state)
    assert seen == 16


def test_the_callers_torch_threads_come_back(dataset: Dataset, networks: dict[str, ToyNetwork]) -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run(dataset, networks)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_pipe_called_a_image_is_a_row_and_does_not_hang(photos: Path, networks: dict[str, ToyNetwork], tmp_path: Path) -> None:
    import os

    root = folders.some_of(photos, tmp_path / "photos", each=2)
    os.mkfifo(root / "dots/pipe.jpg")
    (root / "dots/endless.jpg").symlink_to("/dev/zero")
    found, _ = run(open_dataset(root), networks)
    reasons = {file.path: file.reason for file in found.files if file.image_id is None}
    assert reasons == {"dots/pipe.jpg": "not a file", "dots/endless.jpg": "not a file"}


def test_a_file_that_vanishes_while_it_is_read_is_a_row(
    dataset: Dataset, networks: dict[str, ToyNetwork], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = dataset.root / dataset.entries[3].path
    original = Path.read_bytes

    def read(path: Path) -> bytes:
        if path == gone:
            raise OSError(5, "Input/output error")
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    found, seen = run(dataset, networks)
    assert seen == 20
    assert found.files[3].reason == "cannot be read: Input/output error"


def test_extractions_of_one_process_take_turns(photos: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from tellapart.models.backbones import find_backbones

    monkeypatch.setenv("TELLAPART_CACHE", str(cache))
    backbones = find_backbones("lite0")
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    sets = [open_dataset(folders.some_of(photos, tmp_path / f"photos{i}", each=2, start=2 * i)) for i in range(3)]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda dataset: extract(dataset, FeatureSpec(backbones)), sets))
    assert [len(f.features) for f in found] == [6, 6, 6]
