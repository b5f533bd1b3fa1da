import threading
from pathlib import Path

import pytest

from tellapart.errors import ImageError
from tellapart.images.memory_limits import LOCK_BYTES, MOST_BYTES, check_memory, image_bytes, memory_for


def test_two_decoding_threads_stay_under_300_mb() -> None:
    assert MOST_BYTES + 2 * LOCK_BYTES <= 300_000_000


def test_the_reason_names_the_size_and_the_limit() -> None:
    with pytest.raises(ImageError, match=r"20,000 x 20,000 pixels are too many to decode safely \(limit 50 million"):
        check_memory(20_000, 20_000, 4 * 20_000 * 20_000)
    check_memory(7_000, 7_000, 4 * 7_000 * 7_000)


def test_big_images_take_turns_and_small_ones_do_not_wait() -> None:
    inside, most = 0, 0
    count_lock = threading.Lock()

    def decode_big() -> None:
        nonlocal inside, most
        with memory_for(5_000, 5_000, LOCK_BYTES + 1):
            with count_lock:
                inside += 1
                most = max(most, inside)
            with memory_for(10, 10, 300):
                pass
            with count_lock:
                inside -= 1

    threads = [threading.Thread(target=decode_big) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert most == 1


def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(3_000_000_000)
    with pytest.raises(ImageError, match=r"a file of 3,000 MB is too large to read \(limit 537 MB\)"):
        image_bytes(tmp_path / "a.jpg")
