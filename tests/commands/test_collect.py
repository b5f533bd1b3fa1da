from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Any

import pytest

import tellapart
from tellapart.collection.candidates import Offer, Query, Request, ResultPage
from tellapart.collection.sources import SourceCard, SourceError, registry
from tellapart.collection.status import ClassStatus, CollectResult
from tellapart.collection.web_pages.browser import browser_path
from tellapart.errors import DataError, OptionError
from tellapart.images import decode
from tests.collection.rude_server import RudeServer, image, running
from tests.collection.web_pages.page_server import serving


@pytest.fixture(scope="module")
def server():
    with running() as started:
        yield started


def listed(tmp_path: Path, server: RudeServer, rows: list[tuple[str, str]]) -> Path:
    file = tmp_path / "list.csv"
    with file.open("w", newline="") as handle:
        csv.writer(handle).writerows([("url", "label"), *((server.url(path), label) for path, label in rows)])
    return file


def collected(out: Path, *names: str, **options: Any) -> CollectResult:
    usual = {} if options.get("status") else {"allow_private": True, "host_rate": 0.0, "per_host": 16}
    return tellapart.collect(names, out=str(out), **{**usual, **options})


def images(out: Path) -> dict[str, bytes]:
    return {f.relative_to(out).as_posix(): f.read_bytes() for f in sorted(out.rglob("*.jpg"))}


def by_class(found: CollectResult) -> dict[str, ClassStatus]:
    return {one.label: one for one in found.classes}


class Shelf:
    """A source made for tests: so many results a page, all from the rude server."""

    def __init__(self, name: str, server: RudeServer, results: dict[str, list[str]], *, page: int = 10, **card: Any) -> None:
        self.name, self._server, self._results, self._page = name, server, results, page
        about = {"title": name, "home": "http://shelf.example", "terms": "", "licenses": "all free"}
        self.card = SourceCard(**{**about, **card})
        self.asked: list[tuple[str, str | None]] = []

    def facets(self, keyword: str) -> tuple[dict[str, str], ...]:
        return ({},)

    def request(self, query: Query, cursor: str | None, keys: Any) -> Request:
        return Request(url=self._server.url("/headers"))

    def parse(self, body: bytes, query: Query, cursor: str | None) -> ResultPage:
        self.asked.append((query.keyword, cursor))
        if query.keyword == "broken":
            raise SourceError("the answer is no JSON")
        start = int(cursor or 0)
        paths = self._results.get(query.keyword, [])
        shown = tuple(
            Offer(url=self._server.url(path), license="cc0-1.0", creator="Ann, =cmd()") for path in paths[start : start + self._page]
        )
        return ResultPage(offers=shown, cursor=str(start + self._page) if start + self._page < len(paths) else None, total=len(paths))


@pytest.fixture
def shelves(monkeypatch: pytest.MonkeyPatch):
    made: dict[str, Shelf] = {}
    monkeypatch.setattr(registry, "SOURCES", made)
    return made


def good(start: int, number: int) -> list[str]:
    return [f"/good/{start + i}.jpg" for i in range(number)]


def test_a_list_becomes_class_folders_named_by_content_with_attribution(tmp_path: Path, server: RudeServer) -> None:
    rows = [(path, "cat") for path in good(0, 5)] + [(path, "dog") for path in good(5, 3)]
    found = collected(tmp_path / "photos", urls=listed(tmp_path, server, rows))
    kept = images(tmp_path / "photos")
    assert {name.split("/")[0] for name in kept} == {"cat", "dog"}
    assert sorted(kept.values()) == sorted(image(i) for i in range(8))
    assert all(hashlib.sha256(data).hexdigest().startswith(Path(name).stem) for name, data in kept.items())
    with (tmp_path / "photos" / "ATTRIBUTION.csv").open(newline="") as handle:
        rows_written = list(csv.DictReader(handle))
    assert {row["file_name"] for row in rows_written} == set(kept)
    assert {row["url"] for row in rows_written} == {server.url(f"/good/{i}.jpg") for i in range(8)}
    assert {label: one.kept for label, one in by_class(found).items()} == {"cat": 5, "dog": 3}
    assert tellapart.open_dataset(tmp_path / "photos").class_names == ("cat", "dog")


