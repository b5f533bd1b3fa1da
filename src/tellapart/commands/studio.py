"""tellapart studio: a folder in the browser, to look, decide, retrain, and see what changed."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from tellapart.dataset.options import DatasetOptions
from tellapart.options import dataclass, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
from tellapart.shared_options import allow_host_option, num_workers_option, runs_option, state_option

DEADLINE_S = 2.0


@dataclass(frozen=True, kw_only=True)
class StudioOptions(DatasetOptions):
    """Where to listen, and the folders of runs and results."""

    open: bool = option(False, "Open it in the browser.")
    port: int = option(8001, "Port to listen on; 0 for a free one.", minimum=0, maximum=65535)
    host: str = option("127.0.0.1", "Address to listen on; whoever has the printed link can make decisions.", metavar="ADDRESS")
    allow_host: tuple[str, ...] = allow_host_option()
    runs: Path = runs_option()
    check: Path = option(Path("check"), "Folder for the review by tellapart check.", metavar="DIR")
    explore: Path = option(Path("explore"), "Folder for the map by tellapart explore.", metavar="DIR")
    suggested: Path = option(Path("suggested"), "Folder for the batch by tellapart suggest.", metavar="DIR")
    state: Path | None = state_option()
    num_workers: int | None = num_workers_option()


@dataclass(frozen=True, kw_only=True)
class StudioResult(Result):
    """What was decided until the studio was ended.

    Attributes:
        folder: the data set.
        batches: numbers of the batches of decisions, for ``undo``; undos among them.
        log: the file of the decisions.
    """

    folder: str
    batches: tuple[int, ...]
    log: Path | None


@with_options(StudioOptions)
def studio(folder: str | Path, *, options: StudioOptions, progress: Progress = AUTO) -> StudioResult:
    """Look through a folder in the browser, decide about images, retrain, and see what changed, until Ctrl-C or TERM.

    Every decision is a line in the same log that ``relabel``, ``exclude``, ``restore`` and ``undo`` write, and it is on the
    disk before the page says so. The photos are only read. Only this machine may ask, with the key in the address that is printed.

    Args:
        folder: class folders, unsorted images, a manifest or a bucket.
        progress: receives the address.
        options: as keywords; see :class:`StudioOptions`.

    Raises:
        OptionError: an option's name or value is wrong, or the address cannot be listened on.
        DataError: there is no such folder.
        StorageError: no browser could be started.
    """
    from tellapart.server.studio.app import OPENING, make_studio_app
    from tellapart.server.studio.studio import Places, Studio
    from tellapart.server.uvicorn_server import address_of, answer_until_ended, listen

    opened = Studio(_source(folder, options), Places(options.runs, options.check, options.explore, options.suggested))
    listening = listen(options.host, options.port)
    token = secrets.token_urlsafe(24)
    address = f"{address_of(listening)}{OPENING}?token={token}"
    progress.note(f"{address}  (Ctrl-C ends it)")
    if options.open:
        _open_browser(address)
    answer_until_ended(make_studio_app(opened, _access(options, token, listening.getsockname()[1])), listening, DEADLINE_S)
    return StudioResult(folder=str(folder), batches=opened.batches, log=opened.log_file)


def _source(folder: str | Path, options: StudioOptions) -> Any:
    from tellapart.errors import DataError
    from tellapart.server.studio.scan import FolderSource

    path = Path(folder).expanduser()
    if "://" not in str(folder) and not path.exists():
        raise DataError(f"there is no folder {path}", hint="name a folder of images")
    reading = DatasetOptions(label_folder=options.label_folder, path_column=options.path_column, label_column=options.label_column)
    return FolderSource(folder, reading, options.state, options.num_workers)


def _access(options: StudioOptions, token: str, port: int) -> Any:
    from tellapart.server.access_control import accepted_hosts
    from tellapart.server.studio.app import studio_access

    return studio_access(accepted_hosts(options.host, options.allow_host), token, port)


def _open_browser(address: str) -> None:
    import webbrowser

    from tellapart.errors import StorageError

    if not webbrowser.open(address):
        raise StorageError("no browser could be started", hint="leave --open out, and open the address that is printed yourself")
