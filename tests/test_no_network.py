from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tellapart.run_folder import Run
from tests import folders

ALONE = """
import json, sys
tried, programs = [], []
def refuse(event, arguments):
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        programs.append(str(arguments[0]).split("/")[-1])
        raise OSError(f"refused: {event}")
    if event.startswith(("socket.", "urllib.", "http.", "ftplib.", "smtplib.")):
        tried.append(f"{event} {arguments!r}"[:300])
        raise OSError(f"refused: {event}")
sys.addaudithook(refuse)
"""

WHOLE_WAY = """
import tellapart
photos, new, out = sys.argv[1:]
run = tellapart.train(photos, backbone="lite0+lite1", out=out)
answers = tellapart.predict(run.folder, new)
tellapart.evaluate(run.folder, new)
tellapart.report(run.folder)
tellapart.compare(run.folder, run.folder)
print(json.dumps({"tried": tried, "programs": programs, "answers": len(answers.predictions), "heavy": "torch" in sys.modules}))
"""

TRIES = """
import socket, urllib.request
for attempt in (
    lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
    lambda: socket.getaddrinfo("example.org", 80),
    lambda: urllib.request.urlopen("http://192.0.2.1/", timeout=1),
):
    try:
        attempt()
    except OSError:
        pass
print(json.dumps({"tried": tried}))
"""


FINDS_LIBRARIES = {"ldconfig", "gcc", "cc", "ld", "objdump"}
"""What ctypes.util.find_library calls (for torch); refused too, and not missed."""


def alone(code: str, cache: Path, *words: Path) -> dict:
    """Run code in a process of its own in which nothing that leaves the machine is allowed, nor hidden by offline settings."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")} | {"TELLAPART_CACHE": str(cache)}
    run = subprocess.run([sys.executable, "-c", ALONE + code, *words], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_the_watch_itself_sees_every_attempt(tmp_path: Path) -> None:
    tried = " ".join(alone(TRIES, tmp_path)["tried"])
    assert tried.count("192.0.2.1") >= 2
    assert "example.org" in tried


def test_the_whole_way_asks_nothing_of_any_other_machine(photos: Path, tmp_path: Path) -> None:
    root = folders.some_of(photos, tmp_path / "photos", each=8)
    new = folders.write(tmp_path / "new", {f"{kind}/1.jpg": folders.class_photo(kind, 700) for kind in folders.KINDS})
    found = alone(WHOLE_WAY, tmp_path / "cache", root, new, tmp_path / "runs")
    assert found["tried"] == []
    assert set(found["programs"]) <= FINDS_LIBRARIES, "another program could speak for us"
    assert (found["answers"], found["heavy"]) == (3, True)


def test_the_report_names_no_other_machine(trained: Run) -> None:
    import re

    page = trained.report.read_text(encoding="utf-8")
    assert re.findall(r"""(?:src|href|action|url\()\s*=?\s*["']?\s*(?:https?:)?//[^"'\s>)]*""", page) == []


@pytest.mark.parametrize("name", ["TELLAPART_CACHE", "HF_HUB_OFFLINE"])
def test_the_suite_itself_is_kept_apart(name: str) -> None:
    assert os.environ[name]
