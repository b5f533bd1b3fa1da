"""Mutations of every kind of file that tellapart reads back, and what must come of them; used by ``test_fuzz`` and ``benchmarks/fuzz.py``.

A subject writes one whole file and reads it back through the product's own door. A mutated file must give the same answer, an
answer that says what is missing, or a ``TellapartError``: never another exception, and never another answer.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.cache_dir import cache_root
from tellapart.collection.candidates import Offer
from tellapart.collection.ledger import Ledger
from tellapart.collection.schema import FIXED
from tellapart.collection.status import read_status
from tellapart.dataset.catalog import Catalog, FileState, ImageFacts
from tellapart.dataset.decisions import EXCLUDE, RELABEL, Decision, append_decisions, read_decisions
from tellapart.dataset.file_rows import FileRow, load_rows, save_rows
from tellapart.dataset.tar_shards import unpack_shards
from tellapart.errors import TellapartError
from tellapart.json_files import checked_record
from tellapart.models.backbone_card import Backbone, BackboneCard
from tellapart.models.heads import LinearHead
from tellapart.models.saved_model import Classifier, Member, load_model, save_model
from tellapart.predictions import Predictions

RIGHT, SAID, REFUSED = "right", "said", "refused"


@dataclass(frozen=True)
class Subject:
    """One kind of file.

    Attributes:
        write: makes it in a new folder and gives its path.
        read: what it says, in a form that can be compared.
        is_said: whether an answer to a mutated file is less than the whole one, and says so.
    """

    write: Callable[[Path], Path]
    read: Callable[[Path], Any]
    is_said: Callable[[Any, Any], bool] = lambda whole, found: False


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes with one to three small faults: flipped bits, other bytes, a piece lost, doubled or zeroed, the end cut off."""
    found = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        place = int(rng.integers(0, max(1, len(found))))
        length = int(rng.integers(1, 64))
        kind = int(rng.integers(0, 8))
        if kind <= 2 and found:
            found[place] ^= 1 << int(rng.integers(0, 8))
        elif kind == 3 and found:
            found[place] = int(rng.integers(0, 256))
        elif kind == 4:
            del found[place : place + length]
        elif kind == 5:
            found[place:place] = found[place : place + length]
        elif kind == 6:
            found[place : place + length] = bytes(len(found[place : place + length]))
        elif rng.random() < 0.3:
            del found[place:]
        else:
            found[place:place] = rng.choice(WORDS)
    return bytes(found)


WORDS = np.array(
    [b"NaN", b"-1", b"1e999", b"null", b"[]", b"{}", b'"', b"9" * 30, b"true", b"\\ud800", b"../", b"\xff", b"0", b","], dtype=object
)


def run(name: str, count: int, seed: int, place: Path) -> Counter[str]:
    """Read ``count`` mutations of one subject; how many ended how."""
    subject = SUBJECTS[name]
    original = subject.write(place / "whole")
    data = original.read_bytes()
    extra = {path.name: path.read_bytes() for path in original.parent.iterdir() if path.is_file() and path != original}
    folder = place / "mutated"
    whole = _whole(subject, folder, extra, data, original.name)
    seen: Counter[str] = Counter()
    for number in range(count):
        rng = np.random.default_rng([seed, number, sum(name.encode())])
        bad = mutated(data, rng)
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
        folder.mkdir()
        for other, content in extra.items():
            (folder / other).write_bytes(content)
        try:
            seen[_outcome(subject, whole, folder / original.name, bad)] += 1
        except Exception as error:
            kept = place / f"{name}-{seed}-{number}{original.suffix}"
            kept.write_bytes(bad)
            raise AssertionError(f"{name}, seed {seed}, mutation {number} ({kept}): {type(error).__name__}: {error}") from error
    return seen


def _whole(subject: Subject, folder: Path, extra: dict[str, bytes], data: bytes, name: str) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    for other, content in {**extra, name: data}.items():
        (folder / other).write_bytes(content)
    return subject.read(folder / name)


