"""tellapart train: from a folder of images to a saved model, its evaluation and a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.options import with_options
from tellapart.progress import AUTO, Progress
from tellapart.training.options import TrainOptions

if TYPE_CHECKING:
    from tellapart.run_folder import Run
    from tellapart.workflows.training_plan import TrainingPlan


@with_options(TrainOptions)
def train(folder: str | Path, *, options: TrainOptions, progress: Progress = AUTO) -> Run | TrainingPlan:
    """Train a classifier on a folder of images and evaluate it on images it was not trained on.

    An interrupted training resumes where it stopped when the same command is given again.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: receives progress and notes.
        options: as keywords; see :class:`TrainOptions`.

    Returns:
        The finished run: model, metrics, predictions and report in one folder. With ``plan``, what it would cost.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: the images cannot be used as they are.
        ModelError: the backbone or its weights are not available, or the training diverged.
        StorageError: the disk is full or cannot be written.
    """
    from tellapart.workflows.training_plan import plan_training
    from tellapart.workflows.training_run import train_folder

    if options.plan:
        return plan_training(folder, options, progress)
    return train_folder(folder, options, progress)
