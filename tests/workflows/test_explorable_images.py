from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tellapart.analyzed_folder import AnalyzedFolder, OpenedFolder
from tellapart.feature_spec import spec_of
from tellapart.features import FeatureMatrix
from tellapart.models.backbones import find_classifier
from tellapart.models.feature_network import bare_network
from tellapart.models.imagenet_classes import class_probabilities
from tellapart.progress import Progress
from tellapart.workflows import explorable_images
from tests import folders


def test_the_classifier_says_the_same_from_pooled_features() -> None:
    classifier, (pooled,) = find_classifier("lite2"), spec_of("lite2").backbones
    answers = []
    for backbone in (classifier, pooled):
        network = bare_network(backbone.card)
        network.load_state_dict(backbone.state())
        with torch.inference_mode():
            answers.append(network(torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))))
    found = class_probabilities(classifier, answers[1].numpy())
    assert found.shape == (2, 1000)
    assert found == pytest.approx(answers[0].softmax(dim=1).numpy(), rel=1e-4)


@pytest.mark.parametrize(("features", "networks"), [("lite2", 1), ("imagenet", 1), ("pixels", 2)])
def test_words_need_no_second_look_by_the_same_network(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: str, networks: int
) -> None:
    asked = []
    analyze = OpenedFolder.analyze

    def noted(opened: OpenedFolder, spec: explorable_images.FeatureSpec, **options: Progress) -> AnalyzedFolder:
        asked.append(spec)
        return analyze(opened, spec, **options)

    monkeypatch.setattr(OpenedFolder, "analyze", noted)
    few = folders.some_of(photos, tmp_path / "few", 1)
    found = explorable_images.explorable_images(few, spec_of(features), words="imagenet")
    assert len(asked[0].backbones) == networks
    assert isinstance(found.analyzed.features, FeatureMatrix)
    assert found.probabilities is not None
    assert found.probabilities.shape == (3, 1000)
    assert found.probabilities.sum(axis=1) == pytest.approx(1, abs=0.01)
