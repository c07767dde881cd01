"""``wherry save``: an image of the store, handed to a directory, a file or a daemon."""

from __future__ import annotations

import click

from wherry.cli import options


@click.command()
@click.argument("name")
@click.argument("destination", required=False)
@click.option("-o", "--output", metavar="DESTINATION", help="The same, as 'wherry build' takes it.")
@options.plain_http
@options.quiet
def command(*, name: str, destination: str | None, output: str | None, plain_http: bool, quiet: bool) -> None:
    """Write an image of the store to a directory, a file or a daemon.

    DESTINATION is oci:DIR, oci-archive:FILE, docker-archive:FILE, docker-daemon:NAME or
    docker://HOST/NAME:TAG. What the store lacks of the image is fetched from where it was seen.
    """
    from wherry.build.deliver import deliver, parse_destination
    from wherry.cli.console import show_progress
    from wherry.report.amounts import size
    from wherry.store.store import Store

    if (destination is None) == (output is None):
        raise click.UsageError("give one destination, such as oci-archive:FILE")
    place = parse_destination(destination or output or "")
    with show_progress(quiet=quiet) as progress:
        plain = options.plain_hosts(name, str(place)) if plain_http else ()
        delivered = deliver(Store.open(), name, place, progress, plain_http=plain)
    click.echo(
        delivered.digest
        if quiet
        else f"saved {name} to {delivered.to} ({size(delivered.size_bytes)} written)"
    )
