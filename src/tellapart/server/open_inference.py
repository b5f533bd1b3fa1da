"""The Open Inference Protocol, version 2 (KServe): models are listed and queried as on other servers.

An image is an element of the input ``image`` with the datatype ``BYTES``: base64 in JSON, or, with the binary extension, its
bytes after the JSON, each with its length before it (4 bytes, little-endian).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import numpy as np
from starlette.exceptions import HTTPException

from tellapart.counts import count
from tellapart.server.request_images import from_base64
from tellapart.server.served_models import Answered, NamedImage, ServedModel
from tellapart.version import __version__

HEADER_LENGTH = "inference-header-content-length"
INPUT = "image"


class ServerMetadata(TypedDict):
    """The server."""

    name: str
    version: str
    extensions: list[str]


class TensorForm(TypedDict):
    """Name, datatype and shape of an input or output; -1 for any number."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(TypedDict):
    """A model, its inputs and its outputs."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorForm]
    outputs: list[TensorForm]
    parameters: dict[str, list[str]]


class OutputTensor(TensorForm):
    """An output with its values, row by row."""

    data: list[float] | list[str]


class InferResponse(TypedDict):
    """The answer to a request to infer; ``id`` is that of the request."""

    model_name: str
    model_version: str
    id: NotRequired[str]
    outputs: list[OutputTensor]


def server_metadata() -> ServerMetadata:
    """``GET /v2``."""
    return {"name": "tellapart", "version": __version__, "extensions": ["binary_tensor_data"]}


def model_metadata(model: ServedModel) -> ModelMetadata:
    """``GET /v2/models/NAME``."""
    width = len(model.class_names)
    return {
        "name": model.name,
        "versions": ["1"],
        "platform": f"tellapart_{model.engine.kind}",
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, width]},
            {"name": "predicted", "datatype": "BYTES", "shape": [-1]},
        ],
        "parameters": {"class_names": list(model.class_names)},
    }


def parse_infer(body: bytes, header_length: str | None) -> tuple[dict[str, object], list[NamedImage]]:
    """The JSON of a request to infer, and its images.

    Raises:
        HTTPException: 400.
    """
    size = len(body)
    if header_length is not None:
        if not (header_length.isascii() and header_length.isdigit()) or int(header_length[:20]) > size:
            raise HTTPException(400, f"{HEADER_LENGTH} is not the length of the JSON")
        size = int(header_length)
    try:
        content = json.loads(body[:size])
        (tensor,) = (one for one in content["inputs"] if one["name"] == INPUT)
        datatype, shape = tensor["datatype"], tensor["shape"]
        parameters = tensor.get("parameters") or {}
        binary = parameters.get("binary_data_size")
        data = tensor.get("data")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise HTTPException(400, f'a request has to have one input "{INPUT}" with datatype, shape and data') from error
    if datatype != "BYTES":
        raise HTTPException(400, f'the datatype of "{INPUT}" has to be BYTES, image files as they are, not {str(datatype)[:40]}')
    images = _json_elements(data) if binary is None else _binary_elements(body[size:], binary)
    if not isinstance(shape, list) or not all(isinstance(n, int) and 0 <= n < 2**31 for n in shape) or np.prod(shape) != len(images):
        raise HTTPException(400, f"the shape {str(shape)[:40]} does not fit {count(len(images), 'image')}")
    if not images:
        raise HTTPException(400, "there is no image in the request")
    return content, images


def _json_elements(data: Any) -> list[NamedImage]:
    flat = data if isinstance(data, list) else None
    if flat is None or not all(isinstance(one, str) for one in flat):
        raise HTTPException(400, "data has to be a list of base64 texts")
    return [NamedImage(f"image {number}", from_base64(one, number)) for number, one in enumerate(flat, 1)]


def _binary_elements(data: bytes, declared: Any) -> list[NamedImage]:
    if isinstance(declared, bool) or not isinstance(declared, int) or declared != len(data):
        raise HTTPException(
            400, f"binary_data_size is {str(declared)[:20]}, but {count(len(data), 'byte follows', 'bytes follow')} the JSON"
        )
    images: list[NamedImage] = []
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise HTTPException(400, "the binary data end within a length")
        (length,) = struct.unpack_from("<I", data, at)
        at += 4
        if at + length > len(data):
            raise HTTPException(400, f"image {len(images) + 1} has {count(length, 'byte')}, but fewer follow")
        images.append(NamedImage(f"image {len(images) + 1}", data[at : at + length]))
        at += length
    return images


def infer_response(content: Mapping[str, object], answered: Answered) -> InferResponse:
    """The answer to a request to infer.

    Raises:
        HTTPException: 422 if one of the images cannot be read; the protocol has no place for the answers of the others.
    """
    for answer in answered.answers:
        if answer.probabilities is None:
            raise HTTPException(422, f"{answer.name} cannot be read: {answer.reason}")
    probabilities = np.stack([answer.probabilities for answer in answered.answers if answer.probabilities is not None]).astype(np.float32)
    predicted = [answer.predicted or "" for answer in answered.answers]
    outputs: list[OutputTensor] = [
        {"name": "probabilities", "datatype": "FP32", "shape": list(probabilities.shape), "data": probabilities.ravel().tolist()},
        {"name": "predicted", "datatype": "BYTES", "shape": [len(predicted)], "data": predicted},
    ]
    named = content.get("outputs")
    if isinstance(named, list) and named:
        names = {one.get("name") for one in named if isinstance(one, dict)}
        if unknown := names - {one["name"] for one in outputs}:
            raise HTTPException(400, f"there is no output {sorted(map(str, unknown))[0]!r}")
        outputs = [one for one in outputs if one["name"] in names]
    response: InferResponse = {"model_name": answered.run, "model_version": "1", "outputs": outputs}
    if isinstance(identity := content.get("id"), str):
        response["id"] = identity
    return response
