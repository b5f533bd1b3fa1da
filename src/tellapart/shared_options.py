"""Options that several commands share, written once: the same words, bounds and defaults everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tellapart.options import Condition, option
from tellapart.printable import name_complaint

Conditions = Condition | tuple[Condition, ...]
DEVICES = ("auto", "cpu", "cuda", "mps")
RESIZE_POLICIES = ("crop", "pad", "squash")


def device_option(*, only_for: Conditions = ()) -> Any:
    """Where networks run."""
    return option("auto", "Device to compute on; auto takes a GPU where there is one.", choices=DEVICES, only_for=only_for)


def num_workers_option() -> Any:
    """How many threads read images; see :func:`tellapart.concurrency.worker_count`."""
    return option(None, "Threads that read images; by default one per core.", minimum=1, maximum=256)


def state_option(*, only_for: Conditions = ()) -> Any:
    """Where catalog and decisions lie."""
    help = "Folder for the catalog and your decisions; by default .tellapart in the image folder."
    return option(None, help, metavar="DIR", only_for=only_for)


def seed_option(*, only_for: Conditions = ()) -> Any:
    """The seed of everything random."""
    return option(0, "Random seed.", minimum=0, only_for=only_for)


def backbone_option(default: str = "lite2", *, only_for: Conditions = ()) -> Any:
    """The pretrained backbone, or several."""
    help = "Pretrained backbone: lite0, lite1, lite2, any timm name, or several joined by +."
    return option(default, help, metavar="NAME", only_for=only_for)


def features_option(default: str = "lite2", *, only_for: Conditions = ()) -> Any:
    """The features to explore by."""
    help = "Features to use: lite0, lite1, lite2, any timm name, run:FOLDER, imagenet, pixels or faces."
    return option(default, help, metavar="NAME", only_for=only_for)


def layer_option() -> Any:
    """A layer of the backbone."""
    return option(None, "Layer to take features from, such as blocks.3; by default the one before the classifier.", metavar="NAME")


def weights_option(*, only_for: Conditions = ()) -> Any:
    """A file of weights for the backbone."""
    help = "Weights for a timm backbone: a .safetensors, .pth or Keras .h5 file."
    return option(None, help, metavar="FILE", only_for=only_for)


def image_size_option(*, minimum: int = 8, only_for: Conditions = ()) -> Any:
    """The side of the network's input."""
    help = "Side of the network's input in pixels; by default the backbone's own."
    return option(None, help, minimum=minimum, maximum=2048, metavar="N", only_for=only_for)


def resize_option(*, only_for: Conditions = ()) -> Any:
    """How an image becomes a square."""
    help = "How an image becomes a square: crop the middle, pad with a border, or squash."
    return option("crop", help, choices=RESIZE_POLICIES, only_for=only_for)


def balance_option() -> Any:
    """How training handles class imbalance."""
    help = "How to handle class imbalance: weights in the loss, or over- or undersampling."
    return option("none", help, choices=("none", "weights", "oversample", "undersample"))


def run_name_option(kind: str | None = None) -> Any:
    """The name of a run; ``kind`` is what the default name says of it."""
    default = "the folder's name and a number" if kind is None else f"the folder's name, {kind} and a number"
    return option(None, f"Name of the run; by default {default}.", metavar="NAME", check=name_complaint)


def allow_host_option() -> Any:
    """More host names that requests may use."""
    help = "Also accept requests for this host name; may be repeated."
    return option((), help, metavar="NAME")


def runs_option() -> Any:
    """The folder of runs."""
    return option(Path("runs"), "Folder for the runs.", metavar="DIR")


def again_option(help: str = "Train again where a finished run has the same options and images.", *, only_for: Conditions = ()) -> Any:
    """Whether finished work is done once more."""
    return option(False, help, only_for=only_for)


def test_share_option(share: float = 0.2, *, only_for: Conditions = ()) -> Any:
    """The share of images held back; None, for this share, where the user has a part of their own to report on."""
    help = f"Share of the images held back for testing, where you have no test or validation folder; by default {share:g}."
    return option(None, help, minimum=0.01, maximum=0.9, only_for=only_for)
