from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score

from tellapart import DataError, ImageClassifier, ModelError, OptionError
from tellapart.classifier import _encoded, _group_names
from tellapart.run_folder import Run
from tests import folders


@pytest.fixture(scope="module")
def labeled(trained: Run, photos: Path) -> tuple[list[str], list[str]]:
    """Files and labels; their features are in the session's cache."""
    files = sorted(photos.rglob("*.jpg"))
    return [str(file) for file in files], [file.parent.name for file in files]


def new_files(tmp_path: Path) -> list[Path]:
    root = folders.write(
        tmp_path, {f"{kind} {seed}.jpg": folders.class_photo(kind, 600 + seed) for kind in folders.KINDS for seed in range(3)}
    )
    return sorted(root.glob("*.jpg"))


def test_it_learns_and_predicts_new_files(labeled: tuple[list[str], list[str]], tmp_path: Path) -> None:
    files, labels = labeled
    classifier = ImageClassifier("lite0").fit(files, labels)
    new = new_files(tmp_path)
    truth = [path.name.partition(" ")[0] for path in new]
    probabilities = classifier.predict_proba(new)
    assert classifier.classes_.tolist() == list(folders.KINDS)
    assert probabilities.shape == (9, 3)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert (classifier.predict(new) == classifier.classes_[probabilities.argmax(axis=1)]).all()
    assert classifier.score(new, truth) == np.mean(classifier.predict(new) == truth) >= 7 / 9


def test_it_says_what_the_run_says(labeled: tuple[list[str], list[str]], trained: Run) -> None:
    root = Path(trained.metrics.folder)
    train = [row for row in trained.rows if row.part == "train"]
    classifier = ImageClassifier("lite0").fit(
        [root / row.path for row in train], [str(row.label) for row in train], [str(row.group) for row in train]
    )
    reported = trained.predictions
    assert np.abs(classifier.predict_proba([root / path for path in reported.paths]) - reported.probabilities).max() < 1e-4


def test_it_can_be_cloned_and_set_like_any_estimator() -> None:
    classifier = ImageClassifier("lite0", resize="pad", seed=3)
    twin = clone(classifier)
    assert twin is not classifier
    assert twin.get_params() == classifier.get_params()
    assert twin.get_params()["resize"] == "pad"
    assert set(twin.get_params()) == {"backbone", "weights", "image_size", "resize", "flip_average", "class_weight", "precision", "seed"}
    assert twin.set_params(flip_average=False).flip_average is False
    assert "lite0" in repr(twin)


def test_cross_validation_and_grid_search_work_over_it(labeled: tuple[list[str], list[str]]) -> None:
    files, labels = labeled
    scores = cross_val_score(ImageClassifier("lite0"), files, labels, cv=3)
    assert scores.shape == (3,)
    assert scores.mean() > 0.8
    search = GridSearchCV(ImageClassifier("lite0"), {"class_weight": ["none", "balanced"]}, cv=2, scoring="neg_log_loss").fit(
        np.array(files), labels
    )
    assert search.best_params_["class_weight"] in ("none", "balanced")
    assert search.best_score_ > -0.7


@pytest.mark.parametrize("kind", [int, bool])
def test_labels_may_be_numbers(labeled: tuple[list[str], list[str]], kind: type) -> None:
    files, labels = labeled
    wanted = [kind(label == "dots") for label in labels]
    classifier = ImageClassifier("lite0").fit(files, wanted)
    assert classifier.classes_.tolist() == [kind(0), kind(1)]
    assert np.mean(classifier.predict(files) == wanted) > 0.9


