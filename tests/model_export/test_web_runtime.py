from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tellapart.errors import DataError, MissingExtra
from tellapart.model_export.web_runtime import BINARY, MODULE, PACKAGE, VERSION, web_runtime


def package(folder: Path) -> Path:
    (folder / "dist").mkdir(parents=True)
    (folder / "dist" / MODULE).write_text("export const env = {};", encoding="utf-8")
    (folder / "dist" / BINARY).write_bytes(b"\0asm")
    (folder / "package.json").write_text(json.dumps({"version": "1.2.3"}), encoding="utf-8")
    return folder


@pytest.mark.parametrize("below", ["", "dist"])
def test_a_folder_of_the_users_is_read(tmp_path: Path, below: str) -> None:
    found = web_runtime(package(tmp_path / "package") / below)
    assert (found.module, found.binary, found.version) == ("export const env = {};", b"\0asm", "1.2.3")


def test_a_folder_without_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"there is no {PACKAGE} in"):
        web_runtime(tmp_path)


def test_what_was_fetched_once_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingExtra, match="npm, which fetches it, is not installed") as caught:
        web_runtime(None)
    assert "--runtime DIR" in str(caught.value.hint)
    package(tmp_path / f"{PACKAGE}-{VERSION}")
    assert web_runtime(None).version == "1.2.3"


def test_what_npm_gives_must_be_the_file_we_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text(f'#!/bin/sh\necho strange > "$5/{PACKAGE}-{VERSION}.tgz"\n')
    npm.chmod(0o755)
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shutil, "which", lambda name: str(npm))
    with pytest.raises(DataError, match="is not the file we know"):
        web_runtime(None)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    npm.write_text("#!/bin/sh\necho no network >&2\nexit 1\n")
    with pytest.raises(MissingExtra, match=r"npm cannot fetch onnxruntime-web .*: no network"):
        web_runtime(None)
