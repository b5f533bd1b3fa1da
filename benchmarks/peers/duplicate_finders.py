"""Near-duplicates of a folder as imagededup's pHash and cleanvision find them; the last line is JSON.

    python benchmarks/peers/duplicate_finders.py FOLDER

``imagededup``: pairs of names with the bits their pHashes (64 bits) differ in, up to 12; its default is 10.
``cleanvision``: pairs within its sets of exact and near-duplicates. Runs in an environment of its own.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from itertools import combinations
from pathlib import Path

import numpy as np

MOST_BITS = 12


def imagededup_pairs(folder: Path) -> list[tuple[str, str, int]]:
    from imagededup.methods import PHash

    hashes = PHash(verbose=False).encode_images(image_dir=str(folder))
    names = sorted(hashes)
    words = np.array([int(hashes[name], 16) for name in names], np.uint64)
    found = []
    for place, name in enumerate(names):
        bits = np.bitwise_count(words[place] ^ words[place + 1 :])
        found += [(name, names[place + 1 + int(i)], int(bits[i])) for i in np.flatnonzero(bits <= MOST_BITS)]
    return found


def cleanvision_pairs(folder: Path) -> list[tuple[str, str]]:
    from cleanvision import Imagelab

    lab = Imagelab(data_path=str(folder))
    lab.find_issues({"near_duplicates": {}, "exact_duplicates": {}}, n_jobs=1, verbose=False)
    sets = [found for kind in ("exact_duplicates", "near_duplicates") for found in lab.info.get(kind, {}).get("sets", [])]
    return sorted({pair for found in sets for pair in combinations(sorted(Path(path).name for path in found), 2)})


def main() -> None:
    folder = Path(sys.argv[1])
    answers, seconds = {}, {}
    with contextlib.redirect_stdout(sys.stderr):
        for name, finder in (("imagededup", imagededup_pairs), ("cleanvision", cleanvision_pairs)):
            start = time.perf_counter()
            answers[name] = finder(folder)
            seconds[name] = time.perf_counter() - start
    print(json.dumps(answers | {"seconds": seconds}))


if __name__ == "__main__":
    main()
