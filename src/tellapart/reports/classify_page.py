"""The page that classifies photos: dropped onto it, chosen, or from the camera.

What gives the answers is a module of its own: :func:`exported_page` runs the exported model within the page. A server's page
takes the same parts with another entry module, which hands ``mountClassify`` (``static/classify.js``) a function that asks the server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.reports.html_shell import render_page
from tellapart.reports.number_format import count
from tellapart.version import __version__

PARTS = ("classify.js", "answer_list.js", "camera.js", "dom.js", "photo_pixels.js", "theme.js")
"""Modules of the page, whatever gives the answers."""
HERE = ("classify_here.js", "onnx_model.js", "square.js", *PARTS)
"""Modules of the page that runs the model itself; the first is started."""
THERE = ("classify_there.js", *PARTS)
"""Modules of the page that asks the service it comes from."""
STYLES = ("page.css", "classify.css")
NAMED = 6
NONE = "none of these"
UNFAMILIAR = {"familiarity": 0.01, "name": NONE}
"""A page calls an image so that is less familiar than 99 % of the training images, where the model knows that."""


def classify_page(
    metadata: Mapping[str, Any],
    *,
    modules: Sequence[str],
    place: str,
    more_sources: str = "",
    vendored: Mapping[str, str] | None = None,
    carried: Mapping[str, str] | None = None,
) -> str:
    """The page as text.

    Args:
        metadata: of the exported model: ``class_names``, ``run``, ``inputs``, ``run_reports``, ``versions``, and where there are some
            ``familiarity_groups`` and ``decision``.
        modules: files of ``static/``; the first is started.
        place: where photos stay: ``device`` or the name of a server.
        more_sources: end of the content security policy's ``script-src``, and directives after it.
        vendored: source of modules of other projects by name.
        carried: texts by id that the page carries for its modules, such as a model in base64.
    """
    names = metadata["class_names"]
    squares = [{"name": name, **square} for name, square in metadata["inputs"].items()]
    view = {
        "header": {"tellapart": metadata["versions"]["tellapart"]},
        "class_names": names,
        "squares": squares,
        "none": UNFAMILIAR if "familiarity_groups" in metadata else None,
        "decision": metadata.get("decision"),
    }
    return render_page(
        "classify.html",
        modules=modules,
        styles=STYLES,
        payload=view,
        thumbnails={},
        vendored=vendored or {},
        view=view,
        noun="classifier",
        sections=(),
        name=metadata["run"],
        question=_question(names),
        classes=count(len(names), "class", "classes") if len(names) > NAMED else "",
        score=_score(metadata.get("run_reports")),
        place=place,
        more_sources=more_sources,
        footer=f"Made with tellapart {metadata['versions']['tellapart']}. The photos are classified on this {place}.",
        carried=carried or {},
    )


def exported_page(metadata: Mapping[str, Any], runtime: str, carried: Mapping[str, str]) -> str:
    """The page that runs the exported model itself.

    Args:
        metadata: of the model.
        runtime: source of onnxruntime-web's module.
        carried: ``model`` and ``runtime``, gzipped and in base64; empty where they are files beside the page.
    """
    sources = "" if carried else "; connect-src 'self'"
    return classify_page(
        metadata, modules=HERE, place="device", more_sources=sources, vendored={"onnxruntime.js": runtime}, carried=carried
    )


def served_page(run: str, class_names: Sequence[str], runs: Sequence[str], *, needs_key: bool) -> str:
    """The page of the service (``tellapart serve``), for one of its runs.

    Args:
        run: the run that answers.
        class_names: its classes.
        runs: all runs of the service; the page links to the others.
        needs_key: whether the page has to ask for the key.
    """
    view = {"header": {"tellapart": __version__}, "class_names": list(class_names), "none": UNFAMILIAR, "run": run}
    return render_page(
        "served.html",
        modules=THERE,
        styles=STYLES,
        payload=view,
        thumbnails={},
        view=view,
        noun="classifier",
        sections=(),
        name=run,
        others=[other for other in runs if other != run],
        question=_question(class_names),
        classes=count(len(class_names), "class", "classes") if len(class_names) > NAMED else "",
        score="",
        place="server",
        more_sources="",
        needs_key=needs_key,
        footer=f"Made with tellapart {__version__}. The photos are classified on the server that this page comes from, and not kept.",
        carried={},
    )


def _question(names: Sequence[str]) -> str:
    if len(names) > NAMED:
        return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"
    return f"{', '.join(names[:-1])} or {names[-1]}?" if len(names) > 1 else names[0]


def _score(scores: Mapping[str, Any] | None) -> str:
    if not scores:
        return ""
    value, low, high = (f"{100 * scores['accuracy'][name]:.1f}" for name in ("value", "low", "high"))
    return f"right on {value} % of {count(scores['n'], 'held-out photo')} ({low} to {high})"
