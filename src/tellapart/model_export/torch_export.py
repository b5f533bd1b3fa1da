"""Exporting for torch: the whole model as a program of ``torch.export``, with an example; loading it needs no pickle."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.array_types import ByteArray
from tellapart.errors import ModelError
from tellapart.model_export.export_card import card_of, metadata_of
from tellapart.model_export.onnx_export import EXAMPLE, ExportedModel, ModelToExport, checked, write_card
from tellapart.model_export.parity import ModelAnswers

MODEL = "model.pt2"


def export_torch(source: ModelToExport, folder: Path) -> ExportedModel:
    """Write ``model.pt2``, ``predict.py`` and ``card.json`` into an empty folder.

    Raises:
        ModelError: the model cannot be exported, or the program answers otherwise than the run.
    """
    import torch

    from tellapart.models.portable_classifier import PortableClassifier

    portable = PortableClassifier(source.model)
    batch = torch.export.Dim("n", min=1, max=1 << 20)
    samples = tuple(torch.zeros(2, square.size, square.size, 3, dtype=torch.uint8) for square in portable.squares)
    with source.progress.stage("writing the program", total=1, unit="file") as advance:
        try:
            program: Any = torch.export.export(portable, samples, dynamic_shapes=(tuple({0: batch} for _ in samples),))
        except Exception as error:
            raise ModelError(f"torch cannot export this model: {' '.join(str(error).split())[:300]}") from error
        program._example_inputs = None  # they would be a pickle in the file
        torch.export.save(program, folder / MODEL)
        advance(1)
    loaded: Any = torch.export.load(folder / MODEL).module()

    def answer(squares: Sequence[ByteArray]) -> ModelAnswers:
        with torch.inference_mode():
            tensors = loaded(*(torch.from_numpy(np.ascontiguousarray(one)) for one in squares))
        outputs = dict(zip(portable.outputs, (np.asarray(values.numpy(), np.float64) for values in tensors), strict=True))
        return ModelAnswers(outputs["probabilities"], outputs.get("familiarity"))

    exported = checked(source, portable.squares, answer, None, is_int8=False)
    example = files("tellapart.model_export").joinpath("torch_example.txt").read_text(encoding="utf-8")
    (folder / EXAMPLE).write_text(example, encoding="utf-8")
    metadata = metadata_of(source.run, source.model, portable.squares, "float32", has_familiarity=True)
    write_card(folder, card_of(metadata, "torch", exported.parity, folder, exported.notes))
    return exported
