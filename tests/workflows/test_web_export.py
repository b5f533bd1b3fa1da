"""The exported page answers in a browser, from disk and without a request, as Python does."""

from __future__ import annotations

import base64
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tellapart.decision_rule import DecisionRule
from tellapart.model_export.onnx_export import ModelToExport
from tellapart.model_export.web_runtime import BINARY, MODULE, PACKAGE, VERSION
from tellapart.models.onnx_classifier import OnnxClassifier
from tellapart.models.saved_model import SavedModel
from tellapart.onnx_predictor import squares_of_bytes
from tellapart.progress import SILENT
from tellapart.run_folder import Run
from tellapart.workflows.web_export import export_web
from tests import folders
from tests.model_export.test_onnx_graph import classifier, first_features, made_familiarity, noise

pytest.importorskip("onnxscript")
ROOT = Path(__file__).parent.parent.parent
RUNTIME = Path(os.environ.get("TELLAPART_WEB_RUNTIME", ROOT / "node_modules" / PACKAGE))
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


def source(trained: Run, folder: Path) -> ModelToExport:
    made = classifier(folder)
    familiarity = made_familiarity(first_features(made, noise(made, 12)), None)
    costs = np.array([[0.0, 1.0, 1.0, 0.8], [9.0, 0.0, 9.0, 0.8], [1.0, 1.0, 0.0, 0.8]])
    decision = DecisionRule((*made.class_names, "abstain"), costs, "costs made.csv")
    model = SavedModel(
        made.class_names, made.members, made.temperature, made.clip, familiarity, decision=decision, folder=folder, details={}
    )
    return ModelToExport(trained, model, SILENT)


def test_a_folder_has_its_files_beside_it_and_one_file_has_all(trained: Run, tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / MODULE).write_text("export const env = {};", encoding="utf-8")
    (package / BINARY).write_bytes(b"\0asm")
    for name, is_single in (("folder", False), ("single", True)):
        (tmp_path / name).mkdir()
        found = export_web(source(trained, tmp_path), tmp_path / name, runtime=package, is_single=is_single, is_int8=False)
        assert found.parity.same_pixels.largest < 1e-5
    assert {path.name for path in (tmp_path / "folder").iterdir()} == {"index.html", "model.onnx", "onnxruntime.wasm", "card.json"}
    assert {path.name for path in (tmp_path / "single").iterdir()} == {"index.html", "card.json"}
    pages = [(tmp_path / name / "index.html").read_text(encoding="utf-8") for name in ("folder", "single")]
    assert ["connect-src" in page for page in pages] == [True, False]
    assert ['id="model"' in page for page in pages] == [False, True]
    assert json.loads((tmp_path / "single/card.json").read_text(encoding="utf-8"))["versions"]["onnxruntime-web"] == "unknown"


def test_the_runtime_that_is_tested_is_the_one_that_is_fetched() -> None:
    packages = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    assert packages[PACKAGE] == VERSION


@pytest.mark.browser
@pytest.mark.skipif(not RUNTIME.is_dir(), reason="no onnxruntime-web: npm install it, or name its folder in TELLAPART_WEB_RUNTIME")
def test_the_page_answers_from_disk_as_python_does(trained: Run, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on PATH")
    sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright
    for name, is_single in (("folder", False), ("single", True)):
        (tmp_path / name).mkdir()
        export_web(source(trained, tmp_path), tmp_path / name, runtime=RUNTIME, is_single=is_single, is_int8=False)
    model = OnnxClassifier(tmp_path / "folder/model.onnx")
    photos = [folders.class_photo(kind, seed) for kind in folders.KINDS for seed in range(3)]
    expected = [model.answers([square[None] for square in squares_of_bytes(photo, model.squares)]) for photo in photos]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((tmp_path / "single/index.html").as_uri())
        page.wait_for_selector("html[data-ready=yes]", state="attached")
        found = [_answer(page, photo) for photo in photos]
        probabilities = np.concatenate([one.probabilities for one in expected])
        assert np.abs(np.array([one["probabilities"] for one in found]) - probabilities).max() < 1e-4
        familiarity = np.concatenate([one.familiarity for one in expected if one.familiarity is not None])
        assert model.decision is not None
        labels = [model.decision.answers[k] for k in model.decision.chosen(probabilities)]
        assert [one["predicted"] for one in found] == labels and len(set(labels)) > 1
        assert [one["familiarity"] for one in found] == pytest.approx(familiarity, abs=0.05)
        page.click("#use-camera")
        page.wait_for_selector(".live strong")
        assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [(tmp_path / "single/index.html").as_uri()]
        page.goto((tmp_path / "folder/index.html").as_uri())
        page.wait_for_selector("#progress[role=alert]")
        assert "serve this folder" in page.inner_text("#progress")
        browser.close()


def _answer(page: Any, photo: bytes) -> dict[str, Any]:
    """What the page says of the pixels that Pillow reads."""
    import io

    with Image.open(io.BytesIO(photo)) as image:
        pixels = np.array(image.convert("RGB"))
    given = [base64.b64encode(pixels.tobytes()).decode(), pixels.shape[1], pixels.shape[0]]
    answer: dict[str, Any] = page.evaluate(
        """([text, width, height]) => {
          const data = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
          return window.tellapart.answer({ data, width, height });
        }""",
        given,
    )
    return answer
