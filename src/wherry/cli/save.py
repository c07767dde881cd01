"""``wherry save``: an image of the store, handed to a directory, a file or a daemon."""

from __future__ import annotations

import click

from wherry.cli import options


@click.command()
@click.argument("name")
@click.option(
    "-o",
    "--output",
    required=True,
    help="oci:DIR, oci-archive:FILE, docker-archive:FILE or docker-daemon:NAME.",
)
@options.quiet
def command(*, name: str, output: str, quiet: bool) -> None:
    """Write an image of the store to a directory, a file or a daemon."""
    from wherry.build.deliver import deliver, parse_destination
    from wherry.cli.console import show_progress
    from wherry.report.amounts import size
    from wherry.store.store import Store

    destination = parse_destination(output)
    with show_progress(quiet=quiet) as progress:
        delivered = deliver(Store.open(), name, destination, progress)
    click.echo(
        delivered.digest
        if quiet
        else f"saved {name} to {delivered.to} ({size(delivered.size_bytes)} written)"
    )
