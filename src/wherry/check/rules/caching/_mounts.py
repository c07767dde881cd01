"""Cache mounts: put on a RUN, and for whom they are writable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.accounts import number_of
from wherry.check.model import Edit
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.check.facts.calls import Option
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts

OFF: Final = ("--no-cache-dir", "--no-cache")
_WIDE: Final = 100


def mounts_added(run: RunFacts, texts: Iterable[str], *, less: int = 0) -> Edit:
    """Give a RUN mounts, each as the text behind ``--mount=``; on a line of their own where it is long.

    Args:
        run: The RUN.
        texts: The mounts.
        less: How many bytes of it other edits take away.

    """
    facts = run.stage.facts
    end = run.instruction.keyword_span.end
    flags = [f"--mount={text}" for text in texts]
    break_ = f" {facts.dockerfile.escape}\n   "
    written = facts.text(run.span)
    is_long = "\n" in written or len(written) - less + sum(len(flag) + 1 for flag in flags) > _WIDE
    joined = f"{break_} ".join(flags) if is_long else " ".join(flags)
    return Edit(facts.file.name, Span(end, end), f" {joined}{break_ if is_long else ''}")


def uid_of(run: RunFacts) -> str | None:
    """The number of the user who runs it: "" for root; None where it is not known."""
    if run.is_root:
        return ""
    name = run.user.partition(":")[0]
    if name.isdecimal():
        return name
    return number_of(run.stage, name, run.index)


def off_options(install: Install) -> list[Option]:
    """The options that keep it from its cache."""
    return [option for name in OFF for option in install.options.get(name, ())]


def fetches(install: Install) -> bool:
    """It takes packages from elsewhere, not only what lies here."""
    if not install.brings_packages or install.action == "run" or install.has("--no-index"):
        return False
    is_local = bool(install.packages) and all(package.is_local for package in install.packages)
    return not is_local or bool(install.requirement_files)