def test_what_cannot_be_learnt_from_is_a_clear_error(labeled: tuple[list[str], list[str]], tmp_path: Path) -> None:
    files, labels = labeled
    with pytest.raises(DataError, match=r"only one label, \['dots'\]"):
        ImageClassifier("lite0").fit(files[:5], labels[:5])
    with pytest.raises(DataError, match="5 paths and 4 labels"):
        ImageClassifier("lite0").fit(files[:5], labels[:4])
    (tmp_path / "broken.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"1 of 91 files cannot be read; the first is .*broken\.jpg: empty file"):
        ImageClassifier("lite0").fit([*files, tmp_path / "broken.jpg"], [*labels, "dots"])
    with pytest.raises(ModelError, match="no backbone"):
        ImageClassifier("lite9").fit(files, labels)
    with pytest.raises(DataError, match="expected a list of labels, got None"):
        ImageClassifier("lite0").fit(files)
    with pytest.raises(NotFittedError):
        ImageClassifier("lite0").predict(files)


def test_one_path_alone_is_refused_rather_than_read_letter_by_letter(labeled: tuple[list[str], list[str]]) -> None:
    files, labels = labeled
    classifier = ImageClassifier("lite0").fit(files, labels)
    with pytest.raises(DataError, match="several paths"):
        classifier.predict(files[0])


@pytest.mark.parametrize(("name", "value"), [("resize", "corp"), ("class_weight", "balance")])
def test_a_wrong_word_is_refused(labeled: tuple[list[str], list[str]], name: str, value: str) -> None:
    with pytest.raises(OptionError, match=f"{name} must be one of"):
        ImageClassifier("lite0", **{name: value}).fit(*labeled)


def test_images_in_memory_are_answered_as_their_files(labeled: tuple[list[str], list[str]], tmp_path: Path) -> None:
    files, labels = labeled
    classifier = ImageClassifier("lite0").fit(files, labels)
    new = new_files(tmp_path)
    expected = classifier.predict_proba(new)
    opened = [Image.open(path).convert("RGB") for path in new]
    for images in ([path.read_bytes() for path in new], opened, np.stack([np.asarray(one) for one in opened])):
        assert np.abs(classifier.predict_proba(images) - expected).max() < 0.02
        assert (classifier.predict(images) == classifier.classes_[expected.argmax(axis=1)]).all()
    with pytest.raises(DataError, match="several images"):
        classifier.predict(opened[0])
    with pytest.raises(DataError, match="2 of 3 images cannot be read; the first is image 2"):
        classifier.predict([opened[0], b"no image", b""])
    with pytest.raises(DataError, match="image 1 is a float"):
        classifier.fit([0.5, 0.3], ["a", "b"])


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["a", None, "b"], "1 of 3 labels is missing; the first is None, number 1 from 0"),
        (["a", float("nan"), "b"], "the first is nan, number 1"),
        (np.array([0.0, np.nan, np.nan]), "2 of 3 labels are missing"),
        (np.array(["a", None, "b"], dtype=object), "the first is None"),
        (pd.Series(["a", "b", None]), "1 of 3 labels is missing"),
        (pd.Series(["a", "b", pd.NA], dtype="string"), "1 of 3 labels is missing"),
        (pd.Series([1, 2, pd.NA], dtype="Int64"), "1 of 3 labels is missing"),
        (pd.Categorical(["a", "b", None]), "1 of 3 labels is missing"),
        ([pd.NaT, "a", "b"], "the first is NaT"),
        (np.eye(3), "a table of 3 rows and 3 columns"),
        (pd.DataFrame(np.eye(3)), "a table of 3 rows and 3 columns"),
        ([[0, 1], [1, 0], [0, 1]], r"got \[0, 1\]"),
        ([np.array([0, 1])] * 3, "a label is a text or a number"),
        ([{"a"}, {"b"}, {"a"}], "a label is a text or a number"),
        ([object(), "a", "b"], "a label is a text or a number"),
        (np.zeros((3, 1, 1)), r"shape \(3, 1, 1\)"),
        (["1", 1, 2], "all text or all numbers, got '1' and 1"),
        ([0.25, 0.5, 1.0], "labels are classes, got the number 0.25"),
        ("abc", "expected a list of labels, got 'abc'"),
        ({"a": 1}, "expected a list of labels"),
        ({"a", "b", "c"}, "expected a list of labels"),
        (None, "expected a list of labels, got None"),
        (3, "expected a list of labels, got 3"),
        (["a", "", "b"], "1 of 3 labels is missing; the first is '', number 1"),
        (["a", "b", " "], "1 of 3 labels is missing"),
    ],
    ids=range(25),
)
def test_what_is_no_label_is_refused_in_words_before_a_file_is_read(labels: object, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        ImageClassifier("lite0").fit(["1.jpg", "2.jpg", "3.jpg"], labels)
    assert caught.value.hint


@pytest.mark.parametrize("labels", [np.array([["a"], ["b"]]), pd.Series(["a", "b"], index=[7, 9]), pd.Categorical(["a", "b"]), ("a", "b")])
def test_labels_come_in_many_containers(labels: object) -> None:
    targets, classes = _encoded(labels)
    assert (targets.tolist(), classes.tolist()) == ([0, 1], ["a", "b"])


def test_labels_of_torch_and_labels_that_sklearn_takes_for_none() -> None:
    assert _encoded([torch.tensor(1), torch.tensor(0)])[1].tolist() == [0, 1]
    with pytest.raises(DataError, match="a label is a text or a number, got b'a'"):
        _encoded([b"a", b"b"])
    with pytest.raises(DataError, match="a label is a text or a number"):
        _encoded(np.array([1j, 2]))


def test_a_score_takes_labels_as_fit_does(labeled: tuple[list[str], list[str]]) -> None:
    files, labels = labeled
    classifier = ImageClassifier("lite0").fit(files, (label for label in labels))
    assert classifier.score(iter(files), iter(labels)) == np.mean(classifier.predict(files) == labels)
    assert classifier.score(files[:2], [labels[0], "never seen"], sample_weight=[1, 3]) == pytest.approx(0.25)
    with pytest.raises(DataError, match=r"none of the labels \[0, 1\] is one of those learned"):
        classifier.score(files[:2], [0, 1])
    with pytest.raises(DataError, match="2 paths and 1 label"):
        classifier.score(files[:2], labels[:1])


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (["x"], "2 paths and 1 group"),
        (iter("x"), "2 paths and 1 group"),
        ("xy", "expected a list of groups, got 'xy'"),
        ({"x", "y"}, "expected a list of groups"),
        (np.zeros((2, 2)), "groups are one for each path, got a table of 2 rows and 2 columns"),
        ([["x"], ["y"]], r"a group is a text or a number, got \['x'\]"),
    ],
)
def test_groups_are_one_for_each_path(groups: object, said: str) -> None:
    with pytest.raises(DataError, match=said):
        ImageClassifier("lite0").fit(["1.jpg", "2.jpg"], ["a", "b"], groups=groups)


