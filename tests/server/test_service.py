from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from starlette.exceptions import HTTPException

from tellapart.array_types import ByteArray
from tellapart.commands.serve import ServeOptions, _key
from tellapart.errors import DataError, OptionError
from tellapart.run_folder import Run
from tellapart.server.drift import Drift
from tellapart.server.engines import EngineAnswer
from tellapart.server.limits import Limits
from tellapart.server.served_models import NamedImage, ServedModel, open_models
from tellapart.server.service import Service
from tests import folders

IMAGE = NamedImage("a.jpg", folders.class_photo("dots", 1))


@dataclass(frozen=True)
class Square:
    size: int = 8
    resize: str = "crop"


class Gate:
    """An engine that answers once it may."""

    kind, squares = "gate", (Square(),)

    def __init__(self, *class_names: str, batch_size: int = 1) -> None:
        self.class_names, self.batch_size = class_names, batch_size
        self.gate, self.started = threading.Event(), threading.Semaphore(0)
        self.asked = 0

    def answers(self, squares: Sequence[ByteArray]) -> list[EngineAnswer]:
        self.asked += len(squares[0])
        self.started.release()
        self.gate.wait()
        return [EngineAnswer(np.array([0.9, 0.1]), self.class_names[0]) for _ in squares[0]]


def gated(*class_names: str) -> tuple[Gate, ServedModel]:
    gate = Gate(*(class_names or ("a", "b")))
    model = object.__new__(ServedModel)
    model.name, model.engine, model.drift = "gated", gate, Drift()
    return gate, model


async def read() -> list[NamedImage]:
    return [IMAGE]


def test_beyond_the_queue_requests_are_refused_at_once_and_told_when_to_come_back() -> None:
    gate, model = gated()

    async def scenario() -> None:
        service = Service({"gated": model}, Limits(queue=2, deadline_s=600), num_workers=1)
        waiting = [asyncio.create_task(service.answer(None, read)) for _ in range(2)]
        await asyncio.to_thread(gate.started.acquire)
        with pytest.raises(HTTPException) as caught:
            await service.answer(None, read)
        assert caught.value.status_code == 429 and int((caught.value.headers or {})["Retry-After"]) >= 1
        gate.gate.set()
        assert [len(one.answers) for one in await asyncio.gather(*waiting)] == [1, 1]
        assert service.admission.inside == 0
        service.close()

    asyncio.run(scenario())


def test_an_answer_has_the_classes_of_the_engine_that_gave_it() -> None:
    gate, model = gated("cats", "dogs")

    async def scenario() -> None:
        service = Service({"gated": model}, Limits(deadline_s=600), num_workers=1)
        waiting = asyncio.create_task(service.answer(None, read))
        await asyncio.to_thread(gate.started.acquire)
        model.engine = Gate("dogs", "cats")
        gate.gate.set()
        answered = await waiting
        assert answered.class_names == ("cats", "dogs")
        assert service.counts.predicted == {("gated", "cats"): 1}
        assert model.drift.as_dict()["predicted"] == {"cats": 1.0}
        service.close()

    asyncio.run(scenario())


def test_a_late_answer_is_refused_and_what_nobody_waits_for_is_not_computed() -> None:
    gate, model = gated()

    async def several() -> list[NamedImage]:
        return [IMAGE] * 10

    async def scenario() -> None:
        service = Service({"gated": model}, Limits(deadline_s=0.2), num_workers=1)
        with pytest.raises(HTTPException) as caught:
            await service.answer(None, several)
        assert caught.value.status_code == 504 and service.admission.inside == 0
        gate.gate.set()
        await asyncio.to_thread(service.close)

    asyncio.run(scenario())
    assert gate.asked == 1


def test_a_late_body_is_refused() -> None:
    async def never() -> list[NamedImage]:
        await asyncio.Event().wait()
        return []

    async def scenario() -> None:
        service = Service({"gated": gated()[1]}, Limits(deadline_s=0.05), num_workers=1)
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
