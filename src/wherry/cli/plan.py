"""``wherry plan``: the layers that would be built, their bytes, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from wherry.cli import options

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@options.build_options
@options.plain_http
@options.quiet
@options.json_output
def command(
    *,
    path: Path,
    platforms: tuple[str, ...],
    base: str | None,
    target: str,
    compression: str | None,
    prefetch: Path | None,
    offline: bool,
    find_links: tuple[Path, ...],
    plain_http: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show the layers that would be built, and why. Nothing is downloaded but what a lock leaves open."""
    from wherry.build.image import plan_images
    from wherry.cli.console import show_progress
    from wherry.report.plans import plan_json, plan_lines
    from wherry.store.store import Store

    asked = options.asked(
        path,
        platforms,
        base,
        target,
        offline=offline,
        find_links=find_links,
        compression=compression,
        prefetch=prefetch,
        plain_http=plain_http,
    )
    with show_progress(quiet=quiet or as_json) as progress:
        plans = plan_images(asked, Store.open(), progress)
    if as_json:
        click.echo(json.dumps([plan_json(plan, stored) for plan, stored in plans], indent=2))
    else:
        click.echo("\n\n".join("\n".join(plan_lines(plan, stored)) for plan, stored in plans))
