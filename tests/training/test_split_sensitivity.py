from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import tellapart.training.split_sensitivity as module
from tellapart.evaluation.metrics import accuracy
from tellapart.run_metrics import Spread
from tellapart.training.linear_probe import LabeledFeatures, fit_probe
from tellapart.training.split_sensitivity import split_sensitivity

from .toy import labeled


def asked(pool: LabeledFeatures, paths: list[str], splits: int = 6) -> dict:
    return split_sensitivity(pool, paths, fit_probe(pool), splits=splits, test_share=0.25, class_weight="none")


def names(pool: LabeledFeatures) -> list[str]:
    return [f"{label}/{i:04}" for i, label in enumerate(pool.labels)]


def test_every_split_has_its_number_and_the_spread_is_theirs() -> None:
    pool = labeled(160, k=2, margin=0.3)
    found = asked(pool, names(pool))
    accuracies = [row.accuracy for row in found.splits]
    assert [row.seed for row in found.splits] == [1, 2, 3, 4, 5, 6]
    assert all(row.n == 40 for row in found.splits)
    assert len(set(accuracies)) > 1
    assert found.accuracy == Spread(pytest.approx(np.mean(accuracies)), min(accuracies), max(accuracies))


def test_the_spread_lies_where_new_data_would() -> None:
    pool = labeled(300, k=2, margin=0.3)
    probe = fit_probe(pool)
    new = labeled(4000, k=2, margin=0.3, seed=1)
    from tellapart.models.heads import mean_logits

    truth = accuracy(probe.probabilities(mean_logits(probe.heads, new.features)), new.targets)
    assert abs(asked(pool, names(pool), splits=12).accuracy.mean - truth) < 0.06


def test_the_first_files_are_the_first_by_name_of_each_class() -> None:
    pool = labeled(160, k=2, margin=0.8)
    hard = np.random.default_rng(0).normal(size=(40, pool.features.shape[1])).astype(np.float32)
    features = pool.features.copy()
    features[:40] = hard
    pool = LabeledFeatures(features, pool.targets, pool.groups, pool.class_names)
    found = asked(pool, names(pool))
    assert (found.first.per_class, found.first.n) == (20, 40)
    assert found.first.accuracy.value < 0.8, "the first files are the hard ones here"
    assert found.accuracy.low > found.first.accuracy.value - 0.05
    late = asked(pool, [f"{label}/{999 - i:04}" for i, label in enumerate(pool.labels)])
    assert late.first.accuracy.value > 0.9


def test_of_very_many_images_a_sample_is_split_and_the_first_files_are_still_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = labeled(400, k=2, margin=0.3)
    assert asked(pool, names(pool)).sample is None
    monkeypatch.setattr(module, "SPLIT_LIMIT", 120)
    sampled = asked(pool, names(pool))
    assert sampled.sample is not None and 120 <= sampled.sample <= 200
    assert sampled.images("photos") == f"a sample of {sampled.sample} photos"
    assert sampled.splits[0].n == pytest.approx(sampled.sample / 4, abs=2)
    reduced, paths = module._subsample(pool, names(pool))
    assert len(paths) == sampled.sample
    first, per_class = module._first_files(reduced, paths)
    by_class = {label: sorted(path for path in names(pool) if path.startswith(f"{label}/"))[:per_class] for label in set(pool.labels)}
    assert {paths[row] for row in np.flatnonzero(first).tolist()} == {path for some in by_class.values() for path in some}


def test_groups_are_kept_whole() -> None:
    base = labeled(40, k=2, margin=0.0)
    copies = LabeledFeatures(
        np.repeat(base.features, 5, axis=0), np.repeat(base.targets, 5), [g for g in base.groups for _ in range(5)], base.class_names
    )
    assert asked(copies, [str(i) for i in range(200)]).accuracy.mean < 0.75, "copies on both sides would give 1.0"


def test_the_number_of_blas_threads_around_changes_no_bit() -> None:
    pool = labeled(420, k=2, d=512, margin=0.3)
    probe = fit_probe(pool.rows(np.arange(0, 420, 2)))
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            found.append(split_sensitivity(pool, names(pool), probe, splits=3, test_share=0.25, class_weight="none"))
    assert found[0] == found[1]
