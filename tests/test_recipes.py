"""The notebooks of docs/recipes: whole, and every command that they show exists with its options. They are not run here."""

from __future__ import annotations

import ast
import json
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from tellapart.cli.app import tellapart

RECIPES = Path(__file__).parent.parent / "docs" / "recipes"
NOTEBOOKS = sorted(RECIPES.glob("*.ipynb"))
MAGIC = "%%bash\n"


def cells(file: Path, kind: str) -> list[str]:
    notebook: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def commands(file: Path) -> list[list[str]]:
    """The command lines of the cells, and those that the text names in backquotes."""
    lines = [line for cell in cells(file, "code") if cell.startswith(MAGIC) for line in cell.splitlines()[1:]]
    lines += [words for text in cells(file, "markdown") for words in text.split("`")[1::2]]
    return [shlex.split(line)[1:] for line in lines if line.startswith("tellapart ")]


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_every_command_exists_with_its_options(file: Path) -> None:
    found = commands(file)
    assert len(found) >= 3
    for words in found:
        context = click.Context(tellapart, info_name="tellapart")
        name, command, rest = tellapart.resolve_command(context, words)
        assert command is not None, words
        command.make_context(name, rest, parent=context).close()


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_is_whole_and_says_where_its_photos_are_from(file: Path) -> None:
    notebook = json.loads(file.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4 and notebook["cells"][0]["cell_type"] == "markdown"
    assert "**The p" in "".join(notebook["cells"][0]["source"])
    for source in cells(file, "code"):
        if not source.startswith(MAGIC):
            ast.parse(source)
    outputs = [cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert ("executed" in notebook["metadata"]) == any(outputs)
    assert "/tmp/" not in file.read_text(encoding="utf-8")


def test_the_five_projects_are_listed() -> None:
    text = (RECIPES / "README.md").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) == 5 and all(f"({file.name})" in text for file in NOTEBOOKS)
