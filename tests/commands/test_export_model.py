"""A run's model as an ONNX file: it answers as the run does, runs without torch, and says what it is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import tellapart
from tellapart.cli.app import tellapart as door
from tellapart.commands.export_model import ExportModelResult
from tellapart.dataset.file_rows import FileRow
from tellapart.decision_rule import DecisionRule
from tellapart.errors import ModelError, OptionError
from tellapart.model_export import run_images
from tellapart.model_export.onnx_export import ModelToExport, checked, export_onnx, onnx_answer
from tellapart.model_export.parity import Difference, ModelAnswers, Parity, collected_answers, difference, float32_reference, rounding_of
from tellapart.model_export.run_images import RunPhoto
from tellapart.models.onnx_classifier import OnnxClassifier
from tellapart.models.portable_classifier import squares_of
from tellapart.models.saved_model import load_model
from tellapart.progress import SILENT
from tellapart.run_folder import Run
from tellapart.server.engines import load_engine
from tests import folders
from tests.memory import PEAK_MEMORY

pytest.importorskip("onnxscript")
onnx = pytest.importorskip("onnx")
COLUMNS = ["path", "label", "predicted", "probability", "p(dots)", "p(plain)", "p(stripes)", "familiarity", "status", "reason"]


@pytest.fixture(scope="module", autouse=True)
def _few_photos() -> Iterator[None]:
    """A model is compared on 30 photos instead of 500."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_images, "CHECKED", 30)
        yield


