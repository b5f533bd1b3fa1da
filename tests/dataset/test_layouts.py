"""Folders as people have them: what is understood, or in which words it is refused."""

from __future__ import annotations

from collections import Counter

import pytest

from tellapart.dataset.layouts import read_layout
from tellapart.errors import DataError

UNDERSTOOD = {
    # class folders
    "cats:2 dogs:3": "- cats 2, - dogs 3",
    "cats/a:1 cats:1 dogs:3": "- cats 2, - dogs 3",
    "archive/cats:2 archive/dogs:3": "- cats 2, - dogs 3",
    "archive/photos/cats:2 archive/photos/dogs:3": "- cats 2, - dogs 3",
    "cats:2": "- cats 2",
    ".:4": "- - 4",
    "cats:2 dogs:3 .:1": "- - 1, - cats 2, - dogs 3",
    "cats:2 dogs:2 docs:1": "- cats 2, - docs 1, - dogs 2",
    "animals/cats:2 animals/dogs:2 plants/roses:1": "- animals 4, - plants 1",
    "0:2 1:2 2:2": "- 0 2, - 1 2, - 2 2",
    # parts, under their many names
    "train/cats:2 train/dogs:2 test/cats:1 test/dogs:1": "train cats 2, train dogs 2, test cats 1, test dogs 1",
    "train/cats:2 train/dogs:2 val/cats:1 val/dogs:1 test/cats:1": "train cats 2, train dogs 2, val cats 1, val dogs 1, test cats 1",
    "training/cats:2 training/dogs:2 validation/cats:1": "train cats 2, train dogs 2, val cats 1",
    "Train/cats:2 Train/dogs:2 Valid/cats:1": "train cats 2, train dogs 2, val cats 1",
    "training_set/cats:2 training_set/dogs:2 test_set/cats:1": "train cats 2, train dogs 2, test cats 1",
    "Train_Set/cats:2 Train_Set/dogs:2 Test_Set/cats:1": "train cats 2, train dogs 2, test cats 1",
    "trainset/cats:2 trainset/dogs:2 testset/cats:1": "train cats 2, train dogs 2, test cats 1",
    "train_data/cats:2 train_data/dogs:2 test_data/cats:1": "train cats 2, train dogs 2, test cats 1",
    "ImagesTrain/cats:2 ImagesTrain/dogs:2 ImagesTest/cats:1": "train cats 2, train dogs 2, test cats 1",
    "train/cats:2 train/dogs:2 dev/cats:1": "train cats 2, train dogs 2, val cats 1",
    "train/cats:2 train/dogs:2 eval/cats:1": "train cats 2, train dogs 2, val cats 1",
    "train2017/cats:2 train2017/dogs:2 val2017/cats:1": "train cats 2, train dogs 2, val cats 1",
    "Training/cats:2 Training/dogs:2 PublicTest/cats:1 PrivateTest/cats:1": "train cats 2, train dogs 2, test cats 2",
    "asl_alphabet_train/A:2 asl_alphabet_train/B:2 asl_alphabet_test/A:1": "train A 2, train B 2, test A 1",
    "FlowersTrain/A:2 FlowersTrain/B:2 FlowersTest/A:1": "train A 2, train B 2, test A 1",
    "train/cats:2 train/dogs:2": "train cats 2, train dogs 2",
    "test/cats:2 test/dogs:2": "test cats 2, test dogs 2",
    "train-1/cats:2 train-2/dogs:2 test/cats:1": "train cats 2, train dogs 2, test cats 1",
    # doubled and wrapped
    "seg_train/seg_train/cats:2 seg_train/seg_train/dogs:2 seg_test/seg_test/cats:1": "train cats 2, train dogs 2, test cats 1",
    "train/train/cats:2 train/train/dogs:2 test/test/cats:1": "train cats 2, train dogs 2, test cats 1",
    "train/Train_Set/cats:2 train/Train_Set/dogs:2 test/cats:1": "train cats 2, train dogs 2, test cats 1",
    "train/data/cats:2 train/data/dogs:2 test/data/cats:1": "train cats 2, train dogs 2, test cats 1",
    "train/site1/cats:2 train/site1/dogs:2 test/site1/cats:1": "train cats 2, train dogs 2, test cats 1",
    "cats:1 dogs/cats:1 dogs/puppies:1": "- cats 1, - dogs 2",
    "cat/siamese:1 cat/other:1 dog/pug:1 dog/other:1": "- cat 2, - dog 2",
    "train/n01/images:2 train/n02/images:2 val/images:2": "train n01 2, train n02 2, val - 2",
    "train/all/cats:2 train/all/dogs:2 test/all/cats:1 test/all/dogs:1": "train cats 2, train dogs 2, test cats 1, test dogs 1",
    "x/train/cats:2 x/train/dogs:2 x/test/cats:1": "train cats 2, train dogs 2, test cats 1",
    "repo/dataset/train/cats:2 repo/dataset/train/dogs:2 repo/dataset/test/cats:1 repo/docs:4": "train cats 2, train dogs 2, test cats 1",
    "dataset/train/cats:2 dataset/train/dogs:2 dataset/test/cats:1 repo:4": "train cats 2, train dogs 2, test cats 1",
    "repo/dataset/train/cats:2 repo/dataset/train/dogs:2 repo/dataset/test/cats:1 repo:1": "train cats 2, train dogs 2, test cats 1",
    "dataset/train/cats:2 dataset/train/dogs:2 dataset/test/cats:1 .:1": "train cats 2, train dogs 2, test cats 1",
    "dataset/cats:2 dataset/dogs:2 .:1": "- cats 2, - dogs 2",
    "dataset/cats:2 dataset/dogs:2 docs:1": "- cats 2, - dogs 2",
    "pets/cats:2 pets/dogs:2 docs/figures:1 assets:1": "- cats 2, - dogs 2",
    "train/cats:2 train/dogs:2 test/cats:1 docs:3": "train cats 2, train dogs 2, test cats 1",
    "train/cats:2 train/dogs:2 docs:3": "train cats 2, train dogs 2",
    "images/cats:2 images/dogs:2 masks:4": "- cats 2, - dogs 2",
    # no labels, or not for all
    "images:4": "- - 4",
    "images_001:4 images_002:2": "- - 6",
    "images:4 masks:4": "- - 4",
    "VOC2012/JPEGImages:4 VOC2012/SegmentationClass:2 VOC2012/SegmentationObject:2": "- - 4",
    "images:4 annotations/trimaps:4": "- - 4",
    "train/images:4 train/masks:4 val/images:2 val/masks:2": "train - 4, val - 2",
    "images/train:4 images/val:2": "train - 4, val - 2",
    "train:4 test:2": "train - 4, test - 2",
    "train/train:4 test/test:2": "train - 4, test - 2",
    "train/cats:2 train/dogs:2 test:3": "train cats 2, train dogs 2, test - 3",
    "train/cats:2 train/dogs:2 test/test:3": "train cats 2, train dogs 2, test - 3",
    "train/cats:2 train/dogs:2 test/unknown:3": "train cats 2, train dogs 2, test - 3",
    "train/cats:2 train/dogs:2 test/images:3": "train cats 2, train dogs 2, test - 3",
    "train:3 val/cats:2 val/dogs:2": "train - 3, val cats 2, val dogs 2",
    "train_images:3 test_images:2": "train - 3, test - 2",
    # parts in classes, parts beside classes, folds, a class of trains
    "cats/train:2 cats/test:1 dogs/train:2 dogs/test:1": "train cats 2, test cats 1, train dogs 2, test dogs 1",
    "x/cats/train:2 x/cats/test:1 x/dogs/train:2 x/dogs/test:1": "train cats 2, test cats 1, train dogs 2, test dogs 1",
    "cats/Training:2 cats/Val:1 dogs/Training:2 dogs/Val:1": "train cats 2, val cats 1, train dogs 2, val dogs 1",
    "cats:2 dogs:2 test/cats:1 test/dogs:1": "train cats 2, train dogs 2, test cats 1, test dogs 1",
    "cats:2 dogs:2 val/Cats:1 val/dogs:1": "train cats 2, train dogs 2, val cats 1, val dogs 1",
    "train/Cat:2 train/Dog:2 test/cat:1 test/dog:1": "train Cat 2, train Dog 2, test Cat 1, test Dog 1",
    "train/Cat:2 train/cat:2 test/CAT:1 test/cat:1": "train Cat 2, train cat 2, test CAT 1, test cat 1",
    "fold1/cats:2 fold1/dogs:2 fold2/cats:1 fold2/dogs:1": "train cats 2, train dogs 2, test cats 1, test dogs 1",
    "fold_1/cats:1 fold_2/cats:1 fold_10/dogs:1 fold_10/cats:1": "train cats 2, test cats 1, test dogs 1",
    "folds/cv0/a:1 folds/cv0/b:1 folds/cv1/a:1": "train a 1, train b 1, test a 1",
    "train:3 car:2 bus:2": "- bus 2, - car 2, - train 3",
    "train:3 car:2": "- car 2, - train 3",
    "trains:3 contest:2": "- contest 2, - trains 3",
    "train_:3 test_:2 bus:1": "- bus 1, - test_ 2, - train_ 3",
}

