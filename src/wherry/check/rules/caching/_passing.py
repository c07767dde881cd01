"""Whether what stands behind a COPY could as well stand before it.

Only commands that are known to keep off the copied files may pass: package managers with their lists, and a
handful of tools whose every argument lies elsewhere. What is not known does not pass.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

from wherry.check.facts.context import normal
from wherry.check.rules.caching._needs import Needs, needs_of
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.dockerfile.syntax import Instruction

_METADATA: Final = frozenset(
    {
        "label",
        "expose",
        "stopsignal",
        "healthcheck",
        "cmd",
        "entrypoint",
        "maintainer",
        "user",
        "shell",
    }
)
_SAYS: Final = frozenset({"set", "export", ":", "true", "echo", "printf", "ldconfig", "hash", "umask"})
_ACCOUNTS: Final = frozenset({"useradd", "groupadd", "adduser", "addgroup", "usermod"})
_FILES: Final = frozenset(
    {"mkdir", "ln", "chmod", "chown", "chgrp", "touch", "rm", "cp", "mv", "sed", "update-alternatives"}
)
_ASIDE: Final = frozenset({"update", "clean", "remove"})
_SETTINGS: Final = frozenset({"config", "--version", "version", "self", "env"})
_VARIABLE: Final = regex(r"\$\{?(\w+)")
_MODE: Final = regex(r"[0-7]{3,4}|[ugoa]*[-+=][rwxXst]+")


_SETS_FILE: Final = regex(
    r"(?i)(?:PIP|UV|POETRY|PDM|CONDA|MAMBA|NPM_CONFIG|YARN|APT)_(?!\w*(?:CACHE|_DIR$|PROJECT_ENV|PATH$|LOG))\w+"
    r"|CONDARC|NETRC|REQUESTS_CA_BUNDLE|SSL_CERT_FILE|CURL_CA_BUNDLE"
)
_FILE_ENDS: Final = (".txt", ".conf", ".ini", ".toml", ".cfg", ".pem", ".crt", ".in", ".npmrc", "rc")
_IN_HOME: Final = (
    ".pip/pip.conf",
    ".config/pip/pip.conf",
    ".netrc",
    ".condarc",
    ".npmrc",
    ".config/uv/uv.toml",
)


class Step(Frozen):
    """An instruction that may pass, with what it installs and what that reads."""

    instruction: Instruction
    installs: tuple[tuple[Install, Needs], ...] = ()

    @property
    def is_certain(self) -> bool:
        """Nothing was guessed."""
        return all(needs.is_certain for _, needs in self.installs)


class Passage:
    """What may pass before some COPYs of one stage.

    Args:
        copies: Those that would come later.
        facts: Of the file.

    """

    def __init__(self, copies: Sequence[CopyFacts], facts: Facts) -> None:
        self._copies = copies
        self._facts = facts

    def step(self, instruction: Instruction) -> Step | None:
        """The instruction as one that may pass; None when it may not."""
        keyword = instruction.keyword
        if keyword in _METADATA:
            return Step(instruction)
        if keyword in {"env", "arg"}:
            return None if self._words_need(instruction) else Step(instruction)
        if keyword == "workdir":
            is_safe = all(copy.written_destination.startswith("/") for copy in self._copies)
            return Step(instruction) if is_safe else None
        if keyword in {"copy", "add"}:
            other = self._facts.copy_of(instruction)
            return (
                Step(instruction)
                if other and all(self._apart(other, copy) for copy in self._copies)
                else None
            )
        run = self._facts.run_of(instruction)
        return self._run(run) if run else None

    def _words_need(self, instruction: Instruction) -> bool:
        """A COPY's words use a variable that the instruction sets."""
        names = {pair.name.value for pair in instruction.pairs}
        used = {name for copy in self._copies for name in _VARIABLE.findall(self._facts.text(copy.span))}
        return bool(names & used)

    @staticmethod
    def _apart(other: CopyFacts, copy: CopyFacts) -> bool:
        """Which of the two is carried out first makes no difference."""
        if other.inline_files or other.urls:
            return not copy.lands(other.destination.rstrip("/") or "/")
        if not copy.lands(other.destination.rstrip("/") or "/"):
            return True
        return other.from_ is None and all(_is_same_file(other, copy, source) for source in other.sources)

    def _run(self, run: RunFacts) -> Step | None:
        instruction, script = run.instruction, run.script
        if instruction.is_json or instruction.heredocs or script.errors or not script.is_shell:
            return None
        by_call = {install.call.command.span: install for install in run.installs}
        found: list[tuple[Install, Needs]] = []
        for call in run.calls:
            if not self._redirects_elsewhere(call):
                return None
            install = by_call.get(call.command.span)
            if install is None:
                if not self._keeps_off(call):
                    return None
            elif install.brings_packages and install.action != "run":
                needs = needs_of(install)
                if needs is None or self._collides(needs) or self._is_set_by_source(install):
                    return None
                found.append((install, needs))
            elif install.action not in _ASIDE and not _sets(install):
                return None
        return Step(instruction, tuple(found))

    def _in_trees(self, path: str) -> bool:
        return any(copy.lands(path) for copy in self._copies)

    def _redirects_elsewhere(self, call: Call) -> bool:
        for redirect in call.command.redirects:
            if redirect.document is not None or "<" in redirect.operator:
                return False
            target = redirect.target.value
            if redirect.operator.endswith("&") or target.isdecimal() or target == "-":
                continue
            if not redirect.target.is_literal or self._in_trees(call.path(target)):
                return False
        return True

    def _keeps_off(self, call: Call) -> bool:
        words = call.texts
        if not call.program or call.program in _SAYS:
            return "$(" not in "".join(words)
        if call.program in {".", "source"}:
            return len(words) == 1 and words[0].endswith("bin/activate")
        if call.program.startswith("python") and words[:2] == ("-m", "venv"):
            return not any(self._is_sent(call.path(word)) for word in words[2:])
        if not call.directory or not all(value.is_known for value in call.arguments):
            return False
        named = [word for word in words if not word.startswith("-") and not _MODE.fullmatch(word)]
        if call.program in _ACCOUNTS:
            return not any(self._in_trees(word) for word in named if word.startswith("/"))
        return call.program in _FILES and not any(self._in_trees(call.path(word)) for word in named)

    def _collides(self, needs: Needs) -> bool:
        """It fills a directory that the COPY would then write over."""
        return any(self._is_sent(path) for path in needs.makes)

    def _is_set_by_source(self, install: Install) -> bool:
        """A variable or the home names settings of the package manager that the COPY brings."""
        named = [
            path for name, text in install.env.items() if _SETS_FILE.match(name) for path in _files(text)
        ]
        home = install.run.home
        usual = [posixpath.join(home, name) for name in _IN_HOME] if home else []
        paths = [install.call.path(path) for path in named]
        return any(map(self._in_trees, paths)) or any(map(self._is_sent, [*usual, "/etc/pip.conf"]))

    def _is_sent(self, path: str) -> bool:
        """The context brings something to *path*."""
        context = self._facts.context
        if context is None:
            return False
        origins = (context_origin(copy, path) for copy in self._copies)
        return any(context.has(origin) for origin in origins if origin)


