"""Is anything lost, doubled or half when a collecting is killed? SIGKILL at random moments, then the same command to its end.

    python benchmarks/collecting_kills.py [--kills 20] [--images 4000] [--seed 0]

The local server (tests/collection/rude_server.py) answers every tenth address with 404, 500 twice, or HTML. After each
kill rows and files are compared; at the end each address must have been settled once, and what had failed for good or
was kept must not have been asked for again.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.collection.rude_server import running
from tests.collection.soundness import complaints, rows

from tellapart.collection.storage.stores import open_destination

BAD = ("/status/404/{}", "/stumbles/2/{}.jpg", "/html.jpg?{}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    draws = random.Random(chosen.seed)  # noqa: S311
    paths = [BAD[n // 10 % 3].format(n) if n % 10 == 0 else f"/good/{n}.jpg" for n in range(chosen.images)]
    with tempfile.TemporaryDirectory() as scratch, running() as server:
        out, urls = Path(scratch) / "photos", Path(scratch) / "urls.txt"
        urls.write_text("".join(f"{server.url(path)}\n" for path in paths))
        again = [sys.executable, "-m", "tellapart", "collect", "-o", str(out), "--urls", str(urls), "--label", "good"]
        again += ["--allow-private", "--per-host", "32", "--host-rate", "0", "--quiet"]
        ledger, found = out / ".tellapart" / "collection.sqlite", Counter[str]()
        for kill in range(chosen.kills):
            with subprocess.Popen(again) as process:
                time.sleep(draws.uniform(0.3, 3.0))
                is_over = process.poll() is not None
                process.send_signal(signal.SIGKILL)
            said = complaints(ledger, open_destination(str(out))) if ledger.exists() else []
            found.update(sentence.partition(":")[0] for sentence in said)
            states = Counter(row["status"] for row in rows(ledger)) if ledger.exists() else {}
            print(f"kill {kill + 1}: {dict(states)}{' (had ended)' if is_over else ''} {said[:3]}", flush=True)
        final_before = {row["url"] for row in rows(ledger) if row["status"] in ("kept", "refused")}
        asked_before = len(server.asked)
        for _ in range(20):
            subprocess.run(again, check=True, capture_output=True)
            if not any(row["status"] == "waiting" for row in rows(ledger)):
                break
            time.sleep(3)
        repeated = [one.path for one in server.asked[asked_before:] if server.url(one.path) in final_before]
        good = sum(not path.startswith(("/status", "/html")) for path in paths)
        said = complaints(ledger, open_destination(str(out)), good=good)
        found.update(sentence.partition(":")[0] for sentence in said)
        print(f"after {chosen.kills} kills: {len(rows(ledger)):,} rows for {len(paths):,} addresses, {good:,} to be kept, "
              f"complaints {dict(found) or 'none'}, settled addresses asked again {len(repeated)}")  # fmt: skip


if __name__ == "__main__":
    main()