def _outcome(subject: Subject, whole: Any, path: Path, data: bytes) -> str:
    path.write_bytes(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = subject.read(path)
    except TellapartError as error:
        assert str(error)
        return REFUSED
    if found == whole:
        return RIGHT
    assert subject.is_said(whole, found), f"another answer: {str(found)[:3000]}"
    return SAID


# Saved models


CARD = BackboneCard("toy", "toy", "0" * 64, 32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 6)


class _Bare(Backbone):
    def state(self) -> dict[str, Any]:
        return {}


def _model(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    values = [rng.normal(size=shape).astype(np.float32) for shape in ((6,), (6,), (6, 3), (3,))]
    head = LinearHead(0.5, values[0], np.abs(values[1]) + 0.1, values[2], values[3])
    member = Member((_Bare(CARD, Path("nowhere")),), "pad", True, (head,), 2.0)
    save_model(folder / "model", Classifier(("a", "ä", "c"), (member,), 1.25, 0.001), {"run": "x-1", "tellapart": "0.1"})
    return folder / "model"


FEATURES = np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)


def _answers(path: Path) -> Any:
    model = load_model(path.parent)
    logits = model.logits([member.logits(FEATURES) for member in model.members])
    cards = [(astuple(backbone.card), member.resize, member.mirror) for member in model.members for backbone in member.backbones]
    return model.class_names, model.probabilities(logits).tobytes(), cards, model.details


# Databases


FACTS = ImageFacts("id0", 640, 480, "JPEG", b"h" * 16, b"m" * 16, 0.5, 0.25, 12.0, 0.1, 0.2, 0.3, 4.0, 250.0, 7.5, 80.0, 1.8)


def _catalog(folder: Path) -> Path:
    path = folder / "catalog.sqlite"
    with Catalog(path) as catalog:
        facts = [replace(FACTS, image_id=f"id{i:02}", brightness=i / 30) for i in range(30)]
        catalog.record([FileState(f"cats/{i:02}.jpg", 1000 + i, 5, f"id{i:02}", None) for i in range(30)], facts)
    _checkpoint(path)
    return path


def _catalog_says(path: Path) -> Any:
    with Catalog(path) as catalog:
        return {**catalog.files()}, catalog.facts(f"id{i:02}" for i in range(30))


def _is_part(whole: Any, found: Any) -> bool:
    """What is left is as it was; the rest is measured again."""
    return all(own.items() <= other.items() for own, other in zip(found, whole, strict=True))


def _ledger(folder: Path) -> Path:
    path = folder / "collection.sqlite"
    with Ledger(path, clock=lambda: 1e6) as ledger:
        ledger.want({"cat": 5, "dog": None})
        offers = [("cat" if i % 3 else "dog", Offer(url=f"https://images.example/{i}.jpg", creator="Ann")) for i in range(20)]
        ledger.add_listed(offers, "list")
        ledger.note_command('{"names": ["cat"], "options": {}}')
    _checkpoint(path)
    return path


ADDRESS = (*(column for column in FIXED["images"] if column != "group"), "status")


def _ledger_says(path: Path) -> Any:
    with Ledger(path, clock=lambda: 1e6) as ledger:
        status = read_status(ledger).as_dict()
        with ledger.transaction() as db:
            addresses = db.execute(f"SELECT {', '.join(ADDRESS)} FROM images ORDER BY id").fetchall()  # noqa: S608
        return ledger.quotas(), status, addresses, ledger.last_command()


def _checkpoint(path: Path) -> None:
    import sqlite3

    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for companion in ("-wal", "-shm"):
        path.with_name(path.name + companion).unlink(missing_ok=True)


# Logs and tables


def _decisions(folder: Path) -> Path:
    append_decisions(folder, [Decision(EXCLUDE, f"cats/{i}.jpg", f"{i:064}") for i in range(4)], why="blurred")
    append_decisions(folder, [Decision(RELABEL, f"dogs/{i}.jpg", f"{i + 9:064}", new="größer") for i in range(4)])
    return folder / "decisions.jsonl"


def _predictions(folder: Path) -> Path:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(12, 3))
    values = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    ids = tuple(f"{i:064}" for i in range(12))
    labels = tuple(None if i == 3 else "abc"[i % 3] for i in range(12))
    paths = tuple(f"{i}.jpg" for i in range(12))
    parts = ("test",) * 12
    Predictions(ids, paths, labels, values, logits, ("a", "b", "c"), parts, ids, "probe").save(folder / "predictions.parquet")
    return folder / "predictions.parquet"


def _predictions_say(path: Path) -> Any:
    found = Predictions.load(path)
    arrays = found.probabilities.tobytes(), found.logits.tobytes()
    return found.image_ids, found.paths, found.labels, found.class_names, found.parts, found.groups, found.source, arrays


