"""Crop hooks for the tests: good ones, and one of every bad kind. They tell images apart by how bright they are."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from tests.sample_images import Pixels

DARK, BRIGHT = 60, 200
MARK = "TELLAPART_TEST_MARK"


def middle(pixels: Pixels) -> tuple[float, float, float, float]:
    height, width = pixels.shape[:2]
    return width / 4, height / 4, 3 * width / 4, 3 * height / 4


def everything(pixels: Pixels) -> list[int]:
    return [-5, -5, 9999, 9999]


def nothing(pixels: Pixels) -> None:
    return None


def fails(pixels: Pixels) -> tuple[int, int, int, int]:
    raise RuntimeError("no model")


def writes(pixels: Pixels) -> None:
    pixels[0, 0] = 0


def nonsense(pixels: Pixels) -> str:
    return "left"


def empty(pixels: Pixels) -> tuple[int, int, int, int]:
    return 50, 0, 50, 10


def talks(pixels: Pixels) -> None:
    print("a" * 100_000, flush=True)
    os.write(1, b"\x00\x00\x00\x01x" * 1000)


def dies_of_dark(pixels: Pixels) -> list[int]:
    if pixels.mean() < DARK:
        os.kill(os.getpid(), signal.SIGKILL)
    return everything(pixels)


def dies_once(pixels: Pixels) -> list[int]:
    mark = Path(os.environ[MARK])
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGSEGV)
    return everything(pixels)


def dawdles_in_the_dark(pixels: Pixels) -> list[int]:
    if pixels.mean() < DARK:
        time.sleep(600)
    return everything(pixels)


def notes_when(pixels: Pixels) -> list[int]:
    begin = time.monotonic()
    time.sleep(0.15)
    with open(os.environ[MARK], "a") as notes:
        notes.write(f"{begin} {time.monotonic()}\n")
    return everything(pixels)


def spins(pixels: Pixels) -> list[int]:
    Path(os.environ[MARK]).write_text(str(os.getpid()))
    while True:
        pass


def greedy_in_the_dark(pixels: Pixels) -> list[int]:
    if pixels.mean() < DARK:
        np.ones(10**9, np.uint8)
    return everything(pixels)


NOT_A_FUNCTION = 1
