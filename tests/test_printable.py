from __future__ import annotations

import itertools
import os

import pytest

from tellapart.printable import printable


def test_no_two_names_are_shown_alike() -> None:
    pieces = ["\\", "x", "u", "e9", "5c", "\udce9", "\udcff", "\ud800", "\udc00", "00e9", "\xe9"]
    names = ["".join(parts) for length in (1, 2, 3, 4) for parts in itertools.product(pieces, repeat=length)]
    assert len({printable(name) for name in names}) == len(set(names))
    for name in names:
        printable(name).encode()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain", "plain"),
        ("猫 ü", "猫 ü"),
        (os.fsdecode(b"caf\xe9"), "caf\\xe9"),
        ("caf\\xe9", "caf\\x5cxe9"),
        ("C:\\a\\b.jpg", "C:\\a\\b.jpg"),
    ],
)
def test_names_can_be_shown_whatever_their_bytes(name: str, shown: str) -> None:
    assert printable(name) == shown
