"""Processor time and peak memory of whole commands, from 10,000 images to 400,000.

    python benchmarks/scale_growth.py FOLDER [--counts 10000,40000,160000,400000] [--commands check,probe,...] [--plot FILE.svg]

FOLDER was written by ``scale_images.py``. Each count is a folder of hard links to its first files, and all counts share one cache, as a
folder that grows does: features and thumbnails are computed once for each image, by the smallest count that has it. So the first command
of a count pays for the images that are new (``new`` in the results), and the others for everything but features.

Results go to ``FOLDER/growth.jsonl``, a line for each command: seconds of the processor (user and system, with its worker processes),
seconds on the clock, peak memory of the largest process. Commands that have a line are not run again. ``check`` is scored by the planted
truth: precision and recall of near-duplicate pairs and of wrong labels.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from measured_process import measured

COMMANDS: dict[str, tuple[str, ...]] = {
    "prepare": ("prepare", "{photos}", "--size", "50", "--channels", "first", "--out", "{out}"),
    "check": ("check", "{photos}", "--backbone", "lite0", "--out", "{out}"),
    "probe": ("train", "{photos}", "--backbone", "lite0", "--out", "{out}", "--name", "probe"),
    "scratch": (
        "train",
        "{photos}",
        "--recipe",
        "scratch",
        "--architecture",
        "tiny",
        "--image-size",
        "50",
        "--epochs",
        "1",
        "--out",
        "{out}",
    ),
    "explore": ("explore", "{photos}", "--features", "lite0", "--vocabulary", "none", "--out", "{out}"),
    "cluster": ("cluster", "{photos}", "--features", "lite0", "--vocabulary", "none", "-k", "10", "--out", "{out}"),
    "similar": ("similar", "{photos}", "{first}", "--features", "lite0", "--out", "{out}.jpg"),
    "predict": ("predict", "{probe}", "{photos}", "--out", "{out}.csv"),
    "report": ("report", "{probe}", "--again"),
}


@dataclass(frozen=True)
class Measurement:
    """What one command took on so many images."""

    command: str
    images: int
    new: int
    processor_seconds: float
    wall_seconds: float
    peak_mb: float
    load: float


def linked(folder: Path, count: int) -> Path:
    """The first ``count`` files of the set as hard links: a folder for each class."""
    rows = truth(folder)[:count]
    photos = folder / f"first_{count}"
    finished = photos.with_suffix(".complete")
    if not finished.exists():
        for row in rows:
            file = photos / row["path"]
            file.parent.mkdir(parents=True, exist_ok=True)
            if not file.exists():
                os.link(folder / "photos" / row["path"], file)
        finished.touch()
    return photos


def truth(folder: Path) -> list[dict[str, str]]:
    with open(folder / "truth.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def plot(done: list[Measurement], file: Path) -> None:
    """Processor time for an image and peak memory of each command over the number of images, as an SVG file."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, (time_axis, memory_axis) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name in sorted({one.command for one in done}):
        line = sorted((one.images, 1000 * one.processor_seconds / one.images, one.peak_mb / 1000) for one in done if one.command == name)
        counts, milliseconds, gigabytes = zip(*line, strict=True)
        time_axis.plot(counts, milliseconds, marker="o", label=name)
        memory_axis.plot(counts, gigabytes, marker="o", label=name)
    for axis, title in ((time_axis, "Processor time per image [ms]"), (memory_axis, "Peak memory [GB]")):
        axis.set(xscale="log", xlabel="Images", title=title, ylim=(0, None))
        axis.grid(alpha=0.3)
    memory_axis.legend(frameon=False, fontsize="small")
    figure.savefig(file, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--counts", default="10000,40000,160000,400000")
    parser.add_argument("--commands", default="check,probe,explore,cluster,similar,predict,report,prepare,scratch")
    parser.add_argument("--plot", type=Path)
    chosen = parser.parse_args()
    results = chosen.folder / "growth.jsonl"
    for count in (int(number) for number in chosen.counts.split(",")):
        for name in chosen.commands.split(","):
            run(chosen.folder, count, name, results)
        if (chosen.folder / "out" / f"check_{count}" / "issues.csv").exists():
            print(f"check    {count:>7,} {json.dumps(found_in_check(chosen.folder, count))}", flush=True)
    if chosen.plot:
        plot(read(results), chosen.plot)


def read(results: Path) -> list[Measurement]:
    return [Measurement(**json.loads(line)) for line in results.read_text().splitlines()] if results.exists() else []


def run(folder: Path, count: int, name: str, results: Path) -> None:
    """Measure one command on the first ``count`` images, unless it was measured before."""
    done = read(results)
    if any((one.command, one.images) == (name, count) for one in done):
        return
    photos, out = linked(folder, count), folder / "out" / f"{name}_{count}"
    out.parent.mkdir(exist_ok=True)
    blanks = {
        "photos": photos,
        "out": out,
        "probe": folder / "out" / f"probe_{count}" / "probe",
        "first": photos / truth(folder)[0]["path"],
    }
    command = [sys.executable, "-c", "from tellapart.cli import main; main()", *(part.format(**blanks) for part in COMMANDS[name])]
    load = os.getloadavg()[0]
    usage = measured(command, {"TELLAPART_CACHE": str(folder / "cache")}, folder / "out" / f"{name}_{count}.log")
    new = count - max((one.images for one in done if one.images <= count), default=0)
    line = Measurement(name, count, new, round(usage.processor_s, 1), round(usage.wall_s, 1), round(usage.peak_mb), round(load, 1))
    with open(results, "a") as file:
        file.write(json.dumps(asdict(line)) + "\n")
    print(
        f"{name:<8} {count:>7,} {1000 * usage.processor_s / count:6.2f} ms an image {usage.peak_mb:6.0f} MB "
        f"{usage.wall_s:7.0f} s on the clock, load {load:.0f}",
        flush=True,
    )


def found_in_check(folder: Path, count: int) -> dict[str, float]:
    """Precision and recall, by file: copies (one of a planted pair is flagged), wrong labels and broken files."""
    rows = truth(folder)[:count]
    with open(folder / "out" / f"check_{count}" / "issues.csv", newline="", encoding="utf-8") as file:
        issues = {
            row["path"]: set(row["issues"].replace("exact_duplicate", "copy").replace("near_duplicate", "copy").split())
            for row in csv.DictReader(file)
        }
    there = {row["path"] for row in rows}
    planted = {
        "copy": [{row["path"], row["original"]} for row in rows if row["planted"] == "copy" and row["original"] in there],
        "mislabeled": [{row["path"]} for row in rows if row["planted"] == "wrong label"],
        "unreadable": [{row["path"]} for row in rows if row["planted"] == "broken"],
    }
    scores = {}
    for kind, groups in planted.items():
        flagged = {path for path, kinds in issues.items() if kind in kinds}
        scores[f"{kind} precision"] = len(flagged & set().union(*groups)) / max(1, len(flagged))
        scores[f"{kind} recall"] = sum(bool(flagged & group) for group in groups) / max(1, len(groups))
    return {name: round(value, 4) for name, value in scores.items()}


if __name__ == "__main__":
    main()