REFUSED = {
    "cats:2 dogs:2 test:1": ("test/ looks like a part", "cats/ and dogs/", "--label-folder top"),
    "exam:1 test:1": ("test/ looks like a part", "exam/"),
    "train:2 test:2 car:2 bus:2": ("train/ and test/ look like parts", "bus/ and car/"),
    "train/cats:1 train/dogs:1 extra/cats:1 extra/dogs:1": ("extra/ with the same folders",),
    "train/steam:1 car:1 bus:1": ("train/ looks like a part", "bus/ and car/"),
    "train/steam:1 train/diesel:1 car:1 bus:1": ("train/ looks like a part", "bus/ and car/"),
    "cats/train:2 cats/test:1 dogs:3": ("cats/ is divided into parts", "dogs/ is not"),
    "a/train/x:1 a/train/y:1 a/test/x:1 b/train/x:1 b/train/y:1 b/test/x:1": ("a/ and b/ are data sets of their own",),
    "site1/cats:1 site1/dogs:1 site2/cats:1 site2/dogs:1": ("site1/ and site2/ hold the same folders, cats/ and dogs/", "--label-folder"),
    "site1/cats:1 site2/cats:1 site2/dogs:1": ("site1/ and site2/ hold the same folders, cats/", "--label-folder bottom cats/"),
    "site1/cats:1 site1/dogs:1 site2/cats:1 site2/dogs:1 site3/owls:1": (
        "site1/, site2/ and site3/ hold the same folders, cats/ and dogs/",
    ),
    "train/s1/cats:1 train/s1/dogs:1 train/s2/cats:1 train/s2/dogs:1 test/s1/cats:1": (
        "train/s1/ and train/s2/ hold the same folders, cats/ and dogs/",
        "--label-folder top makes train/s1/ and train/s2/ the classes, --label-folder bottom cats/ and dogs/",
    ),
    "cats:2 dogs:2 clean/cats:2 clean/dogs:2": ("clean/ holds folders that also lie beside it, cats/ and dogs/", "--label-folder bottom"),
    "cats:2 dogs:2 owls:2 new/owls:1": ("new/ holds folders that also lie beside it, owls/",),
    "train/cats:2 train/dogs:2 train/aug/cats:2 train/aug/dogs:2 test/cats:1": ("train/aug/ holds folders that also lie beside it",),
    "entrenamiento/a:1 entrenamiento/b:1 prueba/a:1 prueba/b:1": ("entrenamiento/ and prueba/ hold the same folders",),
    "cats/indoor:1 cats/outdoor:1 dogs/indoor:1 dogs/outdoor:1": ("--label-folder top makes cats/ and dogs/ the classes",),
    "train/cats:1 train/dogs:1 test/owls:1 test/rats:1": ("test/ holds owls/ and rats/", "cats/ and dogs/", "not one class is in both"),
    "fold1/train/a:1 fold1/test/a:1 fold2/train/a:1 fold2/test/a:1": ("each of fold1/ and fold2/ has parts of its own",),
    "dataset/cats:1 dataset/dogs:1 misc:1": ("dataset/ holds the folders cats/ and dogs/", "misc/ lies beside it"),
}

