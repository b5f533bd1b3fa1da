"""Near-duplicates on planted copies: recall of each change at no false pair, beside imagededup's pHash and cleanvision.

    python benchmarks/duplicates_planted.py PHOTOS [--each 400] [--backbone lite0] [--peer PYTHON] [--keep FOLDER]

Up to EACH photos, spread evenly over the folder, are written with 14 changed copies of each. All files are searched
together, by content alone. A pair is right if both show the same original; a pair of two originals is printed, for you to
look at: sources hold duplicates of their own (name those with --twins). PYTHON is an interpreter with imagededup and
cleanvision; they run as processes of their own and are never imported. imagededup's best threshold is the largest without
a false pair.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

PEERS = Path(__file__).parent / "peers" / "duplicate_finders.py"


def cropped(image: Image.Image, share: float) -> Image.Image:
    """``share`` of the width and height taken off on every side."""
    across, down = round(image.width * share), round(image.height * share)
    return image.crop((across, down, image.width - across, image.height - down))


def bordered(image: Image.Image, color: str) -> Image.Image:
    return ImageOps.expand(image, border=max(3, round(0.05 * min(image.size))), fill=color)


def captioned(image: Image.Image, *, is_on_top: bool) -> Image.Image:
    """A bar of an eighth of the height with two lines of words: black on white below, white on black on top."""
    bar = max(14, round(image.height / 8))
    paper, ink = ("black", "white") if is_on_top else ("white", "black")
    sheet = Image.new("RGB", (image.width, image.height + bar), paper)
    sheet.paste(image, (0, bar if is_on_top else 0))
    words = "when you see it in the wild" if is_on_top else "source: somebody's page, 2019"
    ImageDraw.Draw(sheet).text(
        (image.width * 0.06, (0 if is_on_top else image.height) + bar * 0.2), words, fill=ink, font=ImageFont.load_default(bar * 0.5)
    )
    return sheet


Change = tuple[Callable[[Image.Image], Image.Image], int]
CHANGES: dict[str, Change] = {
    "JPEG q30": (lambda image: image, 30),
    "half size": (lambda image: image.resize((max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.LANCZOS), 90),
    "grey": (lambda image: ImageOps.grayscale(image).convert("RGB"), 90),
    "brighter 1.3": (lambda image: ImageEnhance.Brightness(image).enhance(1.3), 90),
    "darker 0.7": (lambda image: ImageEnhance.Brightness(image).enhance(0.7), 90),
    "crop 3 %": (lambda image: cropped(image, 0.03), 90),
    "crop 6 %": (lambda image: cropped(image, 0.06), 90),
    "crop 12 %": (lambda image: cropped(image, 0.12), 90),
    "white border": (lambda image: bordered(image, "white"), 90),
    "black border": (lambda image: bordered(image, "black"), 90),
    "caption below": (lambda image: captioned(image, is_on_top=False), 90),
    "caption on top": (lambda image: captioned(image, is_on_top=True), 90),
    "mirror": (ImageOps.mirror, 90),
    "rotate 3": (lambda image: image.rotate(3, Image.Resampling.BICUBIC), 90),
}


def planted(photos: Path, into: Path, each: int) -> int:
    """Write originals and copies as ``ORIGINAL__CHANGE.jpg``; how many originals."""
    from tellapart.dataset import open_dataset

    dataset = open_dataset(photos)
    step = max(1.0, len(dataset) / each)
    entries = [dataset.entries[int(i * step)] for i in range(min(each, len(dataset)))]
    into.mkdir(parents=True)
    for number, entry in enumerate(entries):
        with Image.open(dataset.file(entry)) as file:
            image = ImageOps.exif_transpose(file).convert("RGB")
        image.save(into / f"{number:04}__original.jpg", quality=95)
        for name, (change, quality) in CHANGES.items():
            change(image).save(into / f"{number:04}__{name}.jpg", quality=quality)
    return len(entries)


def ours(folder: Path, state: Path, backbone: str) -> dict[str, list[tuple[str, str]]]:
    """Pairs of file names found by tellapart: directly, and as members of one group."""
    from itertools import combinations

    from tellapart.analyzed_folder import analyze_folder
    from tellapart.dataset.groups import groups_together
    from tellapart.feature_spec import FeatureSpec
    from tellapart.models.backbones import find_backbones

    analyzed = analyze_folder(folder, FeatureSpec(find_backbones(backbone)), state=state)
    name_of = {row.image_id or "": row.path for row in analyzed.rows}
    start = time.perf_counter()
    pairs = [(name_of[a], name_of[b]) for a, b in analyzed.pairs]
    seconds = time.perf_counter() - start
    groups: dict[str, list[str]] = {}
    for name, group in groups_together(name_of.values(), pairs).items():
        groups.setdefault(group, []).append(name)
    joined = [pair for members in groups.values() for pair in combinations(sorted(members), 2)]
    print(f"tellapart: {len(analyzed.rows):,} images, pairs found in {seconds:.1f} s after the features")
    return {"tellapart": pairs, "tellapart, as groups": joined}


def peers(folder: Path, python: str, twins: set[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """Pairs of file names found by the peers, by name; imagededup at its default and at the largest threshold without a false pair."""
    done = subprocess.run([python, str(PEERS), str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout.splitlines()[-1])
    print("seconds, images read: " + ", ".join(f"{name} {seconds:.0f}" for name, seconds in found["seconds"].items()))
    bits = found["imagededup"]
    false = [distance for a, b, distance in bits if is_false(a, b, twins)]
    best = min(false, default=13) - 1
    return {
        "imagededup pHash, 10 bits": [(a, b) for a, b, distance in bits if distance <= 10],
        f"pHash, {best} bits" if best >= 0 else "pHash, none": [(a, b) for a, b, distance in bits if distance <= best],
        "cleanvision": [(a, b) for a, b in found["cleanvision"]],
    }


def is_false(first: str, second: str, twins: set[tuple[str, str]]) -> bool:
    """Whether two files show different originals that are no duplicates in the source."""
    one, other = sorted((first.partition("__")[0], second.partition("__")[0]))
    return one != other and (one, other) not in twins


def recall(pairs: Iterable[tuple[str, str]], originals: int, twins: set[tuple[str, str]]) -> tuple[dict[str, float], list[tuple[str, str]]]:
    """Share of originals whose copy was found, by change; and the pairs of different originals."""
    hits: Counter[str] = Counter()
    false = []
    for first, second in {tuple(sorted(pair)) for pair in pairs}:
        (one, change), (other, second_change) = (name.removesuffix(".jpg").split("__") for name in (first, second))
        if is_false(first, second, twins):
            false.append((first, second))
        elif one == other and "original" in (change, second_change):
            hits[second_change if change == "original" else change] += 1
    return {name: hits[name] / originals for name in CHANGES}, sorted(false)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--each", type=int, default=400)
    parser.add_argument("--backbone", default="lite0")
    parser.add_argument("--peer", help="a Python with imagededup and cleanvision")
    parser.add_argument("--twins", default="", help="numbers of originals that are duplicates, as you saw: 0012-0345,0101-0102")
    parser.add_argument("--keep", type=Path, help="where the planted folder stays, to be looked at or used again")
    chosen = parser.parse_args()
    twins = {tuple(sorted(pair.split("-"))) for pair in chosen.twins.split(",") if pair}
    with tempfile.TemporaryDirectory() as temporary:
        work = chosen.keep or Path(temporary)
        folder = work / "planted"
        count = len(list(folder.glob("*__original.jpg"))) if folder.is_dir() else planted(chosen.photos, folder, chosen.each)
        found = ours(folder, work / "state", chosen.backbone)
        if chosen.peer:
            found |= peers(folder, chosen.peer, twins)
        results = {name: recall(pairs, count, twins) for name, pairs in found.items()}
        print(f"{chosen.photos}, {count} originals, recall by change")
        print("| change | " + " | ".join(results) + " |")
        print("|---|" + "---|" * len(results))
        for change in CHANGES:
            print(f"| {change} | " + " | ".join(f"{rates[change]:.3f}" for rates, _ in results.values()) + " |")
        originals = {name: sorted({(a[:4], b[:4]) for a, b in false}) for name, (_, false) in results.items()}
        print("| different originals, pairs | " + " | ".join(str(len(pairs)) for pairs in originals.values()) + " |")
        for name, pairs in originals.items():
            if pairs and len(pairs) <= 40:
                print(f"{name}: {', '.join('-'.join(pair) for pair in pairs)}")


if __name__ == "__main__":
    main()
