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
        "Several recipes were tried ({backbone}), and a weighted average was saved; the weights were chosen on out-of-fold predictions for "
        "the training images."
    ),
    "ensemble": "The predictions of finished runs ({backbone}) were averaged; nothing new was trained.",
    "scratch": "The network ({backbone}) was trained from random weights on the training images alone.",
}
NETWORKS = ("finetune", "scratch")
BALANCES = {
    "weights": "Every class has the same total weight in the training loss, however many images it has.",
    "oversample": "In every epoch each class was seen as often as the largest one; images of smaller classes were repeated.",
    "undersample": "In every epoch each class was seen as often as the smallest one, with other images each time.",
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
        sentences.append(f"{PARTS[name]}: {count(part.n, 'image')} in {count(part.groups, 'group')}; they were not used for any choice.")
    if run.parts:
        sentences += [
            "Accuracy has a 95 % Wilson interval at the effective sample size, since images of one group are not independent.",
            "Log loss has a 95 % bootstrap interval over groups (2,000 draws).",
            "Two models are compared on the same images: an exact McNemar test for accuracy, a paired bootstrap over groups for log loss.",
            "Log loss is the mean of −ln(probability of the true class): 0 is perfect, and one confident mistake costs a lot.",
        ]
    sentences.append("Identical files and near-duplicates form a group, and a group is never on both sides of a split.")
    if metrics.split_sensitivity:
        sentences.append(f"Split sensitivity repeats the same recipe on other random splits of {metrics.split_sensitivity.images()}.")
    if metrics.learning_curve:
        sentences.append("The learning curve trains on random subsets, several draws per size, and fits error = floor + scale / n^power.")
    return sentences


def _training(run: RunContent) -> list[str]:
    """How a network was trained: its images, what was held out, and which weights were kept."""
    training, selection = run.metrics.training, run.metrics.selection
    sentences = []
    if training and training.augmentation == "none":
        sentences.append("The training images were not augmented.")
    elif training:
        sentences.append(f"Each time a training image was seen, it was augmented at random: {training.augmentation.replace(',', ', ')}.")
    balance = str(run.options.options.get("balance"))
    if words := BALANCES.get(balance):
        sentences.append(words)
    sentences += _held_out(selection) if selection else []
    sentences.append("The weights that are evaluated and saved are an exponential moving average (EMA) over the training steps.")
    return sentences


def _held_out(selection: Selection) -> list[str]:
    folds, n = selection.folds, selection.n
    if not folds or not n:
        return []
    if len(selection.candidates) > 1:
        held = f"{count(n, 'training image')} were held out of its training"
        each = f"{folds} networks: each held out another one of {folds} folds of the training images"
        return [f"{each if folds > 1 else f'One network: {held}'}, and the last epoch was kept.", *_average(selection)]
    rule = "of the epochs that were not significantly worse on them than the best, the last was kept"
    if folds == 1:
        return [f"One network: {count(n, 'training image')} were held out of its training, and {rule}."]
    return [
        f"{folds} networks: each held out another one of {folds} folds of the training images, and {rule}. The model averages their logits."
    ]


def _average(selection: Selection) -> list[str]:
    """How far a fine-tuned network and the probe it started from count."""
    shares = " and ".join(f"{percent(row.weight, 0)} of the {row.name}" for row in selection.candidates)
    return [
        f"The saved model is a weighted average of log-odds, {shares}. The weights were chosen on training images that neither was trained "
        "on; had the average been worse by a standard error, the probe alone would have been saved."
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
        text += f" and raised to at least {percent(selection.clip, 2)}"
        where = "held-out" if is_network else "out-of-fold"
        losses = selection.log_loss
        if losses and losses.before is not None and losses.after is not None:
            text += f"; this changed the {where} log loss from {loss(losses.before)} to {loss(losses.after)}"
        sentences.append(f"{text}. Both were fitted on {_where_found(folds, is_network=is_network)}.")
    return sentences


def _where_found(folds: int | None, *, is_network: bool) -> str:
    if not is_network:
        return "out-of-fold predictions"
    if folds == 1:
        return "the held-out training images, which were also used to select the epoch"
    return "the training images, each predicted by the network that was not trained on it"


def _weights(selection: Selection) -> list[str]:
    """How much each run of an ensemble counts."""
    runs = selection.runs
    if not runs:
        return []
    text = f"All {len(runs)} runs have the same weight"
    if selection.weights == "out-of-fold":
        shares = ", ".join(f"{percent(run.weight)} ({run.name})" for run in runs)
        text = f"The runs have the weights {shares}, fitted on "
        text += f"{count(selection.n, 'training image')} that each run predicted without being trained on them"
    return [
        f"{text}. What is averaged are the log-odds of each run, divided by its own temperature.",
        "Images that any of the runs was trained on, and near-duplicates of them, are not reported.",
    ]


def _ladder(saved: str) -> list[str]:
    return [
        "Every recipe of the ladder was trained and tested on the same images. Its steps show uncalibrated predictions; "
        "only the step called calibrated has the temperature and the clip.",
        f"The saved model, which the rest of this report evaluates with its temperature and clip, is “{saved}”: "
        "a later recipe is taken only if its out-of-fold log loss is lower by a standard error.",
        "The time of a step is in addition to the steps before it; features and images that were in the cache cost nothing. "
        "Each p-value compares a step with the one before it; among many steps, one may fall below 0.05 by chance.",
    ]
