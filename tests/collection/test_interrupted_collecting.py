"""Whatever stops a collecting, each file has its row and each kept row its file, and the same command goes on."""

from __future__ import annotations

import errno
import io
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tellapart
from tellapart.atomic_files import storage_error
from tellapart.collection.storage.stores import Folder, open_destination
from tests.collection.rude_server import RudeServer, running
from tests.collection.seaweed import Seaweed
from tests.collection.soundness import complaints, rows

IMAGES = 300
USUAL = ["--allow-private", "--host-rate", "0", "--per-host", "8", "--concurrency", "8", "--quiet"]


@pytest.fixture
def server():
    with running() as started:
        yield started


@pytest.fixture
def urls(tmp_path: Path, server: RudeServer) -> Path:
    file = tmp_path / "urls.txt"
    paths = [f"/good/{number}.jpg" for number in range(IMAGES)]
    paths[::20] = [f"/status/404/{number}" for number in range(len(paths[::20]))]
    file.write_text("".join(f"{server.url(path)}\n" for path in paths))
    return file


GOOD = IMAGES - len(range(0, IMAGES, 20))


def command(out: str, urls: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "tellapart", "collect", "-o", out, "--urls", str(urls), "--label", "good", *USUAL, *more]


def until(condition: Callable[[], bool], process: subprocess.Popen[Any]) -> None:
    """Wait for something a collecting does; not for ever, and not once it has ended."""
    end = time.monotonic() + 600
    while not condition():
        assert process.poll() is None, f"it ended with {process.returncode}"
        assert time.monotonic() < end, "it took more than ten minutes"
        time.sleep(0.02)


def has_kept(state: Path) -> bool:
    ledger = state / "collection.sqlite"
    if not ledger.exists() or ledger.stat().st_size < 50_000:
        return False
    try:
        return any(row["status"] == "kept" for row in rows(ledger))
    except sqlite3.OperationalError:
        return False


def test_killed_at_any_moment_nothing_is_lost_doubled_or_half(tmp_path: Path, urls: Path) -> None:
    out, draws = tmp_path / "photos", random.Random(4)
    ledger, destination = out / ".tellapart" / "collection.sqlite", open_destination(str(out))
    for _ in range(4):
        with subprocess.Popen(command(str(out), urls)) as process:
            until(ledger.exists, process)
            time.sleep(draws.uniform(0.0, 1.5))
            process.send_signal(signal.SIGKILL)
        assert complaints(ledger, destination) == []
    subprocess.run(command(str(out), urls), check=True)
    assert complaints(ledger, destination, good=GOOD) == []
    assert list(out.rglob("*.partial")) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_gives_everything_back_at_once(tmp_path: Path, urls: Path, how: signal.Signals) -> None:
    out = tmp_path / "photos"
    with subprocess.Popen([*command(str(out), urls), "--host-rate", "50"], stderr=subprocess.PIPE, text=True) as process:
        until((out / "good").exists, process)
        process.send_signal(how)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 128 + how
    assert "the same command goes on" in said
    assert {row["status"] for row in rows(out / ".tellapart" / "collection.sqlite")} <= {"queued", "kept", "refused"}


def test_two_collectors_on_one_plan_do_no_work_twice(tmp_path: Path, server: RudeServer, urls: Path) -> None:
    out = tmp_path / "photos"
    both = [subprocess.Popen(command(str(out), urls)) for _ in range(2)]
    assert [process.wait(timeout=600) for process in both] == [0, 0]
    asked = Counter(one.path for one in server.asked)
    assert max(asked.values()) == 1
    assert len(asked) == IMAGES
    assert complaints(out / ".tellapart" / "collection.sqlite", open_destination(str(out)), good=GOOD) == []


def test_a_bare_command_goes_on_with_what_was_asked_for(tmp_path: Path, server: RudeServer, urls: Path) -> None:
    out = tmp_path / "photos"
    first = tellapart.collect(out=str(out), urls=urls, label="good", allow_private=True, host_rate=20.0, time="1s", min_side=50)
    (one,) = first.classes
    assert one.kept < GOOD
    assert one.queued > 0
    again = tellapart.collect(out=str(out), host_rate=500.0)
    assert again.classes[0].kept == GOOD
    assert again.new == GOOD - one.kept
    options = json.loads(_last_command(out))["options"]
    assert (options["min_side"], options["allow_private"], options["host_rate"]) == (50, True, 500.0)


