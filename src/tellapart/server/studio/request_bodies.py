"""What the page may send: request bodies are checked before anything is done with them."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from tellapart.json_files import Shape, ShapeError, fields, flag, maybe, parse_json, several, text, whole
from tellapart.server.studio.jobs import KINDS
from tellapart.server.studio.workspace import ACTIONS, Choice, Workspace

LARGEST = 1 << 40
CHOICE = fields(
    {"action": text(*ACTIONS), "rows": several(whole(0, LARGEST), 1)}, {"label": maybe(text()), "reason": text()}, is_open=False
)
DECISION = fields({"version": text(), "seq": whole(0, LARGEST), "choices": several(CHOICE, 1)}, is_open=False)
JOB = fields({"kind": text(*KINDS)}, {"options": fields({})}, is_open=False)
APPLY = fields({"seq": whole(0, LARGEST), "name": text(), "text": text(), "is_trial": flag}, is_open=False)
CLUSTER = fields({"number": whole(0, LARGEST), "name": text()}, is_open=False)
NOTHING = fields({}, is_open=False)
UNDO = fields({"seq": whole(0, LARGEST)}, {"batch": maybe(whole(0, LARGEST))}, is_open=False)


async def sent(request: Request, shape: Shape) -> Any:
    """The JSON body of a request.

    Raises:
        HTTPException: 415 for another content type, 400 where it has the wrong shape.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "send JSON, as application/json")
    try:
        return parse_json(await request.body(), shape)
    except ShapeError as error:
        raise HTTPException(400, f"this is not what the studio takes: {error}") from error


def choices_in(content: dict[str, Any], workspace: Workspace) -> list[Choice]:
    """The choices of a body of the shape :data:`DECISION`.

    Raises:
        HTTPException: 404 for an image that is not there, 409 where they are about files that have changed since.
    """
    check_version(content["version"], workspace)
    if max(number for one in content["choices"] for number in one["rows"]) >= len(workspace):
        raise HTTPException(404, "there is no such image")
    return [Choice(one["action"], one["rows"], one.get("label"), one.get("reason", "")) for one in content["choices"]]


def number_in(request: Request, workspace: Workspace) -> int:
    """The number of the row that an address names.

    Raises:
        HTTPException: 404 where there is none, 409 where it is of files that have changed since.
    """
    word, version = request.path_params["number"], request.path_params.get("version")
    if not (word.isascii() and word.isdigit() and int(word[:12]) < len(workspace)):
        raise HTTPException(404, "there is no such image")
    check_version(version, workspace)
    return int(word)


def check_version(version: str | None, workspace: Workspace) -> None:
    """Refuse what was sent about other files than those of now.

    Raises:
        HTTPException: 409.
    """
    if version is not None and version != workspace.version:
        raise HTTPException(409, "the folder was read anew meanwhile: load the page again")


def since(request: Request) -> int:
    """The line of the log that a page knows already.

    Raises:
        HTTPException: 400 where it is not a number.
    """
    word = request.query_params.get("since", "0")
    if not (word.isascii() and word.isdigit()):
        raise HTTPException(400, "since has to be a whole number")
    return int(word[:12])
