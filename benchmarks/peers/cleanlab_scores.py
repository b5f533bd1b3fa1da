"""What cleanlab says of labels, in a process and an environment of its own (pip install cleanlab; AGPL, so never a dependency).

python peers/cleanlab_scores.py PROBABILITIES.npz SCORES.npz

PROBABILITIES holds ``labels`` (n,) and ``probabilities`` (n, k); SCORES gets ``self_confidence`` and ``normalized_margin`` (n,), and the
masks ``prune_by_noise_rate`` (its default cut) and ``confident_learning`` (n,).
"""

from __future__ import annotations

import sys

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

given = np.load(sys.argv[1])
labels, chances = given["labels"], given["probabilities"]
found = {method: get_label_quality_scores(labels, chances, method=method) for method in ("self_confidence", "normalized_margin")}
for cut in ("prune_by_noise_rate", "confident_learning"):
    found[cut] = find_label_issues(labels, chances, filter_by=cut, n_jobs=1)
np.savez(sys.argv[2], **found)
