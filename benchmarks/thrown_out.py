"""Photos that a person threw out by hand, and where our orders put them, beside cleanlab, cleanvision and chance.

    python benchmarks/thrown_out.py SCRAPE KEPT [--backbone lite2] [--peer PYTHON]

KEPT is what the person kept of SCRAPE: the same file names in the same classes. PYTHON is the interpreter of an environment with
cleanlab and cleanvision. Printed: average precision and precision at 50, 100 and 200 of each order, over all photos and over the half
of them (by hash of the name) that no choice was made on.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score

from label_noise import peer_scores
from tellapart.analyzed_folder import analyze_folder
from tellapart.dataset.groups import groups_together
from tellapart.feature_spec import FeatureSpec
from tellapart.models.backbones import find_backbones
from tellapart.training.linear_probe import LabeledFeatures
from tellapart.training.out_of_fold_logits import held_out_logits
from tellapart.workflows.check_run import run_check

VISION = Path(__file__).parent / "peers" / "cleanvision_scores.py"


def names_in(folder: Path) -> set[tuple[str, str]]:
    return {(path.parent.name, path.name) for path in folder.rglob("*") if path.is_file() and ".tellapart" not in path.parts}


def report(name: str, scores: np.ndarray, is_bad: np.ndarray, is_fresh: np.ndarray) -> None:
    scores = np.where(np.isnan(scores), np.nanmax(scores), scores)
    order = np.argsort(scores, kind="stable")
    at = [is_bad[order[:k]].mean() for k in (50, 100, 200)]
    ap, fresh = average_precision_score(is_bad, -scores), average_precision_score(is_bad[is_fresh], -scores[is_fresh])
    print(f"{name:<44} AP {ap:.3f} (fresh half {fresh:.3f})  at 50/100/200: {at[0]:.2f} {at[1]:.2f} {at[2]:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scrape", type=Path)
    parser.add_argument("kept", type=Path)
    parser.add_argument("--backbone", default="lite2")
    parser.add_argument("--peer", help="python of an environment with cleanlab and cleanvision")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        analyzed = analyze_folder(chosen.scrape, FeatureSpec(find_backbones(chosen.backbone)), state=Path(folder))
        found = run_check(analyzed)
        kept = names_in(chosen.kept)
        numbers = [number for number, row in enumerate(found.rows) if row.is_used and row.label is not None]
        rows = [found.rows[number] for number in numbers]
        is_bad = np.array([(row.label, Path(row.path).name) not in kept for row in rows])
        is_fresh = np.array([hashlib.sha256(Path(row.path).name.encode()).digest()[-1] % 2 == 0 for row in rows])
        print(f"{len(rows):,} photos, {is_bad.sum():,} thrown out: chance {is_bad.mean():.3f} (fresh half {is_bad[is_fresh].mean():.3f})")
        report("tellapart: doubt", found.doubt[numbers], is_bad, is_fresh)
        for name in ("outlier", "mislabeled", "blurred", "dark", "bright", "flat", "gray"):
            report(f"tellapart: {name}", found.table.findings[name].scores[numbers], is_bad, is_fresh)
        flagged = found.table.findings["mislabeled"].is_issue[numbers]
        print(f"tellapart: mislabeled names {flagged.sum()}, of which {is_bad[flagged].mean():.2f} were thrown out")
        if chosen.peer:
            ids = [row.image_id or "" for row in rows]
            classes = sorted({row.label or "" for row in rows})
            targets = np.array([classes.index(row.label or "") for row in rows])
            group_of = groups_together(set(ids), [pair for pair in analyzed.pairs if set(pair) <= set(ids)])
            data = LabeledFeatures(analyzed.features.of(ids), targets, [group_of[i] for i in ids], classes)
            peer = peer_scores(chosen.peer, targets, held_out_logits(data))
            for name in ("self_confidence", "normalized_margin"):
                report(f"cleanlab: {name}", peer[name], is_bad, is_fresh)
            for cut in ("prune_by_noise_rate", "confident_learning"):
                mask = peer[cut].astype(bool)
                print(f"cleanlab: {cut} names {mask.sum()}, of which {is_bad[mask].mean():.2f} were thrown out")
            table = Path(folder, "vision.csv")
            subprocess.run([chosen.peer, str(VISION), str(chosen.scrape), str(table)], check=True)
            with table.open(newline="") as file:
                seen = {row[""]: row for row in csv.DictReader(file)}
            paths = [str(analyzed.dataset.root / row.path) for row in rows]
            columns = [name for name in next(iter(seen.values())) if name.endswith("_score")]
            values = np.array([[float(seen[path][name]) if path in seen else np.nan for name in columns] for path in paths])
            for place, name in enumerate(columns):
                report(f"cleanvision: {name}", values[:, place], is_bad, is_fresh)
            report("cleanvision: least of all its scores", np.nanmin(values, axis=1), is_bad, is_fresh)


if __name__ == "__main__":
    main()
