"""How these numbers were made, in short plain sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tellapart.reports.runfiles import PARTS, RunFiles
from tellapart.reports.wording import count, loss, percent

RECIPES = {
    "probe": "A frozen backbone ({backbone}) turned each image into features; only a linear head on top of them was trained.",
    "finetune": "The backbone ({backbone}) and its head were trained together on the training images.",
    "scratch": "The network ({backbone}) was trained from random weights on the training images alone.",
}


def method_sentences(run: RunFiles) -> list[str]:
    """What was trained on what, how it was chosen, and what each interval and test is."""
    metrics = run.metrics
    recipe = RECIPES.get(str(metrics.get("recipe")), "Recipe {recipe} on {backbone}.")
    sentences = [recipe.format(backbone=metrics.get("backbone"), recipe=metrics.get("recipe"))]
    sentences += _selection(metrics.get("selection") or {})
    for part in run.parts:
        numbers = metrics[part]
        sentences.append(
            f"{PARTS[part]}: {count(numbers['n'], 'image')} in {count(numbers.get('groups') or numbers['n'], 'group')}; "
            "nothing was chosen by looking at them."
        )
    if run.parts:
        sentences += [
            "Accuracy intervals are Wilson's at 95 %, with the images of a group counted as the few they are worth.",
            "Log loss intervals come from drawing the groups again 2,000 times (bootstrap).",
            "Two models are compared on the same images: an exact McNemar test for accuracy, a paired bootstrap over groups for log loss.",
            "Log loss is the mean of −ln(probability of the true class): 0 is perfect, and one sure mistake costs a lot.",
        ]
    sentences.append("Identical and nearly identical images form a group, and a group never sits on both sides of a split.")
    if metrics.get("split_sensitivity"):
        sentences.append("Split sensitivity repeats the same recipe on other random splits of the same images.")
    if metrics.get("learning_curve"):
        sentences.append("The learning curve trains on random subsets, several seeds a size, and fits error = floor + scale / n^power.")
    return sentences


def _selection(selection: Mapping[str, Any]) -> list[str]:
    if not selection:
        return []
    folds, n, tried = selection.get("folds"), selection.get("n"), selection.get("strengths") or []
    sentences = []
    if folds and n:
        text = f"The head was chosen by {folds}-fold cross-validation on the {count(n, 'training image')} only"
        sentences.append(text + (f", out of {count(len(tried), 'strength')} of regularisation." if len(tried) > 1 else "."))
    if (temperature := selection.get("temperature")) is not None:
        text = (
            f"Probabilities were softened by temperature {temperature:.2f}"
            if temperature >= 1
            else f"Probabilities were sharpened by temperature {temperature:.2f}"
        )
        if (clip := selection.get("clip")) is not None:
            text += f" and kept at least {percent(clip, 2)} away from 0 and 100 %"
        before, after = ((selection.get("log_loss") or {}).get(key) for key in ("before", "after"))
        if before is not None and after is not None:
            text += f"; that moved the out-of-fold log loss from {loss(before)} to {loss(after)}"
        sentences.append(text + ". Both were found on out-of-fold predictions.")
    return sentences
