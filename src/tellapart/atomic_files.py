"""Atomic writes of files and folders: a file that exists is complete."""

from __future__ import annotations

import errno
import filecmp
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

PARTIAL, OLD = "partial", "old"
_TEMP_NAME = re.compile(
    r"\.(?P<name>.+)\.(?P<machine>[0-9a-f]{8})\.(?P<process>[0-9]{1,10})\.[0-9a-f]{8}\.(?P<kind>partial|old)", re.DOTALL
)
_CHUNK = 1 << 22
_in_progress: set[Path] = set()


@contextmanager
def replacing(path: Path, *, is_anew: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success sync it to disk and rename it to ``path``.

    Whatever happens, ``path`` is the old file, the new file, or absent; never half a file. A file that has these bytes
    already is left as it is, with its time, unless ``is_anew``.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    partial = beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _in_progress.add(partial)
        yield partial
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        if is_anew or not _has_bytes_of(path, partial):
            os.replace(partial, path)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        _in_progress.discard(partial)


def _has_bytes_of(path: Path, other: Path) -> bool:
    """Whether ``path`` is a regular file with the bytes of ``other``."""
    with suppress(OSError):
        status = path.lstat()
        return stat.S_ISREG(status.st_mode) and status.st_size == other.stat().st_size and filecmp.cmp(path, other, shallow=False)
    return False


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Like :func:`replacing` for a whole folder: it appears under its name only when complete.

    An existing folder of that name stays until the new one is complete and is deleted last. If the process ends before the new
    folder is renamed, the next :func:`remove_abandoned` restores the old one. A folder that holds the same files with the same
    bytes is left as it is, with their times.
    """
    partial = beside(folder)
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(folder.parent)
        _in_progress.add(partial)
        partial.mkdir()
        yield partial
        if not _is_same_folder(partial, folder):
            _rename_over(partial, folder)
    except OSError as error:
        raise storage_error(error, folder) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        _in_progress.discard(partial)


def _is_same_folder(partial: Path, folder: Path) -> bool:
    """Whether both hold regular files of the same names with the same bytes, and nothing else."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    names = [sorted(path.relative_to(top) for path in top.rglob("*")) for top in (partial, folder)]
    return names[0] == names[1] and all((folder / name).is_dir() or _has_bytes_of(folder / name, partial / name) for name in names[0])


def _rename_over(partial: Path, folder: Path) -> None:
    """Rename ``partial`` to ``folder``; an existing ``folder`` is renamed first and deleted afterwards."""
    if folder.is_symlink() or not folder.is_dir():
        os.replace(partial, folder)
        return
    old = beside(folder, OLD)
    _in_progress.add(old)
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
        _in_progress.discard(old)


def beside(path: Path, kind: str = PARTIAL) -> Path:
    """A unique hidden path beside ``path``; its name contains the machine, the process id and a random part."""
    return path.with_name(f".{path.name}.{machine_id()}.{os.getpid()}.{uuid4().hex[:8]}.{kind}")


def name_being_written(name: str) -> str | None:
    """The final name of a temporary file or folder called ``name`` (see :func:`beside`); None for any other name."""
    match = _TEMP_NAME.fullmatch(name)
    return match["name"] if match else None


def machine_id() -> str:
    """A short name of this machine, and of the container with its own process ids."""
    try:
        pid_namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115
    except OSError:
        pid_namespace = ""
    return hashlib.sha256(f"{platform.node()} {pid_namespace}".encode()).hexdigest()[:8]


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Hold an exclusive lock on ``folder``, across processes and threads (where the system supports file locks)."""
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


def is_in_use(folder: Path) -> bool:
    """Whether somebody holds :func:`one_at_a_time` of ``folder`` now; False where the system supports no file locks."""
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def remove_abandoned(parent: Path) -> None:
    """Remove the temporary files and folders that killed processes of this machine left in ``parent``.

    Those of running processes stay, and so do those of other machines on a shared disk. A folder that was about to be replaced
    gets its name back.
    """
    for leftover in [*parent.glob(f".*.{PARTIAL}"), *parent.glob(f".*.{OLD}")]:
        match = _TEMP_NAME.fullmatch(leftover.name)
        if match is None or leftover in _in_progress or match["machine"] != machine_id() or is_alive(int(match["process"])):
            continue
        final = leftover.with_name(match["name"])
        with suppress(OSError):
            if match["kind"] == OLD and not final.exists():
                os.replace(leftover, final)
            elif leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)


def is_alive(process: int) -> bool:
    """Whether another process with this id runs on this machine; False for the current process."""
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
    """Return ``path`` if it is a regular file: reading a pipe could block forever, and a device never ends.

    Raises:
        OSError: there is no file, or it is not a regular file.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return path


def write_text(path: Path, text: str, *, is_anew: bool = False) -> None:
    """Write ``text`` to ``path`` as UTF-8, atomically; bytes of file names that are not UTF-8 become escapes."""
    with replacing(path, is_anew=is_anew) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` to ``path`` as indented JSON, atomically; NaN raises ValueError."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_sealed(path: Path, content: Any) -> None:
    """Write JSON together with its checksum, atomically; :func:`read_sealed` reads it."""
    write_text(path, _sealed(json.dumps(content, allow_nan=False)))


def read_sealed(path: Path) -> Any:
    """Read what :func:`write_sealed` wrote; None if the file is absent or its checksum does not match."""
    try:
        text = path.read_text(encoding="ascii")
        content = json.loads(text)["content"]
        return content if text == _sealed(json.dumps(content, allow_nan=False)) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _sealed(text: str) -> str:
    return f'{{"crc32": "{zlib.crc32(text.encode("ascii")):08x}", "content": {text}}}\n'


def checksum_of(path: Path) -> int:
    """CRC-32 of a file's bytes."""
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return checksum


def storage_error(error: OSError, path: Path) -> StorageError:
    """The :class:`StorageError` for an ``OSError`` at ``path``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(
            f"no space left on the disk while writing {path}",
            hint="free some space and run the same command again; finished work is kept",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageError(f"{path} cannot be written: {error.strerror}", hint="choose another folder (--out, --state or TELLAPART_CACHE)")
    return StorageError(f"{path}: {error.strerror or error}")
