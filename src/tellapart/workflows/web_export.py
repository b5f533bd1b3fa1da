"""Exporting a run as a page that classifies photos in a browser: the model, its runtime and the page put together."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

from tellapart.model_export.export_card import ExportMetadata, card_of
from tellapart.model_export.onnx_export import ExportedModel, ModelToExport, checked, onnx_answer, write_card, write_onnx
from tellapart.model_export.web_runtime import web_runtime
from tellapart.models.onnx_classifier import MODEL_FILE, OnnxClassifier
from tellapart.reports.classify_page import exported_page

PAGE, BINARY = "index.html", "onnxruntime.wasm"


def export_web(source: ModelToExport, folder: Path, *, runtime: Path | None, is_single: bool, is_int8: bool) -> ExportedModel:
    """Write the page and ``card.json`` into an empty folder, and beside them the model and its runtime unless ``is_single``.

    Args:
        source: what is exported.
        folder: where to.
        runtime: a folder with onnxruntime-web; None for the cache, or npm.
        is_single: whether the page carries model and runtime itself, and so works from disk.
        is_int8: whether the network is quantized to 8-bit integers.

    Raises:
        MissingExtra: onnx, onnxruntime or onnxruntime-web is not available.
        ModelError: the model cannot be exported, or the file answers otherwise than the run.
        DataError: no training photo is left to calibrate ``is_int8`` on.
    """
    web = web_runtime(runtime)
    metadata = write_onnx(source, folder / MODEL_FILE, is_int8=is_int8, has_photo=False)
    classifier = OnnxClassifier(folder / MODEL_FILE)
    exported = checked(source, classifier.squares, onnx_answer(classifier), None, is_int8)
    carried = {}
    if is_single:
        carried = {"model": _packed((folder / MODEL_FILE).read_bytes()), "runtime": _packed(web.binary)}
        (folder / MODEL_FILE).unlink()
    else:
        (folder / BINARY).write_bytes(web.binary)
    (folder / PAGE).write_text(exported_page(metadata, web.module, carried), encoding="utf-8")
    described: ExportMetadata = {**metadata, "versions": {**metadata["versions"], "onnxruntime-web": web.version}}
    write_card(folder, card_of(described, "web", exported.parity, folder, exported.notes))
    return exported


def _packed(data: bytes) -> str:
    """Gzipped, the same bytes for the same data, and in base64."""
    return base64.b64encode(gzip.compress(data, mtime=0)).decode()
