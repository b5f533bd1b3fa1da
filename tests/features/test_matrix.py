from __future__ import annotations

import numpy as np
import pytest

from tellapart.features import FeatureMatrix
from tellapart.features.matrix import unit_rows


def matrix() -> FeatureMatrix:
    return FeatureMatrix(("a", "b", "c"), np.arange(6, dtype=np.float32).reshape(3, 2), {"backbone": "<b>lite0</b>"})


def test_rows_are_found_by_image_in_any_order_and_number() -> None:
    assert matrix().of(["c", "a", "c"]).tolist() == [[4, 5], [0, 1], [4, 5]]
    assert matrix().rows([]).tolist() == []
    assert len(matrix()) == 3


def test_an_unknown_image_is_named() -> None:
    with pytest.raises(KeyError, match="nobody"):
        matrix().of(["nobody"])


@pytest.mark.parametrize("shape", [(2, 2), (4, 2), (3,)])
def test_shapes_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        FeatureMatrix(("a", "b", "c"), np.zeros(shape, np.float32), {})


def test_unit_rows_have_length_one_and_zero_stays_zero() -> None:
    units = unit_rows(np.array([[3, 4], [0, 0]], np.float32))
    assert np.allclose(units, [[0.6, 0.8], [0, 0]])
    assert units.dtype == np.float32


def test_the_notebook_form_escapes() -> None:
    shown = matrix()._repr_html_()
    assert "&lt;b&gt;lite0" in shown
    assert "<b>lite0" not in shown
