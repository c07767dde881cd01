"""Facts of a Dockerfile written in a test."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from wherry.check.facts import Facts
from wherry.dockerfile.source import Source

if TYPE_CHECKING:
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts


def facts_of(text: str, name: str = "Dockerfile", **options: Any) -> Facts:  # noqa: ANN401 - those of Facts.of
    """The facts of a Dockerfile; the margin of *text* is taken away."""
    return Facts.of(Source(name, textwrap.dedent(text).lstrip().encode()), **options)


def run_of(commands: str, before: str = "", flags: str = "") -> RunFacts:
    """The facts of one RUN of *commands* behind the instructions *before*."""
    facts = Facts.of(
        Source("Dockerfile", f"FROM python:3.12-slim\n{before}\nRUN {flags} {commands}\n".encode())
    )
    return facts.runs[-1]


def install_of(command: str, before: str = "", flags: str = "") -> Install:
    """What the first package manager that *command* calls does."""
    return run_of(command, before, flags).installs[0]
