"""A COPY that only one RUN reads made a bind mount of that RUN: nothing of it is stored."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from wherry.check.edits import block_of, taken_out
from wherry.check.model import Edit
from wherry.dockerfile.source import Span
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.runs import RunFacts

_PLAIN: Final = regex(r"[\w./@+-]+")
_FILE: Final = regex(r"\.(?:tar(?:\.\w+)?|tgz|txz|zip|7z|whl|deb|rpm|sh|py|gz|bz2|xz|zst|txt|lock|toml)$")
_BETWEEN: Final = frozenset({"env", "arg", "label", "workdir", "user"})


def target_of(copy: CopyFacts) -> str | None:
    """Where the one source of a COPY ends up, absolute; None where there are more or it is not certain."""
    if copy.is_add or copy.urls or copy.inline_files or len(copy.sources) != 1:
        return None
    source = copy.sources[0]
    if not _PLAIN.fullmatch(source) or not _PLAIN.fullmatch(copy.destination):
        return None
    context = copy.stage.facts.context
    is_file = _FILE.search(source) is not None
    if copy.from_ is None and context is not None:
        is_file = context.is_file(source) or (is_file and not context.exists(source))
    if is_file and copy.destination.endswith("/"):
        return posixpath.join(copy.destination, posixpath.basename(source))
    return copy.destination.rstrip("/") or None


def is_next(copy: CopyFacts, run: RunFacts) -> bool:
    """No step stands between the two."""
    between = run.stage.facts.dockerfile.instructions[copy.index + 1 : run.index]
    same = copy.stage is run.stage and copy.index < run.index
    return same and all(one.keyword in _BETWEEN for one in between)


def mounted(copy: CopyFacts, run: RunFacts, target: str) -> tuple[Edit, ...] | None:
    """The edits that take a COPY out and mount what it copied, for one RUN."""
    names = {flag.name for flag in copy.instruction.flags}
    if names - {"from", "link"} or not is_next(copy, run) or run.mount("bind", target):
        return None
    source = copy.sources[0]
    origin = f"from={copy.from_}," if copy.from_ else ""
    if copy.from_ and not _PLAIN.fullmatch(copy.from_):
        return None
    path = source if copy.from_ else source.lstrip("/").removeprefix("./").rstrip("/")
    if path in {"", "."}:
        return None
    end = run.instruction.keyword_span.end
    mode = "rw," if _may_be_written(source, run) else ""
    text = f" --mount=type=bind,{mode}{origin}source={path},target={target}"
    dockerfile = run.stage.facts.dockerfile
    return (_without_copy(copy, run), Edit(dockerfile.source.name, Span(end, end), text))


def _without_copy(copy: CopyFacts, run: RunFacts) -> Edit:
    """The COPY goes; what is written above it is of the RUN now, where that stands next with none."""
    dockerfile = run.stage.facts.dockerfile
    own, following = block_of(dockerfile, copy.instruction), block_of(dockerfile, run.instruction)
    data = dockerfile.source.data
    line = data.rfind(b"\n", 0, copy.span.start) + 1
    is_bare = following.start == data.rfind(b"\n", 0, run.span.start) + 1
    if own.start < line and is_bare and not data[own.end : following.start].strip():
        return Edit(dockerfile.source.name, Span(line, following.start), "")
    return taken_out(dockerfile, copy.instruction)


def _may_be_written(source: str, run: RunFacts) -> bool:
    """A directory that something may be built in, not one of wheels: what is written is thrown away."""
    named = [package.url for install in run.installs for package in install.packages if package.is_local]
    return not _FILE.search(source) and not (named and all(url.endswith(".whl") for url in named))
