from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tellapart.curation.duplicate_groups import DuplicateGroup
from tellapart.curation.issues import BORDER
from tellapart.curation.quality_issues import GRAPHIC_BITS, RULES, appearance_scores, placeholder_groups
from tellapart.dataset.catalog import ImageFacts
from tellapart.images import image_statistics as quality_facts
from tests import folders

SOUND = folders.class_image("dots", 1, 500)


def facts_of(image: Image.Image) -> ImageFacts:
    return ImageFacts("id", image.width, image.height, "PNG", b"", b"", **asdict(quality_facts(np.asarray(image.convert("RGB")))))


def flagged(image: Image.Image) -> set[str]:
    return {name for name in RULES if appearance_scores(name, [facts_of(image)])[0] < BORDER}


def changed(scale: float, shift: float) -> Image.Image:
    return Image.fromarray(np.clip(np.asarray(SOUND) * scale + shift, 0, 255).astype(np.uint8))


PLANTED = {
    "small": SOUND.resize((60, 45)),
    "blurred": SOUND.filter(ImageFilter.GaussianBlur(12)),
    "dark": changed(0.2, 0),
    "bright": changed(0.2, 204),
    "flat": Image.new("RGB", (400, 300), (90, 140, 200)),
    "odd_aspect": SOUND.resize((900, 150)),
    "gray": SOUND.convert("L"),
}


def test_a_sound_photo_has_no_issue() -> None:
    assert flagged(SOUND) == set()


@pytest.mark.parametrize("name", PLANTED)
def test_each_planted_fault_is_found_and_no_other(name: str) -> None:
    assert flagged(PLANTED[name]) == {name}


def test_scores_are_one_half_at_the_border_and_rise_with_the_amount() -> None:
    sound = facts_of(SOUND)
    sides = [replace(sound, width=side, height=1000) for side in (1, 20, 64, 200, 900)]
    scores = appearance_scores("small", sides)
    assert scores[2] == pytest.approx(0.5)
    assert (np.diff(scores) > 0).all()
    assert scores.min() >= 0
    assert scores.max() <= 1


@pytest.mark.parametrize("name", RULES)
def test_scores_of_any_facts_lie_between_0_and_1_or_are_unknown(name: str) -> None:
    low = replace(facts_of(SOUND), width=1, height=1, brightest=0, darkest=255, entropy=0, chroma=0, acutance=0)
    high = replace(low, width=9000, height=9000, brightest=255, darkest=0, entropy=8, chroma=255, acutance=4)
    scores = appearance_scores(name, [low, high, None])
    assert np.isnan(scores[2])
    assert 0.5 < scores[1] <= 1
    assert np.isnan(scores[0]) if name == "blurred" else 0 <= scores[0] <= 1


def test_a_flat_image_is_not_called_blurred() -> None:
    assert np.isnan(appearance_scores("blurred", [facts_of(PLANTED["flat"])])[0])


def group(kind: str, *paths: str) -> DuplicateGroup:
    return DuplicateGroup(kind, ("id",), paths, paths[0], "", 1.0)


def facts(entropy: float) -> dict[str, ImageFacts]:
    return {"id": ImageFacts("id", 200, 200, "PNG", b"", b"", 0, 0, 0, 0, 0, 0, 0, 0, entropy, 0, 0)}


@pytest.mark.parametrize(
    ("paths", "entropy", "is_placeholder"),
    [
        (("a/1", "b/1", "c/1"), 7.0, True),
        (("a/1", "b/1", "b/2"), 7.0, False),
        (("a/1", "a/2", "a/3"), 7.0, False),
        (("a/1", "a/2", "a/3"), GRAPHIC_BITS - 1, True),
        (("a/1", "b/1"), 1.0, False),
    ],
)
def test_a_stand_in_came_often_and_is_drawn_or_came_for_many_names(paths: tuple[str, ...], entropy: float, is_placeholder: bool) -> None:
    names = {path: path.split("/")[0] for path in paths}
    found = placeholder_groups([group("near", *paths)], facts(entropy), names)
    assert bool(found) == is_placeholder


def test_pairs_at_the_boundary_are_no_placeholders() -> None:
    assert placeholder_groups([group("boundary", "a/1", "b/1", "c/1")], facts(1.0), {"a/1": "a", "b/1": "b", "c/1": "c"}) == []
