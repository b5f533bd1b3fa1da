from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tellapart
from tellapart.commands import COMMANDS
from tellapart.dataset import Dataset, Entry
from tellapart.features import FeatureMatrix
from tellapart.predictions import Predictions
from tellapart.run_folder import Run
from tellapart.run_metrics import METRICS
from tests import folders

NASTY = '<b onclick="alert(1)">&'


def test_the_names_are_sorted_and_complete() -> None:
    assert tellapart.__all__ == sorted(tellapart.HOMES)
    stub = ast.parse((Path(tellapart.__file__).parent / "__init__.pyi").read_text(encoding="utf-8"))
    typed = {alias.asname or alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names if alias.asname}
    typed |= {node.name for node in stub.body if isinstance(node, ast.FunctionDef)}
    assert typed - {"__version__"} == set(tellapart.__all__), "what type checkers see is what there is"


def test_signatures_show_the_real_keywords() -> None:
    shown = inspect.signature(tellapart.train).parameters
    assert list(shown)[:2] == ["folder", "progress"]
    assert shown["epochs"].default is None and shown["recipe"].default == "probe"
    assert "options" not in shown
    assert "\n        epochs: " in (tellapart.train.__doc__ or "")


def test_every_name_is_there_with_a_docstring() -> None:
    for name in tellapart.__all__:
        check_docstrings(name, getattr(tellapart, name))


def check_docstrings(name: str, value: Any) -> None:
    own = value.__dict__.get("__doc__") if inspect.isclass(value) else value.__doc__
    assert own
    assert len(own.strip()) > 20
    assert not own.startswith(f"{name}("), "a generated docstring"
    for member_name, member in vars(value).items() if inspect.isclass(value) else ():
        if not member_name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property | classmethod)):
            assert inspect.getdoc(getattr(value, member_name)), f"{name}.{member_name}"


def test_star_import_and_dir_show_the_names() -> None:
    space: dict[str, object] = {}
    exec("from tellapart import *", space)  # noqa: S102
    assert set(tellapart.__all__) <= space.keys()
    assert set(tellapart.__all__) <= set(dir(tellapart))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="trian"):
        _ = tellapart.trian


def test_every_command_is_documented_in_one_form() -> None:
    for row in COMMANDS.values():
        function = getattr(tellapart, row.function)
        assert function.__module__ == f"tellapart.commands.{row.home}"
        doc = inspect.getdoc(function) or ""
        assert "Args:" in doc, row.name
        for parameter in inspect.signature(function).parameters:
            assert f"{parameter}:" in doc, f"{row.name}: {parameter}"
        assert inspect.signature(function).return_annotation is not inspect.Signature.empty, row.name


def test_every_error_is_one_of_ours_and_carries_a_hint() -> None:
    kinds = [getattr(tellapart, name) for name in tellapart.__all__ if name.endswith("Error") or name == "MissingExtra"]
    assert len(kinds) == 8
    for kind in kinds:
        assert issubclass(kind, tellapart.TellapartError)
        assert kind("what", hint="do this").hint == "do this"
        assert kind("what").hint is None
    assert issubclass(tellapart.ImageError, tellapart.DataError)


def predictions() -> Predictions:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]])
    return Predictions(
        ("1", "2"),
        (f"{NASTY}.jpg", "b"),
        (NASTY, None),
        probabilities,
        np.log(probabilities),
        (NASTY, "b"),
        (None, None),
        ("1", "2"),
        NASTY,
    )


def nasty_run() -> Run:
    run = Run(Path(f"/runs/{NASTY}"))
    run.__dict__["metrics"] = METRICS(
        {"run": "r", "folder": "/", "created": "", "recipe": "probe", "backbone": NASTY, "class_names": [NASTY, "b"]}, ""
    )
    return run


SHOWN = {
    "Dataset": lambda: Dataset(Path(f"/{NASTY}"), (Entry("1.jpg", NASTY, "train"), Entry("2.jpg", None))),
    "Predictions": predictions,
    "FeatureMatrix": lambda: FeatureMatrix(("1",), np.zeros((1, 2), np.float32), {NASTY: NASTY}),
    "Run": nasty_run,
}


@pytest.mark.parametrize("kind", SHOWN)
def test_notebooks_show_names_and_never_run_them(kind: str) -> None:
    value = SHOWN[kind]()
    assert type(value).__name__ == kind
    shown = value._repr_html_()
    assert "<b onclick" not in shown
    assert "&lt;b onclick" in shown
    assert "&amp;" in shown


def test_a_notebook_shows_an_interval_with_its_bar() -> None:
    shown = tellapart.Interval(0.5, 0.4, 0.6)._repr_html_()
    assert "0.5" in shown or "50" in shown
    assert "<script" not in shown


def test_a_notebook_shows_the_numbers_of_a_run(trained: Run) -> None:
    shown = trained._repr_html_()
    accuracy = trained.metrics.parts["test"].accuracy
    assert f"<td>18</td><td>{100 * accuracy.value:.1f} %" in shown
    assert f"<b>{trained.name}</b>" in shown


def test_a_notebook_shows_the_counts_of_a_data_set(photos: Path) -> None:
    shown = tellapart.open_dataset(photos)._repr_html_()
    assert all(f"<td>{kind}</td><td>30</td>" in shown for kind in folders.KINDS)


def test_a_run_is_opened_from_text_or_path_and_says_what_is_near(trained: Run) -> None:
    assert tellapart.open_run(str(trained.folder)) == tellapart.open_run(trained.folder) == trained
    with pytest.raises(tellapart.DataError) as caught:
        tellapart.open_run(trained.folder.parent / "other")
    assert caught.value.hint == "runs there: photos-1"
