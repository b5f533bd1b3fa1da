"""Clusters of a folder: their names, what they follow, and how many there are, on planted kinds of images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tellapart.errors import OptionError
from tellapart.feature_spec import FeatureSpec
from tellapart.models.pixel_features import pixel_backbone
from tellapart.workflows.explorable_images import ExplorableImages, explorable_images
from tellapart.workflows.folder_clustering import (
    FOR_LOOKING,
    ClusteringConfig,
    FolderClustering,
    cluster_folder,
    factors_of,
    parse_cluster_names,
)
from tests import folders, sample_images

COLORS = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200)}
EACH = 6
CONFIG = ClusteringConfig(k=3, n_init=3)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> ExplorableImages:
    """Images of three colors; the label of one red image is wrong."""
    files = {
        f"{'blue' if (name, i) == ('red', 0) else name}/{name} {i}.jpg": sample_images.photo(100 * k + i, 96, 96, color=color)
        for k, (name, color) in enumerate(COLORS.items())
        for i in range(EACH)
    }
    folder = folders.write(tmp_path_factory.mktemp("colors"), files)
    return explorable_images(folder, FeatureSpec((pixel_backbone(8),), mirror=False), state=tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="module")
def clustered(images: ExplorableImages) -> FolderClustering:
    return cluster_folder(images, CONFIG)


def colors_of(clustered: FolderClustering) -> list[set[str]]:
    """The colors in each cluster, by the names of the files."""
    names = [Path(row.path).name.partition(" ")[0] for row in clustered.subjects.rows]
    return [{names[i] for i in np.flatnonzero(clustered.clustering.assigned == number)} for number in range(clustered.clustering.k)]


def with_words(images: ExplorableImages, shares: list[float]) -> ExplorableImages:
    """The images with a classifier that calls the given share of each color by its name, and the others nothing."""
    names = [Path(row.path).name for row in images.rows]
    words = tuple(COLORS)
    probabilities = np.zeros((len(names), len(words) + 1))
    for number, name in enumerate(names):
        color, _, index = name.removesuffix(".jpg").partition(" ")
        k = words.index(color)
        probabilities[number, k if int(index) < shares[k] * EACH else -1] = 1
    return replace(images, words=words, probabilities=probabilities)


def test_each_cluster_is_one_color_and_the_wrong_label_is_seen_in_it(clustered: FolderClustering) -> None:
    assert sorted(map(sorted, colors_of(clustered))) == [["blue"], ["green"], ["red"]]
    of_red = next(classes for classes, colors in zip(clustered.classes, colors_of(clustered), strict=True) if colors == {"red"})
    assert of_red == {"red": EACH - 1, "blue": 1}
    assert clustered.scores is not None and 0.5 < clustered.scores.ari < 1
    assert clustered.sentence.startswith(f"3 clusters of {3 * EACH} images by k-means of pixels")


def test_a_cluster_takes_a_word_that_more_than_half_of_its_images_are_called_and_a_given_name_wins(images: ExplorableImages) -> None:
    clustered = cluster_folder(with_words(images, [1.0, 0.5, 4 / 6]), CONFIG)
    number_of = {next(iter(colors)): number for number, colors in enumerate(colors_of(clustered))}
    assert clustered.names == {number_of["red"]: "red", number_of["blue"]: "blue"}, "half of the green ones are not enough"
    assert clustered.label(number_of["green"]) == str(number_of["green"])
    named = cluster_folder(clustered.subjects, replace(CONFIG, names={number_of["red"]: "tomato"}))
    assert named.names == {number_of["red"]: "tomato", number_of["blue"]: "blue"}


def test_a_name_for_a_cluster_that_there_is_not_is_refused(images: ExplorableImages) -> None:
    with pytest.raises(OptionError, match="there is no cluster 3; the clusters are 0 to 2"):
        cluster_folder(images, replace(CONFIG, names={0: "a", 3: "b"}))


def test_where_no_number_is_clear_some_clusters_are_shown_and_the_choice_says_so(images: ExplorableImages) -> None:
    clustered = cluster_folder(images, replace(CONFIG, k=0, max_k=6))
    assert clustered.choice is not None and clustered.choice.suggested is None and "too few" in clustered.choice.reason
    assert clustered.clustering.k == FOR_LOOKING, "so many are shown where no number is clear"


def test_clusters_by_color_follow_the_color_and_not_the_size(images: ExplorableImages, clustered: FolderClustering) -> None:
    assert factors_of(images, 3)["source"] is None, "a source that says the same as the class is no factor of its own"
    nmi = {name: value or 0.0 for name, value in clustered.encoding.nmi.items()}
    assert nmi["color"] > 0.8 > nmi["size"]


@pytest.mark.parametrize(("text", "names"), [(None, {}), ("", {}), ("0=cheetah, 2 = lion ", {0: "cheetah", 2: "lion"})])
def test_names_are_read_by_number(text: str | None, names: dict[int, str]) -> None:
    assert parse_cluster_names(text) == names


@pytest.mark.parametrize(("text", "message"), [("cheetah", "does not name"), ("0=", "does not name"), ("1=a,01=b", "named twice")])
def test_what_names_no_cluster_is_refused(text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        parse_cluster_names(text)
