"""Stores for collected images: a folder or a bucket; files appear there only when complete."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import threading
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tellapart.atomic_files import beside, remove_abandoned, storage_error
from tellapart.dataset.bucket import obstore_for
from tellapart.dataset.folder_names import is_class
from tellapart.errors import OptionError, StorageError
from tellapart.images.formats import SUFFIXES

NAME_DIGITS = 32
"""Hexadecimal digits of the content's hash in a file's name."""
_LONGEST_BYTES = 180
_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def image_name(folder: str, image_id: str, image_format: str) -> str:
    """``<folder>/<32 digits>.<suffix>``: named by its content, so that the same image is never stored twice in a folder.

    Args:
        folder: of its class.
        image_id: sha256 of the file as kept, hexadecimal.
        image_format: from the bytes of the file, not from its name or Content-Type.
    """
    return f"{folder}/{image_id[:NAME_DIGITS]}.{SUFFIXES[image_format][0]}"


def class_folder(label: str) -> str:
    """The folder of a class: its label wherever a folder may be called so on every system, else the nearest to it.

    ``AC/DC`` becomes ``AC-DC``, ``.net`` ``_.net``, ``con`` ``con_``, and ``train`` ``train_``: a folder ``train``
    would be read as a part of a split, not as a class. Letters of all languages stay.

    Raises:
        OptionError: the label is empty.
    """
    name = _FORBIDDEN.sub("-", unicodedata.normalize("NFC", label).strip()).rstrip(". ")
    if not name.strip("-"):
        raise OptionError(f"{label!r} cannot be the name of a class", hint="give it a name with letters or digits")
    if name.startswith((".", "__MACOSX")):
        name = f"_{name}"
    if _RESERVED.fullmatch(name) or not is_class(name):
        name = f"{name}_"
    return name if len(name.encode()) <= _LONGEST_BYTES else _cut(name)


def class_folders(labels: Iterable[str]) -> dict[str, str]:
    """The folder of each class; no two share one, also where ``Cat`` and ``cat`` are the same to the system.

    Raises:
        OptionError: two labels would; says all such pairs.
    """
    folders: dict[str, str] = {}
    owners: dict[str, str] = {}
    problems = []
    for label in labels:
        folders[label] = class_folder(label)
        owner = owners.setdefault(unicodedata.normalize("NFKC", folders[label]).casefold(), label)
        if owner != label:
            problems.append(f"the classes {owner!r} and {label!r} would share the folder {folders[label]!r}")
    if problems:
        raise OptionError("; ".join(problems), hint="give one of them another name, or collect them as one class")
    return folders


def _cut(name: str) -> str:
    """The beginning of a name that is too long for a file system, with a hash to keep it unique."""
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: _LONGEST_BYTES - 9].decode('utf-8', 'ignore').rstrip('. ')}-{mark}"


__all__ = ["Bucket", "Destination", "Folder", "class_folder", "class_folders", "image_name", "open_destination"]

RESUMES = "run the same command again: what is stored is kept, and the rest goes on"
PATIENCE_S = 60.0
"""How long a bucket that fails is tried again before giving up."""
OPENING_PATIENCE_S = 5.0
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 8.0
_STATUS = re.compile(r"status code: (\d{3}) ?([A-Za-z ]*)")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_ENDPOINT = re.compile(r"(https?://[^/\s]+)")
_Result = TypeVar("_Result")
_sweeping = threading.Lock()
_swept: set[Path] = set()


class Destination(Protocol):
    """Holds files by name; names are relative, with ``/``. All methods may be called from several threads at once."""

    def put(self, name: str, body: bytes | Path) -> None:
        """Store a file, from memory or from another file, over any of that name; afterwards it survives a loss of power.

        Raises:
            StorageError: it could not be stored; the old one, or none, is there.
        """

    def get(self, name: str) -> bytes | None:
        """The content of the file; None where there is none."""

    def size(self, name: str) -> int | None:
        """Its length in bytes; None where there is none."""

    def remove(self, name: str) -> None:
        """Remove the file; nothing happens where there is none."""

    def listed(self, prefix: str = "") -> Iterator[str]:
        """Names of the files within the folder ``prefix``, at any depth, sorted; hidden ones are left out."""


def open_destination(where: str) -> Destination:
    """The destination that ``where`` names: ``s3://bucket/prefix`` or another address obstore knows, else a folder.

    Raises:
        MissingExtra: a bucket, and obstore is not installed.
        OptionError: an address that cannot be understood.
        StorageError: it cannot be reached or written.
    """
    if not where.strip():
        raise OptionError("the place to collect into is empty", hint="give a folder, or s3://bucket/prefix")
    destination: Folder | Bucket = Bucket(where) if "://" in where else Folder(Path(where).expanduser())
    destination.check()
    return destination


class Folder:
    """A folder on this machine.

    Each file is synced before it gets its name; on an SSD some 300 a second from one thread, 2,000 from four or more.
    The name itself is safe with the file system's next sync, such as that of the ledger's commit.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
        """Make the folder and write something into it.

        Raises:
            StorageError: the folder cannot be made or written.
        """
        probe = beside(self.path / "probe")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except FileExistsError as error:
            raise StorageError(f"{self.path} is a file, not a folder", hint="choose another folder with -o") from error
        except OSError as error:
            raise storage_error(error, self.path) from error

    def put(self, name: str, body: bytes | Path) -> None:  # noqa: D102
        path = self._place(name)
        try:
            _sweep(path.parent)
            try:
                _put(path, body)
            except FileNotFoundError:  # somebody removed the folder meanwhile
                path.parent.mkdir(parents=True, exist_ok=True)
                _put(path, body)
        except OSError as error:
            raise storage_error(error, path) from error

    def get(self, name: str) -> bytes | None:  # noqa: D102
        try:
            return self._place(name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise storage_error(error, self._place(name)) from error

    def size(self, name: str) -> int | None:  # noqa: D102
        try:
            return self._place(name).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise storage_error(error, self._place(name)) from error

    def remove(self, name: str) -> None:  # noqa: D102
        try:
            self._place(name).unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, self._place(name)) from error

    def listed(self, prefix: str = "") -> Iterator[str]:  # noqa: D102
        start = self._place(prefix) if prefix else self.path
        names = []
        for where, folders, files in os.walk(start):
            folders[:] = [folder for folder in folders if not folder.startswith(".")]
            inside = Path(where).relative_to(self.path)
            names += [(inside / file).as_posix() for file in files if not file.startswith(".")]
        yield from sorted(names)

    def _place(self, name: str) -> Path:
        return self.path / _checked(name)


