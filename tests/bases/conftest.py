"""A fetcher that reads hand-made mirrors, and one store that all tests of the real mirror share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wherry.fetch.fetcher import Fetcher
from wherry.progress import SilentProgress
from wherry.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def fetcher(store: Store) -> Fetcher:
    return Fetcher(store, progress=SilentProgress())


@pytest.fixture(scope="session")
def shared_store(cache_dir: Path) -> Store:
    """What is fetched from the real mirror is fetched once a run."""
    return Store.open(cache_dir)