def _files(text: str) -> list[str]:
    """What of a variable's value may be a file or directory here."""
    words = [word for word in text.split() if "://" not in word]
    return [word for word in words if "/" in word or word.endswith(_FILE_ENDS)]


def _sets(install: Install) -> bool:
    return install.subcommand in _SETTINGS and not install.has("--local")


def _is_same_file(other: CopyFacts, copy: CopyFacts, source: str) -> bool:
    """The other COPY puts a file where this one puts the very same, or will have."""
    if re.search(r"[*?\[]", source) or other.chown != copy.chown or other.chmod != copy.chmod:
        return False
    return context_origin(copy, other.target_of(source)) == normal(source)


def context_origin(copy: CopyFacts, path: str) -> str | None:
    """What of the context a COPY of directories brings to *path*, if it is there; None where it cannot."""
    tree = copy.destination.rstrip("/")
    if copy.parents or copy.excludes or not (path == tree or path.startswith(f"{tree}/")):
        return None
    inner = path[len(tree) + 1 :]
    context = copy.stage.facts.context
    plain = [found for source in copy.sources if (found := normal(source))]
    named = [posixpath.normpath(posixpath.join("." if source == "*" else source, inner)) for source in plain]
    there = [path for path in named if context and context.exists(path)]
    if there:
        return there[0]
    return named[0] if len(named) == 1 else None
