"""``GET /openapi.json``: requests and responses of the service (OpenAPI 3.1)."""

from __future__ import annotations

from typing import Any

from tellapart.server.limits import Limits
from tellapart.version import __version__

BYTES = {"type": "string", "format": "binary"}
_BASE64 = {"type": "string", "contentEncoding": "base64", "minLength": 4}
_NUMBER = {"type": "number", "minimum": 0, "maximum": 1}


def openapi(limits: Limits, models: list[str], *, has_key: bool) -> dict[str, object]:
    """The description, for these models and limits."""
    content: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "tellapart", "version": __version__, "description": "Classify images with the models of runs."},
        "paths": {
            "/predict": {"post": _predict(limits, models)},
            "/status": {"get": _get("Models, limits, and how the latest answers compare with those on the evaluated images.")},
            "/v2": {"get": _get("The server, in the Open Inference Protocol.")},
            "/v2/health/live": {"get": _get("Whether the service runs.")},
            "/v2/health/ready": {"get": _get("Whether every model is loaded.")},
            "/v2/models/{name}": {"get": {**_get("A model's inputs and outputs.", 404), "parameters": [_name(models)]}},
            "/v2/models/{name}/ready": {"get": {**_get("Whether a model is loaded.", 404), "parameters": [_name(models)]}},
            "/v2/models/{name}/infer": {"post": _infer(models)},
        },
        "components": {"schemas": _schemas()},
    }
    if has_key:
        content["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        content["security"] = [{"key": []}]
    return content


def _predict(limits: Limits, models: list[str]) -> dict[str, Any]:
    named = {"type": "object", "required": ["data"], "properties": {"name": {"type": "string"}, "data": _BASE64}}
    listed = {"type": "array", "minItems": 1, "maxItems": limits.images, "items": {"anyOf": [_BASE64, named]}}
    files = {"type": "array", "minItems": 1, "maxItems": limits.images, "items": BYTES}
    form = {"type": "object", "required": ["file"], "properties": {"file": files}}
    return {
        "summary": "Classify images.",
        "parameters": [
            {"name": "run", "in": "query", "required": False, "schema": {"type": "string", "enum": models}},
            {"name": "top", "in": "query", "required": False, "schema": {"type": "integer", "minimum": 1, "maximum": 1000}},
        ],
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form},
                "application/json": {"schema": {"type": "object", "required": ["images"], "properties": {"images": listed}}},
                "application/octet-stream": {"schema": BYTES},
            },
        },
        "responses": {"200": _json("The answers, in the order of the images.", "Predictions"), **_refusals()},
    }


def _infer(models: list[str]) -> dict[str, Any]:
    tensor = {
        "type": "object",
        "required": ["name", "datatype", "shape", "data"],
        "properties": {
            "name": {"const": "image"},
            "datatype": {"const": "BYTES"},
            "shape": {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 1}},
            "data": {"type": "array", "minItems": 1, "items": _BASE64},
        },
    }
    body = {
        "type": "object",
        "required": ["inputs"],
        "properties": {"id": {"type": "string"}, "inputs": {"type": "array", "minItems": 1, "maxItems": 1, "items": tensor}},
    }
    return {
        "summary": "Classify images, in the Open Inference Protocol.",
        "parameters": [_name(models)],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": _json("Probabilities and labels."), **_refusals()},
    }


def _refusals() -> dict[str, Any]:
    reasons = {
        400: "The request is not understood.",
        401: "The key is missing or wrong.",
        403: "The page that asks is of another origin.",
        404: "There is no such model.",
        408: "The body did not arrive in time.",
        413: "The body is too large, or has too many images.",
        415: "A body of this type is not understood.",
        421: "The service is not known by this host name.",
        422: "None of the images can be read.",
        429: "Too many requests at once; Retry-After says when to try again.",
        504: "No answer in time.",
    }
    return {str(status): _json(reason, "Error") for status, reason in reasons.items()}


def _get(summary: str, *statuses: int) -> dict[str, Any]:
    refused = {str(status): _json("Refused.", "Error") for status in (401, 421, *statuses)}
    return {"summary": summary, "responses": {"200": _json(summary), **refused}}


def _name(models: list[str]) -> dict[str, Any]:
    return {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "enum": models}}


def _json(description: str, schema: str | None = None) -> dict[str, Any]:
    content = {"$ref": f"#/components/schemas/{schema}"} if schema else {"type": "object"}
    return {"description": description, "content": {"application/json": {"schema": content}}}


def _schemas() -> dict[str, Any]:
    answer = {
        "type": "object",
        "required": ["name", "predicted", "probability", "probabilities", "familiarity", "reason"],
        "properties": {
            "name": {"type": "string"},
            "predicted": {"type": ["string", "null"]},
            "probability": {**_NUMBER, "type": ["number", "null"]},
            "probabilities": {"type": ["object", "null"], "additionalProperties": _NUMBER},
            "familiarity": {
                **_NUMBER,
                "type": ["number", "null"],
                "description": "The share of training images that are at least as strange; null where the model does not know it.",
            },
            "reason": {"type": ["string", "null"], "description": "Why the image cannot be read."},
        },
    }
    return {
        "Predictions": {
            "type": "object",
            "required": ["run", "images"],
            "properties": {"run": {"type": "string"}, "images": {"type": "array", "items": answer}},
        },
        "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
    }
