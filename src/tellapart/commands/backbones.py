"""tellapart backbones: the pretrained networks on this machine, and suggested ones to download."""

from __future__ import annotations

from collections.abc import Sequence

from tellapart.models.backbone_catalog import KnownBackbone
from tellapart.options import Options, dataclass, given, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
from tellapart.shared_options import device_option


@dataclass(frozen=True, kw_only=True)
class BackbonesOptions(Options):
    """What to find out."""

    measure: bool = option(False, "Measure the images per second of the backbones at hand, or of those named; nothing is fetched for it.")
    device: str = device_option(only_for=given("measure"))


@dataclass(frozen=True)
class ListedBackbone(KnownBackbone):
    """One pretrained network, beside what is known of it its speed here.

    Attributes:
        images_per_s: images per second here, each also mirrored, as measured when features were last computed, or by ``measure``;
            None where it was not measured.
        command: the command line that uses it.
    """

    images_per_s: float | None
    command: str


@dataclass(frozen=True)
class BackbonesResult(Result):
    """Pretrained networks, those at hand first, then from small to large.

    Attributes:
        backbones: the networks.
        folder: where converted weights are kept.
    """

    backbones: tuple[ListedBackbone, ...]
    folder: str


@with_options(BackbonesOptions)
def backbones(names: str | Sequence[str] = (), *, options: BackbonesOptions, progress: Progress = AUTO) -> BackbonesResult:
    """List the pretrained networks at hand, and well-chosen ones to fetch, with size, license and speed here.

    Which of them is best for your images only your images can tell: ``tellapart train --recipe auto --backbone NAME``.

    Args:
        names: the networks to list; by default all at hand and those that are suggested. Any timm name can be measured.
        progress: receives progress.
        options: as keywords; see :class:`BackbonesOptions`.

    Returns:
        The networks.

    Raises:
        OptionError: an option's name or value is wrong.
        ModelError: there is no network of that name, or the device is not available.
    """
    from tellapart.cache_dir import cache_root
    from tellapart.models.backbone_catalog import known_backbones, measured_rate, named_backbone

    given = [names] if isinstance(names, str) else list(names)
    known = known_backbones()
    listed = [named_backbone(name, known) for name in dict.fromkeys(given)] or known
    rates: dict[str, float] = {}
    if options.measure:
        chosen = [one for one in listed if given or one.is_at_hand]
        with progress.stage("measuring", total=len(chosen), unit="backbones") as advance:
            for one in chosen:
                rates[one.name] = measured_rate(one, options.device)
                advance(1)
    return BackbonesResult(tuple(_listed(one, rates) for one in listed), str(cache_root() / "backbones"))


def _listed(one: KnownBackbone, rates: dict[str, float]) -> ListedBackbone:
    from tellapart.features.extraction_rates import known_rate
    from tellapart.models.devices import used_device

    rate = rates.get(one.name) or known_rate(one.name, one.image_size, used_device("auto"), mirror=True)
    weights = " --weights FILE" if one.source == "file" else ""
    command = f"tellapart train FOLDER --backbone {one.name}{weights}"
    return ListedBackbone(**vars(one), images_per_s=rate, command=command)
