"""``wherry lock``: a lock for a project that has none, and pins for its base."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from wherry.cli import options

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@options.project_path
@options.base
@options.platform
@click.option(
    "--upgrade",
    type=click.Choice(["base"]),
    help="Pin the base's newest packages, or the image that its tag means now, and say what changed.",
)
@options.plain_http
@options.quiet
def command(
    *,
    path: Path,
    base: str | None,
    platforms: tuple[str, ...],
    upgrade: str | None,
    plain_http: bool,
    quiet: bool,
) -> None:
    """Write the lock of a project that has none, and pin its base in wherry.lock."""
    from wherry.build.lock import lock_project
    from wherry.cli.console import show_progress
    from wherry.store.store import Store

    asked = options.asked(
        path, platforms, base, "production", offline=False, find_links=(), plain_http=plain_http
    )
    with show_progress(quiet=quiet) as progress:
        lines = lock_project(asked, Store.open(), progress, upgrade_base=upgrade == "base")
    if not quiet:
        click.echo("\n".join(lines))