SENTENCES = {
    "cats:2 dogs:3": "layout: class folders, 2 classes (cats, dogs)",
    "a/b/cats:2 a/b/dogs:3": "layout: class folders under a/b/, 2 classes (cats, dogs)",
    "repo/dataset/train/red:2 repo/dataset/train/blue:2 repo/dataset/test/red:1 repo/docs:4": (
        "layout: train/ and test/ under repo/dataset/, 2 classes (blue, red); repo/docs/ passed over (4 images)"
    ),
    "train/a:2 train/b:2 dev/a:1 dev/b:1 eval/a:1 eval/b:1": (
        "layout: train/, dev/ and eval/, 2 classes (a, b); dev/ and eval/ together are the val part"
    ),
    "train/cats:2 train/dogs:2 test:3": "layout: train/ and test/, 2 classes (cats, dogs); the images of test/ have no label",
    "fold1/a:1 fold1/b:1 fold2/a:1": "layout: 2 folds (fold1/ and fold2/), of which fold2/ is the test part, 2 classes (a, b)",
    "cats/x:1 dogs:1": "layout: class folders, 2 classes (cats, dogs); folders in them belong to their class (cats/x/)",
    "train/cats/siamese:1 train/dogs:1 test/cats:1": (
        "layout: train/ and test/, 2 classes (cats, dogs); folders in them belong to their class (cats/siamese/)"
    ),
    ".:2": "layout: no class folders, 2 images",
    "cats/train:2 cats/test:1 dogs/train:2 dogs/test:1": (
        "layout: class folders, each divided into test/ and train/, 2 classes (cats, dogs)"
    ),
    "dataset/a:1 dataset/b:1 .:1": "layout: class folders under dataset/, 2 classes (a, b); 1 image beside it passed over, such as 0.jpg",
}


