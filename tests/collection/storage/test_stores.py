from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tellapart.atomic_files import beside
from tellapart.collection.storage import stores
from tellapart.collection.storage.stores import Bucket, Destination, Folder, class_folder, class_folders, image_name, open_destination
from tellapart.dataset import open_dataset
from tellapart.dataset.bucket import copy_bucket
from tellapart.errors import DataError, MissingExtra, OptionError, StorageError
from tellapart.printable import name_complaint
from tests import folders, sample_images
from tests.collection.seaweed import Seaweed


@pytest.mark.parametrize(
    ("label", "folder"),
    [
        ("road trip", "road trip"),
        ("Übergröße 猫", "Übergröße 猫"),
        ("AC/DC", "AC-DC"),
        ("a\\b:c*d?", "a-b-c-d-"),
        (".net", "_.net"),
        ("..", None),
        ("St. Bernard.", "St. Bernard"),
        ("con", "con_"),
        ("LPT1.x", "LPT1.x_"),
        ("train", "train_"),
        ("Test", "Test_"),
        ("trains", "trains"),
        ("-1", "-1"),
        ("a\x00b\nc", "a-b-c"),
        ("", None),
        (" / ", None),
        ("///", None),
    ],
)
def test_a_label_becomes_a_folder(label: str, folder: str | None) -> None:
    if folder is None:
        with pytest.raises(OptionError, match="cannot be the name of a class"):
            class_folder(label)
    else:
        assert class_folder(label) == folder
        assert name_complaint(folder) is None


def test_a_long_label_is_cut_and_stays_its_own() -> None:
    first, second = class_folder("ü" * 200 + "a"), class_folder("ü" * 200 + "b")
    assert first != second
    assert len(first.encode()) <= 180
    assert first.startswith("üüü")


@pytest.mark.parametrize(
    "labels", [("AC/DC", "AC-DC"), ("Cat", "cat"), ("train", "train_"), ("caf\u00e9", "cafe\u0301"), ("a.", "a"), ("ﬁsh", "fish")]
)
def test_two_labels_never_share_a_folder(labels: tuple[str, str]) -> None:
    with pytest.raises(OptionError, match="would share the folder"):
        class_folders(["dogs", *labels])


def test_every_clash_is_said_at_once() -> None:
    with pytest.raises(OptionError, match=r"'a' and 'A' .*; the classes 'b' and 'B'"):
        class_folders(["a", "A", "b", "B"])
    assert class_folders(["a", "b"]) == {"a": "a", "b": "b"}


def test_what_was_collected_is_read_as_the_classes_meant(tmp_path: Path) -> None:
    labels = ["train", "test", "bus", "AC/DC", ".net", "con"]
    names = {image_name(class_folder(label), f"{number:064x}", "JPEG"): sample_images.photo(number) for number, label in enumerate(labels)}
    found = open_dataset(folders.write(tmp_path / "photos", names))
    assert set(found.class_names) == {"train_", "test_", "bus", "AC-DC", "_.net", "con_"}


def test_a_image_is_named_by_its_content() -> None:
    assert image_name("cats", "0123456789abcdef" * 4, "TIFF") == "cats/0123456789abcdef0123456789abcdef.tif"


ODD = ["a b.jpg", "ü é 猫/1.jpg", "# what? 50% [x] {y} ~z ^ *+/&=;$@!,'().jpg", "St. Bernard/…/x.jpg"]


@pytest.fixture(params=["folder", "bucket"])
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Destination:
    if request.param == "folder":
        return open_destination(str(tmp_path / "deep" / "photos"))
    return open_destination(request.getfixturevalue("s3"))


def test_what_is_put_is_there(destination: Destination) -> None:
    assert list(destination.listed()) == []
    for name in ["cats/1.jpg", "dogs/2.jpg", *ODD]:
        destination.put(name, name.encode())
    assert list(destination.listed()) == sorted(["cats/1.jpg", "dogs/2.jpg", *ODD])
    assert list(destination.listed("cats")) == ["cats/1.jpg"]
    for name in ODD:
        assert destination.get(name) == name.encode()
        assert destination.size(name) == len(name.encode())
    destination.put("cats/1.jpg", b"another")
    assert destination.get("cats/1.jpg") == b"another"


def test_what_is_not_there_is_none(destination: Destination) -> None:
    assert destination.get("cats/1.jpg") is None
    assert destination.size("cats/1.jpg") is None
    destination.remove("cats/1.jpg")
    assert list(destination.listed("cats")) == []
    destination.put("cats/1.jpg", b"1")
    destination.remove("cats/1.jpg")
    assert destination.size("cats/1.jpg") is None
    assert destination.get("cats/1.jpg/below") is None


def test_a_file_is_put_as_well_as_bytes(destination: Destination, tmp_path: Path) -> None:
    body = os.urandom(12_000_000)
    (tmp_path / "large").write_bytes(body)
    destination.put("large.tar", tmp_path / "large")
    assert destination.size("large.tar") == len(body)
    assert destination.get("large.tar") == body


def test_many_threads_put_at_once(destination: Destination) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: destination.put(f"cats/{n % 50}.jpg", bytes([n % 50]) * 1000), range(200)))
    assert [destination.get(f"cats/{n}.jpg") for n in range(50)] == [bytes([n]) * 1000 for n in range(50)]
    assert len(list(destination.listed())) == 50


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a//b", "", "a/..", "./a", "a\0b"])
def test_no_name_leads_outside(name: str, destination: Destination) -> None:
    with pytest.raises(ValueError, match="not a name"):
        destination.put(name, b"x")


