from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from huggingface_hub import constants

from tellapart.errors import ModelError
from tellapart.models import hub
from tellapart.models.hub import hub_within_reach
from tellapart.models.timm_networks import build_network
from tests.collection.web_pages.page_server import PageServer, serving


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of somebody who accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def answering() -> Iterator[PageServer]:
    with serving() as server:
        yield server


def test_a_hub_that_refuses_is_named_with_what_to_do(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", closed)
    with pytest.raises(ModelError, match=f"could not be fetched from the model hub: {closed} does not answer") as caught:
        build_network("resnet18.a1_in1k", is_pretrained=True)
    assert caught.value.hint is not None and "--weights FILE" in caught.value.hint and "lite0" in caught.value.hint
    assert constants.HF_HUB_OFFLINE is False


def test_a_hub_that_says_nothing_is_given_up(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", silent)
    monkeypatch.setattr(hub, "ANSWER_S", 0.2)
    with hub_within_reach() as silence:
        assert silence.startswith(f"{silent} does not answer")
        assert constants.HF_HUB_OFFLINE is True
    assert constants.HF_HUB_OFFLINE is False


def test_a_hub_that_answers_anything_is_asked(answering: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", answering.address)
    with hub_within_reach() as silence:
        assert silence == "" and constants.HF_HUB_OFFLINE is False


def test_who_wants_no_network_is_not_asked_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with hub_within_reach() as silence:
        assert silence == "HF_HUB_OFFLINE is set"
    assert constants.HF_HUB_OFFLINE is True
