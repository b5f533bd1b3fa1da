from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tellapart.models import malloc

REGROW = """
import ctypes, resource
from tellapart.models.malloc import tune_malloc
print(tune_malloc())
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
def use():
    block = libc.malloc(64 << 20)
    ctypes.memset(block, 1, 64 << 20)
    libc.free(block)
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(malloc: str) -> tuple[str, int]:
    """What ``tune_malloc`` said, and the page faults of using 64 MB a second time."""
    run = subprocess.run(
        [sys.executable, "-c", REGROW], env={**os.environ, "TELLAPART_MALLOC": malloc}, capture_output=True, text=True, check=True
    )
    said, count = run.stdout.split()
    return said, int(count)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_freed_memory_is_kept_and_used_again() -> None:
    said, count = faults("")
    if said == "False":
        pytest.skip("this is not glibc")
    left_alone, usual = faults("default")
    assert left_alone == "False"
    assert count < usual / 10


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(malloc.sys, "platform", "darwin")
    assert malloc.tune_malloc() is False


def test_a_c_library_without_mallopt_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TELLAPART_MALLOC", raising=False)
    monkeypatch.setattr(malloc.sys, "platform", "linux")
    monkeypatch.setattr(malloc.ctypes, "CDLL", lambda _: object())
    assert malloc.tune_malloc() is False
