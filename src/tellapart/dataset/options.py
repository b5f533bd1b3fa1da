"""Options of every command that opens a dataset: how to read it where folder and column names are ambiguous."""

from __future__ import annotations

from typing import Any

from tellapart.options import Condition, Options, dataclass, option, when

AUTO, TOP, BOTTOM, FILENAME, NONE = "auto", "top", "bottom", "filename", "none"


def path_column_option() -> Any:
    """The column of the paths."""
    return option(None, "Column of a table that names the image files; by default path, file_name, ...", metavar="NAME")


def label_column_option(*, only_for: Condition | tuple[Condition, ...] = ()) -> Any:
    """The column of the labels."""
    return option(None, "Column of a table that holds the labels; by default label, class, ...", metavar="NAME", only_for=only_for)


@dataclass(frozen=True, kw_only=True)
class DatasetOptions(Options):
    """How to read a folder or a table."""

    label_folder: str = option(
        AUTO,
        "Which folder names the class: top (directly below FOLDER, or below train and test), bottom (the one an image lies in), none,"
        " or as understood (auto); filename: the name of the file itself, without its number (cat.0.jpg).",
        choices=(AUTO, TOP, BOTTOM, FILENAME, NONE),
    )
    path_column: str | None = path_column_option()
    label_column: str | None = label_column_option(only_for=when("label_folder", AUTO))


AS_FOUND = DatasetOptions()


def reading_options(reading: DatasetOptions) -> dict[str, str]:
    """The options on folders and columns that say something, by name."""
    given = {"label_folder": reading.label_folder, "path_column": reading.path_column, "label_column": reading.label_column}
    return {name: value for name, value in given.items() if value not in (None, AUTO)}
