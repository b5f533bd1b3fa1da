"""Names of folders that are not classes: parts of a split, folds, wrapper folders, and folders next to a dataset."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable

_PART_WORDS = {
    "train": "trainval|training|train|trn",
    "val": "validation|valid|val|development|dev|evaluation|eval|vld",
    "test": "testing|test|tst|holdout|heldout",
}
_FILLERS = (
    "dataset|data|set|images|image|imgs|img|pictures|picture|pics|photos|photo|samples|split|part|seg|public|private|"
    "small|full|all|new|original|orig|raw|resized|cropped|clean|final|folder|dir|files|zip|jpeg|jpg|png"
)
_PART = re.compile(rf"\d*(?:{_FILLERS})*(?:{'|'.join(f'(?P<{part}>{words})' for part, words in _PART_WORDS.items())})(?:{_FILLERS})*\d*")
_WORDS = {word: part for part, words in _PART_WORDS.items() for word in words.split("|")}
_FOLD = re.compile(r"(?:cv)?k?(?:folds?|cv|splits?)(?:\d+|[a-e])|\d+(?:fold|split)")
_DATA = re.compile(
    rf"(?:{_FILLERS})*(?:dataset|data|images|image|imgs|img|pictures|pics|photos|samples|files|jpegs?|jpgs?|pngs?)(?:{_FILLERS})*\d*"
)
_ASIDE = re.compile(
    r"docs?|documentation|assets?|figures?|figs?|plots?|readme|screenshots?|previews?|thumbnails?|thumbs?|examples?|demos?|static|media|"
    r"notebooks?|src|scripts?|results?|outputs?|runs?|logs?|models?|weights|checkpoints?|tests?data|licen[cs]es?|"
    r"(?:image|binary|semantic|instance|segmentation)?masks?|trimaps?|heatmaps?|overlays?|depth(?:maps?)?|annotations?|annots?|"
    r"segmentations?(?:class|object)?(?:aug|raw)?|labels?|bboxes|groundtruths?|gt|xmls?"
)
_NUMBER_AT_END = re.compile(r"[\W_]*\d+[\W_]*$")
_NUMBER_AT_START = re.compile(r"^[\W_]*\d+[\W_]+")
_MOST_IN_NAMES = 1000
_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")


def part_of(name: str) -> str | None:
    """``train``, ``val`` or ``test`` if a folder name means it: ``training_set``, ``Valid``, ``seg_test``, ``ImagesTrain``, ``test1``.

    >>> [part_of(name) for name in ("Train_Set", "validation", "test1", "trains", "contest")]
    ['train', 'val', 'test', None, None]
    """
    match = _PART.fullmatch(_plain(name))
    return match.lastgroup if match else None


def parts_among(names: Iterable[str]) -> dict[str, str]:
    """The part of each name that names one; names that differ in that word alone do too, such as ``asl_train`` and ``asl_test``."""
    names = list(names)
    parts = {name: part for name in names if (part := part_of(name))}
    alike: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for name in names:
        tokens = [token.casefold() for token in _TOKEN.findall(unicodedata.normalize("NFKC", name))]
        part_words = [token for token in tokens if token in _WORDS]
        if name not in parts and len(part_words) == 1 and not name.endswith("_"):
            alike[tuple(token for token in tokens if token not in _WORDS)][name] = _WORDS[part_words[0]]
    for same in alike.values():
        if len(set(same.values())) > 1:
            parts |= same
    return parts


def is_fold(name: str) -> bool:
    """Whether a name is that of one fold of several: ``fold1``, ``Fold_2``, ``cv-3``, ``split0``."""
    return bool(_FOLD.fullmatch(_plain(name)))


def is_data(name: str) -> bool:
    """Whether a name only means "data": ``dataset``, ``images``, ``raw_data``."""
    return bool(_DATA.fullmatch(_plain(name)))


def is_aside(name: str) -> bool:
    """Whether a name is one of those usually found next to a dataset: ``docs``, ``figures``, ``results``, ``masks``."""
    return bool(_ASIDE.fullmatch(_plain(name)))


def is_class(name: str) -> bool:
    """Whether a folder of that name is always read as a class."""
    return not (part_of(name) or is_fold(name) or is_data(name))


def class_in_file_name(name: str) -> str | None:
    """The class that a file is named after: its name without suffix, and without a number at the end or the start.

    >>> [class_in_file_name(name) for name in ("cat.0.jpg", "german_shepherd_12.jpg", "0_frog.png", "dog (3).jpg", "17.jpg")]
    ['cat', 'german_shepherd', 'frog', 'dog', None]
    """
    stem = name.rpartition(".")[0] or name
    return _NUMBER_AT_START.sub("", _NUMBER_AT_END.sub("", stem)).strip(" _-.") or None


def classes_in_file_names(paths: Iterable[str]) -> list[str]:
    """What file names begin with, where that may be their classes: several names with several files each; else empty."""
    names = Counter(class_in_file_name(path.rpartition("/")[2]) for path in paths)
    unnamed = names.pop(None, 0)
    repeated = sorted(str(name) for name, number in names.items() if number > 1)
    is_usual = 2 <= len(repeated) <= _MOST_IN_NAMES and 10 * sum(names[name] for name in repeated) >= 9 * (names.total() + unnamed)
    return repeated if is_usual else []


def _plain(name: str) -> str:
    """A name in lower case without punctuation; empty for names that end in ``_``, which are always classes (``train_``)."""
    if name.endswith("_"):
        return ""
    return "".join(letter for letter in unicodedata.normalize("NFKC", name).casefold() if letter.isalnum())
