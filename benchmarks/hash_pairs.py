"""All pairs of 400,000 hashes within 14 bits: seconds and memory, ours and FAISS's binary indexes.

    python benchmarks/hash_pairs.py [--n 400000] [--bits 14] [--sample 4000] [--peer PYTHON]

Two kinds of hashes: random ones, and ones of images whose spectrum falls as that of photos, so that neighboring bits go
together and buckets are crowded. One pair in a hundred is planted within the limit. FAISS (in PYTHON's environment, in a
process of its own, as many threads as cores) searches the whole set for a SAMPLE of it; its time for all is extrapolated.
IndexBinaryFlat is exact; IndexBinaryMultiHash is not: its recall of the planted pairs is printed.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PEER = """
import sys, time, numpy as np, faiss
hashes = np.load(sys.argv[1]); bits = int(sys.argv[2]); sample = int(sys.argv[3]); n = len(hashes)
rows = np.random.default_rng(1).choice(n // 100 * 100, sample, replace=False) // 100 * 100
def report(name, index, built):
    start = time.perf_counter()
    limits, distances, labels = index.range_search(hashes[rows], bits + 1)
    seconds = time.perf_counter() - start
    hits = sum(int(row) + 1 in set(labels[limits[k]:limits[k + 1]].tolist()) for k, row in enumerate(rows))
    whole = built + seconds * n / sample
    print(f"{name}: {built:.1f} s to build, {seconds:.2f} s for {sample:,} of {n:,}: {whole:.0f} s for all, recall {hits / sample:.3f}")
flat = faiss.IndexBinaryFlat(128)
start = time.perf_counter()
flat.add(hashes)
report("faiss IndexBinaryFlat", flat, time.perf_counter() - start)
for chunks, width, flips in ((6, 21, 1), (8, 16, 1)):
    index = faiss.IndexBinaryMultiHash(128, chunks, width)
    index.nflip, start = flips, time.perf_counter()
    index.add(hashes)
    report(f"faiss IndexBinaryMultiHash({chunks} x {width}, {flips} flipped)", index, time.perf_counter() - start)
"""


def random_hashes(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (n, 16), dtype=np.uint8)


def photo_like_hashes(n: int, rng: np.random.Generator) -> np.ndarray:
    """Difference hashes of 9 x 9 fields whose spectrum falls with the frequency."""
    out = np.empty((n, 16), np.uint8)
    frequency = np.hypot(np.fft.fftfreq(9)[:, None], np.fft.fftfreq(9)[None, :])
    frequency[0, 0] = 1
    for top in range(0, n, 20_000):
        count = min(20_000, n - top)
        field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(count, 9, 9))) / frequency**1.2).real
        wide, tall = field[:, :8, :], field[:, :, :8]
        bits = [(wide[:, :, :-1] > wide[:, :, 1:]).reshape(count, 64), (tall[:, :-1] > tall[:, 1:]).reshape(count, 64)]
        out[top : top + count] = np.packbits(np.concatenate(bits, axis=1), axis=1)
    return out


def planted(hashes: np.ndarray, max_bits: int, rng: np.random.Generator) -> None:
    """Every hundredth hash gets a neighbor 0 to ``max_bits`` bits away just behind it."""
    places = np.arange(0, len(hashes) - 1, 100)
    bits = np.unpackbits(hashes[places], axis=1)
    for row, count in zip(bits, rng.integers(0, max_bits + 1, len(places)), strict=True):
        row[rng.choice(128, count, replace=False)] ^= 1
    hashes[places + 1] = np.packbits(bits, axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=400_000)
    parser.add_argument("--bits", type=int, default=14)
    parser.add_argument("--sample", type=int, default=4_000)
    parser.add_argument("--peer", help="a Python with faiss-cpu")
    chosen = parser.parse_args()
    from tellapart.images import hamming_pairs

    rng = np.random.default_rng(0)
    for name, maker in (("random", random_hashes), ("photo-like", photo_like_hashes)):
        hashes = maker(chosen.n, rng)
        planted(hashes, chosen.bits, rng)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start, used = time.perf_counter(), time.process_time()
        pairs = hamming_pairs(hashes, chosen.bits)
        seconds, used = time.perf_counter() - start, time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        codes = set((pairs[:, 0] * chosen.n + pairs[:, 1]).tolist())
        places = range(0, chosen.n - 1, 100)
        recall = sum(place * chosen.n + place + 1 in codes for place in places) / len(places)
        print(
            f"{name}, {chosen.n:,} hashes, {chosen.bits} bits: ours {seconds:.1f} s ({used:.1f} s of processor), {len(pairs):,} pairs,"
            f" recall {recall:.3f}, peak {peak / 1e3:,.0f} MB ({before / 1e3:,.0f} before)"
        )
        if chosen.peer:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "hashes.npy"
                np.save(file, hashes)
                subprocess.run([chosen.peer, "-c", PEER, str(file), str(chosen.bits), str(chosen.sample)], check=True, stdout=sys.stdout)


if __name__ == "__main__":
    main()
