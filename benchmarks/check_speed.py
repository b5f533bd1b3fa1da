"""Photos a second that `tellapart check` takes, without and with a network and with features kept, beside cleanvision on the same folder.

    python benchmarks/check_speed.py PHOTOS [--images 10000] [--backbone lite2] [--peer PYTHON] [--work DIR]

The folder is made of PHOTOS: crops of 80 to 100 %, mirrored or not, a little darker or brighter, saved at quality 85 to 95. One more
file is a web page called .jpg; cleanvision is run with it and, if that ends it, without. Each measurement is a process of its own with
a cache of its own; PYTHON is the interpreter of an environment with cleanvision. ``--work`` keeps the folder between runs.
On a machine that does other things, compare the processors' time.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

VISION = Path(__file__).parent / "peers" / "cleanvision_scores.py"
PAGE = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>No such image</body></html>\n"


def varied(file: Path, rng: np.random.Generator) -> Image.Image:
    image = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    share = rng.uniform(0.8, 1.0, 2)
    width, height = (max(1, int(side * part)) for side, part in zip(image.size, share, strict=True))
    left, top = (int(rng.integers(0, whole - part + 1)) for whole, part in zip(image.size, (width, height), strict=True))
    image = image.crop((left, top, left + width, top + height))
    image = ImageOps.mirror(image) if rng.random() < 0.5 else image
    level = rng.uniform(0.85, 1.15)
    return image.point(lambda value: min(255, int(value * level)))


def make(photos: Path, into: Path, count: int) -> None:
    files = sorted(
        path for path in photos.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"} and ".tellapart" not in path.parts
    )
    rng = np.random.default_rng(0)
    for number in range(count):
        file = files[number % len(files)]
        folder = into / file.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        varied(file, rng).save(folder / f"{number:06}.jpg", quality=int(rng.integers(85, 96)))
    (folder / "page.jpg").write_bytes(PAGE)


def timed(name: str, command: list[str], count: int, environment: dict[str, str]) -> int:
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    load = os.getloadavg()[0]
    print(
        f"{name:<44} {seconds:7.1f} s, {count / seconds:6.0f} images/s; processors' time {cpu:7.1f} s, {count / cpu:6.0f} images/s"
        f"  (load {load:.1f}, exit code {done.returncode})",
        flush=True,
    )
    said = [line for line in done.stdout.splitlines() if "page.jpg" in line or " s for " in line]
    for line in said + (done.stderr.splitlines()[-3:] if done.returncode else []):
        print(f"    {line}", flush=True)
    return done.returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--backbone", default="lite2")
    parser.add_argument("--peer", help="python of an environment with cleanvision")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--only", nargs="+", choices=("none", "cold", "warm", "peer"), default=["none", "cold", "warm", "peer"])
    chosen = parser.parse_args()
    work = chosen.work or Path(tempfile.mkdtemp())
    folder = work / "photos"
    if not folder.is_dir():
        make(chosen.photos, folder, chosen.images)
    ours = [sys.executable, "-m", "tellapart", "check", str(folder), "--quiet", "--out", str(work / "check")]
    for name, backbone, cache in (
        ("none", "none", "cache-none"),
        ("cold", chosen.backbone, "cache"),
        ("warm", chosen.backbone, "cache"),
    ):
        if name in chosen.only:
            state = work / f"state-{cache}"
            if name != "warm":
                shutil.rmtree(work / cache, ignore_errors=True)
                shutil.rmtree(state, ignore_errors=True)
            environment = {**os.environ, "TELLAPART_CACHE": str(work / cache)}
            what = {"none": "without a network", "cold": f"with {backbone}", "warm": f"with {backbone}, features kept"}[name]
            timed(f"tellapart check, {what}", [*ours, "--backbone", backbone, "--state", str(state)], chosen.images, environment)
    if chosen.peer and "peer" in chosen.only:
        peer = [chosen.peer, str(VISION), str(folder), str(work / "vision.csv")]
        if timed("cleanvision, with a web page called .jpg", peer, chosen.images, dict(os.environ)):
            pages = list(folder.rglob("page.jpg"))
            for page in pages:
                page.unlink()
            timed("cleanvision, without it", peer, chosen.images, dict(os.environ))
            for page in pages:
                page.write_bytes(PAGE)
        else:
            listed = "page.jpg" in (work / "vision.csv").read_text()
            print(f"    the web page called .jpg is {'a row' if listed else 'not even a row'} of its table")
    if chosen.work is None:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
