from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from starlette.exceptions import HTTPException

from tellapart.commands.serve import ServeOptions, _key
from tellapart.errors import DataError, OptionError
from tellapart.run_folder import Run
from tellapart.server.limits import Limits
from tellapart.server.served_models import Answer, NamedImage, ServedModel, open_models
from tellapart.server.service import Service

IMAGE = NamedImage("a.jpg", b"x")


class Gated(ServedModel):
    """A model that answers once it may."""

    def __init__(self) -> None:
        self.name, self.gate, self.started = "gated", threading.Event(), threading.Semaphore(0)
        self.asked = 0

    @property
    def class_names(self) -> tuple[str, ...]:
        return ("a", "b")

    def answer(self, images: Sequence[NamedImage]) -> list[Answer]:
        self.asked += len(images)
        self.started.release()
        self.gate.wait()
        return [Answer(one.name, np.array([0.9, 0.1])) for one in images]


async def read() -> list[NamedImage]:
    return [IMAGE]


def test_beyond_the_queue_requests_are_refused_at_once_and_told_when_to_come_back() -> None:
    model = Gated()

    async def scenario() -> None:
        service = Service({"gated": model}, Limits(queue=2, deadline_s=600), num_workers=1)
        waiting = [asyncio.create_task(service.answer(None, read)) for _ in range(2)]
        await asyncio.to_thread(model.started.acquire)
        with pytest.raises(HTTPException) as caught:
            await service.answer(None, read)
        assert caught.value.status_code == 429 and int((caught.value.headers or {})["Retry-After"]) >= 1
        model.gate.set()
        assert [len(answers) for _, answers in await asyncio.gather(*waiting)] == [1, 1]
        assert service.admission.inside == 0
        service.close()

    asyncio.run(scenario())


def test_a_late_answer_is_refused_and_what_nobody_waits_for_is_not_computed() -> None:
    model = Gated()

    async def several() -> list[NamedImage]:
        return [IMAGE] * 10

    async def scenario() -> None:
        service = Service({"gated": model}, Limits(deadline_s=0.2), num_workers=1)
        with pytest.raises(HTTPException) as caught:
            await service.answer(None, several)
        assert caught.value.status_code == 504 and service.admission.inside == 0
        model.gate.set()
        await asyncio.to_thread(service.close)

    asyncio.run(scenario())
    assert model.asked == 1


def test_a_late_body_is_refused() -> None:
    async def never() -> list[NamedImage]:
        await asyncio.Event().wait()
        return []

    async def scenario() -> None:
        service = Service({"gated": Gated()}, Limits(deadline_s=0.05), num_workers=1)
        with pytest.raises(HTTPException) as caught:
            await service.answer(None, never)
        assert caught.value.status_code == 408

    asyncio.run(scenario())


def test_a_changed_model_is_loaded_anew_and_a_damaged_one_is_not(trained: Run, tmp_path: Path) -> None:
    run = shutil.copytree(trained.folder, tmp_path / "run")
    (model,) = open_models([run]).values()
    assert not model.reload_if_changed()
    card = run / "model" / "model.json"
    old, engine = card.read_bytes(), model.engine
    card.unlink()
    card.write_bytes(b"{")
    assert not model.reload_if_changed() and model.engine is engine
    card.unlink()
    card.write_bytes(old)
    assert model.reload_if_changed() and model.engine is not engine


def test_models_of_one_name_get_numbers_and_what_is_no_run_is_said(trained: Run, tmp_path: Path) -> None:
    copy = shutil.copytree(trained.folder, tmp_path / trained.name)
    assert list(open_models([trained.folder, copy])) == [trained.name, f"{trained.name}-2"]
    with pytest.raises(DataError, match="no finished run"):
        open_models([tmp_path])
    with pytest.raises(DataError, match="nothing to serve"):
        open_models([])


def test_other_machines_may_ask_only_with_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TELLAPART_API_KEY", raising=False)
    assert _key(ServeOptions.of()) is None
    with pytest.raises(OptionError, match="there is no key"):
        _key(ServeOptions.of(host="0.0.0.0"))  # noqa: S104
    file = tmp_path / "key"
    file.write_text("short")
    with pytest.raises(OptionError, match="shorter than 16"):
        _key(ServeOptions.of(key_file=file))
    file.write_text("0123456789abcdef\n")
    assert _key(ServeOptions.of(host="0.0.0.0", key_file=file)) == "0123456789abcdef"  # noqa: S104
