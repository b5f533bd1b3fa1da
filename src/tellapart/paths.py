"""Where things lie, and how they get there: a file that exists is complete."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import re
import shutil
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from tellapart.errors import StorageError

CACHE_VARIABLE = "TELLAPART_CACHE"
PARTIAL, OLD = "partial", "old"
_BESIDE = re.compile(r"\.(?P<name>.+)\.(?P<machine>[0-9a-f]{8})\.(?P<process>[0-9]{1,10})\.[0-9a-f]{8}\.(?P<kind>partial|old)", re.DOTALL)
_CHUNK = 1 << 22
_under_way: set[Path] = set()
_UNSTORABLE = re.compile(r"[\ud800-\udfff]|\\(?=x[0-9a-f]{2}|u[0-9a-f]{4})")


def cache_root() -> Path:
    """The user's cache folder for tellapart: ``$TELLAPART_CACHE``, else ``$XDG_CACHE_HOME/tellapart``, else ``~/.cache/tellapart``."""
    own = os.environ.get(CACHE_VARIABLE)
    if own:
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "tellapart"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path to write to beside ``path``; on success sync it to disk and rename it into place.

    Whatever happens, ``path`` is either the old file, the new file, or absent; never half a file.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    partial = beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _under_way.add(partial)
        yield partial
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        _under_way.discard(partial)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Like :func:`replacing` for a whole folder: it appears under its name only when complete.

    An old folder of that name is there until the new one is complete. It is deleted last; if the process ends before the new
    folder has the name, the next :func:`remove_abandoned` gives it back to the old one.
    """
    partial = beside(folder)
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder.parent)
        _under_way.add(partial)
        partial.mkdir()
        yield partial
        _rename_over(partial, folder)
    except OSError as error:
        raise storage_error(error, folder) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        _under_way.discard(partial)


def _rename_over(partial: Path, folder: Path) -> None:
    """Give a complete folder its name; an old folder of that name is renamed first and deleted afterwards."""
    if folder.is_symlink() or not folder.is_dir():
        os.replace(partial, folder)
        return
    old = beside(folder, OLD)
    _under_way.add(old)
    try:
        os.replace(folder, old)
        os.replace(partial, folder)
    except BaseException:
        if old.is_dir() and not folder.exists():
            os.replace(old, folder)
        raise
    finally:
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
        _under_way.discard(old)


def beside(path: Path, kind: str = PARTIAL) -> Path:
    """A hidden name beside ``path`` that nobody else uses: it tells the machine and the process, and is new at each call."""
    return path.with_name(f".{path.name}.{_machine()}.{os.getpid()}.{uuid4().hex[:8]}.{kind}")


def name_being_written(name: str) -> str | None:
    """The name that a file or folder called ``name`` is written for or was renamed from; None for any other file."""
    found = _BESIDE.fullmatch(name)
    return found["name"] if found else None


def _machine() -> str:
    """A short name of this machine, and of the container on it that has process numbers of its own."""
    try:
        numbers = os.readlink("/proc/self/ns/pid")  # noqa: PTH115
    except OSError:
        numbers = ""
    return hashlib.sha256(f"{platform.node()} {numbers}".encode()).hexdigest()[:8]


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Within, no other process or thread is inside the same block for ``folder`` (where the system knows file locks)."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def remove_abandoned(parent: Path) -> None:
    """Remove what killed processes of this machine left half-written in ``parent``.

    What a living process writes stays, and so does all that another machine writes on a shared disk. A folder that was to be
    replaced has its name again.
    """
    for left in [*parent.glob(f".*.{PARTIAL}"), *parent.glob(f".*.{OLD}")]:
        found = _BESIDE.fullmatch(left.name)
        if found is None or left in _under_way or found["machine"] != _machine() or is_alive(int(found["process"])):
            continue
        place = left.with_name(found["name"])
        with suppress(OSError):
            if found["kind"] == OLD and not place.exists():
                os.replace(left, place)
            elif left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


def is_alive(process: int) -> bool:
    """Whether another process of that number runs on this machine; never true of this one."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def regular_file(path: Path) -> Path:
    """The path, if a regular file lies there: a pipe would wait for ever, and a device never ends.

    Raises:
        OSError: there is nothing, or something else.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return path


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, whole or not at all; bytes of file names that are not UTF-8 become escapes."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` to ``path`` as readable JSON, whole or not at all; NaN is refused."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_sealed(path: Path, content: Any) -> None:
    """Write JSON with a checksum of itself, for :func:`read_sealed`; whole or not at all."""
    write_text(path, _sealed(json.dumps(content, allow_nan=False)))


def read_sealed(path: Path) -> Any:
    """What :func:`write_sealed` wrote; None where the file is absent or one bit of it has changed."""
    try:
        text = path.read_text(encoding="ascii")
        content = json.loads(text)["content"]
        return content if text == _sealed(json.dumps(content, allow_nan=False)) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _sealed(text: str) -> str:
    return f'{{"crc32": "{zlib.crc32(text.encode("ascii")):08x}", "content": {text}}}\n'


def checksum_of(path: Path) -> int:
    """crc32 of a file's bytes."""
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return checksum


def storage_error(error: OSError, path: Path) -> StorageError:
    """The clear sentence for an ``OSError`` met at ``path``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(
            f"no space left on the disk while writing {path}", hint="free some space and run the same command again: finished work is kept"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageError(f"{path} cannot be written: {error.strerror}", hint="choose another place (--out, --state or TELLAPART_CACHE)")
    return StorageError(f"{path}: {error.strerror or error}")


def printable(name: str) -> str:
    r"""``name`` with bytes that are not UTF-8 (and lone surrogates) written as escapes, so that it can be stored and shown.

    No two names get one answer: a backslash that only looks like the beginning of such an escape is written as one itself.

    >>> printable("caf\udce9"), printable(r"caf\xe9")
    ('caf\\xe9', 'caf\\x5cxe9')
    """
    return _UNSTORABLE.sub(lambda found: _escape(ord(found[0])), name)


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}"


def name_complaint(name: str) -> str | None:
    """What keeps ``name`` from being a folder's name that is seen, or None."""
    if "/" in name or "\0" in name:
        return "it holds a character no file name may hold"
    return "it begins with a dot" if name.startswith(".") else None


def folder_name(folder: Path) -> str:
    """What to call something after ``folder``: its name without leading dots; ``photos`` where it has none."""
    return os.path.basename(os.path.normpath(folder)).lstrip(".") or "photos"  # noqa: PTH119
