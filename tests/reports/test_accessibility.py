"""Every page that can be mailed, light and dark, wide and narrow: axe-core finds nothing serious."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tellapart
from tellapart.reports.classify_page import classify_page
from tellapart.reports.cluster_sheets import cluster_index
from tellapart.reports.explore_page import write_exploration, write_map
from tellapart.reports.live_page import live_page
from tellapart.reports.review_page import write_review
from tests.accessibility import SCREENS, serious_findings
from tests.commands.test_autoencode import QUICK

from .synthetic_exploration import exploration_view, thumbnails_of_exploration
from .synthetic_review import review_view, thumbnails_of_view
from .test_classify_browser import METADATA, PARTS
from .test_live_page import event

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pages(two: Path, sixty: Path, ladder: Path, folds: Path, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each kind by what it shows."""
    root = tmp_path_factory.mktemp("pages")
    review, exploration = review_view(), exploration_view(n=150)
    thumbnails = thumbnails_of_exploration(exploration)
    write_map(root / "map.html", {key: exploration[key] for key in ("header", "map", "notes")}, thumbnails)
    clusters = cluster_index("Two clusters", [("Cluster 0", "cats 2, dogs 1", "0.jpg"), ("Cluster 1", "", "1.jpg")])
    (root / "clusters.html").write_text(clusters, encoding="utf-8")
    (root / "classify.html").write_text(classify_page(METADATA, modules=PARTS, place="device"), encoding="utf-8")
    tellapart.runs(two.parent, page=root / "runs.html")
    with live_page(root / "live.html", "finetune on lite2", 2, 2, folder="/photos") as heard:
        heard("fold 1 of 2", [event(1), event(2)])
        live = (root / "live.html").read_bytes()
    (root / "live.html").write_bytes(live)
    autoencoder = tellapart.autoencode(photos, out=root / "runs", state=root / "state", **QUICK)
    return {
        **{f"report, {folder.name}": folder / "report.html" for folder in (two, sixty, ladder, folds)},
        "review": write_review(root / "review", review, thumbnails_of_view(review)),
        "exploration": write_exploration(root / "explore", exploration, thumbnails),
        "autoencoder": autoencoder.folder / "report.html",
        **{name: root / f"{name}.html" for name in ("map", "clusters", "classify", "runs", "live")},
    }


@pytest.mark.parametrize("screen", SCREENS, ids=["light", "dark"])
def test_pages_have_no_serious_findings(browser: Any, pages: dict[str, Path], screen: Any) -> None:
    with browser.new_context(**screen) as context:
        page = context.new_page()
        found = {}
        for name, file in pages.items():
            page.goto(file.absolute().as_uri())
            found[name] = serious_findings(page)
        assert found == {name: [] for name in pages}
