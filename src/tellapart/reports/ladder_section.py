"""The ladder section: the gain of each step over the one before, its cost, and the images it fixed or broke."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tellapart.reports.number_format import count, duration, gain_words, loss_brief, p_value_words, percent_brief
from tellapart.reports.runfiles import PARTS, RunFiles


def rungs_view(run: RunFiles, part: str) -> dict[str, Any]:
    """The rungs of one reported part; ``saved`` names the rung whose model the run holds, in a ladder.

    Beside the numbers of metrics.json each row has them in words; ``fixed`` and ``broke`` have ``images`` (image_id, None
    where unknown, and path) in place of paths, and are None where the run does not say.
    """
    n = run.metrics[part]["n"]
    saved = (run.metrics.get("ladder") or {}).get("saved")
    id_of = dict(zip(run.images["path"], run.images["image_id"], strict=True))
    rows = [_row(rung, n, id_of, saved) for rung in run.metrics[part]["rungs"]]
    return {
        "part": part,
        "title": PARTS[part],
        "n": n,
        "rows": rows,
        "saved": saved,
        "has_cost": any(row["time_text"] or row["speed_text"] for row in rows),
        "sentence": _saved_words(saved) if saved else "",
    }


def changed_images(section: Mapping[str, Any]) -> list[str]:
    """The ids of the images some rung put right or got wrong, the highest rung's first."""
    found = [change["images"] for row in reversed(section["rows"]) for change in (row["fixed"], row["broke"]) if change]
    return [image["image_id"] for images in found for image in images if image["image_id"]]


def _row(rung: Mapping[str, Any], n: int, id_of: Mapping[str, str | None], saved: str | None) -> dict[str, Any]:
    gain, speed = rung.get("gain"), rung.get("images_per_s")
    fixed, broke = (_changed(rung.get(name), id_of) for name in ("fixed", "broke"))
    return {
        **rung,
        "accuracy_text": percent_brief(rung["accuracy"]) if rung.get("accuracy") else "",
        "log_loss_text": loss_brief(rung["log_loss"]) if rung.get("log_loss") else "",
        "gain_text": gain_words(gain) if gain else "",
        "p_text": p_value_words(gain.get("p_value"), n) if gain else "",
        "time_text": duration(rung["seconds"]) if rung.get("seconds") else "",
        "speed_text": f"{speed:,.0f}" if speed else "",
        "is_saved": saved is not None and rung["name"] == saved,
        "fixed": fixed,
        "broke": broke,
        "changes_text": _changes_words(fixed, broke) if fixed and broke else "",
    }


def _changed(found: Mapping[str, Any] | None, id_of: Mapping[str, str | None]) -> dict[str, Any] | None:
    if not found:
        return None
    return {"n": found["n"], "images": [{"image_id": id_of.get(path), "path": path} for path in found.get("paths") or []]}


def _changes_words(fixed: Mapping[str, Any], broke: Mapping[str, Any]) -> str:
    if not fixed["n"] and not broke["n"]:
        return "No answer turned right or wrong."
    return f"{count(fixed['n'], 'wrong answer')} turned right, {count(broke['n'], 'right answer')} turned wrong."


def _saved_words(saved: str) -> str:
    return (
        f"The saved model is “{saved}”: on training images they did not learn from, no later recipe was better by a standard error."
        " The images of this table had no say in that."
    )
