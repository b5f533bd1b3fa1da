from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tellapart.errors import ModelError, OptionError
from tellapart.models.backbones import find_backbones, find_classifier
from tellapart.models.zero_shot import check_knows_words, zero_shot


def test_a_classifier_is_asked_for_its_own_classes(cache: Path) -> None:
    knows = find_classifier("lite0")
    check_knows_words([knows], ["cats", "dogs"])
    probabilities = np.full((1, 1000), 0.001, np.float32)
    np.testing.assert_allclose(zero_shot(knows, probabilities, ["cats", "dogs"]), [[0.005, 0.118, 0.001]], rtol=1e-5)
    with pytest.raises(OptionError, match="no class 'unicorn'"):
        check_knows_words([knows], ["cats", "unicorn"])


def test_networks_that_know_no_words_say_so(cache: Path) -> None:
    knows, plain = find_classifier("lite0"), find_backbones("lite0")[0]
    with pytest.raises(ModelError, match="lite0 has no text encoder"):
        zero_shot(plain, np.zeros((1, 1280), np.float32), ["cats"])
    with pytest.raises(ModelError, match="has no text encoder"):
        check_knows_words([knows, plain])
