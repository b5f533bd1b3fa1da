"""Photos to arrays of 50 and 100 pixels: `tellapart prepare`, Pillow scripts, torchvision's ImageFolder, OpenCV as img2dataset has it.

    python benchmarks/prepare_speed.py PHOTOS [--rounds 5] [--workers 2] [--memory] [--many 60000]

PHOTOS is a folder of class folders. Each way is a process of its own and writes the same arrays (shorter side to size, center cut out,
antialiased; OpenCV's area filter differs in the pixels). Rounds are interleaved. Rates are whole processes, start included; ours also
hashes every file and writes tables. `--memory` draws small images and shows the peak of 2,000 beside that of `--many`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from measured_process import measured

HEAD = """
import sys
from pathlib import Path
import numpy as np
root, out, workers = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
SIZES = (50, 100)
files = sorted(p for p in root.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
labels = np.array([sorted({p.parent.name for p in files}).index(p.parent.name) for p in files])
out.mkdir(parents=True)
np.save(out / "labels.npy", labels)
arrays = [np.lib.format.open_memmap(out / f"{s}.npy", "w+", np.uint8, (len(files), s, s, 3)) for s in SIZES]
"""
PILLOW = (
    HEAD
    + """
from multiprocessing import Pool
from PIL import Image, ImageOps
DRAFT = {draft}
def squares(path):
    image = Image.open(path)
    if DRAFT:
        image.draft("RGB", (200, 200))
    image = ImageOps.exif_transpose(image).convert("RGB")
    return [np.asarray(ImageOps.fit(image, (s, s), Image.Resampling.BICUBIC)) for s in SIZES]
with Pool(workers) as pool:
    for row, found in enumerate(pool.imap(squares, files, chunksize=16)):
        for array, pixels in zip(arrays, found):
            array[row] = pixels
"""
)
TORCHVISION = (
    HEAD
    + """
import torch
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2
bicubic = v2.InterpolationMode.BICUBIC
ways = [v2.Compose([v2.Resize(s, bicubic), v2.CenterCrop(s), v2.PILToTensor()]) for s in SIZES]
data = ImageFolder(root, transform=lambda image: [way(image) for way in ways])
row = 0
for found, _ in torch.utils.data.DataLoader(data, batch_size=32, num_workers=workers):
    for array, pixels in zip(arrays, found):
        array[row : row + len(pixels)] = pixels.permute(0, 2, 3, 1).numpy()
    row += len(pixels)
"""
)
OPENCV = (
    HEAD
    + """
from concurrent.futures import ThreadPoolExecutor
import cv2
cv2.setNumThreads(1)
def squares(path):
    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    found = []
    for s in SIZES:
        height, width = pixels.shape[:2]
        scale = s / min(height, width)
        small = cv2.resize(pixels, (max(s, round(width * scale)), max(s, round(height * scale))), interpolation=cv2.INTER_AREA)
        top, left = (small.shape[0] - s) // 2, (small.shape[1] - s) // 2
        found.append(small[top : top + s, left : left + s])
    return found
with ThreadPoolExecutor(workers) as pool:
    for row, found in enumerate(pool.map(squares, files)):
        for array, pixels in zip(arrays, found):
            array[row] = pixels
"""
)
OURS = """
import sys
from tellapart.cli import main
sys.argv = ["tellapart", "prepare", sys.argv[1], "--size", "50", "--size", "100", "--out", sys.argv[2], "--num-workers", sys.argv[3],
            "--state", sys.argv[2] + ".state", "--quiet"]
main()
"""
WAYS = {
    "ours": OURS,
    "Pillow, processes": PILLOW.replace("{draft}", "False"),
    "Pillow with draft": PILLOW.replace("{draft}", "True"),
    "torchvision ImageFolder": TORCHVISION,
    "OpenCV, threads": OPENCV,
}


def speeds(photos: Path, rounds: int, workers: int) -> None:
    count = sum(p.suffix.lower() in (".jpg", ".jpeg", ".png") for p in photos.rglob("*"))
    rates: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(rounds + 1):
        for name, program in WAYS.items():
            with tempfile.TemporaryDirectory() as folder:
                seconds = measured([sys.executable, "-c", program, str(photos), f"{folder}/out", str(workers)]).wall_s
            if number:
                rates[name].append(count / seconds)
    best = statistics.median(rates["ours"])
    print(f"{count:,} photos to 50 and 100 pixels, {workers} workers, median of {rounds} rounds after one not counted, photos a second")
    for name, found in rates.items():
        rate = statistics.median(found)
        print(f"{name:<26} {rate:6.0f}  (min {min(found):.0f}, max {max(found):.0f})  ours / this = {best / rate:.2f}")


def memory(many: int, workers: int) -> None:
    import cv2
    import numpy as np

    rng = np.random.default_rng(0)
    for count in (2000, many):
        with tempfile.TemporaryDirectory() as folder:
            for label in "ab":
                (Path(folder) / "photos" / label).mkdir(parents=True)
            for number in range(count):
                png = cv2.imencode(".png", rng.integers(0, 256, (8, 8, 3), np.uint8))[1].tobytes()
                (Path(folder) / "photos" / "ab"[number % 2] / f"{number}.png").write_bytes(png)
            usage = measured([sys.executable, "-c", OURS, f"{folder}/photos", f"{folder}/out", str(workers)])
            size = sum(file.stat().st_size for file in Path(folder, "out").glob("*.npy")) / 1e6
        print(
            f"{count:>8,} images: arrays of {size:7,.0f} MB, peak {usage.peak_mb:5.0f} MB, {usage.wall_s:5.0f} s "
            f"({count / usage.wall_s:,.0f} a second)",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--many", type=int, default=60_000)
    chosen = parser.parse_args()
    if chosen.photos:
        speeds(chosen.photos, chosen.rounds, chosen.workers)
    if chosen.memory:
        memory(chosen.many, chosen.workers)


if __name__ == "__main__":
    main()