class Bucket:
    """A bucket, or a prefix within one; keys and endpoint come from the usual ``AWS_*`` variables.

    What fails for a while (refused or dropped connections, 5xx, "slow down") is tried again with growing waits.
    """

    def __init__(self, url: str, *, patience_s: float = PATIENCE_S) -> None:
        self.url, self._patience_s = url.rstrip("/"), patience_s
        self._obstore, self._store = _opened_store(url)

    def check(self) -> None:
        """Ask the bucket for its first object.

        Raises:
            StorageError: it cannot be reached, does not exist, or may not be listed.
        """
        self._tried("be listed", lambda: next(iter(self._obstore.list(self._store, chunk_size=1)), None), patience_s=OPENING_PATIENCE_S)

    def put(self, name: str, body: bytes | Path) -> None:  # noqa: D102
        key = _checked(name)
        self._tried(f"take {name}", lambda: self._obstore.put(self._store, key, body))

    def get(self, name: str) -> bytes | None:  # noqa: D102
        key = _checked(name)
        return self._tried(f"give {name}", lambda: bytes(self._obstore.get(self._store, key).bytes()), absent=None)

    def size(self, name: str) -> int | None:  # noqa: D102
        key = _checked(name)
        return self._tried(f"say how large {name} is", lambda: int(self._obstore.head(self._store, key)["size"]), absent=None)

    def remove(self, name: str) -> None:  # noqa: D102
        key = _checked(name)
        self._tried(f"remove {name}", lambda: self._obstore.delete(self._store, key), absent=None)

    def listed(self, prefix: str = "") -> Iterator[str]:  # noqa: D102
        inside = _checked(prefix) if prefix else None
        names = self._tried("be listed", lambda: [o["path"] for batch in self._obstore.list(self._store, inside) for o in batch])
        yield from sorted(name for name in names if not any(part.startswith(".") for part in name.split("/")))

    def _tried(self, what: str, work: Callable[[], _Result], *, patience_s: float | None = None, absent: Any = ...) -> _Result:
        """What ``work`` gives, tried again while that may help; ``absent`` where the object is not there."""
        end = time.monotonic() + (self._patience_s if patience_s is None else patience_s)
        wait = FIRST_WAIT_S
        while True:
            try:
                return work()
            except Exception as error:  # obstore raises its own errors, and Python's for some
                if isinstance(error, FileNotFoundError) and absent is not ...:
                    return absent  # type: ignore[no-any-return]
                if _is_lasting(error):
                    raise self._failure(what, error, "check the address, that the bucket exists, and the AWS_* variables") from error
                if time.monotonic() + wait > end:
                    raise self._failure(what, error, RESUMES) from error
            time.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311  (no secret)
            wait = min(2 * wait, LONGEST_WAIT_S)

    def _failure(self, what: str, error: Exception, hint: str) -> StorageError:
        return StorageError(f"{self.url} cannot {what}: {_said(error)}", hint=hint)


