from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import tellapart
from tellapart.errors import DataError, StorageError
from tellapart.run_folder import Run
from tests.listeners import Heard


@pytest.fixture
def copy(trained: Run, tmp_path: Path) -> Path:
    """A copy of the run with the report it has where it lies: a page names photos and decisions by the way from there."""
    folder = Path(shutil.copytree(trained.folder, tmp_path / "runs" / trained.name))
    tellapart.report(folder)
    return folder


def test_a_report_is_written_again_as_it_was(copy: Path) -> None:
    before = {path: path.read_bytes() for path in (copy / "report.html", copy / "report.json", *(copy / "figures").iterdir())}
    for name in ("report.html", "report.json", "figures"):
        path = copy / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert tellapart.report(copy) == copy / "report.html"
    assert {path: path.read_bytes() for path in before} == before
    assert {p.name for p in (copy / "figures").iterdir()} == {p.name for p in before if p.parent.name == "figures"}


def test_without_cache_images_come_from_the_photos(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (copy / "report.html").read_text()
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "empty"))
    assert tellapart.report(copy, again=True).read_text() == before


def test_without_cache_and_photos_there_is_a_report_without_images(
    copy: Path, trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "empty"))
    text = (copy / "metrics.json").read_text()
    (copy / "metrics.json").write_text(text.replace(trained.metrics.folder, "/nowhere"))
    page = tellapart.report(copy).read_text()
    assert len(page) < len((trained.folder / "report.html").read_text())
    assert "stripes" in page


def test_where_the_model_looked_is_shown_on_request_for_images_that_are_still_there(copy: Path, trained: Run) -> None:
    before = (copy / "report.json").read_bytes()
    page = tellapart.report(copy, explain=3).read_text()
    payload = json.loads(page.partition('<script type="application/json" id="view">')[2].partition("</script>")[0])
    first = [image["image_id"] for image in payload["gallery"]["images"][:3]]
    assert list(payload["heat_maps"]) == first and all(uri.startswith("data:image/jpeg;base64,") for uri in payload["heat_maps"].values())
    assert (copy / "report.json").read_bytes() == before
    assert tellapart.report(copy, explain=3).read_text() == page
    text = (copy / "metrics.json").read_text()
    (copy / "metrics.json").write_text(text.replace(trained.metrics.folder, "/nowhere"))
    assert '"heat_maps":{}' in tellapart.report(copy, explain=3).read_text()


def test_the_map_is_drawn_by_tsne_on_request(copy: Path, trained: Run) -> None:
    before = json.loads((copy / "report.json").read_text())["map"]
    page = tellapart.report(copy, map="tsne").read_text()
    found = json.loads((copy / "report.json").read_text())["map"]
    assert (before["method"], found["method"]) == ("PCA", "t-SNE") and "how far apart two islands lie means nothing" in page
    assert found["points"]["path"] == before["points"]["path"] and found["points"]["x"] != before["points"]["x"]
    text = (copy / "metrics.json").read_text()
    (copy / "metrics.json").write_text(text.replace(trained.metrics.folder, "/nowhere"))
    with pytest.raises(DataError):
        tellapart.report(copy, map="tsne")


@pytest.mark.parametrize("kind", ["garbage", "cut"])
def test_corrupt_thumbnails_are_made_anew(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    before = (copy / "report.html").read_text()
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "own"))
    tellapart.report(copy)
    store = tmp_path / "own/thumbnails.sqlite"
    store.write_bytes(b"\xa5" * 9000 if kind == "garbage" else store.read_bytes()[: store.stat().st_size // 2])
    assert tellapart.report(copy, again=True).read_text() == before


@pytest.mark.parametrize("name", ["predictions.parquet", "images.parquet", "options.json"])
@pytest.mark.parametrize("content", [b"", b"\x00damaged"])
def test_a_damaged_run_is_a_clear_error(copy: Path, name: str, content: bytes) -> None:
    (copy / name).write_bytes(content)
    with pytest.raises(StorageError, match=name):
        tellapart.report(copy)


def test_a_damaged_metrics_file_is_a_clear_error(copy: Path) -> None:
    (copy / "metrics.json").write_text('{"run": ')
    with pytest.raises(StorageError, match=r"metrics\.json"):
        tellapart.report(copy)


def test_what_is_no_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no finished run"):
        tellapart.report(tmp_path)


def marks(run: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in sorted(run.rglob("*")) if path.is_file()}


def test_again_with_nothing_changed_says_so_and_rewrites_nothing(copy: Path) -> None:
    before, heard = marks(copy), Heard()
    tellapart.report(copy, progress=heard)
    assert marks(copy) == before
    assert heard.notes == [
        "nothing has changed: report.html and report.json would be the same, so nothing was rewritten; --again writes them anew"
    ]
    tellapart.report(copy, again=True, progress=(heard := Heard()))
    after = marks(copy)
    assert {Path(path).name for path in before if before[path] != after[path]} >= {"report.html", "report.json"}
    assert not heard.notes


def test_what_has_changed_is_written_again_without_a_word(copy: Path) -> None:
    whole = (copy / "report.html").read_bytes()
    (copy / "report.html").write_bytes(whole[:-1] + b"?")
    tellapart.report(copy, progress=(heard := Heard()))
    assert (copy / "report.html").read_bytes() == whole
    assert not heard.notes
