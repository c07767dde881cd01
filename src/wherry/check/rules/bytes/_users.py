"""Who may use a package that an image has: its commands, its code, and who runs it."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from wherry.check.facts.commands import SHELLS
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.dockerfile.source import Span

_RUNNERS: Final = frozenset(
    {"make", "just", "task", "nox", "tox", "invoke", "inv", "poe", "hatch", "doit", "npm", "bazel", "act"}
)
"""They run what a file of the project says."""
_SCRIPT: Final = regex(r"\.(?:sh|bash)$|^make$")


def is_used(facts: Facts, names: AbstractSet[str], behind: Span) -> bool:
    """Something uses one of these packages, or may: a script that is not read here runs behind *behind*."""
    return _are_called(facts, names) or _are_imported(facts, names) or _may_be_called(facts, names, behind)


def _are_called(facts: Facts, names: AbstractSet[str]) -> bool:
    """The Dockerfile itself runs one of them."""
    programs = {call.program for call in (*facts.target.calls, *facts.target.ending.calls)}
    words = {text for call in facts.target.ending.calls for text in call.texts}
    return not names.isdisjoint(programs | words)


def _are_imported(facts: Facts, names: AbstractSet[str]) -> bool:
    """The code, tests aside, imports a module of that name."""
    imports = facts.project.imports
    modules = {name.replace("-", "_") for name in names}
    return imports is not None and not modules.isdisjoint(imports.names)


def _may_be_called(facts: Facts, names: AbstractSet[str], behind: Span) -> bool:
    """A script or a task that is not read here runs later, or who runs the image names one of them."""
    later = [call for call in facts.target.calls if call.command.span > behind]
    if any(map(_is_unread, (*later, *facts.target.ending.calls))):
        return True
    texts = [text.value for one in facts.compose for text in (*one.command, *one.entrypoint)]
    for one in facts.running:
        texts += [text.value for text in (*one.container.command, *one.container.args)]
    words = {posixpath.basename(word) for text in texts for word in text.split()}
    return not words.isdisjoint(names) or any(map(_SCRIPT.search, words))


def _is_unread(call: Call) -> bool:
    name = call.command.name
    is_script = name.startswith(("./", "$")) or _SCRIPT.search(name) is not None
    given = call.texts[:1] if call.program in SHELLS | {".", "source"} else ()
    return is_script or call.program in _RUNNERS or any(not text.startswith("-") for text in given)
