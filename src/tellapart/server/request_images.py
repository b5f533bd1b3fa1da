"""The images of a request: a form with files, JSON with base64, or one file as the body."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from tellapart.server.limits import Limits
from tellapart.server.served_models import NamedImage

MAX_FIELDS = 16
"""Fields of a form that are no files."""
TAKEN = "send multipart/form-data with files, application/json with base64 in images, or one image as the body"


async def request_images(request: Request, limits: Limits) -> list[NamedImage]:
    """The images of a request, at least one.

    Raises:
        HTTPException: 400 if they cannot be found, 413 if there are too many, 415 for another type of body.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        images = await _form_images(request, limits)
    elif kind == "application/json":
        images = json_images(await json_body(request))
    elif kind.startswith("image/") or kind in ("application/octet-stream", ""):
        images = [NamedImage("body", await request.body())]
    else:
        raise HTTPException(415, f"a body of type {kind} is not understood: {TAKEN}")
    if not images or not any(image.data for image in images):
        raise HTTPException(400, f"there is no image in the request: {TAKEN}")
    check_number(len(images), limits)
    return images


def check_number(images: int, limits: Limits) -> None:
    """Refuse too many images.

    Raises:
        HTTPException: 413.
    """
    if images > limits.images:
        raise HTTPException(413, f"{images} images in one request; at most {limits.images} are taken")


async def json_body(request: Request) -> Any:
    """The body as JSON.

    Raises:
        HTTPException: 400.
    """
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the body is not JSON: {str(error)[:200]}") from error


def json_images(content: Any) -> list[NamedImage]:
    """The images of ``{"images": [...]}``; each is base64, or ``{"name", "data"}``.

    Raises:
        HTTPException: 400.
    """
    listed = content.get("images") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise HTTPException(400, 'JSON has to be {"images": ["<base64>", ...]}, or {"images": [{"name": "a.jpg", "data": "<base64>"}]}')
    images = []
    for number, one in enumerate(listed, 1):
        name, data = (one.get("name", f"image {number}"), one.get("data")) if isinstance(one, dict) else (f"image {number}", one)
        if not isinstance(data, str) or not isinstance(name, str):
            raise HTTPException(400, f"image {number} has no base64 text")
        images.append(NamedImage(name, from_base64(data, number)))
    return images


def from_base64(text: str, number: int) -> bytes:
    """Bytes of base64, a ``data:`` URL too.

    Raises:
        HTTPException: 400.
    """
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise HTTPException(400, f"image {number} is not base64: {error}") from error


async def _form_images(request: Request, limits: Limits) -> list[NamedImage]:
    try:
        async with request.form(max_files=limits.images, max_fields=MAX_FIELDS, max_part_size=limits.body_bytes) as form:
            files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
            return [NamedImage(file.filename or f"file {number}", await file.read()) for number, file in enumerate(files, 1)]
    except HTTPException as error:  # Starlette's words for a form that cannot be read; those of the body's limit stay as they are
        if error.status_code != 400:
            raise
        raise HTTPException(413 if "Too many" in error.detail else 400, f"the form cannot be read: {error.detail}") from error
