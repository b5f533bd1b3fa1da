"""An option that would change nothing is refused, in every command."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import tellapart
from tellapart.cli.app import tellapart as door
from tellapart.cli.click_commands import options_of as options_of_row
from tellapart.collection.options import CollectOptions
from tellapart.collection.order_resolution import resolve_order
from tellapart.commands import COMMANDS
from tellapart.dataset.options import DatasetOptions
from tellapart.errors import OptionError
from tellapart.options import Options
from tellapart.training.options import TrainOptions

Values = dict[str, Any]
PROBE: Values = {}
TUNED: Values = {"recipe": "finetune"}
SCRATCH: Values = {"recipe": "scratch"}
SEARCHED: Values = {"recipe": "auto"}
ONE_LOOK: Values = {"backbone": "none"}

COLLECTED: Values = {"class_": ("a=b",), "page": ("http://a.example",)}
KINDS: Values = {"bool": True, "int": 100, "int | None": 100, "float": 2.0, "Path | None": "a", "str | None": "1m"}
"""A value of each kind of option."""

IDLE: dict[str, list[tuple[Values, Values]]] = {
    "train": [
        (PROBE, {"epochs": 4}),
        (PROBE, {"lr": 1e-3}),
        (PROBE, {"augment": "light"}),
        (PROBE, {"augment": "lihgt"}),
        (PROBE, {"time_limit": "3m"}),
        (PROBE, {"mixup": 0.2}),
        (PROBE, {"cutmix": 0.2}),
        (PROBE, {"unfreeze": "last"}),
        (PROBE, {"architecture": "resnet"}),
        (PROBE, {"batch_size": 16}),
        (PROBE, {"logger": "mlflow"}),
        (PROBE, {"weight_decay": 0.05}),
        (PROBE, {"layer_decay": 0.5}),
        (PROBE, {"label_smoothing": 0.1}),
        (PROBE, {"patience": 20}),
        (TUNED, {"architecture": "tiny"}),
        (TUNED, {"n_splits": 5}),
        (TUNED, {"learning_curve": False}),
        (SCRATCH, {"backbone": "lite0"}),
        (SCRATCH, {"weights": "a.pth"}),
        (SCRATCH, {"flip_average": False}),
        (SCRATCH, {"unfreeze": "all"}),
        (SCRATCH, {"learning_curve": True}),
        (SEARCHED, {"folds": 5}),
        ({"costs": "costs.csv"}, {"recall": "dogs=0.9"}),
        (SEARCHED, {"flip_average": False}),
        (SEARCHED, {"epochs": 4}),
        (SEARCHED, {"n_splits": 5}),
        (SEARCHED, {"plan": True}),
        ({"plan": True}, {"again": True}),
    ],
    "autoencode": [({"architecture": "classic"}, {"latent": 64})],
    "backbones": [({}, {"device": "cpu"})],
    "balance": [
        ({}, {name: value})
        for name, value in {
            "out": "a.csv",
            "backbone": "lite0",
            "seed": 1,
            "test_share": 0.3,
            "device": "cpu",
            "precision": "float32",
        }.items()
    ]
    + [({"strategy": "undersample"}, {"cap": 5}), ({"strategy": "none"}, {"cap": 5})],
    "check": [
        (ONE_LOOK, {"image_size": 96}),
        (ONE_LOOK, {"seed": 1}),
        (ONE_LOOK, {"resize": "pad"}),
        (ONE_LOOK, {"device": "cpu"}),
        (ONE_LOOK, {"precision": "float32"}),
    ],
    "cluster": [
        ({"method": "hdbscan"}, {"k": 4}),
        ({"method": "agglomerative"}, {"n_init": 3}),
        ({"k": 4}, {"max_k": 20}),
        ({"method": "affinity"}, {"max_k": 20}),
        ({}, {"links": True}),
    ],
    "collect": [
        ({"status": True}, {name: COLLECTED.get(name, KINDS.get(str(kind)))})
        for name, kind in ((f.name, f.type) for f in fields(CollectOptions))
        if name not in ("out", "state", "status")
    ],
    "crop": [
        ({"target": "subject"}, {"on_multiple": "all"}),
        ({"target": "cats"}, {"align": True}),
        ({"target": "subject"}, {"filter_identities": False}),
        ({"measure_benefit": False}, {"size": 96}),
        ({"measure_benefit": False}, {"seed": 1}),
        ({"measure_benefit": False}, {"precision": "float32"}),
    ],
    "learning-curve": [
        (PROBE, {"epochs": 3}),
        (PROBE, {"augment": "light"}),
        (PROBE, {"architecture": "tiny"}),
        (SCRATCH, {"backbone": "lite0"}),
        (SCRATCH, {"weights": "a.pth"}),
    ],
    "decisions": [({}, {"reason": "a reason"})],
    "evaluate": [({}, {"tta_augment": "light"})],
    "explain": [({"occlusion": False}, {"square": 0.1})],
    "export-model": [
        ({"to": "hub"}, {"int8": True}),
        ({"to": "onnx"}, {"single": True}),
        ({"to": "torch"}, {"runtime": "package"}),
    ],
    "explore": [
        ({"method": "hdbscan"}, {"k": 4}),
        ({"map": "pca"}, {"perplexity": 10.0}),
        *[({"only": "map"}, idle) for idle in ({"k": 4}, {"method": "hdbscan"}, {"vocabulary": "none"}, {"name": "0=a"})],
    ],
    "suggest": [({}, {"labeled": True}), ({"run": "r"}, {"classes": "a,b"}), ({"run": "r"}, {"features": "lite0"})],
    "ladder": [
        ({"steps": "scratch"}, {"backbone": "lite0"}),
        ({"steps": "scratch"}, {"weights": "a.pth"}),
        ({"steps": "probe,finetune"}, {"architecture": "tiny"}),
        ({"steps": "probe"}, {"scratch_size": 32}),
        ({"steps": "probe"}, {"scratch_epochs": 2}),
        ({"steps": "scratch,probe"}, {"epochs": 2}),
        ({"steps": "probe,finetune"}, {"folds": 3}),
        ({"steps": "probe"}, {"tta": 2}),
        ({"steps": "probe,tta"}, {"time_limit": "3m"}),
    ],
    "predict": [({"tta": 1}, {"tta_augment": "light"})],
    "prepare": [
        ({"format": "tar"}, {"channels": "first"}),
        ({"format": "parquet"}, {"dtype": "float32"}),
        ({"format": "npy"}, {"shard_mb": 10}),
        ({"format": "tar", "size": ("original",)}, {"resize": "pad"}),
        ({"format": "tar", "size": ("original",)}, {"gray": True}),
        ({"shuffle": False}, {"seed": 1}),
    ],
    "sources": [({}, {"allow_private": True})],
    "split": [
        ({"strategy": "own"}, {"val": 0.2}),
        ({"first_n": 50}, {"test": 0.2}),
        ({"first_n": 50}, {"reset": True}),
        ({"first_n": 50}, {"folds": 5}),
        ({"first_n": 50}, {"previous": "a.csv"}),
        ({"strategy": "own"}, {"previous": "a.csv"}),
        ({"strategy": "own"}, {"reset": True}),
        ({"previous": "a.csv"}, {"reset": True}),
        (ONE_LOOK, {"device": "cpu"}),
        (ONE_LOOK, {"precision": "float32"}),
    ],
    "cache": [({}, {"older_than": "30d"})],
    "submit": [({}, {"tta_augment": "strong"})],
}
"""By command: options that are fine together, and one more that would change nothing beside them."""
for _name in (name for name, row in COMMANDS.items() if issubclass(options_of_row(row), DatasetOptions)):
    IDLE.setdefault(_name, []).append(({"label_folder": "top"}, {"label_column": "breed"}))


def options_of(name: str) -> type[Options]:
    return options_of_row(COMMANDS[name])


@pytest.mark.parametrize(("verb", "fine", "idle"), [(verb, *case) for verb, cases in IDLE.items() for case in cases])
def test_an_option_that_would_change_nothing_is_refused(verb: str, fine: Values, idle: Values) -> None:
    (name,) = idle
    options_of(verb).of(**fine)
    with pytest.raises(OptionError, match=rf"(?m)^{name} has no effect (with|without|on) ") as caught:
        options_of(verb).of(**fine, **idle)
    assert caught.value.hint
    assert len(str(caught.value).splitlines()) == 1


def test_every_condition_is_in_the_table() -> None:
    declared = {(verb, f.name) for verb in COMMANDS for f in fields(options_of(verb)) if f.metadata["only_for"]}
    assert declared == {(verb, name) for verb, cases in IDLE.items() for _, idle in cases for name in idle}


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_option_is_read_somewhere(verb: str) -> None:
    """In the command's own module, or where its options are handed on to: the modules that name its options class."""
    source = Path(tellapart.__file__).parent
    kind = options_of(verb)
    texts = [path.read_text(encoding="utf-8") for path in source.rglob("*.py")]
    own = "".join(text.partition(f"class {kind.__name__}(")[2] if f"class {kind.__name__}(" in text else text
                  for text in texts if kind.__name__ in text)  # fmt: skip
    workflows = ("tta_options", "projection_page", "predicted_answers")
    handed_on = "".join((source / "workflows" / f"{name}.py").read_text(encoding="utf-8") for name in workflows)
    is_handed_on = re.search(r'(reading(=|": )|(open_dataset|open_images)\(folder, )(chosen|options)\b', own)
    read = {f.name for f in fields(DatasetOptions)} if is_handed_on else set()
    read |= {"again"} if "equal_run(" in own else set()
    for f in fields(kind):
        assert f.name in read or re.search(rf'(\.{f.name}\b|"{f.name}")', own + handed_on), f"{verb} never reads {f.name}"


