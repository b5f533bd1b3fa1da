"""The recipes: from the options of a training to what runs."""

from __future__ import annotations

from tellapart.training.auto_recipe import AutoRunner
from tellapart.training.options import TrainOptions
from tellapart.training.recipe_runner import LivePage, NetworkRunner, ProbeRunner, RecipeRunner


def recipe_runner(options: TrainOptions, *, live_page: LivePage | None = None) -> RecipeRunner:
    """The runner for the recipe that the options name; ``live_page`` shows the training on a page beside the runs.

    Raises:
        OptionError: options that do not go together.
        ModelError: a network or weights that are not available.
    """
    if options.recipe == "auto":
        return AutoRunner(options, live_page)
    return ProbeRunner(options) if options.recipe == "probe" else NetworkRunner(options, live_page)
