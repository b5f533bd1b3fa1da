"""The live page of a running training, and its curves as JSON. The page reloads itself; both files are removed at the end."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, TypedDict

from tellapart.atomic_files import is_alive, machine_id, write_json, write_text
from tellapart.printable import printable
from tellapart.reports.figures.svg import clean, figure_css, theme_css
from tellapart.reports.figures.training_curves import accuracy_figure, loss_figure
from tellapart.reports.number_format import duration
from tellapart.reports.training_section import FoldView, training_section
from tellapart.run_folder import epochs_of
from tellapart.training.tracking import OnEpoch

REFRESH_S = 5
SUFFIX = ".training.json"
SCRIPT = (
    "const stop=document.getElementById('stop');stop.checked=location.hash==='#stop';"
    "stop.onchange=()=>{location.hash=stop.checked?'stop':''};"
    f"setInterval(()=>stop.checked||location.reload(),{1000 * REFRESH_S})"
)
SCRIPT_HASH = b64encode(sha256(SCRIPT.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{SCRIPT_HASH}'"
STYLE = """
body{margin:2rem auto;max-width:64rem;padding:0 1rem;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page)}
h1{font-size:1.4rem;margin:0}p{color:var(--muted);margin:.3rem 0 1.5rem}
main{display:grid;grid-template-columns:repeat(auto-fit,minmax(22rem,1fr));gap:1.5rem}
figure{margin:0;background:var(--surface);border:1px solid var(--line);border-radius:.6rem;padding:1rem}svg{width:100%;height:auto}
"""


class LiveView(TypedDict):
    """The curves so far of a training that runs in ``process`` of a ``machine``; ``folder`` as :func:`place_of` has it.

    ``epochs`` are meant for each fold, ``total`` for all of them.
    """

    title: str
    folder: str
    total: int | None
    epochs: int | None
    machine: str
    process: int
    folds: list[FoldView]
    sentence: str


def running_trainings(runs: Path) -> list[LiveView]:
    """The trainings that write into a folder of runs now, the one that wrote last first; those that were killed are not among them."""
    views = []
    for file in runs.glob(f"*{SUFFIX}"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            view: LiveView = json.loads(file.read_text(encoding="utf-8"))
            if _is_running(view):
                views.append((file.stat().st_mtime_ns, view))
    return [view for _, view in sorted(views, key=lambda one: -one[0])]


def _is_running(view: LiveView) -> bool:
    """Whether the process still runs; those of other machines are taken at their word."""
    return view["machine"] != machine_id() or view["process"] == os.getpid() or is_alive(view["process"])


def _remove_left(runs: Path) -> None:
    """Remove the pages of trainings that were killed."""
    for file in runs.glob(f"*{SUFFIX}"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            if not _is_running(json.loads(file.read_text(encoding="utf-8"))):
                file.with_suffix(".html").unlink(missing_ok=True)
                file.unlink()


@contextmanager
def live_page(path: Path, title: str, trainings: int = 1, epochs: int | None = None, *, folder: str) -> Iterator[OnEpoch]:
    """A listener that writes the page after every epoch of the trainings of one run; at the end the page is removed.

    The page is there from the start, before the first epoch has ended. Beside it lies a JSON file of the same name.

    Args:
        path: of the page.
        title: what it is about.
        trainings: how many trainings the run has, one after the other.
        epochs: of each training; None where it is not known.
        folder: of the images, as :func:`tellapart.printable.place_of` has it.
    """
    histories: dict[str, list[Mapping[str, Any]]] = {}
    total = trainings * epochs if epochs else None
    facts = {"title": title, "folder": printable(folder), "total": total, "epochs": epochs, "machine": machine_id(), "process": os.getpid()}

    def on_epoch(name: str, history: Sequence[Mapping[str, Any]]) -> None:
        histories[name] = list(history)
        events = [{**event, "event": "epoch", "fold": fold} for fold, epochs in enumerate(histories.values(), 1) for event in epochs]
        write(events)

    def write(events: Sequence[Mapping[str, Any]]) -> None:
        write_text(path, page(f"{title}, {Path(folder).name}", events, total=total))
        write_json(path.with_suffix(".json"), {**facts, **training_section(epochs_of(events))})

    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_left(path.parent)
    write([])
    try:
        yield on_epoch
    finally:
        path.unlink(missing_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)


def page(title: str, events: Sequence[Mapping[str, Any]], *, total: int | None = None) -> str:
    """The HTML of a page for events as in ``history.jsonl``; ``total`` epochs are meant to be trained in all."""
    section = training_section(epochs_of(events))
    drawn = "".join(f"<figure>{figure.inline()}</figure>" for figure in (loss_figure(section), accuracy_figure(section)) if figure)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<noscript><meta http-equiv="refresh" content="{REFRESH_S}"></noscript>'
        f'<meta name="viewport" content="width=device-width"><title>{clean(title)}</title>'
        f"<style>{theme_css()}{figure_css()}{STYLE}</style></head>"
        f"<body><h1>{clean(title)}</h1><p>{clean(_words(events, total))}</p>"
        '<p><label><input type="checkbox" id="stop"> Do not follow the training</label></p>'
        f"<main>{drawn}</main><script>{SCRIPT}</script></body></html>\n"
    )


def _words(events: Sequence[Mapping[str, Any]], total: int | None) -> str:
    """How far it is, and how long it will still take at the speed so far."""
    if not events:
        return "The first epoch has not ended yet"
    last = events[-1]
    words = f"fold {last['fold']}, epoch {last['epoch']}, {last['images_per_s']:.0f} images a second"
    if total is None or total <= len(events):
        return words
    spent = sum(max(event["seconds"] for event in events if event["fold"] == fold) for fold in {event["fold"] for event in events})
    left = duration(spent / len(events) * (total - len(events)))
    return f"{words}; {len(events):,} of {total:,} epochs done, about {left} left unless it stops early"