def test_every_failure_is_a_row_with_its_reason_and_nothing_half_is_left(tmp_path: Path, server: RudeServer) -> None:
    bad = {
        "/status/404": "404 not found",
        "/html.jpg": "not an image (looks like HTML)",
        "/empty.jpg": "empty",
        "/png-bomb.png": "20,000 x 20,000 pixels are too many",
        "/loop/a": "circle",
        "/optout/noai/1.jpg": "opted out",
        "/to?file%3A///etc/passwd": "file",
        "/huge.jpg": "larger",
    }
    rows = [(path, "cat") for path in [*bad, *good(20, 3), "/hops/3/23.jpg"]]
    found = collected(tmp_path / "photos", urls=listed(tmp_path, server, rows))
    assert by_class(found)["cat"].kept == 4
    assert by_class(found)["cat"].refused == len(bad)
    said = [reason.reason for reason in found.reasons]
    for words in bad.values():
        assert any(words in reason for reason in said), (words, said)
    assert sorted(p.name for p in (tmp_path / "photos").iterdir()) == [".tellapart", "ATTRIBUTION.csv", "cat"]


def test_the_private_network_is_never_asked(tmp_path: Path, server: RudeServer) -> None:
    file = listed(tmp_path, server, [(path, "cat") for path in good(0, 2)])
    with pytest.raises(DataError, match=r"no image was collected\n127\.0\.0\.1: address 127\.0\.0\.1 is loopback"):
        collected(tmp_path / "photos", urls=file, allow_private=False)
    found = collected(tmp_path / "photos", status=True)
    assert by_class(found)["cat"].refused == 2
    assert "127.0.0.1" in found.reasons[0].reason
    assert "--allow-private" in found.reasons[0].advice


def test_the_same_command_asks_only_for_what_may_have_passed(tmp_path: Path, server: RudeServer) -> None:
    paths = [*good(30, 3), "/status/404/x.jpg", "/stumbles/1/40.jpg", "/busy/1/1/41.jpg"]
    file = listed(tmp_path, server, [(path, "cat") for path in paths])
    collected(tmp_path / "photos", urls=file)
    before = len(server.asked)
    found = collected(tmp_path / "photos")
    again = {one.path for one in server.asked[before:]}
    assert again <= {"/stumbles/1/40.jpg", "/busy/1/1/41.jpg"}
    assert by_class(found)["cat"].kept == 5
    assert by_class(found)["cat"].refused == 1


def test_exact_and_near_duplicates_do_not_count_and_say_where_the_other_is(tmp_path: Path, server: RudeServer) -> None:
    rows = [("/good/0.jpg", "cat"), ("/same/1.jpg", "cat"), ("/same/2.jpg", "dog"), *[(path, "dog") for path in good(1, 3)]]
    found = collected(tmp_path / "photos", urls=listed(tmp_path, server, rows))
    assert sum(one.kept for one in found.classes) == 4
    assert sum(one.duplicates for one in found.classes) == 2
    assert len(images(tmp_path / "photos")) == 4


def test_keywords_are_collected_to_their_number_in_equal_shares(tmp_path: Path, server: RudeServer, shelves: dict[str, Shelf]) -> None:
    for name, start in (("left", 1000), ("right", 2000)):
        shelves[name] = Shelf(name, server, {"cat": good(start, 70), "dog": good(start + 200, 300)}, page=20)
    found = collected(tmp_path / "photos", "cat", "dog", per_class=100)
    for one in found.classes:
        assert one.kept == 100
    cat, dog = (by_class(found)[label].sources for label in ("cat", "dog"))
    assert all(abs(cat[name] - dog[name]) <= 0.25 * max(cat[name], dog[name]) + 15 for name in ("left", "right")), (cat, dog)
    assert found.short == {}
    assert len(images(tmp_path / "photos")) == 200


