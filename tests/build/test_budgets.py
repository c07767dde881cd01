"""A finished image is held to the project's limits."""

from __future__ import annotations

import pytest

from tests.results import built_image
from wherry.build.budgets import broken_budgets
from wherry.project.config import Budgets


@pytest.mark.parametrize(
    ("budgets", "broken"),
    [
        (Budgets(), ()),
        (Budgets(max_image=300, max_layer=200, max_layers=2), ()),
        (
            Budgets(max_image=299),
            ("linux/amd64: budget max-image = 299 bytes: the image has 300, 1 too many",),
        ),
        (
            Budgets(max_layer=150),
            ("linux/amd64: budget max-layer = 150 bytes: the layer torch has 200, 50 too many",),
        ),
        (Budgets(max_layers=1), ("linux/amd64: budget max-layers = 1: the image has 2 layers",)),
    ],
)
def test_each_limit_that_is_exceeded_is_named_with_the_amount(
    budgets: Budgets, broken: tuple[str, ...]
) -> None:
    assert broken_budgets(built_image(idna=100, torch=200), budgets) == broken
