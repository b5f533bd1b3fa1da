"""The search section: what ``--recipe auto`` tried, what each cost, and how far what was chosen is ahead."""

from __future__ import annotations

from typing import TypedDict

from tellapart.reports.number_format import count, duration, loss, percent
from tellapart.run_folder import RunContent
from tellapart.run_metrics import SearchSummary


class TrialView(TypedDict):
    """What was tried, with its numbers in words."""

    name: str
    seconds: float
    log_loss: float | None
    reason: str
    weight: float
    log_loss_text: str
    weight_text: str
    time_text: str


class SearchView(TypedDict):
    """The search section."""

    rows: list[TrialView]
    findings: list[str]
    sentence: str


def search_view(run: RunContent) -> SearchView | None:
    """Rows of what was tried, with texts; None for a run without a search."""
    search = run.metrics.search
    if search is None:
        return None
    rows: list[TrialView] = [
        {
            "name": trial.name,
            "seconds": trial.seconds,
            "log_loss": trial.log_loss,
            "reason": trial.reason,
            "weight": trial.weight,
            "log_loss_text": "–" if trial.log_loss is None else loss(trial.log_loss),
            "weight_text": percent(trial.weight, 0) if trial.weight else "–",
            "time_text": duration(trial.seconds),
        }
        for trial in search.trials
    ]
    findings = [f"{sentence[:1].upper()}{sentence[1:]}." for sentence in search.findings]
    selection = run.metrics.selection
    return {"rows": rows, "findings": findings, "sentence": _sentence(search, selection.n if selection else None)}


def _sentence(search: SearchSummary, n: int | None) -> str:
    """How much was tried, and how far what was chosen is ahead."""
    text = f"{count(len(search.trials), 'recipe')} in {duration(search.seconds)}"
    text += f", chosen on out-of-fold predictions for {count(n, 'training image')}." if n else "."
    if lead := search.lead:
        ahead = f"{lead.log_loss:.4f} (standard error {lead.standard_error:.4f})"
        text += f" The log loss of what was chosen is lower than that of the best left out by {ahead}."
    return text