def _rows(folder: Path) -> Path:
    folder.mkdir(parents=True)
    row = FileRow("a.jpg", "0" * 64, "a", "train", "g", "used", None, 8, 8, 99, x=0.5, y=0.25, neighbors=("b",), similarities=(0.5,))
    rows = [replace(row, path=f"{i}.jpg", width=i, reason="r" * (i % 3) or None) for i in range(20)]
    save_rows(rows, folder / "images.parquet")
    return folder / "images.parquet"


# Tar cards


def _tar(folder: Path) -> Path:
    (folder / "shards").mkdir(parents=True)
    with tarfile.open(folder / "shards/a.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
        for i in range(6):
            card = {"label": "cat" if i % 2 else "dog", "part": "train", "path": f"p/{i}.jpg", "group": "g"}
            words = json.dumps(checked_record(card)).encode()
            for suffix, data in (("jpg", b"\xff\xd8image"), ("cls", b"%d" % (i % 2)), ("json", words)):
                member = tarfile.TarInfo(f"{i:04}.{suffix}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return folder / "shards/a.tar"


def _tar_says(path: Path) -> Any:
    shutil.rmtree(cache_root() / "shards", ignore_errors=True)
    _, entries, notes = unpack_shards(path.parent)
    rows = [(entry.path.partition("/")[2], entry.label, entry.part, entry.group) for entry in entries]
    return rows, notes


def _is_noted(whole: Any, found: Any) -> bool:
    """Something is said."""
    return bool(found[1])


SUBJECTS = {
    "model.json": Subject(lambda folder: _model(folder) / "model.json", _answers),
    "tensors": Subject(lambda folder: _model(folder) / "member-1.safetensors", _answers),
    "catalog": Subject(_catalog, _catalog_says, _is_part),
    "ledger": Subject(_ledger, _ledger_says),
    "decisions": Subject(_decisions, lambda path: read_decisions(path.parent).log),
    "predictions": Subject(_predictions, _predictions_say),
    "images": Subject(_rows, load_rows),
    "tar": Subject(_tar, _tar_says, _is_noted),
}


# Whole JSON with wrong content, its checksums made anew: what a stranger's run may hold


STRANGE = (None, True, -1, 10**40, float("nan"), float("inf"), "", "x" * 5000, "9" * 5000, "../../x", "a\nb", [], {}, [[]], {"a": 1}, 1e308)
DEPTHS = (50, 3000)


def strange_tree(content: Any, rng: np.random.Generator) -> str:
    """JSON with one or two values of another type, a value that is lost, doubled, endlessly nested or no number, or a key twice."""
    tree = json.loads(json.dumps(content))
    for _ in range(int(rng.integers(1, 3))):
        holder, key = _anywhere(tree, rng)
        kind = int(rng.integers(0, 7))
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = "NESTED"
        elif kind == 2 and isinstance(holder[key], str | int | float):
            holder[key] = [holder[key]] if isinstance(holder[key], str) else str(holder[key])
        else:
            holder[key] = STRANGE[int(rng.integers(0, len(STRANGE)))]
    depth = DEPTHS[int(rng.integers(0, 2))]
    text = json.dumps(tree).replace('"NESTED"', "[" * depth + "]" * depth)
    twice = tree and rng.random() < 0.1
    return f"{{{json.dumps(next(iter(tree)))}: 1, {text[1:]}" if twice else text


def _anywhere(tree: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """A place in a tree of JSON: what holds it, and its key or index."""
    holder, key = tree, None
    while True:
        keys = list(holder) if isinstance(holder, dict) else range(min(len(holder), 6))
        key = keys[int(rng.integers(0, len(keys)))]
        below = holder[key]
        if not isinstance(below, dict | list) or not below or rng.random() < 0.25:
            return holder, key
        holder = below


def read_strange_trees(file: Path, read: Callable[[], Any], seal: Callable[[str], str], count: int, seed: int) -> int:
    """Read ``count`` strange contents of a file; how many were refused. Nothing but a ``TellapartError`` may be raised."""
    content, refused = json.loads(file.read_text(encoding="utf-8")), 0
    for number in range(count):
        words = seal(strange_tree(content, np.random.default_rng([seed, number])))
        file.write_text(words, encoding="utf-8")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                read()
        except TellapartError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"{file.name}, seed {seed}, content {number}: {type(error).__name__}: {error}: {words[:2000]}") from error
    return refused
