"""What a recipe refuses, and what it takes where the user gives nothing."""

from __future__ import annotations

import pytest

from tellapart.errors import OptionError
from tellapart.training.options import TrainOptions
from tellapart.training.recipe_runner import DEFAULTS, NetworkRunner, ProbeRunner, folds_by_size


def test_the_fewer_images_the_more_folds() -> None:
    sizes = (10, 100, 500, 1_000, 3_000, 10_000, 100_000)
    folds = [folds_by_size(n) for n in sizes]
    assert folds == sorted(folds, reverse=True) and folds[0] > 1 and folds[-1] == 1


@pytest.mark.parametrize(
    ("given", "hint"), [({"folds": 5}, "--recipe finetune --folds 5"), ({"balance": "oversample"}, "--balance weights")]
)
def test_a_probe_refuses_what_only_networks_do_and_says_what_to_do(given: dict[str, object], hint: str) -> None:
    options = TrainOptions.from_others(**{"recipe": "probe", **given})
    with pytest.raises(OptionError) as error:
        ProbeRunner(options)
    assert error.value.hint == hint


@pytest.mark.parametrize("balance", ["none", "weights"])
def test_a_probe_takes_class_weights(balance: str) -> None:
    assert ProbeRunner(TrainOptions.of(recipe="probe", balance=balance)).notes == []


def test_what_is_not_given_is_the_recipes_own_default_and_what_is_given_counts() -> None:
    options = {"recipe": "scratch", "architecture": "tiny", "image_size": 32}
    usual = NetworkRunner(TrainOptions.of(**options)).recipe.plan
    assert (usual.epochs, usual.lr, usual.batch_size) == tuple(DEFAULTS["scratch"][name] for name in ("epochs", "lr", "batch_size"))
    own = NetworkRunner(TrainOptions.of(**options, epochs=3, lr=0.5, time_limit="2m")).recipe.plan
    assert (own.epochs, own.lr, own.time_s) == (3, 0.5, 120)


def test_only_a_network_from_scratch_lets_held_out_images_choose_the_epoch() -> None:
    scratch = NetworkRunner(TrainOptions.of(recipe="scratch", architecture="tiny"))
    assert scratch.recipe.plan.selects_epoch and scratch.recipe.backbone is None
    finetune = NetworkRunner(TrainOptions.of(recipe="finetune", backbone="lite0"))
    assert not finetune.recipe.plan.selects_epoch and finetune.recipe.backbone is not None


def test_folds_follow_the_size_of_the_set_only_in_a_fine_tuning_without_a_number() -> None:
    assert NetworkRunner(TrainOptions.of(recipe="scratch", architecture="tiny"))._with_folds(10).folds == 1
    assert NetworkRunner(TrainOptions.of(recipe="finetune", backbone="lite0"))._with_folds(10).folds == folds_by_size(10)
    assert NetworkRunner(TrainOptions.of(recipe="finetune", backbone="lite0", folds=2))._with_folds(10).folds == 2


def test_one_network_is_fine_tuned_at_a_time() -> None:
    with pytest.raises(OptionError, match="one network is fine-tuned at a time"):
        assert NetworkRunner(TrainOptions.of(recipe="finetune", backbone="lite0+lite1")).recipe