def files(layout: str) -> list[str]:
    """``cats:2 .:1`` as paths: two images in cats, one beside it."""
    pairs = [word.rsplit(":", 1) for word in layout.split()]
    return sorted(f"{folder}/{i}.jpg".removeprefix("./") for folder, number in pairs for i in range(int(number)))


def told(layout: str, label_folder: str = "auto") -> str:
    counts = Counter((e.part, e.label) for e in read_layout("photos", files(layout), label_folder).entries)
    return ", ".join(sorted(f"{part or '-'} {label or '-'} {n}" for (part, label), n in counts.items()))


def test_the_corpus_is_large_enough() -> None:
    assert len(UNDERSTOOD) + len(REFUSED) >= 60


@pytest.mark.parametrize("layout", UNDERSTOOD)
def test_a_layout_is_understood(layout: str) -> None:
    assert told(layout) == ", ".join(sorted(UNDERSTOOD[layout].split(", ")))


@pytest.mark.parametrize("layout", REFUSED)
def test_what_can_be_read_in_two_ways_is_refused_in_words(layout: str) -> None:
    with pytest.raises(DataError) as caught:
        told(layout)
    said = f"{caught.value} {caught.value.hint}"
    assert "photos" in said
    assert [words for words in REFUSED[layout] if words not in said] == []


@pytest.mark.parametrize("layout", SENTENCES)
def test_the_layout_is_said_in_one_line(layout: str) -> None:
    assert read_layout("photos", files(layout)).sentence == SENTENCES[layout]


@pytest.mark.parametrize("layout", [*UNDERSTOOD, *REFUSED])
def test_every_layout_can_be_told_by_the_user(layout: str) -> None:
    number = len(files(layout))
    assert all(len(read_layout("photos", files(layout), how).entries) == number for how in ("top", "bottom", "filename", "none"))


@pytest.mark.parametrize(
    ("how", "layout", "said"),
    [
        ("top", "cats:2 dogs:2 test:1", "- cats 2, - dogs 2, - test 1"),
        ("bottom", "site1/cats:1 site2/cats:1 site2/dogs:1", "- cats 2, - dogs 1"),
        ("bottom", "a/train/x:1 a/test/x:1", "test x 1, train x 1"),
        ("top", "train/s1/cats:1 train/s2/cats:1 test/s1/cats:1", "test s1 1, train s1 1, train s2 1"),
        ("none", "train/x:1 y:1", "- - 2"),
    ],
)
def test_the_user_says_which_folder_names_the_class(how: str, layout: str, said: str) -> None:
    assert told(layout, how) == said


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["train/cat.0.jpg", "train/cat.1.jpg", "train/dog.0.jpg", "test1/1.jpg"], "test - 1, train cat 2, train dog 1"),
        (["german_shepherd_12.jpg", "german_shepherd_3.jpg", "beagle_1.jpg"], "- beagle 1, - german_shepherd 2"),
        (["a/0_frog.png", "a/12_cat.png", "b/cat (2).png"], "- cat 2, - frog 1"),
    ],
)
def test_file_names_are_the_classes_where_the_user_says_so(names: list[str], said: str) -> None:
    counts = Counter((e.part, e.label) for e in read_layout("photos", names, "filename").entries)
    assert sorted(said.split(", ")) == sorted(f"{part or '-'} {label or '-'} {n}" for (part, label), n in counts.items())


def test_a_class_of_another_part_that_differs_in_capitals_is_said() -> None:
    assert read_layout("photos", files("train/Cat:1 train/Dog:1 test/cat:1 test/Dog:1")).notes == [
        "the class 'cat' of another part is 'Cat' of the train part"
    ]


@pytest.mark.parametrize("name", ["docs", "masks", "images", "fold1"])
def test_a_class_folder_of_a_name_that_is_usually_none_is_said(name: str) -> None:
    (note,) = read_layout("photos", files(f"cats:1 dogs:1 owls/a:1 {name}:1")).notes
    assert note.startswith(f"{name}/ is taken for a class, as it lies beside other class folders")
