"""What ``tellapart autoencode`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tellapart.cli.formatting import aligned, number, several, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count
from tellapart.durations import duration_text

if TYPE_CHECKING:
    from tellapart.run_folder import Run


def autoencode_output(run: Run) -> Answer:
    """The reconstruction error beside that of baselines, the dead units, the time, and where model and page are."""
    metrics = run.autoencoder_metrics
    side, units, cost, data = metrics.compared, metrics.units, metrics.training, metrics.data
    what = "held-out photos" if metrics.held_back else "training photos (none could be held out)"
    rows = [("", "mean squared error (95 %)"), ("this autoencoder", number(side.error, 5))]
    if metrics.held_back:
        rows.append(("the same on training photos", number(metrics.trained_on.error, 5)))
    if metrics.components and side.linear:
        rows.append((f"{metrics.components:,} principal components", number(side.linear, 5)))
    if side.mean_image:
        rows.append(("the mean photo", number(side.mean_image, 5)))
    lines: list[Line] = [f"{side.n:,} {what}", *aligned(rows, before="  ")]
    dead = units.dead
    if dead:
        are = "is" if len(dead) == 1 else "are"
        lines.append(f"{len(dead):,} of {count(units.latent, 'unit')} {are} dead: {several([str(unit) for unit in dead], most=12)}")
    elif dead is not None:
        lines.append(f"none of {count(units.latent, 'unit')} is dead")
    lines.append(f"trained for {duration_text(cost.seconds)}: {count(cost.images, 'image')}, {cost.images_per_s:,.0f} per second")
    lines.append(f"{data.used:,} of {count(data.files, 'file')} used; {data.unreadable:,} unreadable, {data.set_aside:,} excluded")
    lines += [f"features: --features run:{shown(run.folder)}", Styled(shown(run.report), before="report:   ", bold=True)]
    return lines, run.as_dict()
