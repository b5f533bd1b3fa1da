"""Photo-like images with known truth, as many as you like: what every figure of docs/guides/scale.md was measured on.

    python benchmarks/scale_images.py FOLDER [--count 400000] [--size 100] [--seed 0] [--workers 2]

Each image is a scene: an object of its class (ten classes) before sky and ground, with surfaces, light, clutter, blur and noise that
say nothing of the class. One number and one seed always give the same bytes, so a part that was written is not drawn again. A share of
the files is planted: near-duplicates (the scene of an earlier file, changed), wrong labels (in the folder of another class) and broken
files. ``FOLDER/photos`` has a folder for each class, ``FOLDER/truth.csv`` a row for each file: path, its class, what was planted.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Pixels = NDArray[np.uint8]
COLUMNS = ("path", "class", "label", "planted", "change", "original")
CHUNK, SUBPIXEL = 250, 4
TEXTURES, TEXTURE_SIDE = 24, 512


@dataclass(frozen=True)
class Shares:
    """Shares of the files that are planted."""

    copies: float = 0.01
    wrong: float = 0.01
    broken: float = 0.001


def box(left: float, top: float, right: float, bottom: float) -> Points:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def ellipse(x: float, y: float, across: float, down: float) -> Points:
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.stack([x + across * np.cos(turn), y + down * np.sin(turn)], axis=1)


def house(rng: np.random.Generator) -> list[tuple[int, Points]]:
    eave, width = rng.uniform(-0.25, 0.05), rng.uniform(0.55, 0.85)
    windows = [(2, box(x - 0.1, eave + 0.18, x + 0.1, eave + 0.42)) for x in np.linspace(-width + 0.25, width - 0.25, rng.integers(2, 4))]
    door = rng.uniform(-0.3, 0.3)
    roof = np.array([[-width - 0.12, eave], [rng.uniform(-0.2, 0.2), eave - rng.uniform(0.4, 0.7)], [width + 0.12, eave]])
    return [(0, box(-width, eave, width, 0.8)), (1, roof), *windows, (3, box(door - 0.11, 0.4, door + 0.11, 0.8))]


def car(rng: np.random.Generator) -> list[tuple[int, Points]]:
    front, back, roof = rng.uniform(0.2, 0.45), rng.uniform(-0.65, -0.4), rng.uniform(-0.45, -0.2)
    cabin = np.array([[back, 0], [back + 0.15, roof], [front - 0.2, roof], [front, 0]])
    glass = cabin * [0.8, 0.75] + [0, -0.02]
    wheel = rng.uniform(0.16, 0.22)
    wheels = [(place, ellipse(x, 0.38, r, r)) for x in (-0.52, 0.52) for place, r in ((4, wheel), (5, wheel / 2))]
    return [(0, cabin), (2, glass), (0, box(-0.92, 0, 0.92, 0.36)), *wheels, (3, ellipse(0.84, 0.12, 0.06, 0.06))]


def boat(rng: np.random.Generator) -> list[tuple[int, Points]]:
    mast, height = rng.uniform(-0.15, 0.15), rng.uniform(0.75, 0.95)
    hull = np.array([[-0.85, 0.4], [0.9, 0.35], [0.6, 0.75], [-0.6, 0.75]])
    sail = np.array([[mast, -height], [mast, 0.3], [mast - rng.uniform(0.4, 0.7), 0.3]])
    jib = np.array([[mast + 0.04, -height + 0.1], [mast + 0.04, 0.3], [mast + rng.uniform(0.4, 0.7), 0.3]])
    return [(0, hull), (4, box(mast - 0.02, -height, mast + 0.02, 0.4)), (1, sail), (2, jib)]


def tree(rng: np.random.Generator) -> list[tuple[int, Points]]:
    crown = [(1, ellipse(*rng.uniform((-0.35, -0.6), (0.35, 0.05)), *rng.uniform(0.22, 0.42, 2))) for _ in range(rng.integers(5, 9))]
    return [(4, np.array([[-0.1, 0.9], [-0.06, -0.1], [0.06, -0.1], [0.12, 0.9]])), *crown]


def mug(rng: np.random.Generator) -> list[tuple[int, Points]]:
    top, narrow, side = rng.uniform(-0.65, -0.4), rng.uniform(0.75, 1.0), rng.choice([-1, 1])
    body = np.array([[-0.5, top], [0.5, top], [0.5 * narrow, 0.7], [-0.5 * narrow, 0.7]])
    handle = [(0, ellipse(side * 0.55, 0.05, 0.32, 0.36)), (6, ellipse(side * 0.55, 0.05, 0.18, 0.22))]
    band = rng.uniform(-0.1, 0.4)
    return [*handle, (0, body), (1, box(-0.49 * narrow, band, 0.49 * narrow, band + 0.14)), (2, ellipse(0, top, 0.5, 0.12))]


def bicycle(rng: np.random.Generator) -> list[tuple[int, Points]]:
    wheel, saddle = rng.uniform(0.32, 0.42), rng.uniform(-0.45, -0.3)
    rims = [(place, ellipse(x, 0.35, wheel * r, wheel * r)) for x in (-0.52, 0.52) for place, r in ((4, 1.0), (6, 0.84), (5, 0.1))]
    joints = np.array([[-0.52, 0.35], [-0.2, -0.15], [0.36, -0.18], [0.0, 0.36], [0.52, 0.35], [0.32, -0.45], [-0.24, saddle]])
    bars = [(0, bar(joints[a], joints[b], 0.035)) for a, b in ((0, 1), (1, 2), (2, 3), (3, 0), (1, 3), (2, 4), (5, 2), (6, 1))]
    return [*rims, *bars, (3, box(-0.36, saddle - 0.06, -0.1, saddle)), (3, box(0.2, -0.5, 0.46, -0.44))]


def bar(start: Points, end: Points, half: float) -> Points:
    along = (end - start) / np.linalg.norm(end - start)
    across = np.array([-along[1], along[0]]) * half
    return np.array([start + across, end + across, end - across, start - across])


def airplane(rng: np.random.Generator) -> list[tuple[int, Points]]:
    sweep, span = rng.uniform(0.2, 0.5), rng.uniform(0.6, 0.9)
    wings = [np.array([[0.15, 0], [-sweep, s * span], [-sweep - 0.18, s * span], [-0.2, 0]]) for s in (-1, 1)]
    tails = [np.array([[-0.6, 0], [-0.85, s * 0.3], [-0.95, s * 0.3], [-0.85, 0]]) for s in (-1, 1)]
    windows = [(2, ellipse(x, 0, 0.03, 0.03)) for x in np.linspace(-0.45, 0.6, 9)]
    return [*((1, wing) for wing in wings), *((1, tail) for tail in tails), (0, ellipse(0, 0, 0.95, 0.13)), *windows]


def fish(rng: np.random.Generator) -> list[tuple[int, Points]]:
    height, tail = rng.uniform(0.3, 0.5), rng.uniform(0.25, 0.45)
    fin = np.array([[-0.2, -height + 0.06], [0.1, -height - 0.2], [0.3, -height + 0.1]])
    stripes = [(2, ellipse(x, 0, 0.04, height * 0.8)) for x in np.linspace(-0.3, 0.2, rng.integers(1, 5))]
    tails = (1, np.array([[-0.55, 0], [-0.95, -tail], [-0.82, 0], [-0.95, tail]]))
    return [
        tails,
        (1, fin),
        (0, ellipse(0, 0, 0.65, height)),
        *stripes,
        (3, ellipse(0.42, -0.08, 0.07, 0.07)),
        (4, ellipse(0.43, -0.08, 0.03, 0.03)),
    ]


def flower(rng: np.random.Generator) -> list[tuple[int, Points]]:
    count, far, wide = rng.integers(5, 9), rng.uniform(0.32, 0.45), rng.uniform(0.16, 0.24)
    turns = np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.uniform(0, 1)
    petals = [(1, ellipse(far * np.cos(t), -0.25 + far * np.sin(t), wide, wide)) for t in turns]
    leaf = ellipse(0.25 * rng.choice([-1, 1]), 0.55, 0.25, 0.09)
    return [(5, box(-0.03, -0.2, 0.03, 0.95)), (5, leaf), *petals, (0, ellipse(0, -0.25, 0.2, 0.2))]


def lamp(rng: np.random.Generator) -> list[tuple[int, Points]]:
    narrow, low = rng.uniform(0.2, 0.4), rng.uniform(-0.2, 0.05)
    shade = np.array([[-narrow, -0.8], [narrow, -0.8], [0.65, low], [-0.65, low]])
    return [
        (4, box(-0.035, low, 0.035, 0.85)),
        (4, ellipse(0, 0.85, rng.uniform(0.3, 0.45), 0.09)),
        (3, ellipse(0, low, 0.14, 0.14)),
        (0, shade),
    ]


CLASSES: dict[str, Callable[[np.random.Generator], list[tuple[int, Points]]]] = {
    make.__name__: make for make in (house, car, boat, tree, mug, bicycle, airplane, fish, flower, lamp)
}
NAMES = tuple(CLASSES)


@cache
def textures() -> tuple[Pixels, ...]:
    """Surfaces, uint8 (512, 512): noise of several finenesses, the same in every run."""
    rng = np.random.default_rng(7)
    found = []
    for number in range(TEXTURES):
        fineness = 2.0 ** np.arange(1, 8)
        weights = rng.dirichlet(np.full(len(fineness), 0.7))
        sheet = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE), np.float32)
        for fine, weight in zip(fineness, weights, strict=True):
            across = fine * (4 if number % 3 == 0 else 1)
            shape = (max(2, int(TEXTURE_SIDE / fine)), max(2, int(TEXTURE_SIDE / across)))
            noise = rng.normal(size=shape).astype(np.float32)
            sheet += weight * cv2.resize(noise, (TEXTURE_SIDE, TEXTURE_SIDE), interpolation=cv2.INTER_CUBIC)
        found.append(np.clip(128 + 60 * sheet / sheet.std(), 0, 255).astype(np.uint8))
    return tuple(found)


def surface(rng: np.random.Generator, size: int) -> NDArray[np.float32]:
    """Texture values, float32 (size, size), around 0: two surfaces, each turned, scaled and moved at random, so that no two are alike."""
    sheets = []
    for number in rng.integers(TEXTURES, size=2):
        scale = rng.uniform(0.4, 1.6)
        matrix = cv2.getRotationMatrix2D((size / 2, size / 2), rng.uniform(0, 360), scale)
        matrix[:, 2] -= rng.uniform(0, TEXTURE_SIDE - size, 2)
        sheets.append(cv2.warpAffine(textures()[number], matrix, (size, size), borderMode=cv2.BORDER_WRAP))
    return np.asarray(cv2.addWeighted(sheets[0], 0.6, sheets[1], 0.4, 0), np.float32) - 128


def color(rng: np.random.Generator) -> tuple[float, ...]:
    return tuple(rng.uniform(15, 240, 3).tolist())


def fill(canvas: Pixels, points: Points, paint: tuple[float, ...]) -> None:
    cv2.fillPoly(canvas, [np.round(points * 2**SUBPIXEL).astype(np.int32)], paint, cv2.LINE_AA, SUBPIXEL)


def placed(points: Points, matrix: Points) -> Points:
    return points @ matrix[:, :2].T + matrix[:, 2]


def frame(rng: np.random.Generator, size: int, scales: tuple[float, float], turn: float, spread: float) -> Points:
    """Where an object of -1 to 1 lies in the image: an affine matrix."""
    angle, scale = np.radians(rng.uniform(-turn, turn)), rng.uniform(*scales) * size / 2
    flip, lean = rng.choice([-1.0, 1.0]), rng.uniform(0.8, 1.2)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([flip * lean, 1 / lean])
    return np.column_stack([linear, size / 2 + rng.uniform(-spread, spread, 2) * size])


def scene(rng: np.random.Generator, name: str, size: int) -> Pixels:
    """The image of one scene, uint8 (size, size, 3)."""
    share = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    horizon = rng.uniform(0.3, 0.8)
    sky, ground = (np.asarray(color(rng), np.float32) * (1 - share) + np.asarray(color(rng), np.float32) * share for _ in range(2))
    canvas = np.ascontiguousarray(np.broadcast_to(np.where(share < horizon, sky, ground), (size, size, 3)).clip(0, 255).astype(np.uint8))
    for _ in range(rng.integers(0, 5)):
        fill(canvas, placed(rng.uniform(-1, 1, (rng.integers(3, 7), 2)), frame(rng, size, (0.1, 0.35), 180, 0.5)), color(rng))
    background = tuple(canvas[size // 2, size // 2].tolist())
    paints = [*(color(rng) for _ in range(4)), tuple(rng.uniform(10, 70, 3)), tuple(rng.uniform(60, 160, 3)), background]
    matrix = frame(rng, size, (0.5, 0.95), 25, 0.16)
    for paint, points in CLASSES[name](rng):
        fill(canvas, placed(points, matrix), paints[paint])
    for _ in range(rng.integers(0, 3)):
        fill(canvas, placed(rng.uniform(-1, 1, (rng.integers(3, 6), 2)), frame(rng, size, (0.08, 0.22), 180, 0.5)), color(rng))
    return photographed(canvas, rng, size)


def photographed(canvas: Pixels, rng: np.random.Generator, size: int) -> Pixels:
    """The drawn scene with surfaces, light from one side, blur and the noise of a sensor."""
    x, y = np.meshgrid(*2 * [np.linspace(-1, 1, size, dtype=np.float32)])
    toward = rng.uniform(-0.35, 0.35, 2)
    light = rng.uniform(0.7, 1.2) + toward[0] * x + toward[1] * y + surface(rng, size) * np.float32(rng.uniform(0.002, 0.006))
    shown = canvas.astype(np.float32) * light[..., None] * rng.uniform(0.85, 1.15, 3).astype(np.float32)
    shown = cv2.GaussianBlur(shown, (0, 0), rng.uniform(0.35, 1.1))
    grain = rng.standard_normal((size, size), np.float32) * np.float32(rng.uniform(1, 7))
    return np.asarray((shown + grain[..., None]).clip(0, 255), np.uint8)


def cropped(image: Pixels, share: float) -> Pixels:
    cut = round(len(image) * share)
    return np.asarray(cv2.resize(image[cut:-cut, cut:-cut], image.shape[:2], interpolation=cv2.INTER_CUBIC), np.uint8)


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "JPEG": lambda image: image,
    "mirror": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "crop 3 %": lambda image: cropped(image, 0.03),
    "crop 6 %": lambda image: cropped(image, 0.06),
    "brighter": lambda image: cv2.convertScaleAbs(image, alpha=1.25),
    "darker": lambda image: cv2.convertScaleAbs(image, alpha=0.75),
    "grey": lambda image: cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR),
    "border": lambda image: cv2.resize(cv2.copyMakeBorder(image, 6, 6, 6, 6, cv2.BORDER_CONSTANT, value=(255,) * 3), image.shape[:2]),
}


def planted_as(number: int, seed: int, shares: Shares) -> str:
    """What is planted at one number: ``copy``, ``wrong label``, ``broken`` or nothing."""
    drawn = np.random.default_rng((seed, number, 1)).uniform()
    steps = np.cumsum([shares.copies, shares.wrong, shares.broken])
    return ("copy", "wrong label", "broken", "")[int(np.searchsorted(steps, drawn, side="right"))]


def jpeg(image: Pixels, quality: int) -> bytes:
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])


def drawn(number: int, seed: int, size: int) -> Pixels:
    """The scene with one number."""
    rng = np.random.default_rng((seed, number))
    return scene(rng, NAMES[rng.integers(len(NAMES))], size)


def file_of(number: int, label: str) -> str:
    return f"{label}/{number:07}.jpg"


def placed_under(number: int, seed: int, shares: Shares) -> str:
    """The path of a file, without drawing it."""
    name = NAMES[np.random.default_rng((seed, number)).integers(len(NAMES))]
    if planted_as(number, seed, shares) == "wrong label":
        name = NAMES[(NAMES.index(name) + int(np.random.default_rng((seed, number, 3)).integers(1, len(NAMES)))) % len(NAMES)]
    return file_of(number, name)


def one_file(number: int, seed: int, size: int, shares: Shares, photos: Path) -> tuple[str, ...]:
    """Write one file, unless it is there, and return its row of the truth."""
    kind = planted_as(number, seed, shares)
    rng = np.random.default_rng((seed, number, 2))
    shown, change, original = number, "", ""
    if kind == "copy":
        shown = next((n for n in rng.integers(0, max(1, number), 20).tolist() if not planted_as(n, seed, shares)), number)
        kind = "copy" if shown != number else ""
    if kind == "copy":
        change, original = str(rng.choice(list(CHANGES))), placed_under(shown, seed, shares)
    name = NAMES[np.random.default_rng((seed, shown)).integers(len(NAMES))]
    path = file_of(number, name) if kind == "copy" else placed_under(number, seed, shares)
    file = photos / path
    if not file.exists():
        image = drawn(shown, seed, size)
        data = jpeg(CHANGES[change](image) if change else image, int(rng.integers(70, 96)))
        if kind == "broken":
            data = (data[: len(data) // 3], b"", b"<html><body>404 Not Found</body></html>")[int(rng.integers(3))]
        partial_file = photos / f".{number}.partial"
        partial_file.write_bytes(data)
        partial_file.replace(file)
    return path, name, path.partition("/")[0], kind, change, original


def some_files(numbers: range, seed: int, size: int, shares: Shares, photos: Path) -> list[tuple[str, ...]]:
    cv2.setNumThreads(1)
    return [one_file(number, seed, size, shares, photos) for number in numbers]


def make(folder: Path, count: int, *, size: int, seed: int, workers: int, shares: Shares) -> float:
    """Write the files and the table of the truth; returns seconds."""
    begin = time.perf_counter()
    photos = folder / "photos"
    for name in NAMES:
        (photos / name).mkdir(parents=True, exist_ok=True)
    chunks = (range(top, min(top + CHUNK, count)) for top in range(0, count, CHUNK))
    work = partial(some_files, seed=seed, size=size, shares=shares, photos=photos)
    with get_context("spawn").Pool(workers) as pool, open(folder / "truth.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        done = 0
        for rows in pool.imap(work, chunks):
            table.writerows(rows)
            done += len(rows)
            if done % 20_000 < CHUNK:
                print(f"{done:,} of {count:,}, {done / (time.perf_counter() - begin):.0f} images/s", flush=True)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=400_000)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--copies", type=float, default=Shares.copies)
    parser.add_argument("--wrong", type=float, default=Shares.wrong)
    parser.add_argument("--broken", type=float, default=Shares.broken)
    chosen = parser.parse_args()
    shares = Shares(chosen.copies, chosen.wrong, chosen.broken)
    seconds = make(chosen.folder, chosen.count, size=chosen.size, seed=chosen.seed, workers=chosen.workers, shares=shares)
    print(f"{chosen.count:,} images in {seconds:.0f} s, {chosen.count / seconds:.0f} images/s")


if __name__ == "__main__":
    main()
