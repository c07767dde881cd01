"""What several tests of a team stand on."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.team import LARGE, SMALL, Relay, Team, package_index
from tests.registries import docker_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with docker_registry(tmp_path) as registry, package_index() as index:
        relay = Relay(registry.host)
        made = Team(tmp_path, registry, relay, index)
        made.project.mkdir()
        (made.project / "pyproject.toml").write_text(
            '[project]\nname = "app"\nversion = "1"\n'
            f'[tool.wherry]\ncommand = ["python", "-V"]\nbase = "{made.push_base()}"\n'
            f'cache = "{relay.host}/team/cache"\n'
        )
        (made.project / "main.py").write_text("print('at work')\n")
        made.offer("large", "1", LARGE)
        for name in ("red", "green", "blue"):
            made.offer(name, "1", SMALL)
        made.lock(large="1", red="1", green="1", blue="1")
        yield made
        relay.close()


@pytest.fixture
def warm(team: Team) -> tuple[Team, dict[str, Any]]:
    """A team one of whose machines has built and pushed; and what it built."""
    built = team.machine().build("--push")
    shutil.copy(team.root / "machine-1/app/wherry.lock", team.project)
    return team, built
