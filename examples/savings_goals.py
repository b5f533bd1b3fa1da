"""Which savings goal does a photo show? The whole way of the project that keeps its photos in a bucket, on one machine without a network.

    python examples/savings_goals.py FOLDER [--each 400] [--epochs 12]

Five goals, two kinds of drawn photos for each (``benchmarks/scale_images.py``), on a web server that fails as those of
stock photos do: now and then 503, a connection cut off, a page instead of a photo. From there ``tellapart collect`` brings
them into a bucket of a real S3 server on this machine, ``prepare`` writes channel-first arrays of 50 and 100 pixels,
``train`` makes a network from scratch for each size and a probe on a frozen backbone, and ``compare`` says how far they
differ on the same test images. For photos of your own, leave the web server out, and set the ``AWS_*`` variables.

Run it in a copy of the repository; it needs ``pip install '.[dev]'`` for the S3 server.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from tests.collection.seaweed import seaweed  # noqa: E402

GOALS = {"airplane": "travel", "boat": "travel", "house": "home", "lamp": "home", "car": "car", "bicycle": "car"}
GOALS |= {"mug": "education", "fish": "education", "flower": "family", "tree": "family"}
"""What each kind of drawn photo stands for."""


def tellapart(*words: object) -> None:
    """Run a command and show it."""
    print(f"\n$ tellapart {' '.join(map(str, words))}", flush=True)
    subprocess.run([sys.executable, "-m", "tellapart", *map(str, words)], check=True)


class Misbehaving(BaseHTTPRequestHandler):
    """Photos of a folder; the first request for every seventh fails, each time otherwise."""

    folder: Path
    asked: set[str] = set()  # noqa: RUF012

    def do_GET(self) -> None:
        """Answer, or not."""
        path = urllib.parse.unquote(self.path)
        number, is_first = sum(path.encode()), path not in self.asked
        self.asked.add(path)
        data = (self.folder / path.lstrip("/")).read_bytes()
        if is_first and number % 7 == 0:
            self.send_response(503)
            self.send_header("Retry-After", "1")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if is_first and number % 7 == 1 else data)

    def log_message(self, format: str, *values: object) -> None:
        """Say nothing."""


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """The address of a server for the files of a folder."""
    Misbehaving.folder = folder
    server = ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def write_list(drawn: Path, address: str, file: Path) -> None:
    """A list of URLs with a goal for each, as a search would give it: the folder of a photo is the word it was found by."""
    with file.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["url", "label"])
        for path in sorted((drawn / "photos").glob("*/*")):
            rows.writerow([f"{address}/{path.parent.name}/{urllib.parse.quote(path.name)}", GOALS[path.parent.name]])


def main() -> None:
    """Go the whole way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--each", type=int, default=400, help="photos of each goal")
    parser.add_argument("--epochs", type=int, default=12)
    given = parser.parse_args()
    folder = given.folder.resolve()
    drawing = [sys.executable, REPOSITORY / "benchmarks/scale_images.py", folder / "drawn", "--count", str(5 * given.each)]
    subprocess.run(drawing, check=True)
    with seaweed("goals") as store, web_server(folder / "drawn/photos") as address:
        os.environ.update(store.variables)
        photos, runs = "s3://goals/photos", folder / "runs"
        write_list(folder / "drawn", address, folder / "list.csv")
        polite = ("--allow-private", "--host-rate", 0, "--contact", "you@example.org")
        tellapart("collect", "--urls", folder / "list.csv", "--out", photos, "--state", folder / "ledger", "--min-side", 50, *polite)
        tellapart("prepare", photos, "--size", 50, "--size", 100, "--channels", "first", "--out", folder / "arrays")
        for size in (50, 100):
            scratch = ("--recipe", "scratch", "--architecture", "tiny", "--image-size", size, "--epochs", given.epochs)
            tellapart("train", photos, *scratch, "--out", runs, "--name", f"tiny-{size}")
        tellapart("train", photos, "--backbone", "lite0", "--out", runs, "--name", "probe")
    tellapart("compare", runs / "tiny-50", runs / "tiny-100")
    tellapart("runs", runs)


if __name__ == "__main__":
    main()