@pytest.fixture(scope="module")
def exported(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> ExportModelResult:
    return tellapart.export_model(trained.folder, out=tmp_path_factory.mktemp("exported") / "onnx")


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {f"{kind}/{seed}.jpg": folders.class_photo(kind, 100 + seed, 300) for kind in folders.KINDS for seed in range(2)}
    return folders.write(tmp_path_factory.mktemp("new"), {**files, "dots/broken.jpg": b""})


def test_it_answers_as_the_run_does(trained: Run, exported: ExportModelResult) -> None:
    parity = exported.parity
    assert parity.same_pixels.n == 30 and parity.same_pixels.largest < 1e-5 and parity.same_pixels.changed == ()
    assert parity.other_decoder is not None and parity.other_decoder.largest < 0.05
    assert parity.as_shipped is not None and parity.as_shipped.n == trained.metrics.parts["test"].n
    assert parity.score is not None and parity.score.part == "test" and (parity.score.n, parity.score.of) == (18, 18)
    assert parity.score.accuracy_difference.low <= 0 <= parity.score.accuracy_difference.high


def test_the_card_says_what_was_compared(trained: Run, exported: ExportModelResult) -> None:
    card = json.loads((exported.out / "card.json").read_text(encoding="utf-8"))
    assert set(exported.files) == {"card.json", "model.onnx", "predict.py"}
    assert set(card["files"]) == {"model.onnx", "predict.py"}
    assert card["parity"] == exported.as_dict()["parity"]
    assert card["run_reports"]["accuracy"] == trained.metrics.parts["test"].accuracy.as_dict()
    assert card["inputs"] == {"pixels": {"size": 224, "resize": "crop"}}
    assert str(trained.folder) not in json.dumps(card)


def test_the_file_says_what_it_is_and_where_nothing_comes_from(exported: ExportModelResult) -> None:
    model = onnx.load(exported.out / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    known = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert known["class_names"] == ["dots", "plain", "stripes"]
    assert known["tellapart"]["versions"]["tellapart"] == tellapart.__version__
    assert [one.name for one in model.graph.output] == ["probabilities", "logits", "familiarity"]
    assert str(Path(tellapart.__file__).parent).encode() not in (exported.out / "model.onnx").read_bytes()


def test_predict_gives_the_same_table(trained: Run, exported: ExportModelResult, new: Path, tmp_path: Path) -> None:
    run = tellapart.predict(trained.folder, new, precision="float32")
    file = tellapart.predict(exported.out / "model.onnx", new, out=tmp_path / "answers.csv")
    assert (tmp_path / "answers.csv").read_text(encoding="utf-8").splitlines()[0].split(",") == COLUMNS
    assert [row["reason"] for row in file.records()] == [row["reason"] for row in run.records()]
    assert [row["predicted"] for row in file.records()] == [row["predicted"] for row in run.records()]
    assert np.abs(file.predictions.probabilities - run.predictions.probabilities).max() < 1e-5
    assert file.familiarity == pytest.approx(run.familiarity, abs=1e-6)
    assert file.predictions.source == run.predictions.source
    assert list(file.to_frame().columns) == COLUMNS


def test_the_file_answers_unknown_sets_and_top_as_the_run_does(
    trained: Run, exported: ExportModelResult, new: Path, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    images = [*sorted(new.rglob("*.jpg")), noise]
    asked: dict[str, Any] = {"unknown": 0.05, "coverage": 0.9, "top": 2}
    run = tellapart.predict(trained.folder, images, precision="float32", **asked)
    file = tellapart.predict(exported.out / "model.onnx", images, **asked)
    assert file.answered == run.answered and "unknown" in file.answered
    assert file.more == run.more and set(file.more) == {"prediction_set", "top"}


def test_the_rule_of_decision_goes_with_the_file(trained: Run, tmp_path: Path) -> None:
    model = load_model(trained.model_folder)
    costs = np.array([[0.0, 0.0, 9.0], [1.0, 1.0, 9.0], [1.0, 1.0, 9.0]])
    decided = replace(model, decision=DecisionRule(model.class_names, costs, "costs made.csv"))
    export_onnx(ModelToExport(trained, decided, SILENT), tmp_path, is_int8=False)
    predicted = tellapart.predict(tmp_path / "model.onnx", [np.full((40, 40, 3), 128, np.uint8)])
    probabilities = predicted.predictions.probabilities
    assert predicted.answered == (model.class_names[int(probabilities[0, :2].argmax())],)


def test_a_file_in_8_bits_does_not_know_familiarity(trained: Run, tmp_path: Path) -> None:
    made = tellapart.export_model(trained.folder, int8=True, out=tmp_path / "int8")
    assert made.parity.familiarity is None and "does not know how familiar" in made.notes[0]
    for asked in ({"unknown": 0.05}, {"coverage": 0.9}):
        with pytest.raises(OptionError) as caught:
            tellapart.predict(made.out / "model.onnx", [np.zeros((40, 40, 3), np.uint8)], **asked)
        assert "without --int8" in str(caught.value.hint)


def test_predicting_with_the_file_loads_no_torch_and_little_memory(exported: ExportModelResult, new: Path, tmp_path: Path) -> None:
    code = PEAK_MEMORY + (
        "import sys, tellapart\n"
        "tellapart.predict(sys.argv[1], sys.argv[2], out=sys.argv[3])\n"
        "heavy = [name for name in ('torch', 'timm', 'pandas', 'pyarrow', 'sklearn', 'cv2', 'onnx') if name in sys.modules]\n"
        "print(heavy, peak_memory() // 1_000_000)\n"
    )
    words = [sys.executable, "-c", code, str(exported.out / "model.onnx"), str(new), str(tmp_path / "answers.csv")]
    heavy, megabytes = subprocess.run(words, capture_output=True, text=True, check=True).stdout.rsplit(maxsplit=1)
    assert heavy == "[]"
    assert int(megabytes) <= 200


def test_the_folder_of_an_export_is_as_good_as_the_file_in_it(exported: ExportModelResult, new: Path) -> None:
    of_folder, of_file = (tellapart.predict(model, new).records() for model in (exported.out, exported.out / "model.onnx"))
    assert of_folder == of_file
    assert load_engine(exported.out).class_names == tuple(folders.KINDS)


def test_the_example_beside_it_runs_alone(exported: ExportModelResult, new: Path) -> None:
    example = exported.out / "predict.py"
    assert len(example.read_text(encoding="utf-8").splitlines()) <= 40
    photo = new / "dots/1.jpg"
    words = [sys.executable, "-I", str(example), str(photo)]
    printed = subprocess.run(words, capture_output=True, text=True, check=True, cwd="/").stdout
    row = tellapart.predict(exported.out / "model.onnx", [photo]).records()[0]
    path, label, probability = printed.split()
    assert (path, label) == (f"{photo}:", row["predicted"])
    assert float(probability) == pytest.approx(row["probability"], abs=0.02)


def test_what_answers_otherwise_is_not_exported(trained: Run, exported: ExportModelResult, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(trained.model_folder)
    warmer = replace(model, temperature=1.5 * model.temperature)
    classifier = OnnxClassifier(exported.out / "model.onnx")
    with pytest.raises(ModelError, match="does not predict what the run does: probabilities differ by up to"):
        checked(ModelToExport(trained, warmer, SILENT), classifier.squares, onnx_answer(classifier), None, is_int8=False)
    found = checked(ModelToExport(trained, warmer, SILENT), classifier.squares, onnx_answer(classifier), None, is_int8=True)
    assert found.parity.same_pixels.largest > 1e-5, "8 bits may differ, and it is said by how much"
    assert "another model" in found.notes[0]


def test_how_far_float32_is_from_float64_is_measured_where_the_file_differs(trained: Run) -> None:
    model = load_model(trained.model_folder)
    source = ModelToExport(trained, model, SILENT)
    squares = squares_of(model)
    photos = list(run_images.photos_of(trained, run_images.rows_to_check(trained)[:3], squares, "reading", SILENT))
    answers = collected_answers(photos, float32_reference(model), float32_reference(model), None)
    assert rounding_of(model, answers, lambda rows: []) == 0.0, "no photo is computed again where nothing differs"
    off = replace(answers, exported=ModelAnswers(answers.exported.probabilities + np.array([[0.0], [2e-5], [0.0]])))
    asked: list[str] = []

    def again(rows: Sequence[FileRow]) -> list[RunPhoto]:
        asked.extend(row.path for row in rows)
        return [photo for photo in photos if photo.row in rows]

    assert 0 < rounding_of(source.model, off, again) < 1e-5
    assert asked == [photos[1].row.path]


@pytest.mark.parametrize(
    ("largest", "rounding", "is_same"), [(9e-6, 0.0, True), (2e-5, 6e-6, True), (2e-5, 4e-6, False), (2e-4, 1e-3, False)]
)
def test_a_steep_model_may_differ_by_what_its_own_rounding_is(largest: float, rounding: float, is_same: bool) -> None:
    same = Difference(3, largest / 2, largest, ())
    assert Parity(same, None, None, None, rounding=rounding).is_same is is_same
    assert not Parity(replace(same, changed=("a.jpg",)), None, None, None, rounding=rounding).is_same


def test_classes_that_are_equally_probable_are_no_change_of_label() -> None:
    first, second = np.array([[0.5, 0.5], [0.500004, 0.499996]]), np.array([[0.499999, 0.500001], [0.499998, 0.500002]])
    assert difference(first, second, ["a", "b"], tie=2e-5).changed == ()
    assert difference(first, second, ["a", "b"]).changed == ("b",)


def test_a_run_whose_photos_are_gone_is_compared_on_made_ones(trained: Run, exported: ExportModelResult) -> None:
    gone = Run(trained.folder)
    gone.__dict__["metrics"] = replace(trained.metrics, folder="/nowhere")
    classifier = OnnxClassifier(exported.out / "model.onnx")
    source = ModelToExport(gone, load_model(trained.model_folder), SILENT)
    found = checked(source, classifier.squares, onnx_answer(classifier), None, is_int8=False)
    assert found.parity.score is None and found.parity.as_shipped is None and found.parity.same_pixels.n == 16
    assert found.notes == ("no photo of the run is left in /nowhere, so it was compared on made images, and not evaluated",)


def test_the_comparison_is_printed(trained: Run, exported: ExportModelResult, monkeypatch: pytest.MonkeyPatch) -> None:
    from tellapart.cli.output.export_model import export_model_output

    lines, content = export_model_output(exported)
    printed = "\n".join(str(line) for line in lines)
    assert "same pixels, float32, 30 images" in printed and "minus the run's: accuracy" in printed and "model.onnx" in printed
    assert content["parity"]["same_pixels"]["n"] == 30


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("coreml", "coreml is not made: "),
        ("litert", "litert is not made: "),
        ("onx", "did you mean 'onnx'"),
        ("pickle", "there is no format"),
    ],
)
def test_a_format_that_is_not_made_says_why(trained: Run, given: str, said: str) -> None:
    result = CliRunner().invoke(door, ["export-model", str(trained.folder), "--to", given])
    assert result.exit_code == 2
    assert said in result.stderr


def test_options_that_an_onnx_file_has_no_use_for_are_refused(exported: ExportModelResult, new: Path) -> None:
    with pytest.raises(OptionError, match="tta has no effect with an ONNX file"):
        tellapart.predict(exported.out / "model.onnx", new, tta=2)


def test_a_strange_or_damaged_file_is_refused(exported: ExportModelResult, new: Path, tmp_path: Path) -> None:
    data = (exported.out / "model.onnx").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(data[: len(data) // 2])
    strange = onnx.load(exported.out / "model.onnx")
    del strange.metadata_props[:]
    onnx.save(strange, tmp_path / "strange.onnx")
    for name, said in (
        ("cut", "cannot be read as an ONNX model"),
        ("strange", "is not a model of tellapart"),
        ("none", "there is no file"),
    ):
        with pytest.raises(ModelError, match=said):
            tellapart.predict(tmp_path / f"{name}.onnx", new)
