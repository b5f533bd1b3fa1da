"""The service behind the routes: admission of requests, the engines that compute, and the counters."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from starlette.exceptions import HTTPException

from tellapart.array_types import ByteArray
from tellapart.concurrency import available_cores
from tellapart.errors import ImageError
from tellapart.onnx_predictor import squares_of_bytes
from tellapart.server.batching import Batcher
from tellapart.server.engines import Engine
from tellapart.server.limits import Admission, Limits
from tellapart.server.served_models import Answer, Answered, NamedImage, ServedModel

BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histogram of seconds."""


@dataclass
class Counts:
    """What has happened since the start; a route adds to it from the event loop alone.

    Attributes:
        requests: answers by route and status code.
        images: images by model and by outcome, ``answered`` or ``unreadable``.
        predicted: answers by model and predicted class.
        seconds: requests to predict by the first bound of :data:`BUCKETS_S` that holds them; infinity for longer ones.
        total_s: seconds of all of them.
        reloads: number of models reloaded.
    """

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    images: Counter[tuple[str, str]] = field(default_factory=Counter)
    predicted: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: Counter[float] = field(default_factory=Counter)
    total_s: float = 0.0
    reloads: int = 0

    def note(self, answered: Answered, seconds: float) -> None:
        """Count the answers of a request."""
        for answer in answered.answers:
            self.images[answered.run, "unreadable" if answer.probabilities is None else "answered"] += 1
            if answer.predicted is not None:
                self.predicted[answered.run, answer.predicted] += 1
        self.seconds[next((bound for bound in BUCKETS_S if seconds <= bound), float("inf"))] += 1
        self.total_s += seconds


class Service:
    """Models, limits and workers.

    Args:
        models: by name; the first answers where a request names none.
        limits: of the service.
        num_workers: threads that compute, and as many that decode; by default one per core.
    """

    def __init__(self, models: dict[str, ServedModel], limits: Limits, num_workers: int | None = None) -> None:
        self.models, self.limits = models, limits
        self.num_workers = num_workers or available_cores()
        self.admission = Admission(limits, self.num_workers)
        self.counts = Counts()
        self.batcher = Batcher(self.num_workers)
        self._decoders = ThreadPoolExecutor(self.num_workers, thread_name_prefix="decode")

    def model(self, name: str | None) -> ServedModel:
        """A model by its name, the first without one.

        Raises:
            HTTPException: 404.
        """
        model = self.models.get(name) if name else next(iter(self.models.values()))
        if model is None:
            raise HTTPException(404, f"there is no model {name!r}; there are {', '.join(self.models)}")
        return model

    async def answer(self, name: str | None, read: Callable[[], Awaitable[list[NamedImage]]]) -> Answered:
        """Admit a request, read its images, and compute their answers, all before its deadline.

        Raises:
            HTTPException: 404 for an unknown model, 429 if too many requests are inside, 408 if the body is late, 504 if the answer is.
        """
        model = self.model(name)
        started = time.monotonic()
        with self.admission.admitted():
            end = asyncio.get_running_loop().time() + self.limits.deadline_s
            try:
                async with asyncio.timeout_at(end):
                    images = await read()
            except TimeoutError as error:
                raise HTTPException(408, f"the body did not arrive within {self.limits.deadline_s:g} s") from error
            try:
                async with asyncio.timeout_at(end):
                    answered = await self._compute(model, images)
            except TimeoutError as error:
                raise HTTPException(504, f"no answer within {self.limits.deadline_s:g} s") from error
        seconds = time.monotonic() - started
        self.admission.note(seconds)
        self.counts.note(answered, seconds)
        model.drift.note(answered.class_names, (one.probabilities for one in answered.answers if one.probabilities is not None))
        return answered

    async def _compute(self, model: ServedModel, images: Sequence[NamedImage]) -> Answered:
        """The answers of a request, whose images are decoded one after another and computed beside those of other requests.

        What nobody waits for any more is neither decoded nor computed.
        """
        engine = model.engine
        answers: list[asyncio.Future[Answer]] = []
        try:
            for image in images:
                squares = await self._decoded(engine, image)
                answers.append(asyncio.ensure_future(self._answer(engine, image, squares)))
            return Answered(model.name, engine.class_names, [await answer for answer in answers])
        finally:
            for answer in answers:
                answer.cancel()

    async def _decoded(self, engine: Engine, image: NamedImage) -> tuple[ByteArray, ...] | ImageError:
        """The squares of an image, or why it cannot be read."""
        decode = partial(squares_of_bytes, image.data, engine.squares)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._decoders, decode)
        except ImageError as error:
            return error

    async def _answer(self, engine: Engine, image: NamedImage, squares: tuple[ByteArray, ...] | ImageError) -> Answer:
        if isinstance(squares, ImageError):
            return Answer(image.name, None, str(squares))
        answer = await self.batcher.answer(engine, squares)
        return Answer(image.name, answer.probabilities, predicted=answer.predicted, familiarity=answer.familiarity)

    async def watch(self, every_s: float) -> None:
        """Load models anew whose files change; ends when it is cancelled."""
        while True:
            await asyncio.sleep(every_s)
            for model in self.models.values():
                self.counts.reloads += await asyncio.to_thread(model.reload_if_changed)

    def close(self) -> None:
        """Let the workers end."""
        self._decoders.shutdown(wait=True, cancel_futures=True)
        self.batcher.close()
