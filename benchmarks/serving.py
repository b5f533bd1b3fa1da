"""``tellapart serve`` beside LitServe with the same ONNX file: requests a second, latency, overload and memory.

    python benchmarks/serving.py RUN PHOTO --peer PYTHON [--seconds 10] [--rounds 3] [--overload 60]

RUN has been exported by ``tellapart export-model RUN --to onnx``. Servers and clients share the machine, the servers take
turns, and medians over rounds are printed. PYTHON has litserve, onnxruntime, numpy, Pillow and python-multipart. With
``--overload`` three times as many clients as ``--queue`` lets in ask for so long: what is not answered must be refused
with 429 or 504, and memory must not grow.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientError, ClientSession, FormData

PORT = 18300
CLIENTS = (1, 8, 64)
QUEUE = 16


@dataclass
class Load:
    """What clients saw."""

    seconds: list[float] = field(default_factory=list)
    status: Counter[int] = field(default_factory=Counter)

    def quantile(self, share: float) -> float:
        """Milliseconds within which this share of the answers came."""
        return 1000 * sorted(self.seconds)[int(share * (len(self.seconds) - 1))] if self.seconds else float("nan")


def memory_mb(pid: int) -> float:
    """Resident memory of a process and its children."""
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    own = sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))
    return own + sum(memory_mb(int(child)) for child in children)


async def ask(session: ClientSession, url: str, data: bytes, name: str, load: Load, end: float) -> None:
    """One client: a request after the other until the time is over; a refused one waits a little."""
    while time.monotonic() < end:
        form = FormData()
        form.add_field(name, data, filename="photo.jpg", content_type="image/jpeg")
        start = time.monotonic()
        try:
            async with session.post(url, data=form) as answer:
                await answer.read()
                load.status[answer.status] += 1
                if answer.status == 200:
                    load.seconds.append(time.monotonic() - start)
                else:
                    await asyncio.sleep(0.05)
        except (ClientError, OSError):
            load.status[0] += 1
            await asyncio.sleep(0.05)


async def clients(count: int, url: str, data: bytes, name: str, seconds: float) -> Load:
    """So many clients at once."""
    load, end = Load(), time.monotonic() + seconds
    async with ClientSession() as session:
        await asyncio.gather(*(ask(session, url, data, name, load, end) for _ in range(count)))
    return load


@contextmanager
def running(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server that has answered once."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            asyncio.run(_listening(port, process))
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                process.kill()


async def _listening(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.2)
        else:
            writer.close()
            return
    sys.exit(f"{process.args!r} ended with {process.returncode}")


def ours(where: Path, port: int, *more: str) -> list[str]:
    """The command of our server."""
    return [sys.executable, "-m", "tellapart", "serve", str(where), "--port", str(port), "--quiet", *more]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--peer", help="the Python that has litserve")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--overload", type=float, default=0)
    given = parser.parse_args()
    data = given.photo.read_bytes()
    onnx = given.run / "export/onnx/model.onnx"
    with tempfile.TemporaryDirectory() as folder:
        plain = shutil.copytree(given.run, Path(folder) / "torch", ignore=shutil.ignore_patterns("export"))
        servers = {"tellapart, torch": (plain, "file"), "tellapart, onnx": (onnx, "file")}
        servers |= {"LitServe, onnx": (onnx, "request")} if given.peer else {}
        measure(servers, given, data)
        if given.overload:
            overload(onnx, data, given.overload)


def measure(servers: dict[str, tuple[Path, str]], given: argparse.Namespace, data: bytes) -> None:
    """Each server at each number of clients, in turns."""
    rates: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    memory: dict[str, float] = {}
    for _ in range(given.rounds):
        for place, (name, (where, field_name)) in enumerate(servers.items()):
            port = PORT + place
            peer = [given.peer, str(Path(__file__).parent / "peers/litserve_server.py"), str(where), str(port), "2"]
            with running(peer if name.startswith("Lit") else ours(where, port, "--queue", "128"), port) as process:
                url = f"http://127.0.0.1:{port}/predict"
                asyncio.run(clients(2, url, data, field_name, 2))
                for count in CLIENTS:
                    load = asyncio.run(clients(count, url, data, field_name, given.seconds))
                    rates.setdefault((name, count), []).append((len(load.seconds) / given.seconds, load.quantile(0.5), load.quantile(0.99)))
                memory[name] = memory_mb(process.pid)
    for (name, count), found in sorted(rates.items(), key=lambda one: one[0][1]):
        rate, half, most = (statistics.median(values) for values in zip(*found, strict=True))
        print(f"{count:3} clients  {name:18} {rate:6.1f} requests/s   p50 {half:6.0f} ms   p99 {most:6.0f} ms   {memory[name]:6.0f} MB")


def overload(onnx: Path, data: bytes, seconds: float) -> None:
    """Three times as many clients as may be inside, and memory before and after."""
    with running(ours(onnx, PORT, "--queue", str(QUEUE)), PORT) as process:
        url = f"http://127.0.0.1:{PORT}/predict"
        asyncio.run(clients(QUEUE, url, data, "file", 10))
        before = memory_mb(process.pid)
        load = asyncio.run(clients(3 * QUEUE, url, data, "file", seconds))
        after = memory_mb(process.pid)
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(load.status.items()))
    print(
        f"overload, {3 * QUEUE} clients for {seconds:.0f} s: {statuses}; p99 of the answered {load.quantile(0.99):.0f} ms;"
        f" {before:.0f} -> {after:.0f} MB"
    )


if __name__ == "__main__":
    main()
