"""Test-time augmentation (TTA): the options that several commands share, and what it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tellapart.counts import count
from tellapart.options import dataclass, option
from tellapart.results import Result

if TYPE_CHECKING:
    from tellapart.interval import Interval
    from tellapart.predictions import Predictions
    from tellapart.predictor import PredictionSettings

MOST_VIEWS = 64


@dataclass(frozen=True)
class TtaGain(Result):
    """What test-time augmentation changed, compared with one view of the same images.

    Attributes:
        views: number of views averaged.
        right_to_wrong: paths of the images that only one view classified correctly.
        wrong_to_right: paths of the images that only the average classified correctly.
        accuracy: difference in accuracy, all views minus one, a proportion.
        log_loss: difference in log loss, all views minus one, in nats.
        p_value: exact McNemar test of equal accuracy.
        verdict: the result in a sentence.
    """

    views: int
    right_to_wrong: tuple[str, ...]
    wrong_to_right: tuple[str, ...]
    accuracy: Interval
    log_loss: Interval
    p_value: float
    verdict: str


def tta_option() -> Any:
    """How many views of each image are averaged."""
    return option(
        1,
        "Test-time augmentation: number of views of each image to average. The first is the image itself, the others are fixed crops.",
        minimum=1,
        maximum=MOST_VIEWS,
    )


def _several_views(options: Any) -> str | None:
    return "on one view; add --tta 8, for example" if options.tta == 1 else None


def tta_augment_option() -> Any:
    """Random views instead of fixed crops."""
    return option(
        None,
        "Random augmentation for these views instead of fixed crops: light, strong, or a list such as flip,rotation=20,zoom=0.2.",
        metavar="WORDS",
        check=_augment_complaint,
        only_for=_several_views,
    )


def tta_settings(chosen: Any) -> PredictionSettings:
    """How images are predicted, from a command's options."""
    from tellapart.augmentation.policy import parse_augmentation
    from tellapart.predictor import PredictionSettings

    words = str(parse_augmentation(chosen.tta_augment)) if chosen.tta_augment is not None else ""
    return PredictionSettings(
        views=chosen.tta, augment=words, device=chosen.device, precision=chosen.precision, num_workers=chosen.num_workers
    )


def tta_gain(one: Predictions, several: Predictions, views: int) -> TtaGain | None:
    """What averaging over views changed on labeled images, compared with one view.

    Args:
        one: predictions from the images as they are.
        several: those averaged over the views, of the same images.
        views: how many were averaged.

    Returns:
        The differences; None if there was one view.
    """
    from dataclasses import replace

    from tellapart.evaluation import compare

    if views == 1:
        return None
    comparison = compare(replace(one, source="one view"), replace(several, source=f"{count(views, 'view')}"))
    return TtaGain(
        views=views,
        right_to_wrong=tuple(one.paths[row] for row in comparison.right_to_wrong),
        wrong_to_right=tuple(one.paths[row] for row in comparison.wrong_to_right),
        accuracy=comparison.accuracy,
        log_loss=comparison.log_loss,
        p_value=comparison.p_value,
        verdict=comparison.verdict,
    )


def _augment_complaint(words: str) -> str | None:
    from tellapart.augmentation.policy import parse_augmentation
    from tellapart.errors import OptionError

    try:
        chosen = parse_augmentation(words)
    except OptionError as error:
        return "; ".join([*str(error).splitlines(), *([error.hint] if error.hint else [])])
    return f"{words!r} changes nothing, so all views would be the same" if chosen.is_nothing else None
