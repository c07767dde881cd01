"""Builders that use no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.build.source_wheels.trees import HOST
from wherry.build.source_wheels import (
    build_source_wheels,
)
from wherry.fetch.fetcher import Fetcher
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.plan.select import Chosen
    from wherry.project.locks.model import LockedFile
    from wherry.project.target import Target
    from wherry.store.store import Store


@pytest.fixture
def fetcher(store: Store) -> Fetcher:
    return Fetcher(store, progress=SilentProgress(), offline=True)


@pytest.fixture
def build(store: Store, fetcher: Fetcher) -> Callable[..., LockedFile]:
    def one(chosen: Chosen, target: Target = HOST, progress: SilentProgress | None = None) -> LockedFile:
        built = build_source_wheels(
            [chosen], target=target, store=store, fetcher=fetcher, progress=progress or SilentProgress()
        )
        assert list(built) == [chosen.name]
        return built[chosen.name]

    return one


@pytest.fixture
def no_uv(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it to forbid uv from then on."""

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("uv was started")

    return lambda: monkeypatch.setattr("wherry.build.sources.backend.subprocess.Popen", refuse)
