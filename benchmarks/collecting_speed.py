"""Good images a second from a list of addresses to class folders: tellapart collect beside img2dataset, taking turns.

    python benchmarks/collecting_speed.py [--images 4000] [--rounds 3] [--img2dataset /path/to/its/python]

img2dataset is run twice: as it comes (``--output_format files``: it makes every image a square of 256 pixels and encodes it
anew; ours does the nearest to that with ``--resize 256``), and the fastest way it has to files (``--resize_mode no
--skip_reencode True``; ours then keeps the files as they are).

A local server (tests/collection/rude_server.py, a process of its own on the same cores) hands out distinct JPEG files of
about 24 kB. Ours looks each up in its ledger, downloads, hashes, decodes in worker processes, compares with all kept so
far, writes, syncs and confirms it; politeness is switched off, as img2dataset has none. img2dataset lives in an
environment of its own (``pip install img2dataset``). Time is that of the whole process, start included.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SERVER = Path(__file__).parent.parent / "tests" / "collection" / "rude_server.py"


@contextlib.contextmanager
def served(images: int) -> Iterator[str]:
    """The root address of a server with so many images ready."""
    with subprocess.Popen(
        [sys.executable, str(SERVER), "--images", str(images)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        yield f"http://127.0.0.1:{port}"
        server.terminate()


def ours(work: Path, urls: Path, *more: str) -> list[str]:
    start = [sys.executable, "-m", "tellapart", "collect", "-o", str(work / "photos"), "--urls", str(urls), "--label", "good"]
    return [*start, "--allow-private", "--per-host", "64", "--host-rate", "0", "--quiet", *more]


def theirs(work: Path, urls: Path, python: str, *more: str) -> list[str]:
    program = str(Path(python).parent / "img2dataset")
    many = ["--processes_count", str(os.cpu_count()), "--thread_count", "64", "--number_sample_per_shard", "1000"]
    start = [program, "--url_list", str(urls), "--input_format", "txt", "--output_folder", str(work / "photos")]
    return [*start, "--output_format", "files", *many, *more]


def measured(command: list[str], work: Path) -> tuple[float, int]:
    """Seconds of the whole process, and images that came."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1"}, check=False)
    seconds = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return seconds, sum(1 for _ in (work / "photos").rglob("*.jpg"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--img2dataset", help="python of an environment that has it")
    chosen = parser.parse_args()
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch, served(chosen.images) as root:
        work, urls = Path(scratch) / "work", Path(scratch) / "urls.txt"
        urls.write_text("".join(f"{root}/good/{number}.jpg\n" for number in range(chosen.images)))
        ways = {"tellapart": ours(work, urls), "tellapart --resize 256": ours(work, urls, "--resize", "256")}
        if chosen.img2dataset:
            ways["img2dataset, fastest"] = theirs(work, urls, chosen.img2dataset, "--resize_mode", "no", "--skip_reencode", "True")
            ways["img2dataset, as it comes"] = theirs(work, urls, chosen.img2dataset)
        for turn in range(chosen.rounds):
            for name, command in ways.items():
                seconds, came = measured(command, work)
                rates.setdefault(name, []).append(came / seconds)
                print(f"round {turn + 1}, {name}: {came:,} images in {seconds:.1f} s, {came / seconds:.0f} a second", flush=True)
    for name, all_rates in rates.items():
        print(f"{name}: median {statistics.median(all_rates):.0f} ({min(all_rates):.0f} to {max(all_rates):.0f}) images a second")
    median = {name: statistics.median(all_rates) for name, all_rates in rates.items()}
    if chosen.img2dataset:
        print(f"ratio, files as they are {median['tellapart'] / median['img2dataset, fastest']:.2f}")
        print(f"ratio, made smaller {median['tellapart --resize 256'] / median['img2dataset, as it comes']:.2f}")


if __name__ == "__main__":
    main()
