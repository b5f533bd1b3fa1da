from __future__ import annotations

import numpy as np

from tellapart.curation.issues import BORDER, ISSUES, NAMES, IssueTable, certain, combined_ranks, grade_findings


def test_the_issues_stand_in_the_order_agreed_and_each_has_a_sentence() -> None:
    assert NAMES[:6] == ("unreadable", "exact_duplicate", "contradiction", "leak", "near_duplicate", "placeholder")
    assert NAMES[6:] == ("small", "blurred", "dark", "bright", "flat", "odd_aspect", "gray", "outlier", "mislabeled")
    assert all(issue.explanation.endswith(".") and issue.title for issue in ISSUES)


def test_only_an_error_by_the_facts_is_proposed_to_leave_out() -> None:
    proposed = {issue.name: issue.proposal for issue in ISSUES}
    assert {name for name, proposal in proposed.items() if proposal == "exclude"} == set(NAMES[:6])
    assert proposed["mislabeled"] == "relabel"
    assert all(proposed[name] is None for name in ("outlier", *NAMES[6:13]))


def test_what_lies_below_the_border_is_an_issue_and_the_lowest_comes_first() -> None:
    found = grade_findings(np.array([0.4, BORDER, np.nan, 0.1, 0.9]))
    assert found.is_issue.tolist() == [True, False, False, True, False]
    assert found.worst_first == [3, 0]
    assert found.threshold == BORDER


def test_facts_flag_what_they_flag_and_leave_the_unmeasured_out() -> None:
    found = certain(5, {1: 0.0, 4: 0.2}, measured=[0, 1, 4])
    assert found.worst_first == [1, 4]
    assert found.threshold is None
    assert found.scores[[0, 1, 4]].tolist() == [1.0, 0.0, 0.2]
    assert np.isnan(found.scores[[2, 3]]).all()
    assert certain(2, {}).scores.tolist() == [1.0, 1.0]


def test_the_table_says_what_one_file_has() -> None:
    table = IssueTable({"dark": grade_findings(np.array([0.2, 0.8])), "unreadable": certain(2, {1: 0.0}, [0, 1])})
    assert table.names == ["unreadable", "dark"]
    assert table.of_row(0) == ["dark"]
    assert table.of_row(1) == ["unreadable"]
    assert table.scores(0) == {"unreadable": 1.0, "dark": 0.2}


def test_the_worst_by_both_comes_first_and_the_unmeasured_stay_so() -> None:
    one = np.array([0.1, 0.2, 0.9, 0.8, np.nan])
    other = np.array([0.1, 0.9, 0.2, 0.8, 0.0])
    found = combined_ranks(one, other)
    assert np.argsort(found[:4])[0] == 0
    assert np.argsort(found[:4])[-1] == 3
    assert found[1] == found[2]
    assert np.isnan(found[4])
    assert (found[:4] > 0).all()
    assert (found[:4] <= 1).all()


def test_nothing_measured_is_nothing_doubted() -> None:
    assert np.isnan(combined_ranks(np.full(3, np.nan), np.ones(3))).all()
