"""Every page that can be mailed, light and dark, wide and narrow: axe-core finds nothing serious."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tellapart.reports.cluster_sheets import cluster_index
from tellapart.reports.explore_page import write_exploration
from tellapart.reports.live_page import live_page
from tellapart.reports.review_page import write_review
from tests.accessibility import SCREENS, serious_findings

from .synthetic_exploration import exploration_view, thumbnails_of_exploration
from .synthetic_review import review_view, thumbnails_of_view
from .test_live_page import event

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("screen", SCREENS, ids=["light", "dark"])
def test_pages_have_no_serious_findings(
    browser: Any, two: Path, sixty: Path, ladder: Path, folds: Path, tmp_path: Path, screen: Any
) -> None:
    review, exploration = review_view(), exploration_view(n=150)
    pages = [folder / "report.html" for folder in (two, sixty, ladder, folds)]
    pages.append(write_review(tmp_path / "review", review, thumbnails_of_view(review)))
    pages.append(write_exploration(tmp_path / "explore", exploration, thumbnails_of_exploration(exploration)))
    clusters = tmp_path / "clusters.html"
    clusters.write_text(cluster_index("Two clusters", [("Cluster 0", "cats 2, dogs 1", "0.jpg"), ("Cluster 1", "", "1.jpg")]))
    pages.append(clusters)
    with live_page(tmp_path / "live.html", "finetune on lite2", 2, 2, folder="/photos") as heard, browser.new_context(**screen) as context:
        heard("fold 1 of 2", [event(1), event(2)])
        page = context.new_page()
        found = {}
        for file in [*pages, tmp_path / "live.html"]:
            page.goto(file.absolute().as_uri())
            found[file.name] = serious_findings(page)
        assert found == {key: [] for key in found}
