from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tellapart.decision_rule import DecisionRule, parse_recalls, read_costs, recall_rule
from tellapart.errors import DataError, OptionError

TABLE = "truth,cats,dogs,abstain\ncats,0,1,0.3\ndogs,5,0,0.3\n"
NAMES = ("cats", "dogs")


def written(folder: Path, text: str) -> Path:
    path = folder / "costs.csv"
    path.write_text(text)
    return path


def test_the_cheapest_answer_is_given_and_none_where_that_is_cheaper(tmp_path: Path) -> None:
    rule = read_costs(written(tmp_path, TABLE)).rule(NAMES)
    probabilities = np.array([[0.99, 0.01], [0.9, 0.1], [0.5, 0.5], [0.1, 0.9]])
    assert [rule.answers[place] for place in rule.chosen(probabilities)] == ["cats", "abstain", "abstain", "dogs"]


def test_rows_and_columns_stand_in_any_order(tmp_path: Path) -> None:
    rule = read_costs(written(tmp_path, "truth,dogs,cats\ndogs,0,5\ncats,1,0\n")).rule(NAMES)
    assert rule.costs.tolist() == [[0, 1], [5, 0]]


def test_equal_costs_of_all_errors_answer_the_most_probable_class() -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(4), size=200)
    rule = recall_rule(list("abcd"), np.ones(4), "recall")
    assert np.array_equal(rule.chosen(probabilities), probabilities.argmax(axis=1))
    indifferent = DecisionRule(("a", "b"), np.array([[1.0, 1.0], [1.0, 1.0]]), "costs")
    assert indifferent.chosen(np.array([[0.2, 0.8], [0.8, 0.2]])).tolist() == [1, 0]


NAMES_REFUSED = {
    "an unknown class": ("truth,cats,dgos\ncats,0,1\ndgos,1,0\n", "there is no class 'dgos'", "did you mean 'dogs'?"),
    "a missing row": ("truth,cats,dogs\ncats,0,1\nbirds,1,0\n", "the class 'dogs' has no row", None),
    "a missing column": ("truth,cats,abstain\ncats,0,1\ndogs,1,0\n", "the class 'dogs' has no column", None),
}


@pytest.mark.parametrize("name", NAMES_REFUSED)
def test_names_that_do_not_fit_the_classes_are_refused(name: str, tmp_path: Path) -> None:
    text, words, hint = NAMES_REFUSED[name]
    with pytest.raises(OptionError, match=words) as error:
        read_costs(written(tmp_path, text)).rule(NAMES)
    assert hint is None or error.value.hint == hint


TABLES_REFUSED = {
    "a negative cost": ("truth,cats,dogs\ncats,0,-1\ndogs,1,0\n", "line 2, column 'dogs': '-1' is no cost"),
    "no number": ("truth,cats,dogs\ncats,0,nan\ndogs,1,0\n", "'nan' is no cost"),
    "an empty cell": ("truth,cats,dogs\ncats,0,\ndogs,1,0\n", "'' is no cost"),
    "a short row": ("truth,cats,dogs\ncats,0\ndogs,1,0\n", "line 2: 2 cells, and the header has 3"),
    "a row twice": ("truth,cats,dogs\ncats,0,1\ncats,1,0\n", "two rows 'cats'"),
    "a column twice": ("truth,cats,cats\ncats,0,1\ndogs,1,0\n", "two columns 'cats'"),
    "nothing to decide": ("truth,cats,dogs\ncats,1,1\ndogs,2,2\n", "every answer costs the same"),
    "no rows": ("truth,cats,dogs\n", "no table of costs"),
}


@pytest.mark.parametrize("name", TABLES_REFUSED)
def test_what_is_no_cost_is_refused_with_its_place(name: str, tmp_path: Path) -> None:
    text, words = TABLES_REFUSED[name]
    with pytest.raises(DataError, match=words):
        read_costs(written(tmp_path, text))


def test_recalls_are_read_by_class() -> None:
    assert parse_recalls("dogs=0.99, a=b=0.5") == {"dogs": 0.99, "a=b": 0.5}
    for wrong in ("dogs", "dogs=1", "dogs=x", "=0.5", "dogs=nan", "dogs=0.5,dogs=0.6"):
        with pytest.raises(ValueError, match=r"is no class with its recall|named twice"):
            parse_recalls(wrong)