def test_the_recipe_that_has_an_option_is_named() -> None:
    with pytest.raises(OptionError) as caught:
        TrainOptions.of(epochs=4, lr=1e-3)
    assert str(caught.value).splitlines() == [
        "epochs has no effect with --recipe probe; it goes with --recipe finetune or scratch",
        "lr has no effect with --recipe probe; it goes with --recipe finetune or scratch",
    ]


@pytest.mark.parametrize("words", [["--patience", "20"], ["--unfreeze", "all"], ["--mixup", "0"], ["--architecture", "resnet"]])
def test_the_default_value_is_refused_too_where_it_is_given(words: list[str]) -> None:
    result = CliRunner().invoke(door, ["train", "nowhere", *words])
    assert result.exit_code == 2
    assert f"{words[0][2:]} has no effect with --recipe probe" in result.stderr


def test_the_default_value_is_refused_too_in_python() -> None:
    with pytest.raises(OptionError, match="patience has no effect with --recipe probe"):
        TrainOptions.of(patience=20)


def test_nothing_is_refused_for_being_given_where_it_counts() -> None:
    assert TrainOptions.of(recipe="finetune", patience=20, unfreeze="all") == TrainOptions(recipe="finetune")


def test_options_of_another_command_are_taken_over_where_they_count() -> None:
    made = TrainOptions.from_others(recipe="scratch", backbone="lite2", architecture="tiny", epochs=3, n_splits=0, learning_curve=False)
    assert (made.architecture, made.epochs, made.backbone) == ("tiny", 3, "lite2")


@pytest.mark.parametrize(
    ("names", "given", "name"),
    [
        (["oak"], {"browser": True}, "browser"),
        (["oak"], {"next_page": "auto"}, "next_page"),
        (["oak"], {"pages": 3}, "pages"),
        (["oak"], {"label": "oak"}, "label"),
        ([], {"page": ("http://a.example",), "label": "oak", "sources": "openverse"}, "sources"),
        ([], {"page": ("http://a.example",), "label": "oak", "uneven_sources": True}, "uneven_sources"),
    ],
)
def test_collect_refuses_options_of_ways_that_are_not_gone(names: list[str], given: Values, name: str) -> None:
    with pytest.raises(OptionError, match=f"^{name} has no effect without "):
        resolve_order(names, CollectOptions.of(contact="me@example.org", **given), {})
