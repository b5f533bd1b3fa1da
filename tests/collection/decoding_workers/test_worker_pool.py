from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from tellapart.collection.decoding_workers.ipc import DecodeResult, pack_message, unpack_message
from tellapart.collection.decoding_workers.worker_pool import CRASHED, DecodingWorkers
from tellapart.errors import OptionError, StorageError
from tests import sample_images
from tests.collection.decoding_workers import crop_hooks

HOOKS = "tests.collection.decoding_workers.crop_hooks"
NIGHT = sample_images.encoded(sample_images.photo_pixels(1) // 8)
DAY = [sample_images.photo(seed) for seed in range(2, 8)]


def decoded(bodies: list[bytes], num_workers: int = 2, **settings: Any) -> list[DecodeResult]:
    async def all_of_them() -> list[DecodeResult]:
        async with DecodingWorkers(num_workers, **settings) as decoders:
            return list(await asyncio.gather(*(decoders.decode(body) for body in bodies)))

    return asyncio.run(all_of_them())


def workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "tellapart.collection.decoding_workers.worker" in " ".join(child.cmdline())]


@pytest.fixture(autouse=True)
def no_process_is_left() -> Any:
    yield
    assert workers() == []


@pytest.mark.parametrize(
    "record",
    [
        DecodeResult(reason="cut off: a – b"),
        DecodeResult(format="PNG", width=3, height=4, hash=b"1" * 16, mirror_hash=b"2" * 16, signature=b"3" * 1536),
        DecodeResult(format="JPEG", width=3, height=4, hash=b"1" * 16, mirror_hash=b"2" * 16, signature=b"3" * 1536, body=b"\xff" * 99_999),
        DecodeResult(body=b""),
    ],
)
def test_a_record_goes_through_the_pipe_unchanged(record: DecodeResult) -> None:
    assert unpack_message(pack_message(record)) == record
    with pytest.raises(ValueError, match="bytes"):
        unpack_message(pack_message(record) + b"x")


def test_many_images_at_once_come_back_each_as_itself() -> None:
    bodies = [sample_images.photo(seed, 100 + seed, 80) for seed in range(30)] + [
        b"",
        sample_images.HTML,
        sample_images.photo(1, 2000, 1500, name="BMP"),
    ]
    found = decoded(bodies, side=1000)
    assert [record.width for record in found] == [*range(100, 130), 0, 0, 1000]
    assert [record.reason for record in found[30:]] == ["empty file", "not an image (looks like HTML)", None]


def test_a_process_that_dies_takes_only_its_image_along() -> None:
    found = decoded([*DAY[:3], NIGHT, *DAY[3:], NIGHT], crop=f"{HOOKS}:dies_of_dark")
    assert [record.reason for record in found] == [None, None, None, CRASHED, None, None, None, CRASHED]


def test_a_image_gets_a_second_chance_when_its_process_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(crop_hooks.MARK, str(tmp_path / "died"))
    assert decoded(DAY[:1], crop=f"{HOOKS}:dies_once")[0].reason is None
    assert (tmp_path / "died").exists()


def test_a_image_that_never_ends_is_given_up_in_time() -> None:
    found = decoded([NIGHT, *DAY], crop=f"{HOOKS}:dawdles_in_the_dark", timeout_s=0.5, num_workers=1)
    assert [record.reason for record in found] == ["took more than 0.5 s to decode"] + [None] * len(DAY)


def test_memory_is_limited() -> None:
    found = decoded([NIGHT, DAY[0]], crop=f"{HOOKS}:greedy_in_the_dark", num_workers=1, memory_limit_bytes=100_000_000)
    assert [record.reason for record in found] == ["not enough memory to decode it", None]


def test_a_large_image_does_not_fit_in_a_small_limit() -> None:
    large = sample_images.encoded(np.zeros((2500, 3000, 3), np.uint8), "PNG")
    assert decoded([large, DAY[0]], memory_limit_bytes=20_000_000)[0].reason in ("not enough memory to decode it", CRASHED)
    assert decoded([large])[0].reason is None