def _sweep(folder: Path) -> None:
    """Make a folder, and before this process first writes to it, remove what killed ones left half-written in it."""
    with _sweeping:
        if folder not in _swept:
            folder.mkdir(parents=True, exist_ok=True)
            remove_abandoned(folder)
            _swept.add(folder)


def _put(path: Path, body: bytes | Path) -> None:
    partial = beside(path.with_name(path.stem[:40]))
    try:
        _write_synced(partial, body)
        os.replace(partial, path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _write_synced(partial: Path, body: bytes | Path) -> None:
    with open(partial, "wb") as file:
        if isinstance(body, Path):
            with open(body, "rb") as source:
                shutil.copyfileobj(source, file, 1 << 20)
        else:
            file.write(body)
        file.flush()
        os.fsync(file.fileno())


def _opened_store(url: str) -> tuple[Any, Any]:
    """The module obstore and the store of ``url``; how often to try again is decided here, not there."""
    obstore = obstore_for("writing to a bucket")
    try:
        return obstore, obstore.store.from_url(url, retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=1)})
    except Exception as error:  # obstore raises whatever its settings make it
        raise OptionError(f"{url} cannot be opened: {_said(error)}", hint="an address looks like s3://bucket/photos") from error


def _is_lasting(error: Exception) -> bool:
    """Whether trying again will not help: what the server refuses, and whatever is not a failure of the network's."""
    from obstore import exceptions

    if not isinstance(error, exceptions.GenericError | exceptions.JoinError):
        return True
    status = _STATUS.search(str(error))
    return status is not None and 400 <= int(status[1]) < 500 and int(status[1]) not in (408, 425, 429)


def _said(error: Exception) -> str:
    """An error of obstore's in few words: it writes pages of detail."""
    text = str(error)
    status = _STATUS.search(text)
    if status is not None:
        code = _CODE.search(text)
        return f"the server says {status[1]} {status[2]}".strip() + (f" ({code[1]})" if code else "")
    if "error sending request" in text:
        match = _ENDPOINT.search(text)
        return f"no answer from {match[1]}" if match else "no answer"
    return text.partition("\n")[0].strip()[:300]


def _checked(name: str) -> str:
    """``name``, if it stays inside.

    Raises:
        ValueError: it does not; names are made by us, so this is a bug.
    """
    if any(part in ("", ".", "..") for part in name.split("/")) or "\0" in name:
        raise ValueError(f"not a name within a destination: {name!r}")
    return name
