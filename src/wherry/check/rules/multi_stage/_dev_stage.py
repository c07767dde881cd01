"""Installs moved to a stage of their own, on top of the one that ships."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Final

from wherry.check.edits import put_behind, taken_out, without_word, written
from wherry.check.model import Aspect, Edit, Effect, Fix, Safety
from wherry.dockerfile.shell.segments import removal_spans
from wherry.dockerfile.source import Span
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install, PackageArgument
    from wherry.check.model import Place

_NAMES: Final = ("runtime", "production", "service")
_DEV_NAMES: Final = ("dev", "development")


class Tool(Frozen):
    """One package that a stage should not have.

    Attributes:
        place: Where it is named.
        install: The command that installs it.
        argument: On that command's line; None where a list names it.

    """

    name: str
    place: Place
    install: Install
    argument: PackageArgument | None = None


def dev_stage_fix(facts: Facts, tools: Sequence[Tool]) -> Fix | None:
    """Move the tools to a stage for development; None where they are not plainly named in the last stage."""
    target = facts.target
    dev = next((name for name in _DEV_NAMES if facts.stage_named(name) is None), None)
    name = target.name or next((name for name in _NAMES if facts.stage_named(name) is None), None)
    is_last = target.stage is facts.graph.stages[-1] and not target.instructions("onbuild")
    if dev is None or name is None or not is_last or not all(_is_plain(tool, facts) for tool in tools):
        return None
    by_install: dict[int, list[Tool]] = {}
    for tool in tools:
        by_install.setdefault(tool.install.span.start, []).append(tool)
    edits: list[Edit] = []
    lines: list[str] = []
    touched = {target.start.index}
    for own in by_install.values():
        install = own[0].install
        made = _taken_out(facts, install, own)
        if made is None:
            return None
        edits += made
        lines += [*_comments(facts, install, own), _line(install, own)]
        touched.add(install.run.index)
    if target.name is None:
        end = target.start.arguments[0].span.end
        edits.append(Edit(facts.file.name, Span(end, end), f" AS {name}"))
    added = [f"FROM {name} AS {dev}", *_as_root(facts, lines), "", f"FROM {name}"]
    last = facts.dockerfile.instructions[-1]
    edits.append(put_behind(facts.dockerfile, last, "\n" + "".join(f"{line}\n" for line in added)))
    inserts = len([line for line in added if line and not line.startswith("#")])
    effect = Effect(frozenset(touched), inserts, frozenset(Aspect) - {Aspect.FILES})
    return Fix(f"install them in a stage {dev} on top", tuple(edits), Safety.UNSAFE, effect)


def _is_plain(tool: Tool, facts: Facts) -> bool:
    """Pip installs it, by a name on a plain command line of the last stage."""
    install = tool.install
    return (
        tool.argument is not None
        and tool.argument.word.is_literal
        and install.run.stage is facts.target
        and install.manager == "pip"
        and install.action == "install"
        and not install.command.nesting
        and not install.command.wrapped_by
        and not install.command.assignments
        and not install.run.instruction.is_json
        and not install.run.instruction.heredocs
    )


def _taken_out(facts: Facts, install: Install, tools: Sequence[Tool]) -> list[Edit] | None:
    """The install without the tools; gone where nothing else is left of it."""
    named = {tool.argument.word.span for tool in tools if tool.argument}
    rest = [package for package in install.packages if package.word.span not in named]
    if rest or install.requirement_files or install.installs_project:
        return [Edit(facts.file.name, without_word(facts.dockerfile, span), "") for span in sorted(named)]
    if len(install.run.calls) == 1:
        return [taken_out(facts.dockerfile, install.run.instruction)]
    spans = removal_spans(install.command, install.run.instruction)
    return [Edit(facts.file.name, span, "") for span in spans] if spans else None


def _comments(facts: Facts, install: Install, tools: Sequence[Tool]) -> list[str]:
    """What stands above a RUN that moves as a whole."""
    if len(install.run.calls) > 1 or len(install.packages) > len(tools) or install.requirement_files:
        return []
    lines = written(facts.dockerfile, install.run.instruction).splitlines()
    return [line.strip() for line in takewhile(lambda line: line.lstrip().startswith("#"), lines)]


def _line(install: Install, tools: Iterable[Tool]) -> str:
    """The same command with the tools alone."""
    named = {tool.argument.word.span for tool in tools if tool.argument}
    others = {package.word.span for package in install.packages} - named
    lists = {word.span for option in install.options.get("--requirement", ()) for word in option.words}
    words = [word.raw for word in install.command.words if word.span not in others | lists]
    flags = [install.run.stage.facts.text(flag.span) for flag in install.run.instruction.flags]
    return " ".join(["RUN", *flags, *words])


def _as_root(facts: Facts, lines: Sequence[str]) -> list[str]:
    """*lines* as the stage's RUNs are run, and its user again behind them."""
    user = facts.target.ending.user_instruction
    if user is None or facts.target.ending.is_root:
        return list(lines)
    return ["USER root", *lines, facts.text(user.span)]
