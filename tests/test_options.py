from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from tellapart.errors import OptionError
from tellapart.options import Options, dataclass, option, value_type, with_options
from tellapart.run_folder import Run


@dataclass(frozen=True, kw_only=True)
class Toy(Options):
    margin: float = option(0.1, "A share.", minimum=0.0, maximum=1.0)
    count: int | None = option(None, "A number.", minimum=1)
    kind: str = option("crop", "A word.", choices=("crop", "pad", "squash"))
    place: Path = option(Path("runs"), "A folder.", check=lambda p: None if p.suffix == "" else f"{p} has a suffix")
    is_on: bool = option(True, "A switch.")


def problems(**values: object) -> str:
    with pytest.raises(OptionError) as caught:
        Toy.of(**values)
    return str(caught.value)


def test_defaults_need_nothing() -> None:
    assert Toy.of() == Toy(margin=0.1, count=None, kind="crop", place=Path("runs"), is_on=True)


def test_an_unknown_name_names_the_closest() -> None:
    with pytest.raises(OptionError, match="no option 'margn'") as caught:
        Toy.of(margn=0.2)
    assert caught.value.hint == "did you mean 'margin'?"


def test_an_unknown_name_far_from_all_lists_them() -> None:
    with pytest.raises(OptionError) as caught:
        Toy.of(zzz=1)
    assert caught.value.hint == "the options are margin, count, kind, place, is_on"


def test_every_problem_is_told_at_once() -> None:
    said = problems(margin=2.0, count=0, kind="corp").splitlines()
    assert said == [
        "margin must be at most 1.0, got 2.0",
        "count must be at least 1, got 0",
        "kind must be one of crop, pad, squash; got 'corp' (did you mean 'crop'?)",
    ]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"margin": "much"}, "margin must be of type float, got 'much'"),
        ({"margin": True}, "margin must be of type float, got True"),
        ({"margin": float("nan")}, "margin must be at least 0.0, got nan"),
        ({"margin": None}, "margin must be given"),
        ({"count": 1.5}, "count must be of type int, got 1.5"),
        ({"count": True}, "count must be of type int, got True"),
        ({"is_on": 1}, "is_on must be of type bool, got 1"),
        ({"place": 3}, "place must be of type Path, got 3"),
        ({"place": Path("a.txt")}, "place: a.txt has a suffix"),
    ],
)
def test_a_wrong_value_is_named_with_its_option(values: dict[str, object], said: str) -> None:
    assert problems(**values) == said


def test_whole_numbers_fit_where_a_float_is_wanted() -> None:
    assert Toy.of(margin=1).margin == 1


def test_a_path_may_be_given_as_text() -> None:
    assert Toy.of(place="here").place == Path("here")
    assert problems(place="a.txt") == "place: a.txt has a suffix"


def test_the_saved_form_is_plain() -> None:
    assert Toy.of(place=Path("a/b")).as_dict() == {"margin": 0.1, "count": None, "kind": "crop", "place": "a/b", "is_on": True}


@pytest.mark.parametrize(("hint", "kind"), [(int, int), (float | None, float), (Path | None, Path), (tuple[str, ...], tuple)])
def test_the_type_behind_a_hint_is_found(hint: object, kind: type) -> None:
    assert value_type(hint) is kind


def test_options_cannot_be_changed_afterwards() -> None:
    with pytest.raises(AttributeError):
        Toy.of().margin = 0.5  # type: ignore[misc]


@with_options(Toy)
def toy(folder: str | Path, runs: Sequence[str | Path] = (), *, options: Toy) -> tuple[object, object]:
    """Toy.

    Args:
        folder: one path.
        runs: several.
        options: of the toy.
    """
    return folder, runs


def test_an_argument_that_is_no_path_is_named() -> None:
    table = pd.DataFrame({"path": range(30)})
    for odd, shown in [(None, "None"), (3, "3"), (["a", "b"], "['a', 'b']"), (b"a", "b'a'"), (table, "a DataFrame")]:
        with pytest.raises(OptionError) as caught:
            toy(odd)
        assert str(caught.value) == f"folder must be a path, got {shown}"
        assert caught.value.hint == "give the folder of the images, or a CSV file with the columns path and label"
    with pytest.raises(OptionError, match="runs must be a path, got 3"):
        toy("a", runs=["b", 3])


def test_a_run_is_the_path_of_its_folder() -> None:
    run = Run(Path("runs/a"))
    assert toy(run, run) == (Path("runs/a"), [Path("runs/a")])
    assert toy("a", runs=[run, "b"]) == ("a", [Path("runs/a"), "b"])
