"""`tellapart train` as a whole process, cold and warm, beside fastai's habit and a plain feature loop.

    python benchmarks/whole_run.py PHOTOS [--backbone lite0] [--fastai-python PYTHON] [--rounds 3]

PHOTOS has the folders `train` and `validation`. Cold: an empty cache and no catalog, weights already converted (a
first run converts them in 2 s). Every figure is wall seconds of a whole process; peak memory is that of the process.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent


def timed(command: list[str], **environment: str) -> tuple[float, float, str]:
    """Wall seconds, peak MB and standard output of one process."""
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}) as process:
        out, err = process.communicate()
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{err}")
    return time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--backbone", default="lite0")
    parser.add_argument("--fastai-python")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        cache = {"TELLAPART_CACHE": str(work / "cache")}
        ours = [
            sys.executable,
            "-c",
            "from tellapart.cli import main; main()",
            "train",
            str(chosen.photos),
            "--backbone",
            chosen.backbone,
            "--json",
            "-q",
        ]
        ours += ["--out", str(work / "runs"), "--state", str(work / "state")]
        timed(ours, **cache)
        cold, warm = [], []
        for _ in range(chosen.rounds):
            for stale in (work / "cache" / "features", work / "state"):
                shutil.rmtree(stale)
            (work / "cache" / "thumbnails.sqlite").unlink()
            cold.append(timed(ours, **cache))
            warm.append(timed(ours, **cache))
        metrics = json.loads(warm[-1][2])["val"]
        peak = max(memory for _, memory, _ in cold)
        weights = next((work / "cache" / "backbones").glob("*.safetensors"))
        show(
            "tellapart, cold",
            [s for s, _, _ in cold],
            f"accuracy {metrics['accuracy']['value']:.4f} log_loss {metrics['log_loss']['value']:.4f}, peak {peak:.0f} MB",
        )
        show("tellapart, warm", [s for s, _, _ in warm])
        plain = timed(
            [
                sys.executable,
                str(HERE / "peers" / "plain_loop.py"),
                chosen.backbone,
                str(chosen.photos / "train"),
                str(chosen.photos / "validation"),
            ]
        )
        show("plain loop", [plain[0]], plain[2].strip())
        ratio("plain loop", plain[0], cold)
        if chosen.fastai_python:
            peer = [
                chosen.fastai_python,
                str(HERE / "peers" / "fastai_habit.py"),
                chosen.backbone,
                str(chosen.photos),
                "validation",
                str(weights),
            ]
            fastai = timed(peer)
            show("fastai fine_tune(1)", [fastai[0]], fastai[2].strip())
            ratio("fastai fine_tune(1)", fastai[0], cold)


def show(name: str, seconds: list[float], more: str = "") -> None:
    print(f"{name:<22} {statistics.median(seconds):7.1f} s  (min {min(seconds):.1f}, max {max(seconds):.1f})  {more}", flush=True)


def ratio(name: str, seconds: float, ours: list[tuple[float, float, str]]) -> None:
    print(f"{'':<22} {name} takes {seconds / statistics.median(s for s, _, _ in ours):.1f} times as long as tellapart, cold", flush=True)


if __name__ == "__main__":
    main()
