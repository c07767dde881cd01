"""The rules that the findings of these tests name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.findings import RULES, only_rules

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _our_rules() -> Iterator[None]:
    with only_rules(*RULES):
        yield
