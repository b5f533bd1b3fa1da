"""Write the run folder of an autoencoder: encoder and decoder as a saved model, and the reconstruction error of every image."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

from tellapart.atomic_files import write_json, write_text
from tellapart.autoencoder_metrics import AutoencoderCounts, AutoencoderMetrics
from tellapart.csv_writer import CsvWriter
from tellapart.dataset.file_rows import SET_ASIDE, UNREADABLE, FileRow, save_rows
from tellapart.models.autoencoder import DECODER
from tellapart.models.saved_model import Classifier, Member, save_model
from tellapart.run_folder import AUTOENCODER
from tellapart.run_metrics import TrainingCost
from tellapart.training.autoencoder_evaluation import AutoencoderEvaluation
from tellapart.training.autoencoder_training import AutoencoderRecipe, TrainedAutoencoder
from tellapart.training.run_writer import RunContext, data_hash, package_versions
from tellapart.version import __version__

ERRORS = "reconstruction.csv"


def write_autoencoder(
    folder: Path,
    final: Path,
    recipe: AutoencoderRecipe,
    trained: TrainedAutoencoder,
    evaluation: AutoencoderEvaluation,
    rows: Sequence[FileRow],
    context: RunContext,
) -> AutoencoderMetrics:
    """Write everything but the report into ``folder``, which will be renamed to ``final``; returns ``metrics.json``.

    Args:
        folder: where to write.
        final: the run's folder when it is complete.
        recipe: the network and how it was trained.
        trained: the trained autoencoder.
        evaluation: its evaluation.
        rows: one row per file, with parts.
        context: how the run came about.
    """
    metrics = AutoencoderMetrics(
        **context.heading(final),
        recipe=AUTOENCODER,
        backbone=trained.backbone.card.name,
        class_names=[],
        net=recipe.net,
        image_size=recipe.image_size,
        **vars(evaluation.metrics()),
        training=_cost(recipe, trained),
        data=_counts(rows, evaluation),
        notes=list(context.notes),
    )
    context.write_options(folder, rows)
    write_text(folder / "history.jsonl", "".join(json.dumps(event) + "\n" for event in history_of(trained)))
    save_rows(list(rows), folder / "images.parquet")
    write_text(folder / ERRORS, _table(evaluation))
    details = {
        "tellapart": __version__,
        "versions": package_versions(),
        "data_sha256": data_hash(rows),
        "run": final.name,
        "decoder": DECODER,
    }
    member = Member((trained.backbone,), recipe.resize, False, ())
    save_model(folder / "model", Classifier((), (member,), 1.0, 0.0), details, {DECODER: trained.decoder_state()})
    write_json(folder / "metrics.json", metrics.as_dict())
    return metrics


def history_of(trained: TrainedAutoencoder) -> list[dict[str, object]]:
    """One event per epoch, the lines of ``history.jsonl``."""
    return [{"event": "epoch", "fold": 1, **event} for event in trained.facts["history"]]


def _cost(recipe: AutoencoderRecipe, trained: TrainedAutoencoder) -> TrainingCost:
    seconds, images = trained.facts["seconds"], trained.facts["images"]
    return TrainingCost(
        seconds=seconds,
        images=images,
        images_per_s=images / max(seconds, 1e-9),
        epochs=recipe.plan.epochs,
        image_size=recipe.image_size,
        augmentation=str(recipe.augmentation),
    )


def _counts(rows: Sequence[FileRow], evaluation: AutoencoderEvaluation) -> AutoencoderCounts:
    return AutoencoderCounts(
        files=len(rows),
        used=len(evaluation.rows),
        unreadable=sum(row.status == UNREADABLE for row in rows),
        set_aside=sum(row.status == SET_ASIDE for row in rows),
        trained_on=int(evaluation.is_trained_on.sum()),
        chose=int(evaluation.chose.sum()),
        held_back=int(evaluation.is_held_back.sum()),
    )


def _table(evaluation: AutoencoderEvaluation) -> str:
    """CSV with one row per image, the highest outlier score first."""
    out = io.StringIO()
    table = CsvWriter(out, ["path", "image_id", "label", "part", "chose_epoch", "error", "score"])
    for i in sorted(range(len(evaluation.rows)), key=lambda i: (-evaluation.scores[i], evaluation.rows[i].path)):
        row = evaluation.rows[i]
        known = [row.path, row.image_id, row.label or "", row.part]
        table.write([*known, int(evaluation.chose[i]), f"{evaluation.errors[i]:.8f}", f"{evaluation.scores[i]:.4f}"])
    return out.getvalue()
