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
            ("linux/amd64: the image has 300 B, 1 B more than max-image = 299 B",),
        ),
        (
            Budgets(max_layer=150),
            ("linux/amd64: the layer torch has 200 B, 50 B more than max-layer = 150 B",),
        ),
        (Budgets(max_layers=1), ("linux/amd64: the image has 2 layers, more than max-layers = 1",)),
    ],
)
def test_each_limit_that_is_exceeded_is_named_with_the_amount(
    budgets: Budgets, broken: tuple[str, ...]
) -> None:
    assert broken_budgets(built_image(idna=100, torch=200), budgets) == broken
