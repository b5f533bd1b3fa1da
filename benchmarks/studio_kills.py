"""Kills the studio at random moments while two programs decide: every confirmed decision is in the log, and none is there twice.

Then two of them decide at once about 200 images each, without a kill: all is kept.
"""

from __future__ import annotations

import argparse
import http.client
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

from tellapart.dataset.decisions import read_decisions

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.studio_speed import Asker, make, studio

IMAGES, AT_ONCE = 400, 200


def decide(asker: Asker, version: str, name: str, times: int, confirmed: list[str]) -> None:
    """Relabel one image after the other, each to a name of its own; ends when the studio does."""
    for number in range(times):
        label = f"{name} {number}"
        choice = {"action": "relabel", "rows": [number * 7 % IMAGES], "label": label}
        try:
            answer = asker.ask("POST", "/api/decisions", {"version": version, "seq": 0, "choices": [choice]})
        except (OSError, ValueError, http.client.HTTPException):
            return
        assert answer["batch"], answer
        confirmed.append(label)


def deciding(asker: Asker, name: str, times: int, confirmed: list[str]) -> list[threading.Thread]:
    version = asker.ask("GET", "/api/index")["version"]
    threads = [threading.Thread(target=decide, args=(asker, version, f"{name}{k}", times, confirmed)) for k in range(2)]
    for thread in threads:
        thread.start()
    return threads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    kills = parser.parse_args().kills
    rng = np.random.default_rng(0)
    confirmed: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        os.environ["TELLAPART_CACHE"] = str(work / "cache")
        make(work / "photos", IMAGES)
        for number in range(kills):
            with studio(work / "photos", work) as (asker, pid, _, _):
                threads = deciding(asker, f"kill {number} ", 100_000, confirmed)
                timer = threading.Timer(float(rng.uniform(0, 1)), os.kill, (pid, signal.SIGKILL))
                timer.start()
                for thread in threads:
                    thread.join()
                timer.join()
        state = work / "photos" / ".tellapart"
        found = [one.new or "" for one in read_decisions(state).log]
        lost, twice = set(confirmed) - set(found), len(found) - len(set(found))
        print(f"{kills} kills: {len(confirmed):,} confirmed decisions, {len(lost)} lost, {twice} twice; {len(found):,} lines in the log")
        before = len(found)
        with studio(work / "photos", work) as (asker, _, _, _):
            for thread in deciding(asker, "together ", AT_ONCE, confirmed):
                thread.join()
        print(f"two at once: {len(read_decisions(state).log) - before} of {2 * AT_ONCE} kept")


if __name__ == "__main__":
    main()
