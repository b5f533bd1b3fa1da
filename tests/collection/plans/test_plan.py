from __future__ import annotations

from pathlib import Path

import pytest

from tellapart.collection.plans.plan import ClassPlan, plan_of
from tellapart.errors import OptionError

PLANS = Path(__file__).parents[3] / "docs" / "guides" / "plans"


def written(folder: Path, name: str, text: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def problems(*names: str, classes: tuple[str, ...] = (), file: Path | None = None) -> list[str]:
    with pytest.raises(OptionError) as caught:
        plan_of(names, classes, file)
    return str(caught.value).splitlines()


def test_a_name_is_its_own_keyword() -> None:
    assert plan_of(["bill gates", " jeff  bezos "], [], None) == (
        ClassPlan(label="bill gates", keywords=("bill gates",)),
        ClassPlan(label="jeff bezos", keywords=("jeff bezos",)),
    )
    assert plan_of([], [], None) == ()


def test_letters_composed_and_decomposed_are_one_class() -> None:
    (one,) = plan_of(["cafe\u0301"], [], None)
    assert one.label == "caf\u00e9"
    assert "twice" in problems("cafe\u0301", "caf\u00e9")[0]


def test_a_flag_has_many_keywords_and_commas_in_quotes() -> None:
    plans = plan_of([], ["travel=road trip,ski trip , beach", 'food="fish, chips",burger,a=b'], None)
    assert [(p.label, p.keywords) for p in plans] == [
        ("travel", ("road trip", "ski trip", "beach")),
        ("food", ("fish, chips", "burger", "a=b")),
    ]


def test_every_problem_of_the_command_line_is_told_at_once() -> None:
    said = problems(
        "cats", "Cats", "", "a/b", ".hidden", "be\x07ll", "train", "x" * 300,
        classes=("travel", "travel=", 'food="a', "=b", "pets=cats,hamster", "twice=a,A"),
    )  # fmt: skip
    wanted = [
        "--class travel: there are no keywords",
        "--class travel=: there are no keywords",
        '--class food="a: the quotation marks do not match',
        "the class 'Cats' is given twice (as 'cats'",
        "the names: '' cannot be the name of a class: it is empty",
        "'a/b' cannot be the name of a class: it contains a character",
        "'.hidden' cannot be the name of a class: it begins with a dot",
        "cannot be seen",
        "longer than 200 bytes",
        "--class =b: '' cannot be the name of a class: it is empty",
        "--class pets=cats,hamster: the keyword 'cats' of the class 'pets' is one of 'cats' too (the names)",
        "--class twice=a,A: the keyword 'A' of the class 'twice' is given twice",
    ]
    for part in wanted:
        assert [part in line for line in said].count(True) == 1, part
    assert len(said) == len(wanted)


def test_a_train_may_be_a_class() -> None:
    assert [plan.label for plan in plan_of(["plane", "train"], [], None)] == ["plane", "train"]


def test_toml_gives_order_defaults_and_exceptions(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "plan.toml",
        '\ufeffper_class = 100\r\nsources = ["Openverse"]\r\nlicenses = ["cc0"]\r\n[classes]\r\ntravel = ["road trip", "ski, trip"]\r\n'
        '"savings goal" = ["piggy bank"]\r\n[classes.car]\r\nper_class = 5\r\nsources = ["flickr", "gbif"]\r\n',
    )
    common = {"licenses": ("cc0",)}
    assert plan_of([], [], file) == (
        ClassPlan(label="travel", keywords=("road trip", "ski, trip"), per_class=100, sources=("openverse",), **common),
        ClassPlan(label="savings goal", keywords=("piggy bank",), per_class=100, sources=("openverse",), **common),
        ClassPlan(label="car", keywords=("car",), per_class=5, sources=("flickr", "gbif"), **common),
    )


def test_toml_may_list_mere_names(tmp_path: Path) -> None:
    plans = plan_of(["dog"], ["bird=robin"], written(tmp_path, "plan.toml", 'classes = ["cat", "cow"]'))
    assert [(p.label, p.keywords) for p in plans] == [("dog", ("dog",)), ("bird", ("robin",)), ("cat", ("cat",)), ("cow", ("cow",))]


def test_every_problem_of_a_toml_plan_has_its_line(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "plan.toml",
        """per_clas = 5
licenses = "cc0"
per_class = 0

[classes]
travel = ["road trip",
  "ski trip",
  "ski trip"]
winter = ["snow", "Ski Trip"]
house = "villa"
nothing = []
"a/b" = ["c"]
sources = ["openverse"]
cats = ["cats", ""]

[classes.car]
keyword = ["van"]
per_class = true
""",
    )
    said = problems("house", file=file)
    for line, part in [
        (1, "there is no key 'per_clas' (did you mean 'per_class'?)"),
        (2, "licenses must be a list of names, got 'cc0'"),
        (3, "per_class must be a whole number of at least 1, got 0"),
        (7, "the keyword 'ski trip' of the class 'travel' is given twice"),
        (9, "the keyword 'Ski Trip' of the class 'winter' is one of 'travel' too"),
        (10, "the keywords of 'house' must be a list"),
        (11, "the class 'nothing' has no keywords"),
        (12, "'a/b' cannot be the name of a class"),
        (13, "sources stands below [classes]"),
        (14, "a keyword of the class 'cats' is empty"),
        (17, "there is no key 'keyword' in the class 'car' (did you mean 'keywords'?)"),
        (18, "per_class of 'car' must be a whole number"),
    ]:
        assert [said_line for said_line in said if part in said_line and f"plan.toml, line {line}:" in said_line], (line, part, said)
    assert len(said) == 12


def test_a_class_in_two_places_names_both(tmp_path: Path) -> None:
    file = written(tmp_path, "plan.toml", '[classes]\n\ncats = ["kitten"]\n')
    assert problems("cats", file=file) == [f"{file}, line 3: the class 'cats' is given in the names already"]


@pytest.mark.parametrize("name", ["plan.csv", "plan.tsv", "semicolon.csv"])
def test_a_table_has_several_rows_a_class(tmp_path: Path, name: str) -> None:
    mark = {"plan.csv": ",", "plan.tsv": "\t", "semicolon.csv": ";"}[name]
    rows = [("Label", "Keyword"), ("travel", '"road; trip, far"'), ("home", "villa"), ("", ""), ("travel", "ski\u2019s")]
    text = "\r\n".join(mark.join(row) for row in rows).encode("cp1252")
    plans = plan_of([], [], written(tmp_path, name, text))
    assert [(p.label, p.keywords) for p in plans] == [("travel", ("road; trip, far", "ski\u2019s")), ("home", ("villa",))]


def test_every_problem_of_a_table_has_its_line(tmp_path: Path) -> None:
    file = written(tmp_path, "plan.csv", "class,keyword\na,b\n,c\nd,\na,b\ne,f,g\nh,B\n")
    said = problems(file=file)
    for line, part in [
        (6, "3 cells where the header has 2"),
        (3, "'' cannot be the name"),
        (4, "a keyword of the class 'd' is empty"),
        (5, "twice"),
        (7, "too"),
    ]:
        assert [s for s in said if part in s and f"line {line}:" in s], (line, part, said)
    assert len(said) == 5


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("plan.csv", "class,keywrd\na,b\n", "there is no column keyword; the columns are class, keywrd (did you mean 'keywrd'?)"),
        ("plan.csv", "", "there is no column class"),
        ("plan.csv", 'class,keyword\na,"b\n', "not a row of a table"),
        ("plan.csv", "class,keyword\n", "the plan names no class"),
        ("plan.csv", b"PAR1\0\0", "is not a text file"),
        ("plan.toml", "[classes]\na = [\n", "not TOML"),
        ("plan.toml", "[classes]\na=['b']\na=['c']\n", "line 3: this name is given before"),
        ("plan.toml", "[classes]\na=['b']\n\n[classes.b]\nkeywords=['c']\n[classes.b]\n", "line 6: this name is given before"),
        ("plan.toml", "classes = 3", "line 1: classes must be a table, got 3"),
        ("plan.toml", "", "the plan names no class"),
        ("plan.yaml", "", "a plan is a file ending with .toml, .csv, .tsv"),
    ],
)
def test_files_that_are_no_plan(tmp_path: Path, name: str, text: str | bytes, said: str) -> None:
    file = written(tmp_path, name, text)
    (line,) = problems(file=file)
    assert said in line and str(file) in line


def test_a_plan_that_is_not_there(tmp_path: Path) -> None:
    assert problems(file=tmp_path / "none.toml") == [f"there is no file {tmp_path / 'none.toml'}"]
    assert "cannot be read" in problems(file=written(tmp_path, "x", "").parent.joinpath("d.toml").mkdir() or tmp_path / "d.toml")[0]


@pytest.mark.parametrize("file", sorted(PLANS.glob("*.toml")), ids=lambda file: file.stem)
def test_the_plans_of_the_guide_are_good(file: Path) -> None:
    plans = plan_of([], [], file)
    assert all(plan.per_class and plan.per_class >= 500 for plan in plans)


def test_the_savings_goals_are_five_categories_of_ten_to_fifteen_keywords() -> None:
    plans = plan_of([], [], PLANS / "savings_goals.toml")
    assert len(plans) == 5
    assert all(10 <= len(plan.keywords) <= 15 for plan in plans)
