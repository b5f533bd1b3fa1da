"""The model hub, from which timm and open_clip fetch weights: checked once, so that nobody waits where it cannot be reached."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

ANSWER_S = 4.0
"""Seconds within which the hub answers, or counts as out of reach."""


@contextmanager
def hub_within_reach() -> Iterator[str]:
    """Within, weights are fetched from the hub, or only from its cache on this machine where it does not answer.

    Gives why it does not answer, and nothing where it does; takes :data:`ANSWER_S` at most.
    """
    from huggingface_hub import constants

    was_offline = constants.HF_HUB_OFFLINE
    silence = "HF_HUB_OFFLINE is set" if was_offline else _silence(constants.ENDPOINT)
    constants.HF_HUB_OFFLINE = was_offline or bool(silence)
    try:
        yield silence
    finally:
        constants.HF_HUB_OFFLINE = was_offline


def _silence(address: str) -> str:
    """Why the hub does not answer; empty where it does, whatever it says. In a thread: a name's lookup knows no time limit."""
    answer: list[str] = []

    def ask() -> None:
        try:
            from huggingface_hub import get_session

            get_session().head(address, timeout=ANSWER_S)
            answer.append("")
        except Exception as error:  # any client's error means the same here
            answer.append(f"{address} does not answer ({str(error)[:120] or type(error).__name__})")

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(ANSWER_S)
    return answer[0] if answer else f"{address} does not answer within {ANSWER_S:g} s"
