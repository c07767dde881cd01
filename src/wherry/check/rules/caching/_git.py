"""Whether a build looks into the repository: by git, a version made of its tags, or a program of its own."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.facts.context import Context
    from wherry.dockerfile.source import Source

_GIT_ALOOF: Final = frozenset({"clone", "config", "lfs", "init", "ls-remote", "--version", "version"})
_BY_GIT: Final = regex(
    r"setuptools[-_]scm|hatch-vcs|versioneer|versioningit|dunamai|poetry-dynamic-versioning"
)
_CALLS_GIT: Final = regex(
    rb"(?<![\w./@+-])git['\",\s]+(?:-C\b|describe|rev-parse|rev-list|log|status|show|diff|tag|branch|ls-files"
    rb"|submodule|archive|config|lfs|name-rev|symbolic-ref|cat-file)|\bimport git\b|\bgit\.Repo\b"
)
_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "zsh", "source", "."})
_STAMPS: Final = frozenset({"go"})  # its builds note the commit by themselves
_READ_BY: Final = {
    # what programs read to know what to do
    "make": ("makefile", "gnumakefile"),
    "gmake": ("makefile", "gnumakefile"),
    "just": ("justfile", ".justfile"),
    "task": ("taskfile.yml", "taskfile.yaml"),
    "npm": ("package.json",),
    "npx": ("package.json",),
    "yarn": ("package.json",),
    "pnpm": ("package.json",),
    "cargo": ("build.rs",),
    "cmake": ("cmakelists.txt",),
    "invoke": ("tasks.py",),
    "nox": ("noxfile.py",),
    "tox": ("tox.ini",),
}
_MOST_READ: Final = 50  # files of one name


def reads_git(facts: Facts, context: Context) -> bool:
    """Some step of the build wants the repository, or may."""
    if facts.project.has("versioneer.py"):
        return True
    pyproject = facts.project.pyproject
    text = pyproject.source.data.decode("utf-8", "replace") if pyproject else ""
    if _BY_GIT.search(text):
        return True
    for run in facts.runs:
        for call in run.calls:
            if _is_git(call) or call.program in _STAMPS:
                return True
            if any(_CALLS_GIT.search(source.data) for source in _started(context, call)):
                return True
        if any(_CALLS_GIT.search(script.source.data) for _, script in run.scripts):
            return True
    return False


def _is_git(call: Call) -> bool:
    words = [word for word in call.texts if not word.startswith("-")]
    return call.program == "git" and (not words or words[0] not in _GIT_ALOOF)


def _started(context: Context, call: Call) -> Iterator[Source]:
    """The files of the context that a command may carry out: scripts, and what makes rules for it."""
    names = set(_READ_BY.get(call.program, ()))
    word = call.command.name
    if call.program in _SHELLS:
        word = next((text for text in call.texts if not text.startswith("-")), "")
    if "/" in word or word.endswith((".sh", ".bash", ".py")):
        names.add(posixpath.basename(word).lower())
    if not names:
        return
    found = (one for one in context.entries if posixpath.basename(one.path).lower() in names)
    for entry, _ in zip(found, range(_MOST_READ), strict=False):
        source = context.read_small(entry.path)
        if source is not None:
            yield source
