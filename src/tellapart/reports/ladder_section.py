"""The ladder section: the gain of each step over the one before, its cost, and the images it fixed or broke."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from tellapart.part_metrics import ChangedImages, StepScores
from tellapart.reports.number_format import PARTS, count, duration, gain_words, loss_brief, p_value_words, percent_brief
from tellapart.run_folder import RunContent


class ChangedImage(TypedDict):
    """An image whose prediction became right or wrong; ``image_id`` is None where it is not known."""

    image_id: str | None
    path: str


class ChangesView(TypedDict):
    """How many images changed, and the first of them."""

    n: int
    images: list[ChangedImage]


class RungsView(TypedDict):
    """The ladder of one part; ``rows`` have the numbers of metrics.json and the same in words."""

    part: str
    title: str
    n: int
    rows: list[dict[str, Any]]
    saved: str | None
    has_cost: bool
    sentence: str


def rungs_view(run: RunContent, part: str) -> RungsView:
    """The rungs of one reported part; ``saved`` names the rung whose model the run holds, in a ladder.

    Beside the numbers of metrics.json each row has them in words; ``fixed`` and ``broke`` have ``images`` (image_id, None
    where unknown, and path) in place of paths, and are None where the run does not say.
    """
    n = run.metrics.parts[part].n
    saved = run.metrics.ladder.saved if run.metrics.ladder else None
    id_of = {row.path: row.image_id for row in run.rows}
    rows = [_row(rung, n, id_of, saved) for rung in run.metrics.parts[part].rungs]
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
    changed = [change["images"] for row in reversed(section["rows"]) for change in (row["fixed"], row["broke"]) if change]
    return [image["image_id"] for images in changed for image in images if image["image_id"]]


def _row(rung: StepScores, n: int, id_of: Mapping[str, str | None], saved: str | None) -> dict[str, Any]:
    gain, speed = rung.gain, rung.images_per_s
    fixed, broke = _changed(rung.fixed, id_of), _changed(rung.broke, id_of)
    return {
        **rung.as_dict(),
        "accuracy_text": percent_brief(rung.accuracy.as_dict()),
        "log_loss_text": loss_brief(rung.log_loss.as_dict()),
        "gain_text": gain_words(gain.accuracy.as_dict(), gain.log_loss.as_dict()) if gain else "",
        "p_text": p_value_words(gain.p_value, n) if gain else "",
        "time_text": duration(rung.seconds) if rung.seconds else "",
        "speed_text": f"{speed:,.0f}" if speed else "",
        "is_saved": rung.name == saved,
        "fixed": fixed,
        "broke": broke,
        "changes_text": _changes_words(fixed, broke) if fixed and broke else "",
    }


def _changed(changed: ChangedImages | None, id_of: Mapping[str, str | None]) -> ChangesView | None:
    if changed is None:
        return None
    return {"n": changed.n, "images": [{"image_id": id_of.get(path), "path": path} for path in changed.paths]}


def _changes_words(fixed: ChangesView, broke: ChangesView) -> str:
    if not fixed["n"] and not broke["n"]:
        return "No prediction changed from wrong to right or back."
    return f"{count(fixed['n'], 'wrong prediction')} became right, {count(broke['n'], 'right prediction')} became wrong."


def _saved_words(saved: str) -> str:
    return (
        f"The saved model is “{saved}”: no later recipe has an out-of-fold log loss that is lower by a standard error."
        " The images of this table were not used for that choice."
    )
