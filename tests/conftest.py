"""What every test stands on: a store of its own, a cache of the run's own, the same luck every time in CI."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wherry.store.store import Store

pytest_plugins = ["tests.dockerd", "tests.registries"]

# A slow machine is no bug, so no deadline. In CI the examples are the same in every run:
# what turns red is the change, not the luck of the draw.
settings.register_profile("ci", deadline=None, derandomize=True)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


# A run under nohup or in a shell's background starts with signals ignored, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The store `wherry` uses in this run: never the user's; one for all workers: a download is made once."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    path = shared / "wherry-cache"
    path.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHERRY_CACHE_DIR", str(path))
        patch.delenv("SOURCE_DATE_EPOCH", raising=False)
        yield path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store of the test's own."""
    from wherry.store.store import Store  # noqa: PLC0415 - tests of other rooms start without it

    return Store.open(tmp_path / "store")
