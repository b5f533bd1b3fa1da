from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from tellapart.reports.cluster_sheets import ClusterImage, class_mix, cluster_index, cluster_sheet
from tellapart.reports.figures.num_clusters import choice_figure
from tests import sample_images

SVG = "{http://www.w3.org/2000/svg}"
CHOICE = {
    "ks": [1, 2, 3],
    "distortion": [1.0, 0.4, 0.38],
    "reference": [1.0, 0.9, 0.8],
    "silhouette": [None, 0.5, 0.2],
    "reference_silhouette": [None, 0.1, 0.1],
    "calinski_harabasz": [None, 300.0, 200.0],
    "stability": [None, 1.0, 0.6],
    "suggested": 2,
    "reason": 'two <clusters> & "more"',
}


def test_a_sheet_shows_every_image_and_leaves_the_place_of_lost_ones_empty() -> None:
    shown = [ClusterImage(sample_images.photo(i), f"a/{i}.jpg", 0.1 * i, "medoid" if i == 0 else "") for i in range(9)]
    lost = [*shown[:8], ClusterImage(None, "a/8.jpg", 0.8)]
    full, gap = (np.asarray(cluster_sheet("Cluster 0", one, words=["cheetah"], classes={"cats": 9})) for one in (shown, lost))
    assert full.shape == gap.shape
    changed = np.argwhere((full != gap).any(axis=2))
    assert changed[:, 1].max() < 32 + 150
    assert changed[:, 0].min() > full.shape[0] // 2


def test_the_labels_of_a_cluster_are_counted() -> None:
    assert class_mix({"cats": 1200, "dogs": 3}) == "cats 1,200, dogs 3"
    assert class_mix({str(i): 1 for i in range(6)}).endswith(" and 2 more")
    assert class_mix({}) == ""


def test_the_figure_has_a_panel_a_measure_and_marks_the_suggestion() -> None:
    figure = choice_figure(CHOICE)
    assert figure is not None
    root = ElementTree.fromstring(figure.standalone())  # noqa: S314
    assert len(list(root.iter(SVG + "circle"))) == 3 + 2 + 2 + 2
    assert root.findtext(SVG + "desc") == CHOICE["reason"]
    for circle in root.iter(SVG + "circle"):
        assert 0 <= float(circle.get("cx", "nan")) <= figure.width
        assert 0 <= float(circle.get("cy", "nan")) <= figure.height
    without = choice_figure({**CHOICE, "suggested": None})
    assert without is not None
    assert without.body.count("<path") == figure.body.count("<path") - 4


@pytest.mark.parametrize("ks", [[1], []])
def test_there_is_no_figure_of_one_number(ks: list[int]) -> None:
    assert choice_figure({**CHOICE, "ks": ks}) is None


def test_what_could_not_be_measured_is_said() -> None:
    figure = choice_figure({**CHOICE, "silhouette": [None] * 3, "reference_silhouette": [None] * 3})
    assert figure is not None
    assert "nothing to measure" in figure.body


def test_one_page_shows_every_sheet_and_runs_no_script_of_a_name() -> None:
    text = cluster_index(
        "2 clusters", [("Cluster 0, <script>alert(1)</script>", "cats 3", "cluster-0.jpg"), ("Cluster 1", "", "cluster-1.jpg")]
    )
    assert text.count("<img ") == 2 and 'src="cluster-1.jpg"' in text
    assert "<script" not in text and "&lt;script&gt;" in text and "default-src 'none'" in text
