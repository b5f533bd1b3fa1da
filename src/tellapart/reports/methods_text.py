"""The methods section: how the metrics were computed, in short sentences."""

from __future__ import annotations

from tellapart.reports.number_format import PARTS, count, loss, percent
from tellapart.run_folder import RunContent
from tellapart.run_metrics import Selection

RECIPES = {
    "probe": "A frozen backbone ({backbone}) turned each image into features; only a linear head on top of them was trained.",
    "finetune": (
        "The backbone ({backbone}) and its head were trained together on the training images; the head began as a linear head fitted "
        "to the backbone's features."
    ),
    "auto": (
        "Several recipes were tried ({backbone}), and an average of those that earned a place was saved: one is taken only where the "
        "log loss on training images it did not learn from falls by a standard error."
    ),
    "ensemble": "The answers of finished runs ({backbone}) were averaged; nothing new was trained.",
    "scratch": "The network ({backbone}) was trained from random weights on the training images alone.",
}
NETWORKS = ("finetune", "scratch")
BALANCES = {
    "weights": "Each class weighs the same in the training loss, however many images it has.",
    "oversample": "In every epoch each class was shown as often as the largest one; images of smaller classes were repeated.",
    "undersample": "In every epoch each class was shown as often as the smallest one, with another choice of images each time.",
}


def method_sentences(run: RunContent) -> list[str]:
    """What was trained on what, how it was chosen, and what each interval and test is."""
    metrics = run.metrics
    recipe = RECIPES.get(metrics.recipe, "Recipe {recipe} on {backbone}.")
    sentences = [recipe.format(backbone=metrics.backbone, recipe=metrics.recipe)]
    is_network = metrics.recipe in NETWORKS
    if is_network:
        sentences += _training(run)
    if metrics.selection:
        sentences += _weights(metrics.selection) + _selection(metrics.selection, is_network=is_network)
    if metrics.ladder:
        sentences += _ladder(metrics.ladder.saved)
    for name, part in metrics.parts.items():
        sentences.append(
            f"{PARTS[name]}: {count(part.n, 'image')} in {count(part.groups, 'group')}; nothing was chosen by looking at them."
        )
    if run.parts:
        sentences += [
            "Accuracy intervals are Wilson's at 95 %, with the images of a group counted as the few they are worth.",
            "Log loss intervals come from drawing the groups again 2,000 times (bootstrap).",
            "Two models are compared on the same images: an exact McNemar test for accuracy, a paired bootstrap over groups for log loss.",
            "Log loss is the mean of −ln(probability of the true class): 0 is perfect, and one sure mistake costs a lot.",
        ]
    sentences.append("Identical and nearly identical images form a group, and a group never sits on both sides of a split.")
    if metrics.split_sensitivity:
        sentences.append("Split sensitivity repeats the same recipe on other random splits of the same images.")
    if metrics.learning_curve:
        sentences.append("The learning curve trains on random subsets, several seeds a size, and fits error = floor + scale / n^power.")
    return sentences


def _training(run: RunContent) -> list[str]:
    """How a network was trained: its images, what was held out, and which weights were kept."""
    training, selection = run.metrics.training, run.metrics.selection
    sentences = []
    if training and training.augmentation == "none":
        sentences.append("The training images were shown as they are.")
    elif training:
        sentences.append(f"Each time a training image was shown it was varied at random: {training.augmentation.replace(',', ', ')}.")
    balance = str(run.options.options.get("balance"))
    if words := BALANCES.get(balance):
        sentences.append(words)
    sentences += _held_out(selection) if selection else []
    sentences.append("The weights that are judged and kept are a moving average over the steps of the training.")
    return sentences


def _held_out(selection: Selection) -> list[str]:
    folds, n = selection.folds, selection.n
    if not folds or not n:
        return []
    if len(selection.candidates) > 1:
        held = f"{count(n, 'training image')} were held out of its training"
        each = f"{folds} networks: each held out another one of {folds} folds of the training images"
        return [f"{each if folds > 1 else f'One network: {held}'}, and the last epoch was kept.", *_average(selection)]
    kept = "of the epochs that these could not tell apart from the best the last was kept"
    if folds == 1:
        return [f"One network: {count(n, 'training image')} were held out of its training, and {kept}."]
    return [
        f"{folds} networks: each held out another one of {folds} folds of the training images, and {kept}. "
        "The model's answer is the mean of their logits."
    ]


def _average(selection: Selection) -> list[str]:
    """How far a fine-tuned network and the probe it started from count."""
    shares = " and ".join(f"{percent(row.weight, 0)} of the {row.name}" for row in selection.candidates)
    return [
        f"What is saved is an average of log-odds, {shares}: weights chosen on training images that neither learned from, and the probe "
        "alone where the average was worse by a standard error."
    ]


def _selection(selection: Selection, *, is_network: bool) -> list[str]:
    folds, n, tried = selection.folds, selection.n, selection.strengths
    sentences = []
    if folds and n and not is_network:
        text = f"The head was chosen by {folds}-fold cross-validation on the {count(n, 'training image')} only"
        sentences.append(text + (f", out of {count(len(tried), 'strength')} of regularization." if len(tried) > 1 else "."))
    if selection.is_fitted:
        temperature = selection.temperature
        text = (
            f"Probabilities were softened by temperature {temperature:.2f}"
            if temperature >= 1
            else f"Probabilities were sharpened by temperature {temperature:.2f}"
        )
        text += f" and kept at least {percent(selection.clip, 2)} away from 0 and 100 %"
        where = "held-out" if is_network else "out-of-fold"
        losses = selection.log_loss
        if losses and losses.before is not None and losses.after is not None:
            text += f"; that moved the {where} log loss from {loss(losses.before)} to {loss(losses.after)}"
        sentences.append(f"{text}. Both were found on {_where_found(folds, is_network=is_network)}.")
    return sentences


def _where_found(folds: int | None, *, is_network: bool) -> str:
    if not is_network:
        return "out-of-fold predictions"
    if folds == 1:
        return "the held-out training images, which had already chosen the epoch"
    return "the training images, each judged by the network that had not learned from it"


def _weights(selection: Selection) -> list[str]:
    """How much each run of an ensemble counts."""
    runs = selection.runs
    if not runs:
        return []
    text = f"All {len(runs)} runs count the same"
    if selection.weights == "out-of-fold":
        shares = ", ".join(f"{percent(run.weight)} ({run.name})" for run in runs)
        text = f"The runs count {shares}; this was found on "
        text += f"{count(selection.n, 'training image')} that each run judged without having learned from them"
    return [
        f"{text}. What is averaged are the log-odds of each run, divided by its own temperature.",
        "Images that any of the runs learned from, or a near-duplicate of which one did, are not reported.",
    ]


def _ladder(saved: str) -> list[str]:
    return [
        "Every recipe of the ladder was trained and tested on the same images. Its rungs say what the networks answered as it is; "
        "only the one called calibrated has the temperature and the clip.",
        f"The model saved, and judged in the rest of this report with its temperature and clip, is “{saved}”: "
        "a later recipe is taken only where its log loss on training images it did not learn from is lower by a standard error.",
        "The time of a rung is what it took beyond those above it; features and images that already lay in the cache cost nothing. "
        "The p-values compare neighbors, one test each: among many rungs one may fall below 0.05 by luck.",
    ]