def test_a_file_without_a_group_is_in_none() -> None:
    """All of them were one group."""
    assert _group_names([None, "x", float("nan"), "", pd.NA, 1, "1"]) == [None, "x", None, None, None, "1", "1"]
    assert _group_names(pd.Series(["a", "b"], index=[7, 9])) == ["a", "b"]
    assert _group_names(np.array([["a"], ["b"]])) == ["a", "b"]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"image_size": 20_000}, "image_size must be at most 2048"),
        ({"image_size": 0}, "image_size must be at least 8"),
        ({"image_size": "64"}, "image_size must be of type int"),
        ({"image_size": (64, 64)}, "image_size must be of type int"),
        ({"seed": "a"}, "seed must be of type int"),
        ({"seed": None}, "seed must be given"),
        ({"seed": np.random.RandomState(0)}, "seed must be of type int"),
        ({"flip_average": "no"}, "flip_average must be of type bool"),
        ({"backbone": None}, "backbone must be given"),
        ({"backbone": ["lite0"]}, "backbone must be of type str"),
        ({"weights": 3}, "weights must be of type Path"),
    ],
    ids=range(11),
)
def test_a_parameter_that_cannot_be_is_refused_before_a_file_is_read(parameters: dict[str, object], said: str) -> None:
    """A size of 20,000 filled the memory, and a seed of any kind was taken."""
    with pytest.raises(OptionError, match=said):
        ImageClassifier(**{"backbone": "lite0", **parameters}).fit(["1.jpg", "2.jpg"], ["a", "b"])


def test_numbers_of_numpy_are_numbers() -> None:
    assert ImageClassifier(seed=np.int64(3), image_size=np.int32(64))._parameters().as_dict()["seed"] == 3