@pytest.mark.parametrize("is_large", [True, False])
def test_large_images_take_turns_and_small_ones_do_not(is_large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(crop_hooks.MARK, str(tmp_path / "notes"))
    side = 2500 if is_large else 100
    body = sample_images.encoded(np.zeros((side, side, 3), np.uint8), "PNG")
    assert [record.reason for record in decoded([body] * 3, num_workers=3, crop=f"{HOOKS}:notes_when")] == [None] * 3
    times = sorted(tuple(map(float, line.split())) for line in (tmp_path / "notes").read_text().splitlines())
    overlap = any(later[0] < earlier[1] for earlier, later in pairwise(times))
    assert len(times) == 3
    assert overlap is not is_large


def test_bombs_are_refused_within_little_memory() -> None:
    async def largest() -> tuple[list[DecodeResult], int]:
        async with DecodingWorkers(2) as decoders:
            bombs = [sample_images.huge_bilevel_png(), sample_images.huge_bilevel_png(30_000, 30_000)]
            found = [await decoders.decode(body) for body in bombs * 3]
            return found, sum(int(worker.memory_info().rss) for worker in workers())

    found, rss = asyncio.run(largest())
    assert all("are too many" in str(record.reason) for record in found)
    assert rss < 250_000_000


def test_what_a_hook_prints_does_not_garble_the_answers() -> None:
    assert [record.reason for record in decoded(DAY[:2], crop=f"{HOOKS}:talks")] == ["the crop hook found nothing"] * 2


def test_ctrl_c_is_not_for_the_processes() -> None:
    async def pressed() -> DecodeResult:
        async with DecodingWorkers(1) as decoders:
            before = workers()
            for worker in before:
                worker.send_signal(signal.SIGINT)
            await asyncio.sleep(0.1)
            found = await decoders.decode(DAY[0])
            assert workers() == before
            return found

    assert asyncio.run(pressed()).reason is None


def test_a_process_killed_from_outside_is_replaced() -> None:
    async def killed() -> list[DecodeResult]:
        async with DecodingWorkers(2) as decoders:
            for worker in workers():
                worker.kill()
                worker.wait()
            return [await decoders.decode(body) for body in DAY]

    assert [record.reason for record in asyncio.run(killed())] == [None] * len(DAY)


def test_a_cancelled_image_leaves_no_answer_for_the_next_one() -> None:
    async def cancelled() -> list[DecodeResult]:
        async with DecodingWorkers(1, crop=f"{HOOKS}:dawdles_in_the_dark") as decoders:
            task = asyncio.ensure_future(decoders.decode(NIGHT))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return [await decoders.decode(sample_images.photo(1, width, 90)) for width in (91, 92, 93)]

    assert [record.width for record in asyncio.run(cancelled())] == [91, 92, 93]


def test_leaving_in_the_middle_ends_everything() -> None:
    async def left() -> None:
        async with DecodingWorkers(2, crop=f"{HOOKS}:dawdles_in_the_dark") as decoders:
            tasks = [asyncio.ensure_future(decoders.decode(NIGHT)) for _ in range(5)]
            await asyncio.sleep(0.2)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        asyncio.run(left())


@pytest.mark.parametrize("hook", [None, f"{HOOKS}:spins"], ids=["idle", "busy"])
def test_nothing_survives_a_killed_collector(hook: str | None, tmp_path: Path) -> None:
    body = tmp_path / "a.jpg"
    body.write_bytes(DAY[0])
    code = f"""
import asyncio, sys
from pathlib import Path
from tellapart.collection.decoding_workers.worker_pool import DecodingWorkers
async def main():
    async with DecodingWorkers(2, crop={hook!r}, timeout_s=1) as decoders:
        await decoders.decode(Path({str(body)!r}).read_bytes())
        print("here", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""
    mark = tmp_path / "mark"
    environment = {**os.environ, crop_hooks.MARK: str(mark)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as collector:
        assert collector.stdout is not None
        if hook is None:
            assert collector.stdout.readline() == b"here\n"
        else:
            while not mark.exists() or not mark.read_text():
                time.sleep(0.02)
        children = psutil.Process(collector.pid).children()
        assert len(children) == 2
        collector.kill()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"crop": "nowhere.to.be.found:f"}, "cannot be imported: ModuleNotFoundError"),
        ({"crop": f"{HOOKS}:absent"}, "has no function absent"),
        ({"crop": f"{HOOKS}:NOT_A_FUNCTION"}, "has no function"),
        ({"crop": "no-colon"}, "not of the form module:function"),
        ({"side": 4}, "side is 4"),
        ({"timeout_s": 0}, "timeout_s is 0"),
        ({"memory_limit_bytes": 0, "num_workers": 0}, "num_workers is 0.*; memory_limit_bytes is 0"),
    ],
)
def test_wrong_settings_are_said_at_the_start(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        decoded([], **settings)


def test_a_hook_may_lie_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_hook.py").write_text("def top(pixels):\n    return 0, 0, 30, 20\n")
    (tmp_path / "numpy.py").write_text("raise RuntimeError('not this one')\n")
    monkeypatch.chdir(tmp_path)
    found = decoded(DAY[:1], crop="my_hook:top")[0]
    assert (found.width, found.height) == (30, 20)


def test_a_process_that_cannot_start_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(StorageError, match="could not be started"):
        decoded([])
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(StorageError, match="did not start"):
        decoded([])
