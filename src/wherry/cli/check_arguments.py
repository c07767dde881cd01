"""Words of the command line of `wherry check`, made values or refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from os import PathLike

_APART: Final = {
    "--cache-history": (
        *("--fix", "--unsafe-fixes", "--diff", "--since"),
        *("--baseline", "--write-baseline", "--with"),
    ),
    "--write-baseline": ("--diff", "--since", "--output"),
    "--diff": ("--with",),
}
"""Options that would not be heard beside another."""


class NamedPath(click.Path):
    """A path that has a name: of ``$UNSET`` the working directory would be made."""

    def __init__(self, *, dir_okay: bool = True, allow_dash: bool = False) -> None:
        super().__init__(dir_okay=dir_okay, allow_dash=allow_dash, readable=False, path_type=Path)

    def convert(
        self, value: str | PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:  # noqa: ANN401 - click's
        """The path."""
        if not value:
            self.fail("an empty word names no path", param, ctx)
        return super().convert(value, param, ctx)


class Commits(click.IntRange):
    """How many commits; what follows the option without ``=`` is often meant as a path."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's
        """The number."""
        if isinstance(value, str) and not value.lstrip("-").isdecimal():
            self.fail(
                f"{value!r} is no number of commits: write --cache-history=100, or put paths before it",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)


def pairs(_context: click.Context, _option: click.Parameter, values: Iterable[str]) -> dict[str, str]:
    """``NAME=VALUE`` as often as it is given."""
    found = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not (name and equals):
            raise click.BadParameter(f"{value!r} is not NAME=VALUE")
        found[name] = text
    return found


def words(_context: click.Context, _option: click.Parameter, values: Iterable[str]) -> tuple[str, ...]:
    """Words between commas, as often as they are given."""
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


def refuse_together(context: click.Context, paths: Collection[Path]) -> None:
    """Nothing that was asked for is passed over in silence.

    Raises:
        click.UsageError: One option would not be heard beside another.

    """
    if len(paths) > 1 and Path("-") in paths:
        raise click.UsageError("'-' is standard input, and goes without other paths")
    given = {
        max(one.opts, key=len)
        for one in context.command.params
        if one.name and context.get_parameter_source(one.name) is ParameterSource.COMMANDLINE
    }
    for option, others in _APART.items():
        if option in given and not given.isdisjoint(others):
            raise click.UsageError(f"{option} goes without {min(given.intersection(others))}")
