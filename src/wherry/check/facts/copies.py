"""One COPY or ADD: `CopyFacts`.

copy.sources, copy.destination     expanded; the destination absolute, with a slash where it is a directory
copy.from_, copy.from_stage        the stage or image it takes from; None is the build context
copy.urls, copy.inline_files       what ADD fetches; heredocs, by name
copy.sent                          what of the context it takes (`context.Sent`); None without a context
copy.takes_all                     ``.``, ``./``, ``*`` or ``/`` of the context
copy.lands(path)                   whether a source is written at or above an absolute path
copy.unpacks                       whether ADD unpacks or fetches a source; None where that is not certain
"""

from __future__ import annotations

import posixpath
import re
from functools import cached_property
from typing import TYPE_CHECKING, Final

from wherry.check.facts.expanding import expanded
from wherry.check.facts.known import KnownVariables
from wherry.check.model import Cost
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.check.facts.context import Context, Sent
    from wherry.check.facts.stages import StageFacts
    from wherry.dockerfile.source import Span
    from wherry.dockerfile.stages import Scope
    from wherry.dockerfile.syntax import Heredoc, Instruction

_URL: Final = regex(r"(?:https?|ftp|git|ssh)://|git@", re.IGNORECASE)
_WINDOWS: Final = regex(r"[A-Za-z]:[\\/]")
_NOT_PLAIN: Final = regex(r"[$*?\[\\]")
_ARCHIVES: Final = regex(rb"\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")
"""What BuildKit knows a compressed archive by; a tar holds zero bytes in its head."""
_HEREDOC: Final = regex(r"\d*<<")
_ALL: Final = frozenset({"", ".", "*", "**", "/"})
_TREES: Final = "/opt /srv /mnt /home /root /etc /var /usr /usr/bin /usr/local /usr/local/bin /tmp"
_DIRECTORIES: Final = frozenset(_TREES.split())
"""Of every base."""


