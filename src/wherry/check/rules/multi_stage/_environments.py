"""Environments of Python packages that one stage takes from another."""

from __future__ import annotations

import posixpath
from enum import Enum
from typing import TYPE_CHECKING, Final

from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.stages import StageFacts

_PACKAGES: Final = regex(
    r"/(?:site|dist)-packages/?$|/lib/python3\.\d+/?$|^/root/\.local/?$|^/home/[^/]+/\.local/?$"
)


class Kind(Enum):
    """What is copied."""

    VENV = "venv"  # a virtual environment, whole
    PACKAGES = "packages"  # what was installed, without an interpreter


def environment_of(copy: CopyFacts, made_in: dict[int, frozenset[str]]) -> Kind | None:
    """What kind of environment a COPY takes out of a stage; None where it is none, as far as is known.

    Args:
        copy: The COPY.
        made_in: What stages make, as far as it was asked for; filled here.

    """
    stage = copy.from_stage
    if stage is None or len(copy.sources) != 1:
        return None
    source = posixpath.normpath(posixpath.join("/", copy.sources[0]))
    if _PACKAGES.search(source):
        return Kind.PACKAGES
    if stage.index not in made_in:
        made_in[stage.index] = frozenset(_made_in(stage))
    return Kind.VENV if source in made_in[stage.index] else None


def _made_in(stage: StageFacts) -> Iterator[str]:
    """The virtual environments that a stage makes."""
    for run in stage.all_runs:
        for call in run.calls:
            words = call.texts
            is_venv = call.program.startswith("python") and words[:2] in {
                ("-m", "venv"),
                ("-m", "virtualenv"),
            }
            rest = (
                words[2:] if is_venv else words[1:] if words[:1] == ("venv",) and call.program == "uv" else ()
            )
            rest = words if call.program == "virtualenv" else rest
            yield from (call.path(word) for word in rest if not word.startswith("-"))
        for install in run.installs:
            if install.manager == "uv" and install.subcommand == "sync" and install.call.directory:
                yield install.call.path(install.env.get("UV_PROJECT_ENVIRONMENT", ".venv"))
