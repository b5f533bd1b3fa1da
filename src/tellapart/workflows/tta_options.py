"""What several verbs need to look at images more than once: the options, and what the further views were worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tellapart.counts import count
from tellapart.options import option

if TYPE_CHECKING:
    from tellapart.predictions import Predictions

MOST_VIEWS = 64


def tta_option() -> Any:
    """The option that says how many views of each image are averaged."""
    return option(1, "Views of each image to average: as it is, then fixed crops.", minimum=1, maximum=MOST_VIEWS)


def _several_views(options: Any) -> str | None:
    return "on one view; add --views 8, for example" if options.views == 1 else None


def tta_augment_option() -> Any:
    """The option that draws further views instead of cropping."""
    return option(
        None,
        "Draw the further views at random instead: light, strong, or words such as flip,rotation=20,zoom=0.2.",
        metavar="WORDS",
        check=_augment_complaint,
        only_for=_several_views,
    )


def tta_settings(chosen: Any) -> dict[str, Any]:
    """How :func:`tellapart.predictor.predict_files` is to look, from the options of a verb."""
    from tellapart.augmentation.policy import parse_augmentation

    words = str(parse_augmentation(chosen.view_augment)) if chosen.view_augment is not None else ""
    return {
        "views": chosen.views,
        "augment": words,
        "device": chosen.device,
        "precision": chosen.precision,
        "num_workers": chosen.num_workers,
    }


def tta_gain(one: Predictions, several: Predictions, views: int) -> dict[str, Any] | None:
    """``views`` of the returned numbers: what the average over views changed on labeled images, beside one view.

    Args:
        one: predictions from the images as they are.
        several: those averaged over the views, of the same images.
        views: how many were averaged.

    Returns:
        ``right_to_wrong`` and ``wrong_to_right`` (paths), ``accuracy`` and ``log_loss`` (differences, several minus
        one, with their intervals), ``p_value`` (exact McNemar) and ``verdict``; None if there was one view.
    """
    from dataclasses import replace

    from tellapart.evaluation import compare

    if views == 1:
        return None
    found = compare(replace(one, source="one view"), replace(several, source=f"{count(views, 'view')}"))
    return {
        "views": views,
        "right_to_wrong": [one.paths[row] for row in found.right_to_wrong],
        "wrong_to_right": [one.paths[row] for row in found.wrong_to_right],
        **found.gain(),
        "verdict": found.verdict,
    }


def _augment_complaint(words: str) -> str | None:
    from tellapart.augmentation.policy import parse_augmentation
    from tellapart.errors import OptionError

    try:
        chosen = parse_augmentation(words)
    except OptionError as error:
        return "; ".join([*str(error).splitlines(), *([error.hint] if error.hint else [])])
    return f"{words!r} changes nothing, so that all views were the same" if chosen.is_nothing else None
