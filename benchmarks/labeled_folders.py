"""The labeled images of a folder with their features and groups: what several benchmarks begin with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tellapart.analyzed_folder import analyze_folder
from tellapart.dataset.groups import groups_together
from tellapart.feature_spec import FeatureSpec
from tellapart.training.linear_probe import LabeledFeatures


def labeled_features(photos: Path, spec: FeatureSpec, *, states: Path, most: int | None = None) -> LabeledFeatures:
    """The used images with a label, each once; a fixed draw of ``most`` of them where there are more.

    The state of each folder has a folder of its own in ``states``.
    """
    analyzed = analyze_folder(photos, spec, state=states / f"{photos.parent.name}-{photos.name}")
    labels = {row.image_id: row.label for row in analyzed.rows if row.is_used and row.label is not None and row.image_id is not None}
    ids = list(labels)
    if most is not None and len(ids) > most:
        ids = [ids[i] for i in np.sort(np.random.default_rng(0).choice(len(ids), most, replace=False))]
    taken = set(ids)
    group_of = groups_together(ids, [pair for pair in analyzed.pairs if taken.issuperset(pair)])
    class_names = sorted(set(labels.values()))
    targets = np.array([class_names.index(labels[image_id]) for image_id in ids])
    return LabeledFeatures(analyzed.features.of(ids), targets, [group_of[image_id] for image_id in ids], class_names)