def test_a_poor_source_does_not_make_the_classes_uneven_and_the_shortage_is_explained(
    tmp_path: Path, server: RudeServer, shelves: dict[str, Shelf]
) -> None:
    shelves["left"] = Shelf("left", server, {"cat": good(300, 60), "dog": good(360, 8)})
    found = collected(tmp_path / "photos", "cat", "dog", per_class=50)
    classes = by_class(found)
    assert classes["dog"].kept == 8
    assert 8 <= classes["cat"].kept <= 20
    assert any("dog has only 8 from there" in sentence for sentence in found.short["cat"])
    assert any("came to their end" in sentence for sentence in found.short["dog"])
    uneven = collected(tmp_path / "photos", "cat", "dog", per_class=50, uneven_sources=True)
    assert by_class(uneven)["cat"].kept == 50


def test_several_keywords_share_a_class_and_a_broken_search_is_told(tmp_path: Path, server: RudeServer, shelves: dict[str, Shelf]) -> None:
    shelves["left"] = Shelf("left", server, {"road trip": good(400, 9), "ski trip": good(409, 9)})
    found = collected(tmp_path / "photos", class_=("travel=road trip,ski trip,broken",), per_class=100)
    assert by_class(found)["travel"].kept == 18
    assert [list(failure) for failure in found.search_failures] == [["left", "the answer is no JSON", 1]]


def test_a_dry_search_is_given_up(tmp_path: Path, server: RudeServer, shelves: dict[str, Shelf]) -> None:
    shelf = shelves["left"] = Shelf("left", server, {"cat": [f"/status/404/{i}" for i in range(1000)]}, page=50)
    with pytest.raises(DataError, match="404 not found"):
        collected(tmp_path / "photos", "cat", per_class=30)
    found = collected(tmp_path / "photos", status=True)
    assert found.searches == {"left": {"dry": 1}}
    assert len(shelf.asked) < 10


def test_a_class_with_its_number_is_not_asked_for_again(tmp_path: Path, server: RudeServer, shelves: dict[str, Shelf]) -> None:
    shelf = shelves["left"] = Shelf("left", server, {"cat": good(500, 30)})
    collected(tmp_path / "photos", "cat", per_class=5)
    asked, before = len(shelf.asked), len(server.asked)
    found = collected(tmp_path / "photos", "cat", per_class=5)
    assert (len(shelf.asked), len(server.asked)) == (asked, before)
    assert by_class(found)["cat"].kept == 5
    more = collected(tmp_path / "photos", "cat", per_class=8)
    assert by_class(more)["cat"].kept == 8


def test_pages_are_scraped_one_after_the_other(tmp_path: Path, server: RudeServer) -> None:
    found = collected(tmp_path / "photos", page=(server.url("/page/1"),), label="cat", next_page="auto")
    assert by_class(found)["cat"].kept == 16
    with (tmp_path / "photos" / "ATTRIBUTION.csv").open(newline="") as handle:
        groups = {row["group"] for row in csv.DictReader(handle)}
    assert len(groups) == 4


def test_a_page_gives_images_of_the_side_and_the_licenses_asked_for(tmp_path: Path, server: RudeServer) -> None:
    free, kept_back = "https://creativecommons.org/publicdomain/zero/1.0/", "https://creativecommons.org/licenses/by-nc/4.0/"
    sizes = f"{server.url('/good/630.jpg')} 400w, {server.url('/good/631.jpg')} 2000w"
    html = f"""<!doctype html>
        <figure><img srcset="{sizes}" src="{server.url("/good/631.jpg")}"><a rel="license" href="{free}">free</a></figure>
        <figure><img src="{server.url("/good/632.jpg")}"><a rel="license" href="{kept_back}">not for sale</a></figure>"""

    def shown(**options: Any) -> set[str]:
        out = tmp_path / "-".join(options)
        collected(out, page=(pages.html("/", html),), label="cat", **options)
        with (out / "ATTRIBUTION.csv").open(newline="") as handle:
            return {row["url"].rpartition("/")[2] for row in csv.DictReader(handle)}

    with serving() as pages:
        assert shown(max_side=1000) == {"631.jpg", "632.jpg"}
        assert shown(max_side=200, min_side=64) == {"630.jpg", "632.jpg"}
        assert shown(licenses="cc0,cc-by") == {"631.jpg"}