def test_a_folder_never_shows_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(tmp_path)
    folder.put("cats/1.jpg", b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stores.os, "fsync", full)
    with pytest.raises(StorageError, match="no space left"):
        folder.put("cats/1.jpg", b"new")
    assert folder.get("cats/1.jpg") == b"old"
    assert [path.name for path in (tmp_path / "cats").iterdir()] == ["1.jpg"]


def test_a_file_is_synced_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(stores.os, "fsync", lambda handle: (order.append("sync"), sync(handle)))
    monkeypatch.setattr(stores.os, "replace", lambda a, b: (order.append("name"), replace(a, b)))
    Folder(tmp_path).put("cats/1.jpg", b"x")
    assert order == ["sync", "name"]


def test_a_killed_writer_leaves_nothing_that_counts(tmp_path: Path) -> None:
    code = f"""
import os
from pathlib import Path
from tellapart.collection.storage.stores import Folder
folder, body = Folder(Path({str(tmp_path)!r})), os.urandom(3_000_000)
print("here", flush=True)
for number in range(10**6):
    folder.put(f"cats/{{number % 100}}.jpg", body)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.3)
        writer.send_signal(signal.SIGKILL)
    left = beside(tmp_path / "cats" / "9")
    left.with_name(left.name.replace(f".{os.getpid()}.", f".{writer.pid}.")).write_bytes(b"half")
    folder = Folder(tmp_path)
    assert {folder.size(name) for name in folder.listed()} == {3_000_000}
    folder.put("cats/new.jpg", b"x")
    assert list((tmp_path / "cats").glob(".*")) == []


def test_a_folder_that_disappears_is_made_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.put("cats/1.jpg", b"1")
    (tmp_path / "cats" / "1.jpg").unlink()
    (tmp_path / "cats").rmdir()
    folder.put("cats/2.jpg", b"2")
    assert list(folder.listed()) == ["cats/2.jpg"]


def test_a_place_that_cannot_be_used_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="is a file, not a folder"):
        open_destination(str(tmp_path / "file"))
    with pytest.raises(StorageError, match=r"Not a directory|File exists"):
        open_destination(str(tmp_path / "file" / "below"))
    with pytest.raises(OptionError, match="empty"):
        open_destination(" ")
    with pytest.raises(OptionError, match="cannot be opened"):
        open_destination("nonsense://bucket")

    def refused(*_: Any, **__: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refused)
    with pytest.raises(StorageError, match="cannot be written: Permission denied"):
        open_destination(str(tmp_path / "closed"))


def test_without_obstore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(MissingExtra, match="not installed, and writing to a bucket needs it") as caught:
        open_destination("s3://bucket/photos")
    assert "tellapart[s3]" in str(caught.value.hint)


def test_hidden_files_are_not_listed(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    for name in ("cats/1.jpg", ".tellapart/catalog.sqlite", "cats/.hidden"):
        folder.put(name, b"x")
    assert list(folder.listed()) == ["cats/1.jpg"]


def test_wrong_keys_and_absent_buckets_are_clear(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError, match="cannot be listed: the server says 404 Not Found") as caught:
        open_destination("s3://no-such-bucket/photos")
    assert "that the bucket exists" in str(caught.value.hint)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(StorageError, match=r"the server says 403 Forbidden \(SignatureDoesNotMatch\)"):
        open_destination(s3)
    with pytest.raises(StorageError, match=r"cannot take cats/1\.jpg: the server says 403"):
        Bucket(s3).put("cats/1.jpg", b"x")


def test_a_server_that_never_answers_is_said_with_the_way_on(s3: str, s3_server: Seaweed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    bucket = Bucket(s3, patience_s=0.5)
    with pytest.raises(StorageError, match=r"cannot take cats/1\.jpg: no answer from http://127\.0\.0\.1:9") as caught:
        bucket.put("cats/1.jpg", b"x")
    assert "run the same command again" in str(caught.value.hint)


def test_a_server_killed_in_the_middle_and_started_again_loses_nothing(s3: str, s3_server: Seaweed) -> None:
    bucket = Bucket(s3)
    stored: list[str] = []
    body = os.urandom(24_000)

    def put(number: int) -> None:
        bucket.put(f"cats/{number}.jpg", body + bytes([number % 256]))
        stored.append(f"cats/{number}.jpg")

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(put, number) for number in range(300)]
        while len(stored) < 60:
            time.sleep(0.005)
        s3_server.kill()
        before = len(stored)
        restart = threading.Timer(0.5, s3_server.start)
        restart.start()
        for future in running:
            future.result(timeout=600)
        restart.join()
    assert before < 300
    assert sorted(bucket.listed()) == sorted(stored)
    assert {bucket.size(name) for name in stored} == {24_001}
    assert bucket.get("cats/299.jpg") == body + bytes([299 % 256])


def test_what_was_collected_into_a_bucket_is_read_as_a_data_set(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    bucket = Bucket(s3)
    with pytest.raises(DataError, match="no images in"):
        copy_bucket(s3)
    for number, name in enumerate([*ODD[1:], "dogs/1.jpg", "dogs/2.jpg", ".tellapart/hidden.jpg", "dogs/notes.txt"]):
        bucket.put(name, sample_images.photo(number, 60, 40))
    found = open_dataset(s3)
    assert set(found.class_names) == {name.partition("/")[0] for name in ODD[1:]} | {"dogs"}
    assert {entry.path for entry in found.entries} == {*ODD[1:], "dogs/1.jpg", "dogs/2.jpg"}
    bucket.remove("dogs/1.jpg")
    bucket.put("dogs/2.jpg", sample_images.photo(99, 70, 50))
    again = open_dataset(s3)
    assert "dogs/1.jpg" not in {entry.path for entry in again.entries}
    assert (again.root / "dogs/2.jpg").read_bytes() == sample_images.photo(99, 70, 50)
