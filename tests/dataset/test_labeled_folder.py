"""Tables beside and among images: what they say, what folders say, and what becomes of files that no table lists."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import tellapart
from tellapart.dataset import Dataset, open_dataset
from tellapart.dataset.options import DatasetOptions
from tellapart.errors import DataError, OptionError
from tests.dataset.test_layouts import files

CLASSES = "red:4 blue:4"
FLAT = "train:4 test:2"
KAGGLE = "id,breed\n0,pug\n1,lab\n2,pug\n3,lab\n"


def opened(root: Path, layout: str, tables: dict[str, str], **options: str) -> Dataset:
    for name in files(layout):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    for name, text in tables.items():
        (root / name).write_text(text)
    return open_dataset(root, DatasetOptions(**options))


def told(dataset: Dataset) -> str:
    return ", ".join(sorted(f"{part or '-'} {label or '-'} {n}" for (part, label), n in dataset.counts().items()))


def listed(column: str, *names: str, **columns: list[str]) -> str:
    rows = [",".join((name, *cells)) for name, *cells in zip(names, *columns.values(), strict=True)]
    return "\n".join([",".join((column, *columns)), *rows]) + "\n"


RED_BLUE = [f"{name}/{i}.jpg" for name in ("red", "blue") for i in range(4)]
FOUR = [f"train/{i}.jpg" for i in range(4)]
AB = ["a", "b", "a", "b"]

UNDERSTOOD = {
    "captions do not hide class folders": (
        (CLASSES, {"metadata.csv": listed("file_name", *RED_BLUE, text=["a photo"] * 8)}),
        ("- blue 4, - red 4", "metadata.csv has no column known to hold labels, so labels come from the folders"),
    ),
    "captions of some do not either": (
        (CLASSES, {"metadata.csv": listed("file_name", *RED_BLUE[:2], caption=["x", "y"])}),
        ("- blue 4, - red 4", "6 of 8 images are not listed in it"),
    ),
    "a table of some with the same labels loses nothing": (
        (CLASSES, {"metadata.csv": listed("file_name", RED_BLUE[0], RED_BLUE[4], label=["red", "blue"])}),
        ("- blue 4, - red 4", "metadata.csv says the same of labels as the folders, so labels come from the folders; 6 of 8 images"),
    ),
    "a table of some with other labels is taken at its word, and says so": (
        (CLASSES, {"metadata.csv": listed("file_name", RED_BLUE[0], RED_BLUE[4], label=["in", "out"])}),
        (
            "- in 1, - out 1",
            "'label' of metadata.csv (in, out), not from the folders",
            "6 of 8 images are not listed in it and are passed over",
        ),
    ),
    "a contact sheet beside a listed data set is none of its images": (
        (f"{CLASSES} .:1", {"metadata.csv": listed("path", *RED_BLUE, label=["red"] * 4 + ["blue"] * 4)}),
        ("- blue 4, - red 4", "1 of 9 images are not listed in it and are passed over, such as 0.jpg"),
    ),
    "a table that is about something else does not hide class folders": (
        (CLASSES, {"metadata.csv": "city,people\nUlm,9\n"}),
        ("- blue 4, - red 4", "has no column path or file_name; its columns are city, people; it is not used"),
    ),
    "parts and groups of a table without labels count": (
        (CLASSES, {"metadata.csv": listed("file_name", *RED_BLUE, split=["train", "test", "train", "val"] * 2)}),
        ("test blue 1, test red 1, train blue 2, train red 2, val blue 1, val red 1",),
    ),
    "Kaggle: ids without suffix": (
        (FLAT, {"labels.csv": KAGGLE, "sample_submission.csv": "id,breed\n0,pug\n1,lab\n"}),
        (
            "test - 2, train lab 2, train pug 2",
            "'breed' of labels.csv (lab, pug), paths from 'id'; it lists 4 of 6 images",
            "'0' (line 2): train/0.jpg",
        ),
    ),
    "Kaggle: train.csv beside train_images": (
        (
            "train_images:4 test_images:2",
            {"train.csv": "image_id,label\n0.jpg,7\n1.jpg,8\n2.jpg,7\n3.jpg,8\n", "test.csv": "image_id\n0.jpg\n"},
        ),
        ("test - 2, train 7 2, train 8 2",),
    ),
    "a table beside images, in another folder": (
        ("images:4", {"labels.csv": "image,category\n0.jpg,a\n1.jpg,b\n2.jpg,a\n3.jpg,b\n"}),
        ("- a 2, - b 2",),
    ),
    "a folder of another name, with a table beside it": (
        ("leaves:4", {"labels.csv": "image,category\n0.jpg,a\n1.jpg,b\n2.jpg,a\n3.jpg,b\n"}),
        ("- a 2, - b 2",),
    ),
    "tables called like parts": (
        ("images:4", {"train.csv": "file,class\n0.jpg,a\n1.jpg,b\n", "test.csv": "file,class\n2.jpg,a\n3.jpg,b\n"}),
        ("test a 1, test b 1, train a 1, train b 1",),
    ),
    "Hugging Face: a table in each part": (
        (FLAT, {f"{p}/metadata.csv": "file_name,label\n0.jpg,a\n1.jpg,b\n" for p in ("train", "test")}),
        ("test a 1, test b 1, train a 1, train b 1", "2 of 4 images are not listed in it and are passed over, such as train/2.jpg"),
    ),
    "Hugging Face: JSON Lines": (
        ("train:2", {"train/metadata.jsonl": '{"file_name": "0.jpg", "label": 1}\n\n{"file_name": "1.jpg", "label": 2}\n'}),
        ("train 1 1, train 2 1",),
    ),
    "parts of a table without a column for them are those of the folders": (
        (FLAT, {"metadata.csv": listed("file_name", *FOUR, "test/0.jpg", "test/1.jpg", label=[*AB, "a", "b"])}),
        ("test a 1, test b 1, train a 2, train b 2",),
    ),
    "folders that can be read in two ways do not matter where a table speaks": (
        ("cats:2 dogs:2 test:1", {"metadata.csv": listed("path", "cats/0.jpg", "dogs/0.jpg", label=["c", "d"])}),
        ("- c 1, - d 1",),
    ),
    "captions beside a flat folder": (
        (".:3", {"metadata.csv": "file_name,text\n0.jpg,hello\n"}),
        ("- - 3", "no column known to hold labels", "--label-column"),
    ),
}
for name in ("class", "labels", "category", "breed", "Class Name", "species", "target"):
    UNDERSTOOD[f"column {name}"] = (
        (FLAT, {"metadata.csv": listed("file_name", *FOUR, **{name: AB})}),
        ("train a 2, train b 2", repr(name)),
    )
for name in ("image", "filename", "Image Path", "filepaths", "id"):
    UNDERSTOOD[f"paths in {name}"] = ((FLAT, {"metadata.csv": listed(name, *FOUR, label=AB)}), ("train a 2, train b 2",))
for name, cells in {
    "backslashes": [f.replace("/", "\\") for f in FOUR],
    "foreign absolute paths": [f"C:\\Users\\me\\{f}".replace("/", "\\") for f in FOUR],
    "foreign unix paths": [f"/home/me/data/{f}" for f in FOUR],
    "ids": ["0", "1", "2", "3"],
    "other capitals": [f.upper() for f in FOUR],
}.items():
    UNDERSTOOD[name] = ((FLAT, {"metadata.csv": listed("file_name", *cells, label=AB)}), ("train a 2, train b 2", "name one file each"))
for mark in (";", ",", "|"):
    UNDERSTOOD[f"sep={mark}"] = (
        (FLAT, {"metadata.csv": f"sep={mark}\n" + listed("file_name", *FOUR, label=AB).replace(",", mark)}),
        ("train a 2, train b 2",),
    )
UNDERSTOOD["lists of one label"] = (
    (FLAT, {"metadata.csv": listed("file_name", *FOUR, label=["['a']", "['b']", "[a]", "('b',)".replace(",", "")])}),
    ("train ('b') 1, train [a] 1, train a 1, train b 1",),
)

RED, BLUE = RED_BLUE[:4], RED_BLUE[4:]
UNDERSTOOD |= {
    "a table that corrects some labels of the folders": (
        (CLASSES, {"metadata.csv": listed("path", *RED[:3], label=["red", "red", "blue"])}),
        (
            "- blue 5, - red 3",
            "and from the folders where it says nothing; it says other than the folders of 1 image, such as red/2.jpg: blue",
        ),
    ),
    "a table that corrects most of what it lists, with the classes of the folders": (
        (CLASSES, {"metadata.csv": listed("path", RED[0], BLUE[0], label=["blue", "red"])}),
        ("- blue 4, - red 4", "of 2 images, such as red/0.jpg: blue"),
    ),
    "a table that adds a class to those of the folders": (
        (CLASSES, {"metadata.csv": listed("path", *RED, label=["red", "red", "red", "pink"])}),
        ("- blue 4, - pink 1, - red 3", "of 1 image, such as red/3.jpg: pink"),
    ),
    "an empty label beside those of the folders": (
        (CLASSES, {"metadata.csv": listed("path", *RED_BLUE, label=["red"] * 3 + [""] + ["blue"] * 4)}),
        ("- blue 4, - red 4", "1 image without a label in metadata.csv has that of the folder"),
    ),
    "one-hot": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, cat=["1", "0", "1", "0"], dog=["0", "1", "0", "1"])}),
        ("train cat 2, train dog 2", "labels come from its 2 columns of 0 and 1, a class each: 'cat', 'dog'"),
    ),
    "one-hot as floats, beside an age, with a row of none": (
        (
            FLAT,
            {
                "metadata.csv": listed(
                    "image", *FOUR, age=["3", "4", "5", "6"], MEL=["1.0", "0.0", "0.0", "1.0"], NV=["0.0", "1.0", "0.0", "0.0"]
                )
            },
        ),
        ("train - 1, train MEL 2, train NV 1", "1 row has no 1 in these columns, and so no label"),
    ),
    "one-hot flags beside class folders say nothing of the class": (
        (CLASSES, {"metadata.csv": listed("path", *RED_BLUE, flash=["1", "0"] * 4, tripod=["0", "1"] * 4)}),
        ("- blue 4, - red 4", "has no column known to hold labels, so labels come from the folders"),
    ),
    "words for a missing value are no classes": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, label=["a", "nan", "b", "NULL"])}),
        ("train - 2, train a 1, train b 1", "2 rows have no label: 'nan' in line 3 is how programs write a missing value"),
    ),
    "whole numbers however they are written": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, label=["1.0", "0", "1", "0.0"])}),
        ("train 0 2, train 1 2",),
    ),
    "numbers that are not whole stay as they are": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, label=["1.0", "1.5", "1.0", "1.5"])}),
        ("train 1.0 2, train 1.5 2",),
    ),
    "tables put one after the other": (
        (FLAT, {"metadata.csv": listed("path", *FOUR[:2], label=["a", "b"]) + listed("path", *FOUR[2:], label=["a", "b"])}),
        ("train a 2, train b 2",),
    ),
    "names of several words": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, label=["red panda", "giant panda", "red panda", "panda"])}),
        ("train giant panda 1, train panda 1, train red panda 2",),
    ),
}

UNDERSTOOD |= {
    "a table beside class folders is not read, and said": (
        (CLASSES, {"labels.csv": listed("path", *RED_BLUE, label=["in", "out"] * 4, split=["train", "test"] * 4)}),
        (
            "- blue 4, - red 4",
            "labels.csv is not read, though it has columns 'label' and 'split': give it in place of the folder to use it",
        ),
    ),
    "a table of groups beside class folders": (
        (CLASSES, {"faces.csv": listed("path", *RED_BLUE, group=["x"] * 8)}),
        ("- blue 4, - red 4", "faces.csv is not read, though it has a column 'group'"),
    ),
    "of two manifests one is not read, and said": (
        (CLASSES, {name: listed("path", *RED_BLUE, label=["red"] * 4 + ["blue"] * 4) for name in ("metadata.csv", "manifest.csv")}),
        ("- blue 4, - red 4", "manifest.csv is not read"),
    ),
    "a table of one label alone is not used, and said": (
        ("images:4", {"test.csv": listed("path", *(f"{i}.jpg" for i in range(4)), label=["0"] * 4)}),
        ("- - 4", "test.csv is not used: its column 'label' holds one label alone, '0'"),
    ),
    "bars": ((FLAT, {"metadata.csv": listed("path", *FOUR, label=AB).replace(",", "|")}), ("train a 2, train b 2",)),
    "semicolons, and a comma in a name of a column": (
        (FLAT, {"metadata.csv": "path;label;note (x, y)\ntrain/0.jpg;a;1\ntrain/1.jpg;b;2\n"}),
        ("train a 1, train b 1",),
    ),
    "percent signs of addresses": (
        (FLAT, {"metadata.csv": listed("path", *(f.replace(".", "%2E").replace("/", "%2f") for f in FOUR), label=AB)}),
        ("train a 2, train b 2", "such as 'train%2f0%2Ejpg' (line 2): train/0.jpg"),
    ),
    "the index of a data frame": ((FLAT, {"metadata.csv": listed("", *FOUR, label=AB)}), ("train a 2, train b 2",)),
    "the index of a data frame, named by pandas": (
        (FLAT, {"metadata.csv": listed("Unnamed: 0", *FOUR, label=AB)}),
        ("train a 2, train b 2",),
    ),
}

TWENTY = [f"{i}.jpg" for i in range(20)]
CONTINUOUS = [str(12.5 + 0.6 * i) for i in range(20)]
NO_CLASSES = {
    "prices": (CONTINUOUS, "the column 'label' holds 20 different values in 20 rows, so nearly every image has its own"),
    "prices that repeat now and then": (
        [f"{1.25 + i % 8}" for i in range(20)],
        "holds 8 different values in 20 rows, numbers with fractions such as 1.25",
    ),
    "prices with a decimal comma": ([f'"{1 + i % 8},25"' for i in range(20)], "numbers with fractions such as 1,25"),
    "numbers with exponents": ([f"{1 + i % 8}.5e-3" for i in range(20)], "numbers with fractions such as 1.5e-3"),
    "prices, some of them missing": ([*CONTINUOUS[:8], *["nan"] * 6, *[""] * 6], "8 different values in 8 rows, numbers with fractions"),
    "ids": ([f"n{i:05}" for i in range(20)], "20 different values in 20 rows, so nearly every image has its own"),
    "numbers, one for each image": ([str(1000 + i) for i in range(20)], "20 different values in 20 rows"),
    "nearly an id for each": ([*[f"n{i}" for i in range(19)], "n18"], "19 different values in 20 rows"),
}
ARE_CLASSES = {
    "digits": [str(i % 10) for i in range(20)],
    "many breeds, few images": [f"breed {i % 12}" for i in range(20)],
    "sizes with a fraction": [str(1.5 + 0.5 * (i % 3)) for i in range(20)],
    "whole numbers written as floats": [f"{i % 10}.0" for i in range(20)],
    "versions": [f"1.{i % 10}.0" for i in range(20)],
    "a few images of as many classes": [*"abcdefghi", *[""] * 11],
}
UNDERSTOOD |= {
    "rows that give a file several labels are all kept, and said": (
        ("images:4", {"labels.csv": "file,class\n0.jpg,a\n1.jpg,b\n0.jpg,b\n1.jpg,b\n2.jpg,a\n3.jpg,b\n"}),
        ("- a 2, - b 3", "labels.csv gives 1 file several labels, the first in lines 2 and 4: images/0.jpg is 'a' and 'b'"),
    ),
    "rows that give a file in a class folder several labels": (
        (CLASSES, {"metadata.csv": listed("path", *RED_BLUE, RED_BLUE[0], label=["red"] * 4 + ["blue"] * 5)}),
        ("- blue 5, - red 4", "metadata.csv gives 1 file several labels, the first in lines 2 and 10: red/0.jpg is 'red' and 'blue'"),
    ),
    "two columns of one name": (
        (FLAT, {"metadata.csv": "path,Label,label\n" + "".join(f"{f},{label},x\n" for f, label in zip(FOUR, AB, strict=True))}),
        ("train a 2, train b 2", "metadata.csv has several columns 'Label'; the first is read"),
    ),
    "paths of the web with a query": (
        (FLAT, {"metadata.csv": listed("path", *(f"https://x.org/{f}?w=640&h=480#top" for f in FOUR), label=AB)}),
        ("train a 2, train b 2", "name one file each, such as 'https://x.org/train/0.jpg?w=640&h=480#top'"),
    ),
    "a file called like a query": (
        ("train:4", {"metadata.csv": listed("path", *FOUR[:3], "train/3.jpg?x", label=AB)}),
        ("- b 1, train a 2, train b 1", "1 of 4 rows name no file here"),
    ),
    "commas in a .tsv": ((FLAT, {"metadata.tsv": listed("path", *FOUR, label=AB)}), ("train a 2, train b 2",)),
    "a column class_id": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, width=["9"] * 4, roi=["1", "2", "3", "4"], ClassId=["0", "7", "0", "7"])}),
        ("train 0 2, train 7 2", "labels come from the column 'ClassId'"),
    ),
    "a column class_id beside one of names": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, class_id=["0", "7", "0", "7"], class_name=AB)}),
        ("train a 2, train b 2", "labels come from the column 'class_name', not from 'class_id'"),
    ),
    "fastai's is_valid": (
        (
            "images:4",
            {"labels.csv": listed("name", *FOUR, fname=[f"images/{i}.jpg" for i in range(4)], labels=AB, is_valid=["False", "True"] * 2)},
        ),
        ("train a 2, val b 2", "labels.csv: parts come from its column 'is_valid'"),
    ),
    "is_test and is_val": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, label=AB, is_test=["1", "0", "0", "0"], is_val=["0", "1", "0", "0"])}),
        ("test a 1, train a 1, train b 1, val b 1", "parts come from its columns 'is_test' and 'is_val'"),
    ),
    "is_train alone": (
        ("images:4", {"labels.csv": listed("path", *(f"images/{i}.jpg" for i in range(4)), label=AB, is_train=["1", "1", "0", "0"])}),
        ("test a 1, test b 1, train a 1, train b 1",),
    ),
    "a column of folds is not read, and said": (
        ("images:4", {"labels.csv": listed("path", *(f"images/{i}.jpg" for i in range(4)), label=AB, fold=["0", "1", "2", "3"])}),
        ("- a 2, - b 2", "labels.csv: its column 'fold' is not read"),
    ),
    "a flag of another kind is not read, and said": (
        ("images:4", {"labels.csv": listed("path", *(f"images/{i}.jpg" for i in range(4)), label=AB, is_test=["0", "1", "2", "maybe"])}),
        ("- a 2, - b 2", "labels.csv: its column 'is_test' is not read"),
    ),
    "a label column without a value in it": (
        ("images:4", {"labels.csv": listed("path", *(f"images/{i}.jpg" for i in range(4)), label=["nan"] * 4)}),
        ("- - 4", "4 rows have no label: 'nan' in line 2 is how programs write a missing value"),
    ),
}
REFUSED = {
    "several 1s": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, cat=["1", "0", "1", "0"], dog=["0", "1", "1", "1"])}),
        ("line 4: a 1 in each of the columns 'cat', 'dog'", "one class"),
    ),
    "labels between blanks": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, label=["cat", "dog", "cat dog", "dog"])}),
        ("'cat dog' is a list of several", "name the column with --label-column"),
    ),
    "tags between blanks, none alone": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, label=["clear road", "clear", "road", "road clear"])}),
        ("is a list of several",),
    ),
    "labels between marks that never stand alone": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, label=["a|b", "b|c", "a|c", "a|b"])}),
        ("'a|b' is a list of several",),
    ),
    "labels between slashes": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, label=["a", "b", "a/b", "b"])}),
        ("'a/b' is a list of several",),
    ),
    "labels between plus signs": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, label=["a", "b", "a+b", "b"])}),
        ("'a+b' is a list of several",),
    ),
    "numpy's lists of words": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, label=["['red' 'blue']"] * 4)}),
        ("line 2: the label", "several"),
    ),
    "numpy's one-hot vectors": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, label=["[1 0]", "[0 1]"] * 2)}),
        ("line 2: the label", "several"),
    ),
    "words in brackets": ((FLAT, {"metadata.csv": 'path,label\ntrain/0.jpg,"[red, blue]"\n'}), ("line 2: the label", "several")),
    "two labels in a list": (
        (FLAT, {"metadata.csv": "path,label\ntrain/0.jpg,\"['a', 'b']\"\n"}),
        ("line 2: the label", "a list of several"),
    ),
    "two labels with a mark": (
        (FLAT, {"metadata.csv": listed("path", *FOUR, label=["a", "b", "a|b", "b"])}),
        ("'a|b' is a list of several",),
    ),
    "ids beside paths of other files": (
        (FLAT, {"metadata.csv": listed("image", *(f"upload/ab12-{i}.jpg" for i in range(4)), label=AB, id=["0", "1", "2", "3"])}),
        ("not one of the 4 cells of the column 'image'", "line 2, is 'upload/ab12-0.jpg'"),
    ),
    "no path that is a file": (
        (FLAT, {"metadata.csv": "file,label\nx/9.jpg,a\ny/8.jpg,b\n"}),
        ("column 'file'", "line 2, is 'x/9.jpg'", "--path-column"),
    ),
    "columns of other names": ((FLAT, {"metadata.csv": "foto,art\ntrain/0.jpg,a\n"}), ("its columns are foto, art", "--path-column")),
    "no header": ((FLAT, {"metadata.csv": "train/0.jpg,a\ntrain/1.jpg,b\n"}), ("has no header",)),
    "two tables": (
        ("images:2", {"a.csv": "file,label\n0.jpg,a\n1.jpg,b\n", "b.csv": "file,label\n0.jpg,c\n1.jpg,d\n"}),
        ("several tables give labels: a.csv and b.csv",),
    ),
}


@pytest.mark.parametrize("case", UNDERSTOOD)
def test_a_table_is_understood(tmp_path: Path, case: str) -> None:
    (layout, tables), (counts, *notes) = UNDERSTOOD[case]
    dataset = opened(tmp_path, layout, tables)
    assert told(dataset) == counts
    assert [note for note in notes if not any(note in said for said in dataset.notes)] == [], dataset.notes


@pytest.mark.parametrize("case", REFUSED)
def test_a_table_is_refused_in_words(tmp_path: Path, case: str) -> None:
    (layout, tables), words = REFUSED[case]
    with pytest.raises(DataError) as caught:
        opened(tmp_path, layout, tables)
    said = f"{caught.value} {caught.value.hint}"
    assert [word for word in words if word not in said] == [], said


@pytest.mark.parametrize("case", NO_CLASSES)
@pytest.mark.parametrize("table", ["metadata.csv", "train.csv"])
def test_values_that_are_no_classes_are_not_taken_for_labels(tmp_path: Path, case: str, table: str) -> None:
    cells, said = NO_CLASSES[case]
    dataset = opened(tmp_path, ".:20", {table: listed("path", *TWENTY, label=cells)})
    assert dataset.class_names == ()
    (note,) = [note for note in dataset.notes if said in note]
    assert note.startswith(f"{table}: the column 'label' holds ")
    assert note.endswith(": no classes; --label-column names another column, or this one if each value is a class")


def test_a_table_of_values_is_refused_with_what_was_seen_before_an_image_is_read(tmp_path: Path) -> None:
    opened(tmp_path, ".:20", {"list.csv": listed("path", *TWENTY, price=CONTINUOUS, target=CONTINUOUS)})
    for where in (tmp_path, tmp_path / "list.csv"):
        with pytest.raises(DataError, match=r"list\.csv: the column 'target' holds 20 different values in 20 rows.*--label-column"):
            tellapart.train(where, out=tmp_path / "runs")


@pytest.mark.parametrize("case", ARE_CLASSES)
def test_few_values_are_classes_whatever_they_are_written_with(tmp_path: Path, case: str) -> None:
    dataset = opened(tmp_path, ".:20", {"metadata.csv": listed("path", *TWENTY, label=ARE_CLASSES[case])})
    assert len(dataset.class_names) == len({cell for cell in ARE_CLASSES[case] if cell})
    assert not [note for note in dataset.notes if "no classes" in note]


def test_values_beside_class_folders_leave_these_their_labels(tmp_path: Path) -> None:
    names = [f"{name}/{i}.jpg" for name in ("red", "blue") for i in range(10)]
    splits = ["train", "test"] * 10
    dataset = opened(tmp_path, "red:10 blue:10", {"metadata.csv": listed("path", *names, target=CONTINUOUS, split=splits)})
    assert told(dataset) == "test blue 5, test red 5, train blue 5, train red 5"
    assert [note for note in dataset.notes if "the column 'target' holds 20 different values" in note]


def test_of_two_columns_the_one_with_classes_has_the_labels(tmp_path: Path) -> None:
    dataset = opened(tmp_path, ".:20", {"metadata.csv": listed("path", *TWENTY, label=CONTINUOUS, breed=["a", "b"] * 10)})
    assert told(dataset) == "- a 10, - b 10"
    assert "metadata.csv: labels come from the column 'breed', not from 'label'" in dataset.notes


def test_a_column_of_values_that_the_user_names_is_taken_and_said(tmp_path: Path) -> None:
    dataset = opened(tmp_path, ".:20", {"metadata.csv": listed("path", *TWENTY, label=CONTINUOUS)}, label_column="label")
    assert len(dataset.class_names) == 20
    assert [note for note in dataset.notes if note.endswith("each value is a class, because --label-column names this column")]


@pytest.mark.parametrize("name", ["labels.csv", "metadata.csv"])
@pytest.mark.parametrize("is_linked", [False, True])
def test_absolute_paths_of_files_here_are_those_files(tmp_path: Path, name: str, is_linked: bool) -> None:
    root = tmp_path / "photos"
    (tmp_path / "real").mkdir()
    root.symlink_to("real")
    cells = [str((root.resolve() if is_linked else root) / f"images/{i}.jpg") for i in range(4)]
    dataset = opened(root, "images:4", {name: listed("path", *cells, label=AB)})
    assert told(dataset) == "- a 2, - b 2"
    assert [entry.path for entry in dataset.entries] == [f"images/{i}.jpg" for i in range(4)]


def test_the_user_names_the_columns(tmp_path: Path) -> None:
    table = listed("foto", *FOUR, art=AB, label=["x"] * 4)
    assert told(opened(tmp_path, FLAT, {"metadata.csv": table}, path_column="foto", label_column="Art")) == "train a 2, train b 2"
    with pytest.raises(DataError, match="has no column 'arts'; its columns are foto, art, label") as caught:
        open_dataset(tmp_path, DatasetOptions(path_column="foto", label_column="arts"))
    assert caught.value.hint == "did you mean 'art'?"


def test_a_row_whose_file_is_not_there_is_kept_and_said(tmp_path: Path) -> None:
    dataset = opened(tmp_path, FLAT, {"metadata.csv": listed("path", *FOUR[:3], "train/9.jpg", label=AB)})
    assert [e.path for e in dataset.entries][-1] == "train/9.jpg"
    assert "metadata.csv: 1 of 4 rows name no file here, the first in line 5: 'train/9.jpg'" in dataset.notes


def test_a_row_whose_file_is_not_there_is_kept_beside_files_that_are_not_listed(tmp_path: Path) -> None:
    dataset = opened(tmp_path, CLASSES, {"metadata.csv": listed("path", *RED_BLUE[:2], "red/9.jpg", label=["red"] * 3)})
    assert told(dataset) == "- blue 4, - red 5"
    assert "metadata.csv: 1 of 3 rows name no file here, the first in line 4: 'red/9.jpg'" in dataset.notes


def test_a_table_may_list_files_of_another_folder(tmp_path: Path) -> None:
    opened(tmp_path, CLASSES, {})
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/metadata.csv").write_text(listed("path", "../red/0.jpg", str(tmp_path / "blue/1.jpg"), label=["a", "b"]))
    dataset = open_dataset(tmp_path / "lists")
    assert [dataset.file(entry).resolve() for entry in dataset.entries] == [tmp_path / "red/0.jpg", tmp_path / "blue/1.jpg"]
    assert dataset.class_names == ("a", "b")


def test_a_table_without_labels_given_alone_takes_them_from_the_paths(tmp_path: Path) -> None:
    opened(tmp_path, "train/red:2 train/blue:2 test/red:1", {"list.csv": "path\ntrain/red/0.jpg\ntrain/blue/1.jpg\ntest/red/0.jpg\n"})
    dataset = open_dataset(tmp_path / "list.csv")
    assert told(dataset) == "test red 1, train blue 1, train red 1"
    assert "labels come from the folders in the paths" in dataset.notes


def test_a_file_of_the_same_name_in_two_folders_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the first, in line 2, is '0\.jpg'"):
        opened(tmp_path, "a:1 b:1", {"list.csv": "path,label\n0.jpg,x\n"}) and open_dataset(tmp_path / "list.csv")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cat", "cat"),
        ("caf\u00e9", "cafe\u0301"),
        ("a b", "a  b"),
        ("polar_bear", "Polar Bear"),
        ("t-shirt", "t_shirt"),
        ("cat", "cats"),
        ("cat", "cat\u200b"),
    ],
)
def test_classes_that_are_called_alike_are_said(tmp_path: Path, one: str, other: str) -> None:
    for name in (one, other):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").touch()
    notes = open_dataset(tmp_path).notes
    assert len(notes) == 2
    assert "are called alike but for capitals, blanks, hyphens, a plural s or Unicode form" in notes[1]
    assert Counter(notes[1])["'"] >= 4


@pytest.mark.parametrize(("one", "other"), [("-1", "1"), ("a+", "a-"), ("C", "C++"), ("s", "a"), ("1", "1s"), ("a-1", "a-2")])
def test_classes_that_only_resemble_each_other_are_not_said(tmp_path: Path, one: str, other: str) -> None:
    for name in (one, other):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").touch()
    assert len(open_dataset(tmp_path).notes) == 1


def test_parquet_that_holds_the_images_themselves_says_so(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"image": [{"bytes": b"x", "path": None}], "label": [1]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"its columns are image \(records, not text\), label"):
        open_dataset(tmp_path / "a.parquet")


def test_a_column_that_the_user_names_holds_names_of_several_words(tmp_path: Path) -> None:
    table = listed("path", *FOUR, label=["red", "panda", "red panda", "red"])
    assert told(opened(tmp_path, FLAT, {"metadata.csv": table}, label_column="label")) == "train panda 1, train red 2, train red panda 1"


def test_a_table_beside_class_folders_is_read_where_its_column_is_named(tmp_path: Path) -> None:
    table = {"labels.csv": listed("path", *RED_BLUE, scene=["in", "out"] * 4)}
    assert told(opened(tmp_path, CLASSES, table, label_column="scene")) == "- in 4, - out 4"


@pytest.mark.parametrize("layout", [CLASSES, "images:4"])
@pytest.mark.parametrize("option", ["path_column", "label_column"])
def test_a_column_that_no_table_has_is_refused(tmp_path: Path, layout: str, option: str) -> None:
    with pytest.raises(DataError, match=r"there is no table in .* by the columns that are named") as caught:
        opened(tmp_path, layout, {"prices.csv": "item,price\n1,2\n"}, **{option: "scene"})
    assert f"--{option.replace('_', '-')} scene" in str(caught.value.hint)


def test_a_column_of_paths_is_refused_where_the_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="path_column has no effect with --label-folder top"):
        opened(tmp_path, CLASSES, {}, label_folder="top", path_column="path")


@pytest.mark.parametrize(("how", "said"), [("bottom", "- blue 4, - red 4"), ("filename", "- b 4, - r 4"), ("none", "- - 8")])
def test_the_labels_of_a_table_are_not_read_where_the_folders_are_told(tmp_path: Path, how: str, said: str) -> None:
    names = [*(f"red/r{i}.jpg" for i in range(4)), *(f"blue/b{i}.jpg" for i in range(4))]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    table = tmp_path / "labels.csv"
    table.write_text(listed("path", *names, label=["in", "out"] * 4))
    assert told(open_dataset(table, DatasetOptions(label_folder=how))) == said


def test_files_outside_the_folder_of_their_table_have_no_top_folder(tmp_path: Path) -> None:
    opened(tmp_path / "photos", CLASSES, {})
    (tmp_path / "lists").mkdir()
    table = tmp_path / "lists/labels.csv"
    table.write_text(listed("path", *(f"../photos/{name}" for name in RED_BLUE), label=["in", "out"] * 4))
    with pytest.raises(DataError, match="no top folder"):
        open_dataset(table, DatasetOptions(label_folder="top"))
    assert told(open_dataset(table, DatasetOptions(label_folder="bottom"))) == "- blue 4, - red 4"
