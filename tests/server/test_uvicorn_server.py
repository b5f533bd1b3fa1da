"""The service as a process: its address, its page in a browser, and its end."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

import tellapart
from tellapart.errors import OptionError
from tellapart.run_folder import Run
from tellapart.server.uvicorn_server import listen
from tests import folders
from tests.reports.conftest import browser as browser

TIMEOUT_S = 600


@pytest.fixture
def process(trained: Run) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A service with the run, and its port."""
    command = [sys.executable, "-m", "tellapart", "serve", str(trained.folder), "--port", "0", "--num-workers", "1", "--json"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as running:
        assert running.stderr is not None
        lines: list[str] = []
        for line in running.stderr:
            lines.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                yield running, int(found[1])
                break
        else:
            pytest.fail(f"it said no address: {lines}")
        if running.poll() is None:
            running.kill()


def post(port: int, body: bytes) -> tuple[int, Any]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)) as connection:
        connection.request("POST", "/predict", body, {"Content-Type": "image/jpeg"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_until_it_is_told_to_end_and_says_what_it_did(process: tuple[subprocess.Popen[str], int], how: signal.Signals) -> None:
    running, port = process
    status, content = post(port, folders.class_photo("dots", 5))
    assert status == 200 and content["images"][0]["predicted"] in ("dots", *folders.KINDS)
    running.send_signal(how)
    out, said = running.communicate(timeout=TIMEOUT_S)
    assert running.returncode == 0, said
    result = json.loads(out)
    assert result["images"] == 1 and result["requests"] == {"200": 1}


def test_a_port_that_is_taken_is_said(trained: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OptionError, match="cannot listen on"):
        tellapart.serve(trained.folder, port=taken.getsockname()[1], num_workers=1)


@pytest.mark.browser
def test_photos_dropped_on_the_page_are_answered(process: tuple[subprocess.Popen[str], int], browser: Any, trained: Run) -> None:
    _, port = process
    page = browser.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(f"http://127.0.0.1:{port}/")
    page.set_input_files("#choose", [{"name": "five.jpg", "mimeType": "image/jpeg", "buffer": folders.class_photo("dots", 5)}])
    page.wait_for_selector(".answers li", timeout=TIMEOUT_S * 1000)
    expected = post(port, folders.class_photo("dots", 5))[1]["images"][0]
    assert page.text_content(".answers li strong") == expected["predicted"]
    assert troubles == []
    page.close()


def test_the_end_of_an_answer_does_not_wait_for_its_beginning() -> None:
    with closing(listen("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