class CopyFacts:
    """One COPY or ADD. What is given stands at the head of this module.

    Args:
        instruction: The COPY or ADD.
        stage: The stage it stands in.
        scope: What is in force before it.

    """

    def __init__(self, instruction: Instruction, stage: StageFacts, scope: Scope) -> None:
        self.instruction = instruction
        self.stage = stage
        self.scope = scope

    def __repr__(self) -> str:
        return f"CopyFacts({self.instruction.index})"

    @property
    def span(self) -> Span:
        """The whole instruction."""
        return self.instruction.span

    @property
    def index(self) -> int:
        """Of the instruction, in the file."""
        return self.instruction.index

    @property
    def is_add(self) -> bool:
        """It is an ADD."""
        return self.instruction.keyword == "add"

    @cached_property
    def env(self) -> Mapping[str, str]:
        """ENV and ARG values that are known."""
        return KnownVariables(self.scope)

    @cached_property
    def _paths(self) -> tuple[str, ...]:
        return tuple(self._expanded(value) for value in self.instruction.values)

    def _expanded(self, text: str) -> str:
        is_word = not self.instruction.is_json
        return expanded(text, self.env, self.stage.facts.dockerfile.escape, removes_quotes=is_word)[0]

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """What is copied, as written but expanded; URLs and heredocs left out."""
        return tuple(
            path
            for path in self._paths[:-1]
            if not (self.is_add and _URL.match(path)) and not (self.inline_files and _HEREDOC.match(path))
        )

    @cached_property
    def urls(self) -> tuple[str, ...]:
        """What ADD fetches: https, git repositories."""
        return tuple(path for path in self._paths[:-1] if self.is_add and _URL.match(path))

    @property
    def inline_files(self) -> tuple[Heredoc, ...]:
        """Files written in the Dockerfile itself."""
        return self.instruction.heredocs

    @property
    def written_destination(self) -> str:
        """The last path, expanded but not made absolute."""
        return self._paths[-1] if self._paths else ""

    @cached_property
    def destination(self) -> str:
        """Absolute, with a slash at its end where it is a directory: made one, or there before.

        As written where it begins with a variable that only the base knows.
        """
        written = self.written_destination
        if written.startswith("${") or _WINDOWS.match(written):
            return written  # of the base's environment, or of Windows
        workdir = self.scope.workdir or self.stage.base.workdir or "/"
        path = posixpath.normpath(posixpath.join(workdir, written))
        is_directory = (
            written.endswith(("/", "/."))
            or written in {"", "."}
            or len(self._paths) > 2  # noqa: PLR2004 - more than one source
            or f"{workdir}/".startswith(f"{path}/")
            or (path in _DIRECTORIES and not self.stage.base.is_scratch)
        )
        return f"{path.rstrip('/')}/" if is_directory else path

    @cached_property
    def from_(self) -> str | None:
        """The stage's name or number, or the image, of ``--from``; None: the build context."""
        flag = self.instruction.flag("from")
        return self._expanded(flag.value or "") if flag else None

    @cached_property
    def from_stage(self) -> StageFacts | None:
        """The stage of this file that it takes from."""
        return self.stage.facts.stage_named(self.from_) if self.from_ else None

    @property
    def is_from_context(self) -> bool:
        """It takes files of the build context."""
        return self.from_ is None and bool(self.sources)

    @property
    def chown(self) -> str:
        """``--chown``; empty when not given."""
        return self._flag("chown")

    @property
    def chmod(self) -> str:
        """``--chmod``; empty when not given."""
        return self._flag("chmod")

    @property
    def checksum(self) -> str:
        """``--checksum``; empty when not given."""
        return self._flag("checksum")

    @property
    def link(self) -> bool:
        """``--link``."""
        return self._is_on("link")

    @property
    def parents(self) -> bool:
        """``--parents``."""
        return self._is_on("parents")

    @property
    def excludes(self) -> tuple[str, ...]:
        """The patterns of ``--exclude``."""
        return tuple(flag.value or "" for flag in self.instruction.flag_values("exclude"))

    def _flag(self, name: str) -> str:
        flag = self.instruction.flag(name)
        return self._expanded(flag.value or "") if flag else ""

    def _is_on(self, name: str) -> bool:
        flag = self.instruction.flag(name)
        return flag is not None and (flag.value or "true").lower() in {"true", "1", "t"}

    @property
    def takes_all(self) -> bool:
        """It copies the whole context: ``.``, ``./``, ``*``, ``/``."""
        return self.from_ is None and any(
            posixpath.normpath(source).lstrip("/") in _ALL for source in self.sources
        )

    @cached_property
    def sent(self) -> Sent | None:
        """What of the context it takes; None without a context, and where it takes from elsewhere."""
        context = self.stage.facts.context
        if context is None or not self.is_from_context:
            return None
        sent = context.sent_by(self.sources)
        return sent.without(self._excluded(context)) if self.excludes and sent.entries else sent

    def _excluded(self, context: Context) -> frozenset[str]:
        """The paths that ``--exclude`` leaves out: its patterns begin at the directory that is copied."""
        roots = [*self.sources, *(posixpath.dirname(path) for path in self.sources if "*" in path)]
        patterns = [posixpath.normpath(f"/{root}/{pattern}") for root in roots for pattern in self.excludes]
        return frozenset(entry.path for entry in context.find(*(path.lstrip("/") for path in patterns)))

    @property
    def sent_bytes(self) -> int | None:
        """Bytes it takes of the context; a lower bound where the context was too large to walk."""
        return self.sent.size_bytes if self.sent else None

    @property
    def cost(self) -> Cost:
        """What it takes of the context, as a finding says it."""
        sent, context = self.sent, self.stage.facts.context
        if sent is None or context is None:
            return Cost()
        return context.cost_of((entry.path, entry.size_bytes) for entry in sent.entries)

    @cached_property
    def unpacks(self) -> bool | None:
        """ADD makes something else of a source than COPY; None where the file itself is not there to tell."""
        if self.urls or self.instruction.flag("checksum"):
            return True
        told = [self._is_archive(value) for value in self.instruction.values[:-1]]
        if True in told:
            return True
        return None if None in told or self.instruction.flag("unpack") else False

    def _is_archive(self, source: str) -> bool | None:
        if self.inline_files and _HEREDOC.match(source):
            return False
        if posixpath.normpath(source) in {".", "/"}:
            return False
        context = self.stage.facts.context
        if context is None or _NOT_PLAIN.search(source):
            return None
        if context.is_directory(source):
            return False
        head = context.head(source)
        return None if head is None else _ARCHIVES.match(head) is not None or b"\0" in head

    def target_of(self, source: str) -> str:
        """Where a source that is a file ends up."""
        if self.destination.endswith("/"):
            return self.destination + posixpath.basename(source.rstrip("/"))
        return self.destination

    def lands(self, path: str) -> bool:
        """Whether it writes *path*, absolute, or something below or above it."""
        own = self.destination.rstrip("/") or "/"
        return path == own or path.startswith(f"{own.rstrip('/')}/") or own.startswith(f"{path.rstrip('/')}/")
