"""Options that several commands share, spelt and explained once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_F = TypeVar("_F", bound="Callable[..., Any]")

project_path = click.argument("path", type=click.Path(path_type=Path), default=".", required=False)
quiet = click.option("-q", "--quiet", is_flag=True, help="Print only errors and the result.")
json_output = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
offline = click.option("--offline", is_flag=True, help="Use no network: only the store and --find-links.")
find_links = click.option(
    "--find-links",
    type=click.Path(path_type=Path, file_okay=False),
    multiple=True,
    help="A directory with wheels. Repeatable.",
)
base = click.option("--base", help="debian:bookworm, debian:trixie, oci:DIR, oci-archive:FILE or docker-archive:FILE.")
platform = click.option(
    "--platform",
    "platforms",
    multiple=True,
    help="linux/amd64, linux/arm64; repeat or separate by commas for an index of several.",
)
target = click.option(
    "--target",
    type=click.Choice(["production", "dev"]),
    default="production",
    show_default=True,
    help="dev adds the development groups as further layers over the same production layers.",
)


def build_options(function: _F) -> _F:
    """All that ``build`` and ``plan`` have in common."""
    for option in (find_links, offline, target, base, platform, project_path):
        function = option(function)
    return function
