"""tellapart serve: serve the models of runs over HTTP."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.errors import OptionError, reason_of
from tellapart.options import Options, dataclass, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
from tellapart.shared_options import allow_host_option

if TYPE_CHECKING:
    from tellapart.server.service import Service

KEY_VARIABLE = "TELLAPART_API_KEY"


@dataclass(frozen=True, kw_only=True)
class ServeOptions(Options):
    """Where to listen, who may send requests, and the limits."""

    host: str = option("127.0.0.1", "Address to listen on; any but this machine's own needs an API key.", metavar="ADDRESS")
    port: int = option(8000, "Port to listen on; 0 for a free one.", minimum=0, maximum=65535)
    allow_host: tuple[str, ...] = allow_host_option()
    key_file: Path | None = option(None, f"File with the API key of requests; by default ${KEY_VARIABLE}, if set.", metavar="FILE")
    queue: int = option(64, "Requests in progress or waiting; further ones are refused with 429.", minimum=1, maximum=10_000)
    deadline: float = option(
        30.0, "Seconds from the start of a request to its answer; after that, the answer is 504.", minimum=0.1, maximum=3600.0
    )
    max_body: float = option(32.0, "Largest request body in MB; a larger one is refused with 413.", minimum=0.01, maximum=4096.0)
    max_images: int = option(64, "Maximum number of images in one request.", minimum=1, maximum=10_000)
    num_workers: int | None = option(None, "Threads that compute predictions; by default one per core.", minimum=1, maximum=256)


@dataclass(frozen=True, kw_only=True)
class ServeResult(Result):
    """What was served until the service was ended.

    Attributes:
        models: names of the models.
        requests: answers by status code.
        images: images answered.
    """

    models: tuple[str, ...]
    requests: dict[str, int]
    images: int


@with_options(ServeOptions)
def serve(runs: Sequence[str | Path], *, options: ServeOptions, progress: Progress = AUTO) -> ServeResult:
    """Answer for the models of runs over HTTP until Ctrl-C or TERM: a page to drop photos on, and an interface for programs.

    Requests that have come in are answered before it ends. A model whose files change is reloaded. The interface is described
    at ``/openapi.json``, counters stand at ``/metrics``, and ``/status`` compares the latest answers with those on the evaluated images.

    Args:
        runs: run folders, or ONNX files that ``export-model`` wrote or the folders they lie in.
        progress: receives the address.
        options: as keywords; see :class:`ServeOptions`.

    Raises:
        OptionError: a host other than this machine's own without a key, or the key cannot be read.
        DataError: there is no run.
        ModelError: a model cannot be loaded.
    """
    from collections import Counter

    from tellapart.server.uvicorn_server import serve_until_ended

    several = [runs] if isinstance(runs, str | Path) else list(runs)
    key = _key(options)
    service, app = _service(several, options, key)
    serve_until_ended(app, host=options.host, port=options.port, deadline_s=options.deadline, progress=progress)
    statuses: Counter[str] = Counter()
    for (_, status), count in service.counts.requests.items():
        statuses[str(status)] += count
    answered = sum(count for (_, outcome), count in service.counts.images.items() if outcome == "answered")
    return ServeResult(models=tuple(service.models), requests=dict(sorted(statuses.items())), images=answered)


def asgi(*runs: str | Path, **options: Any) -> Any:
    """The service as an ASGI application, to be mounted in another one or run by any ASGI server.

    Args:
        *runs: run folders, or ONNX files that ``export-model`` wrote or the folders they lie in.
        **options: of :func:`serve`; ``host`` and ``port`` have no effect and are refused.

    Raises:
        OptionError: an option is wrong.
        DataError: there is no run.
        ModelError: a model cannot be loaded.
    """
    if idle := [name for name in ("host", "port") if name in options]:
        raise OptionError(f"{idle[0]} has no effect here", hint="the server that runs the application listens")
    chosen = ServeOptions.of(**options)
    return _service(list(runs), chosen, _key(chosen))[1]


def _service(runs: Sequence[str | Path], options: ServeOptions, key: str | None) -> tuple[Service, Any]:
    from tellapart.server.access_control import Access, accepted_hosts
    from tellapart.server.app import make_app
    from tellapart.server.limits import Limits
    from tellapart.server.served_models import open_models
    from tellapart.server.service import Service

    models = open_models(runs)
    limits = Limits(options.queue, options.deadline, int(options.max_body * 1e6), options.max_images)
    service = Service(models, limits, options.num_workers)
    return service, make_app(service, Access(accepted_hosts(options.host, options.allow_host), key, limits))


def _key(options: ServeOptions) -> str | None:
    """The key, from the file or the environment; never from the command line, which other users of the machine can read."""
    from tellapart.server.access_control import LOCAL

    key: str | None = os.environ.get(KEY_VARIABLE)
    if options.key_file is not None:
        try:
            key = options.key_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise OptionError(
                f"key_file: {options.key_file} cannot be read: {reason_of(error)}", hint="write the key into it, one line"
            ) from error
    if key is not None and len(key) < 16:
        raise OptionError("the key is shorter than 16 characters", hint="openssl rand -hex 32 makes one")
    if key is None and options.host not in LOCAL:
        raise OptionError(
            f"host: {options.host} lets other machines connect, and there is no key", hint=f"set {KEY_VARIABLE}, or name a --key-file"
        )
    return key
