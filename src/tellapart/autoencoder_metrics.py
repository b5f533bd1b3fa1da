"""The records of ``metrics.json`` of an autoencoder (docs/reference/run-folder.md)."""

from __future__ import annotations

from dataclasses import dataclass, field

from tellapart.interval import Interval
from tellapart.json_files import record
from tellapart.part_metrics import Document
from tellapart.run_metrics import DataCounts, RunHeader, TrainingCost


@dataclass(frozen=True, kw_only=True)
class ReconstructionErrors(Document):
    """Mean squared errors of an autoencoder on a scale of 0 to 1, beside those of baselines on the same images.

    Attributes:
        n: number of images.
        error: of the autoencoder.
        mean_image: of the mean training image.
        linear: of principal components.
        better_than_linear: difference of the last to the autoencoder; positive is better.
    """

    n: int
    error: Interval
    mean_image: Interval | None = None
    linear: Interval | None = None
    better_than_linear: Interval | None = None


@dataclass(frozen=True)
class LatentSummary:
    """The latent of an autoencoder: its width, its dead units (None for one image), and its participation ratio."""

    latent: int
    dead: list[int] | None
    worth: float


@dataclass(frozen=True, kw_only=True)
class AutoencoderCounts(DataCounts):
    """Files by status, and images the network was trained on, chosen by, and that were held out."""

    trained_on: int
    chose: int
    held_back: int


@dataclass(frozen=True, kw_only=True)
class ReconstructionMetrics(Document):
    """What the evaluation of an autoencoder measured.

    Attributes:
        held_back: on held-out images; None where none could be held out.
        trained_on: on training images, with the baselines where none are held out.
        components: number of principal components of the baseline.
        units: of the latent.
    """

    held_back: ReconstructionErrors | None
    trained_on: ReconstructionErrors
    components: int
    units: LatentSummary

    @property
    def compared(self) -> ReconstructionErrors:
        """The errors beside those of the baselines: on held-out images where there are any, else on training images."""
        return self.held_back or self.trained_on


@dataclass(frozen=True, kw_only=True)
class AutoencoderMetrics(RunHeader, ReconstructionMetrics):
    """``metrics.json`` of an autoencoder; fields of the same name as those of :class:`RunMetrics` mean the same."""

    net: str
    image_size: int
    training: TrainingCost
    data: AutoencoderCounts
    tellapart: str | None
    seconds: float | None = None
    notes: list[str] = field(default_factory=list)


AUTOENCODER_METRICS = record(AutoencoderMetrics)
"""The shape of the file."""