def test_of_a_list_only_the_licenses_asked_for_are_taken(tmp_path: Path, server: RudeServer) -> None:
    licenses = ("CC0", "cc-by-4.0", "CC BY-NC 4.0", "")
    file = tmp_path / "list.csv"
    rows = [f"{server.url(f'/good/{640 + place}.jpg')},cat,{license}" for place, license in enumerate(licenses)]
    file.write_text("\n".join(["url,label,license", *rows]))
    found = collected(tmp_path / "photos", urls=file, licenses="cc0,cc-by")
    assert by_class(found)["cat"].kept == 2
    assert f"{file}: 2 addresses left out, not under the licenses asked for" in found.notes
    assert by_class(collected(tmp_path / "all", urls=file))["cat"].kept == 4


def test_small_images_are_refused_and_large_ones_made_smaller(tmp_path: Path, server: RudeServer) -> None:
    file = listed(tmp_path, server, [(path, "cat") for path in good(50, 2)])
    with pytest.raises(DataError, match="fewer than 1000 pixels on its shorter side: 400 x 300"):
        collected(tmp_path / "refused", urls=file, min_side=1000)
    assert by_class(collected(tmp_path / "refused", status=True))["cat"].refused == 2
    collected(tmp_path / "small", urls=file, resize=100)
    small = [decode(data) for data in images(tmp_path / "small").values()]
    assert [(one.width, one.height) for one in small] == [(100, 75)] * 2


def test_status_asks_nobody_and_says_where_to_look(tmp_path: Path, server: RudeServer) -> None:
    with pytest.raises(OptionError, match="nothing has been collected"):
        collected(tmp_path / "photos", status=True)
    assert not (tmp_path / "photos").exists()
    collected(tmp_path / "photos", urls=listed(tmp_path, server, [(path, "cat") for path in good(60, 2)]))
    before = len(server.asked)
    assert by_class(collected(tmp_path / "photos", status=True))["cat"].kept == 2
    assert len(server.asked) == before


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        ((), {}, "nothing to collect"),
        (("cat",), {"sources": "openvers"}, "no source 'openvers'"),
        ((), {"page": ("http://a.example",)}, "need a class"),
        (("cat",), {"sources": "flickr"}, "needs a key"),
        (("cat",), {"crop": "nowhere:none", "sources": "openverse"}, "nowhere"),
    ],
)
def test_wrong_options_are_refused_before_anybody_is_asked(tmp_path: Path, names: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        collected(tmp_path / "photos", *names, **options)


def test_a_list_without_addresses_is_told(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("name,label\na,cat\n")
    with pytest.raises(DataError, match="url"):
        collected(tmp_path / "photos", urls=tmp_path / "list.csv")


def test_it_works_where_a_loop_runs_already_as_in_a_notebook(tmp_path: Path, server: RudeServer) -> None:
    import asyncio

    file = listed(tmp_path, server, [(path, "cat") for path in good(70, 2)])

    async def cell() -> dict[str, Any]:
        return collected(tmp_path / "photos", urls=file)

    assert by_class(asyncio.run(cell()))["cat"].kept == 2


@pytest.mark.browser
def test_pages_built_by_a_script_are_scrolled_in_a_browser(tmp_path: Path, server: RudeServer) -> None:
    pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    if browser_path() is None:
        pytest.skip("no Chromium on PATH")
    script = """
        let next = 600;
        const more = () => {{ for (let i = 0; i < 4 && next < 612; i++) {{ const img = new Image(400, 300);
            img.src = "{}".replace("0.jpg", next++ + ".jpg"); img.style.display = "block"; document.body.append(img); }} }};
        more();
        addEventListener("scroll", () => {{ if (scrollY + innerHeight > document.body.scrollHeight - 50) more(); }});
    """.format(server.url("/good/0.jpg"))  # fmt: skip
    with serving() as pages:
        url = pages.html("/wall", f"<!doctype html><body style='margin:0'><div style='height:1500px'></div><script>{script}</script>")
        plain = collected(tmp_path / "plain", page=(url,), label="cat", urls=listed(tmp_path, server, [("/good/620.jpg", "cat")]))
        found = collected(tmp_path / "photos", page=(url,), label="cat", browser=True)
    assert by_class(plain)["cat"].kept == 1
    assert by_class(found)["cat"].kept == 12
    assert "/robots.txt" in pages.asked