def _last_command(out: Path) -> str:
    db = sqlite3.connect(out / ".tellapart" / "collection.sqlite")
    try:
        return str(db.execute("SELECT command FROM commands ORDER BY id DESC").fetchone()[0])
    finally:
        db.close()


def test_a_bucket_gets_the_same_and_a_killed_collector_goes_on(tmp_path: Path, urls: Path, s3: str) -> None:
    state = tmp_path / "state"
    with subprocess.Popen(command(s3, urls, "--state", str(state))) as process:
        until(lambda: has_kept(state), process)
        process.send_signal(signal.SIGKILL)
    destination = open_destination(s3)
    assert complaints(state / "collection.sqlite", destination) == []
    subprocess.run(command(s3, urls, "--state", str(state)), check=True)
    assert complaints(state / "collection.sqlite", destination, good=GOOD) == []
    assert b"file_name,label,group" in (destination.get("ATTRIBUTION.csv") or b"")
    assert tellapart.open_dataset(s3).class_names == ("good",)


def test_a_bucket_whose_server_is_killed_loses_nothing(tmp_path: Path, urls: Path, s3: str, s3_server: Seaweed) -> None:
    state = tmp_path / "state"
    with subprocess.Popen(command(s3, urls, "--state", str(state), "--host-rate", "60")) as process:
        until(lambda: has_kept(state), process)
        s3_server.kill()
        time.sleep(1.0)
        s3_server.start()
        assert process.wait(timeout=600) == 0
    assert complaints(state / "collection.sqlite", open_destination(s3), good=GOOD) == []


def test_two_collectors_on_one_bucket_do_no_work_twice(tmp_path: Path, server: RudeServer, urls: Path, s3: str) -> None:
    state = tmp_path / "state"
    both = [subprocess.Popen(command(s3, urls, "--state", str(state))) for _ in range(2)]
    assert [process.wait(timeout=600) for process in both] == [0, 0]
    assert max(Counter(one.path for one in server.asked).values()) == 1
    assert complaints(state / "collection.sqlite", open_destination(s3), good=GOOD) == []


def test_shards_hold_every_image_once_with_its_card(tmp_path: Path, urls: Path) -> None:
    out = tmp_path / "photos"
    options: dict[str, Any] = {"urls": urls, "label": "good", "allow_private": True, "host_rate": 0.0, "shards": True}
    first = tellapart.collect(out=str(out), per_class=100, **options)
    assert first.shards == 1
    second = tellapart.collect(out=str(out), per_class=GOOD, **options)
    assert second.shards == 2
    members: list[str] = []
    for shard in sorted(out.glob("shard-*.tar")):
        with tarfile.open(shard) as tar:
            members += tar.getnames()
            card = json.load(io.BytesIO((tar.extractfile(tar.getnames()[1]) or io.BytesIO()).read()))
    assert len(members) == len(set(members)) == 2 * GOOD
    assert card["label"] == "good"
    assert list((out / ".tellapart" / "spool").rglob("*.jpg")) == []
    assert all(row["file"].startswith("shard-") for row in rows(out / ".tellapart" / "collection.sqlite") if row["status"] == "kept")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told_before_anybody_is_asked(tmp_path: Path, server: RudeServer, urls: Path) -> None:
    (tmp_path / "photos").mkdir(mode=0o500)
    with pytest.raises(tellapart.StorageError, match="cannot be written"):
        tellapart.collect(out=str(tmp_path / "photos"), urls=urls, label="good", allow_private=True)
    assert server.asked == []


def test_a_full_disk_ends_it_with_a_sentence_and_the_same_command_goes_on(
    tmp_path: Path, urls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, put, stored = tmp_path / "photos", Folder.put, Counter[str]()

    def until_full(self: Folder, name: str, body: bytes | Path) -> None:
        stored["files"] += 1
        if stored["files"] > 50:
            raise storage_error(OSError(errno.ENOSPC, "No space left on device"), self.path / name)
        put(self, name, body)

    options: dict[str, Any] = {"urls": urls, "label": "good", "allow_private": True, "host_rate": 0.0}
    monkeypatch.setattr(Folder, "put", until_full)
    with pytest.raises(tellapart.StorageError, match="no space left on the disk"):
        tellapart.collect(out=str(out), **options)
    ledger = out / ".tellapart" / "collection.sqlite"
    assert {row["status"] for row in rows(ledger)} <= {"kept", "queued", "refused"}
    monkeypatch.setattr(Folder, "put", put)
    tellapart.collect(out=str(out), **options)
    assert complaints(ledger, open_destination(str(out)), good=GOOD) == []
