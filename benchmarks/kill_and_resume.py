"""Does a killed training end with the same weights as one that was never stopped? SIGKILL at random moments.

A toy set is drawn and a network trained on it without interruption; then once with 0, 2 and 4 workers each, killed again
and again at random moments and given the same command again until it ends. Compared is the sha256 of
``model/member-1.safetensors``.

    python benchmarks/kill_and_resume.py [--kills 5] [--architecture resnet] [--epochs 10] [--seed 0]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors import safe_open

WORKERS = (0, 2, 4)


def draw(folder: Path, each: int = 60, side: int = 48) -> None:
    """Three classes: horizontal, vertical and diagonal stripes under noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    for name, along in (("flat", y), ("steep", x), ("slanted", x + y)):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            wave = 60 * np.sin(along * rng.uniform(0.4, 0.8) + rng.uniform(0, 6))[:, :, None]
            pixels = 128 + wave * rng.uniform(0.3, 1, 3) + rng.normal(scale=30, size=(side, side, 3))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name / f"{number}.png")


def command(work: Path, out: Path, num_workers: int, architecture: str, epochs: int) -> list[str]:
    start = [
        sys.executable,
        "-m",
        "tellapart",
        "train",
        str(work / "photos"),
        "--recipe",
        "scratch",
        "--architecture",
        architecture,
        "--image-size",
        "32",
    ]
    return [*start, "--epochs", str(epochs), "--out", str(out), "--num-workers", str(num_workers), "--quiet"]


def digest(out: Path) -> str:
    return hashlib.sha256((out / "photos-1/model/member-1.safetensors").read_bytes()).hexdigest()


def stamp(work: Path) -> tuple[str, int] | None:
    """Which checkpoint there is, and of when."""
    try:
        return next(((str(path), path.stat().st_mtime_ns) for path in (work / "cache").glob("trainings/*/*.checkpoint")), None)
    except FileNotFoundError:
        return None


def killed(again: list[str], work: Path, environment: dict[str, str], kills: int, an_epoch: float, draws: random.Random) -> list[str]:
    """Give a command and kill it, so many times: the first time while it starts, then some time after its next checkpoint."""
    moments: list[str] = []
    while len(moments) < kills:
        is_first, before, begin = not moments, stamp(work), time.monotonic()
        wait = draws.uniform(0.5, 5) if is_first else draws.uniform(0, 1.5 * an_epoch)
        with subprocess.Popen(again, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while not is_first and stamp(work) in (before, None) and process.poll() is None:
                time.sleep(0.005)
            time.sleep(wait)
            if process.poll() is not None:
                break
            process.send_signal(signal.SIGKILL)
        found = next((work / "cache").glob("trainings/*/*.checkpoint"), None)
        moments.append(f"{time.monotonic() - begin:.1f} s ({'epoch ' + str(epoch_of(found)) if found else 'before the first epoch ended'})")
    subprocess.run(again, env=environment, check=True, capture_output=True)
    return moments


def epoch_of(checkpoint: Path) -> int:
    """The epoch a checkpoint would go on with (1, 2, ...)."""
    with safe_open(checkpoint, framework="np") as file:
        return int(json.loads(file.metadata()["facts"])["epoch"]) + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=5, help="of each training")
    parser.add_argument("--architecture", default="resnet")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    draws = random.Random(chosen.seed)  # noqa: S311
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        draw(work / "photos")
        environment = {**os.environ, "TELLAPART_CACHE": str(work / "cache")}
        begin = time.monotonic()
        subprocess.run(
            command(work, work / "whole", 2, chosen.architecture, chosen.epochs), env=environment, check=True, capture_output=True
        )
        wanted = digest(work / "whole")
        print(f"never stopped, 2 workers   {wanted}  {time.monotonic() - begin:.1f} s", flush=True)
        events = [json.loads(line) for line in (work / "whole/photos-1/history.jsonl").read_text().splitlines()]
        total, same = 0, 0
        for num_workers in WORKERS:
            out = work / f"killed-{num_workers}"
            again = command(work, out, num_workers, chosen.architecture, chosen.epochs)
            moments = killed(again, work, environment, chosen.kills, events[-1]["seconds"] / len(events), draws)
            found = digest(out)
            total, same = total + len(moments), same + (found == wanted)
            print(f"killed {len(moments)} times, {num_workers} workers  {found}  after {', '.join(moments)}", flush=True)
    print(f"{'the same' if same == len(WORKERS) else 'NOT THE SAME'}: {same} of {len(WORKERS)} trainings, {total} kills")


if __name__ == "__main__":
    main()
