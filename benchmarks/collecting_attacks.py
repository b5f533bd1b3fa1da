"""What a hostile server gets out of a collecting: every address refused with its reason, and how much memory it took.

    python benchmarks/collecting_attacks.py

First, addresses that lead into the network, as they are (redirects and names that turn private need a server that is taken
for public: tests/collection/network/test_fetcher.py has those). Then, with ``--allow-private``, the local server's bombs,
lies and slow answers. Memory is the peak of the whole process tree: the collector and its decoding processes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.collection.rude_server import running

INSIDE = (
    "http://127.0.0.1:{port}/good/1.jpg", "http://localhost:{port}/good/1.jpg", "http://[::1]:{port}/a.jpg", "http://2130706433:{port}/a.jpg",
    "http://0x7f.1:{port}/a.jpg", "http://0177.0.0.1:{port}/a.jpg", "http://127.1:{port}/a.jpg", "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:127.0.0.1]:{port}/a.jpg", "http://[64:ff9b::7f00:1]/a.jpg", "http://10.0.0.1/a.jpg", "http://192.168.1.1/a.jpg",
    "http://100.64.0.1/a.jpg", "http://0.0.0.0:{port}/a.jpg", "http://224.0.0.1/a.jpg", "file:///etc/passwd", "ftp://a.example/a.jpg",
)  # fmt: skip
RUDE = (
    "/png-bomb.png", "/gzip-bomb.jpg", "/gzipped/1.jpg", "/endless.jpg", "/huge.jpg", "/many-headers", "/long-header", "/long-html.jpg",
    "/html.jpg", "/text.jpg", "/empty.jpg", "/short/1.jpg", "/reset/1.jpg", "/broken-chunks/1.jpg", "/garbage", "/silence", "/loop/a",
    "/hops/9/1.jpg", "/to?file%3A///etc/passwd", "/nowhere", "/optout/noai/1.jpg", "/tdm/1/1.jpg", "/status/403", "/status/410",
    "/drip/body.jpg",
)  # fmt: skip


class Peak(threading.Thread):
    """The largest memory a process and its children were seen to hold together, in bytes."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self.root, self.seen = psutil.Process(process), 0

    def run(self) -> None:
        """Look until the process is gone."""
        try:
            while True:
                self.seen = max(self.seen, sum(p.memory_info().rss for p in [self.root, *self.root.children(recursive=True)]))
                time.sleep(0.02)
        except psutil.Error:
            return


def attacked(urls: list[str], *more: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "urls.txt"
        file.write_text("".join(f"{url}\n" for url in urls))
        begin = time.monotonic()
        command = [sys.executable, "-m", "tellapart", "collect", "-o", f"{scratch}/photos", "--urls", str(file), "--label", "x"]
        command += ["--host-rate", "0", "--per-host", "32", "--quiet", *more]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            peak = Peak(process.pid)
            peak.start()
            process.communicate()
        seconds = time.monotonic() - begin
        status = subprocess.run([*command[:6], "--status", "--json"], capture_output=True, text=True, check=True)
        said = json.loads(status.stdout)
        for reason in said["reasons"]:
            print(f"  {reason['number']} x {reason['reason']} ({reason['status']})")
        kept = sum(one["kept"] for one in said["classes"])
        print(f"  {len(urls)} addresses, {kept} kept, {seconds:.0f} s, peak {peak.seen / 1e6:.0f} MB")


def main() -> None:
    addresses = tuple(f"127.0.0.{number}" for number in range(1, len(RUDE) + 1))  # one host each: a host that fails is left alone
    with running(addresses=addresses) as server:
        print("into the network:")
        attacked([url.format(port=server.port) for url in INSIDE])
        print(f"  requests that arrived at the local server: {len(server.asked)}")
        print("a rude server:")
        attacked([server.url(path, host) for path, host in zip(RUDE, addresses, strict=True)], "--allow-private", "--time", "90s")


if __name__ == "__main__":
    main()
