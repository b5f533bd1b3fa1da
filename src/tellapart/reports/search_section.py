"""The search section: what ``--recipe auto`` tried, what each cost, and how far what was chosen is ahead."""

from __future__ import annotations

from typing import Any

from tellapart.reports.number_format import count, duration, loss, percent
from tellapart.reports.runfiles import RunFiles


def search_view(run: RunFiles) -> dict[str, Any] | None:
    """Rows of what was tried, with texts; None for a run without a search."""
    found = run.metrics.get("search")
    if not found:
        return None
    rows = [
        {
            **row,
            "log_loss_text": "–" if row["log_loss"] is None else loss(row["log_loss"]),
            "weight_text": percent(row["weight"], 0) if row["weight"] else "–",
            "time_text": duration(row["seconds"]),
        }
        for row in found["trials"]
    ]
    findings = [f"{sentence[:1].upper()}{sentence[1:]}." for sentence in found["findings"]]
    return {"rows": rows, "findings": findings, "sentence": _sentence(found, (run.metrics.get("selection") or {}).get("n"))}


def _sentence(found: dict[str, Any], n: int | None) -> str:
    """How much was tried, and how far what was chosen is ahead."""
    text = f"{count(len(found['trials']), 'recipe')} in {duration(found['seconds'])}"
    text += f", chosen on out-of-fold predictions for {count(n, 'training image')}." if n else "."
    if lead := found.get("lead"):
        ahead = f"{lead['log_loss']:.4f} (standard error {lead['standard_error']:.4f})"
        text += f" The log loss of what was chosen is lower than that of the best left out by {ahead}."
    return text
