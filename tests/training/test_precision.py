from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tellapart.training import precision
from tellapart.training.precision import faster_precision, settled_precision
from tests.training import toy_feed


@pytest.mark.parametrize(("bfloat16", "is_chosen"), [(0.5, True), (0.85, True), (0.95, False), (2.0, False)])
def test_bfloat16_has_to_be_worth_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bfloat16: float, is_chosen: bool) -> None:
    learner, feed = toy_feed.learner(), toy_feed.feed_of(tmp_path, *toy_feed.squares(6))
    monkeypatch.setattr(precision, "_step", lambda trial, x: bfloat16 if trial.is_autocast else 1.0)
    assert faster_precision(learner, feed, np.arange(6)) == is_chosen


def test_trying_leaves_the_learner_as_it_was(tmp_path: Path) -> None:
    learner, feed = toy_feed.learner(), toy_feed.feed_of(tmp_path, *toy_feed.squares(6))
    before = {key: value.clone() for key, value in learner.state_dict().items()}
    faster_precision(learner, feed, np.arange(6))
    assert all(torch.equal(before[key], value) for key, value in learner.state_dict().items())
    assert not learner.is_autocast
    assert all(p.grad is None for p in learner.parameters())


def test_a_machine_answers_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    learner, feed = toy_feed.learner(), toy_feed.feed_of(tmp_path, *toy_feed.squares(6))
    answers = [True, False, True]
    monkeypatch.setattr(precision, "faster_precision", lambda *_: answers.pop(0))
    assert settled_precision("toy", learner, feed, np.arange(6))
    assert settled_precision("toy", learner, feed, np.arange(6))
    assert not settled_precision("toy", learner, feed, np.arange(5))
    for path in (tmp_path / "cache/precision").iterdir():
        path.write_text("{")
    assert settled_precision("toy", learner, feed, np.arange(6))
    assert answers == []
