from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tellapart.models.out_of_distribution import MOST_KEPT, Familiarity, Unlearned, conformal_tensors, fit_familiarity, read_conformal


def two_kinds(n: int, seed: int = 0, d: int = 16) -> np.ndarray:
    """Images of two kinds around two directions."""
    rng = np.random.default_rng(seed)
    centers = np.eye(d)[:2]
    return (centers[rng.integers(0, 2, n)] + 0.2 * rng.normal(size=(n, d))).astype(np.float32)


def names(n: int) -> list[str]:
    return [f"g{number}" for number in range(n)]


def logits(n: int, seed: int = 0, strength: float = 5.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 2)) + np.array([strength, 0.0])


def fit(values: np.ndarray, groups: list[str], held_out: np.ndarray | None = None) -> Familiarity | None:
    n = len(values)
    return fit_familiarity(values, groups, Unlearned(np.arange(n), logits(n), held_out))


def fitted(n: int = 200, seed: int = 0) -> Familiarity:
    found = fit(two_kinds(n, seed), names(n))
    assert found is not None
    return found


def test_an_image_of_another_kind_is_stranger_than_any_of_the_training() -> None:
    found = fitted()
    strange = np.full((1, 16), -1, dtype=np.float32)
    assert found.p_values(strange, logits(1, strength=9.0)) == pytest.approx([1 / 201])
    assert np.median(found.p_values(two_kinds(50, seed=1), logits(50, seed=1))) > 0.2


def test_images_like_the_training_are_called_strange_as_often_as_asked() -> None:
    seeds = range(40)
    alarms = [fitted(150, seed).p_values(two_kinds(400, 1000 + seed), logits(400, 1000 + seed)) <= 0.05 for seed in seeds]
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.01)


def test_a_weak_answer_makes_an_image_strange_and_a_strong_one_does_not_outweigh_its_distance() -> None:
    found, values = fitted(), two_kinds(50, seed=1)
    usual, weak = (found.strangeness(values, logits(50, strength=strength)) for strength in (5.0, -20.0))
    assert (weak > usual + 1).all()
    strange = np.full((50, 16), -1, dtype=np.float32)
    assert found.strangeness(strange, logits(50, strength=1000.0)).min() > usual.max()


def test_without_logits_only_the_distance_counts() -> None:
    found = fit_familiarity(two_kinds(50), names(50), Unlearned(np.arange(50), None))
    assert found is not None and found.energy is None
    values = two_kinds(9, seed=3)
    assert np.array_equal(found.p_values(values, logits(9)), found.p_values(values, logits(9, strength=-50)))


def test_copies_of_an_image_do_not_make_it_familiar_to_the_scale() -> None:
    values = two_kinds(60)
    copies = np.concatenate([values, values, values, values])
    own = fit(copies, names(60) * 4)
    single = fit(values, names(60))
    assert own is not None and single is not None
    assert own.scale.groups == 60
    assert own.distance.mean > 0.8 * single.distance.mean


def test_only_what_a_network_held_out_makes_the_scale_and_only_the_others_are_kept() -> None:
    values = two_kinds(100)
    held_out = np.arange(0, 100, 5)
    found = fit(values, names(100), held_out)
    assert found is not None
    assert (len(found.units), len(found.scale)) == (80, 20)


def test_too_few_images_have_no_familiarity() -> None:
    assert fit(two_kinds(3), names(3)) is None
    assert fit(two_kinds(8), ["one"] * 8) is None
    assert fit(two_kinds(8), names(8), np.array([], dtype=int)) is None


def test_of_many_images_a_sample_is_kept_that_depends_on_the_seed_alone() -> None:
    values = two_kinds(MOST_KEPT + 100, d=4)
    first, again = (fit(values, names(len(values))) for _ in range(2))
    assert first is not None and again is not None
    assert len(first.units) == MOST_KEPT
    assert np.array_equal(first.units, again.units) and np.array_equal(first.scale.scores, again.scale.scores)
    assert len(first.scale) == len(values)


def written(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    from safetensors.numpy import save_file

    save_file(arrays, folder / "conformal.safetensors")
    return folder / "conformal.safetensors"


def good() -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in conformal_tensors(fitted(), fitted().scale).items()}


def test_familiarity_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    familiarity, true_classes = read_conformal(written(tmp_path, good()), width=16)
    assert familiarity is not None and true_classes is not None
    assert np.array_equal(familiarity.units, fitted().units)
    assert np.array_equal(familiarity.scale.scores, true_classes.scores)
    assert np.array_equal(familiarity.p_values(two_kinds(9, 2), logits(9)), fitted().p_values(two_kinds(9, 2), logits(9)))


DAMAGES = {
    "another width": ({"familiarity.units": np.zeros((5, 3), np.float16)}, "has the shape"),
    "another format": ({"familiarity.units": np.zeros((5, 16), np.float32)}, "expected F16"),
    "no number": ({"familiarity.units": np.full((5, 16), np.nan, np.float16)}, "cannot be used"),
    "not ascending": ({"true_classes.scores": np.arange(200, 0, -1).astype(np.float32)}, "cannot be used"),
    "a weight of 0": ({"familiarity.strangeness.weights": np.zeros(200, np.float32)}, "cannot be used"),
    "no deviation": ({"familiarity.energy": np.zeros(2)}, "cannot be used"),
    "other lengths": ({"true_classes.weights": np.ones(3, np.float32)}, "200 scores and 3 weights"),
    "no scale": ({"familiarity.strangeness.scores": None}, "is missing"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_tensors_are_refused(name: str, tmp_path: Path) -> None:
    changes, words = DAMAGES[name]
    arrays = {key: value for key, value in {**good(), **changes}.items() if value is not None}
    with pytest.raises(ValueError, match=words):
        read_conformal(written(tmp_path, arrays), width=16)
