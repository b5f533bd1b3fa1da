"""The studio as a process: the address it prints, its end, and what is left when it is killed in the middle of deciding."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import tellapart
from tellapart.dataset.decisions import read_decisions
from tellapart.errors import DataError

TIMEOUT_S = 300


class Asker:
    """A program that asks the studio with the key from its address."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.headers = port, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, content: Any = None) -> Any:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)) as connection:
            connection.request(method, path, None if content is None else json.dumps(content), self.headers)
            return json.loads(connection.getresponse().read())

    def index(self) -> Any:
        end = time.monotonic() + TIMEOUT_S
        while "version" not in (found := self.ask("GET", "/api/index")):
            assert time.monotonic() < end
            time.sleep(0.02)
        return found


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Asker]]:
    command = [sys.executable, "-m", "tellapart", "studio", str(folder), "--port", "0", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        assert process.stderr is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)/open\?token=(\S+)", process.stderr.readline())
        assert found is not None
        yield process, Asker(int(found[1]), found[2])
        if process.poll() is None:
            process.kill()


def test_it_ends_when_it_is_told_and_says_what_was_decided(pets: Path) -> None:
    with running(pets) as (process, asker):
        version = asker.index()["version"]
        decided = asker.ask("POST", "/api/decisions", {"version": version, "seq": 0, "choices": [{"action": "exclude", "rows": [3]}]})
        assert decided["batch"] == 1
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, said
    assert json.loads(out)["batches"] == [1]
    assert [one.batch for one in read_decisions(pets / ".tellapart").log] == [1]


def test_what_was_confirmed_before_a_kill_is_in_the_log_and_nothing_is_twice(pets: Path) -> None:
    confirmed = []
    with running(pets) as (process, asker):
        version = asker.index()["version"]
        threading.Timer(0.4, process.kill).start()
        for number in range(100_000):
            choice = {"action": "relabel", "rows": [number % 6], "label": f"name {number}"}
            content = {"version": version, "seq": 0, "choices": [choice]}
            try:
                confirmed.append(asker.ask("POST", "/api/decisions", content)["batch"])
            except (OSError, ValueError, http.client.HTTPException):
                break
    log = read_decisions(pets / ".tellapart").log
    batches = [one.batch for one in log]
    assert len(confirmed) > 2 and set(confirmed) <= set(batches)
    assert batches == sorted(set(batches)) and len({one.new for one in log}) == len(log)


def test_a_folder_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no folder"):
        tellapart.studio(tmp_path / "nowhere")
