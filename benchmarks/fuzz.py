"""Mutations of every file that is read back: none ends in a traceback, none gives another answer silently.

    python benchmarks/fuzz.py [--count 20000] [--seed 1] [--only model.json,ledger] [--keep FOLDER]

Each of ``model.json``, tensors, catalog, ledger, decisions, Parquet (predictions, images) and tar cards is mutated as often as the
others. A mutated file must be refused with one of our errors, give the same answer, or give less and say so. The first that does
neither ends the run and is kept. ``tests/test_fuzz.py`` does some hundred of the same.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests import fuzzing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(fuzzing.SUBJECTS))
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    names = chosen.only.split(",")
    with tempfile.TemporaryDirectory() as scratch:
        place = chosen.keep or Path(scratch)
        os.environ["TELLAPART_CACHE"] = str(place / "cache")
        for name in names:
            start = time.perf_counter()
            seen = fuzzing.run(name, chosen.count // len(names), chosen.seed, place / name)
            figures = ", ".join(f"{seen[how]:,} {how}" for how in (fuzzing.REFUSED, fuzzing.SAID, fuzzing.RIGHT))
            print(f"{name}: {sum(seen.values()):,} mutations: {figures} ({time.perf_counter() - start:.0f} s)", flush=True)
    print("no traceback, no other answer")


if __name__ == "__main__":
    main()
