"""Person against person: whole photo, face crop, face descriptor, both together, and strangers taken out of the training part.

Run: python benchmarks/face_ladder.py PHOTOS [--margin 0.3] (the extra "faces" is needed). PHOTOS has train and val or test parts,
each with a folder a person. Every rung is a probe: strengths, temperature and clip come from grouped folds of the training part, and
the reported part is only reported. Out-of-fold accuracy is printed too: choices between rungs are to be made by it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import tellapart
from tellapart.analyzed_folder import AnalyzedFolder, analyze_folder
from tellapart.dataset import open_dataset
from tellapart.dataset.parts import Assignment
from tellapart.evaluation import accuracy_interval, log_loss_interval
from tellapart.evaluation.comparison import compare
from tellapart.feature_extraction import extract
from tellapart.feature_spec import FeatureSpec
from tellapart.features import FeatureMatrix
from tellapart.models.backbones import find_backbones
from tellapart.predictions import Predictions
from tellapart.training.linear_probe import fit_probe
from tellapart.training.part_evaluation import probe_predictions
from tellapart.training.probe_evaluation import PartSets


def features(photos: Path, names: str, state: Path) -> AnalyzedFolder:
    return analyze_folder(photos, FeatureSpec(find_backbones(names)), state=state)


def of_crops(photos: Path, names: str, assignment: Assignment, folder: Path) -> FeatureMatrix:
    """Features of the crops under the ids of their photos; whole photos where nothing was found."""
    import csv

    with (folder / "metadata.csv").open(newline="", encoding="utf-8") as file:
        parents = {row["path"]: row["parent"] for row in csv.DictReader(file)}
    dataset = open_dataset(folder)
    made = extract(dataset, FeatureSpec(find_backbones(names)))
    by_parent = {parents[entry.path]: state.image_id for entry, state in zip(dataset.entries, made.files, strict=True)}
    rows = {row.image_id or "": row for row in assignment.rows if row.path in by_parent}
    return FeatureMatrix(tuple(rows), made.features.of([by_parent[row.path] or "" for row in rows.values()]), made.features.provenance)


def judged(name: str, assignment: Assignment, matrix: FeatureMatrix, before: Predictions | None) -> Predictions:
    """Fit, report, and print a row."""
    known = set(matrix.image_ids)
    rows = [row if row.image_id in known else row.left_out("not there") for row in assignment.rows]
    sets = PartSets.of(replace(assignment, rows=rows), matrix)
    probe = fit_probe(sets.train.data)
    chosen, logits = probe.out_of_fold
    out_of_fold = float(np.mean(logits.argmax(axis=1) == sets.train.data.targets[chosen]))
    found = probe_predictions(probe, next(iter(sets.reported.values())), name)
    accuracy, loss = accuracy_interval(found), log_loss_interval(found)
    gain = compare(before, found) if before is not None else None
    said = (
        f"{100 * gain.accuracy.value:+.1f} ({100 * gain.accuracy.low:+.1f} to {100 * gain.accuracy.high:+.1f}), p = {gain.p_value:.2g}"
        if gain
        else ""
    )
    print(
        f"{name:44} n {len(sets.train.rows):5} out of fold {100 * out_of_fold:5.1f}  reported {100 * accuracy.value:5.1f}"
        f" ({100 * accuracy.low:.1f} to {100 * accuracy.high:.1f})  log loss {loss.value:.3f} ({loss.low:.3f} to {loss.high:.3f})  {said}",
        flush=True,
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--margin", type=float, default=0.3)
    chosen = parser.parse_args()
    with TemporaryDirectory() as spare:
        state = Path(spare) / "state"
        whole = features(chosen.photos, "lite2", state)
        assignment = whole.assignment(test_share=0.2, seed=0)
        start = time.perf_counter()
        faces = features(chosen.photos, "faces", state)
        seconds = time.perf_counter() - start
        used = [row.image_id or "" for row in assignment.rows if row.is_used]
        has_face = {i: bool(value) for i, value in zip(used, faces.features.of(used)[:, -1], strict=True)}
        print(
            f"a face on {100 * np.mean(list(has_face.values())):.1f} % of {len(used):,} photos; {len(used) / seconds:.1f} photos/s if cold"
        )
        before = judged("whole photo, lite0", assignment, features(chosen.photos, "lite0", state).features, None)
        before = judged("whole photo, lite2", assignment, whole.features, before)
        cut: Callable[..., dict[str, object]] = tellapart.crop
        cut(chosen.photos, out=Path(spare) / "crops", margin=chosen.margin, filter_identities=False, measure_benefit=False, state=state)
        before = judged("face crop, lite2", assignment, of_crops(chosen.photos, "lite2", assignment, Path(spare) / "crops"), before)
        on_crops = of_crops(chosen.photos, "lite2", assignment, Path(spare) / "crops")
        before = judged("faces", assignment, faces.features, before)
        shared = [image_id for image_id in faces.features.image_ids if image_id in set(on_crops.image_ids)]
        values = np.hstack([faces.features.of(shared), on_crops.of(shared)])
        judged("faces, and lite2 on face crops", assignment, FeatureMatrix(tuple(shared), values, {"backbone": "both"}), before)
        both = features(chosen.photos, "faces+lite2", state).features
        joined = judged("faces+lite2", assignment, both, before)
        found = cut(chosen.photos, out=Path(spare) / "clean", margin=chosen.margin, on_missing="keep", measure_benefit=False, state=state)
        print(f"people: {found.people}; {found.set_aside} photos of the training part set aside")
        kept = {row.path for row in assignment.rows} - set_aside(Path(spare) / "clean")
        clean = replace(assignment, rows=[row if row.path in kept else row.left_out("a stranger") for row in assignment.rows])
        judged("faces, without strangers in training", clean, faces.features, before)
        judged("faces+lite2, without strangers in training", clean, both, joined)
        shares = [has_face[i] for i in joined.image_ids]
        for name, predictions in (("faces", before), ("faces+lite2", joined)):
            with_face = predictions.where(np.flatnonzero(shares))
            print(f"{name} where a face is found: {100 * accuracy_interval(with_face).value:.1f} % of {len(with_face)}")


def set_aside(folder: Path) -> set[str]:
    import csv

    with (folder / "set_aside.csv").open(newline="", encoding="utf-8") as file:
        return {row["path"] for row in csv.DictReader(file) if not row["reason"].endswith("kept whole")}


if __name__ == "__main__":
    main()
