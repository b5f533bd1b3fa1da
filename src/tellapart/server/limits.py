"""Limits of the service, and how requests beyond them are refused."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException


@dataclass(frozen=True)
class Limits:
    """Limits of the service.

    Attributes:
        queue: maximum number of requests in progress: being read, waiting and computed.
        deadline_s: seconds from a request's first byte to its answer.
        body_bytes: size of a request's body.
        images: number of images in a request.
    """

    queue: int = 64
    deadline_s: float = 30.0
    body_bytes: int = 32_000_000
    images: int = 64


@dataclass
class Admission:
    """Counts the requests in progress; one beyond the limit is refused at once instead of waiting unseen.

    Attributes:
        limits: of the service.
        num_workers: threads that compute.
        inside: number of requests in progress.
        seconds: moving average of the time per answer.
    """

    limits: Limits
    num_workers: int
    inside: int = 0
    seconds: float = field(default=0.1)

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Within, the request counts.

        Raises:
            HTTPException: 429, with the seconds after which to try again.
        """
        if self.inside >= self.limits.queue:
            raise HTTPException(429, "too many requests at once", {"Retry-After": str(self.retry_after_s())})
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    def note(self, seconds: float) -> None:
        """Add the seconds of an answer to the average."""
        self.seconds += 0.1 * (seconds - self.seconds)

    def retry_after_s(self) -> int:
        """Whole seconds until half of the requests in progress will be done."""
        return max(1, math.ceil(self.inside * self.seconds / (2 * self.num_workers)))
