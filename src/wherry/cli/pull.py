"""``wherry pull``: an image of a registry, brought into the store."""

from __future__ import annotations

import click

from wherry.cli import options


@click.command()
@click.argument("reference", metavar="REF")
@click.option("-t", "--tag", "name", help="What the store calls it. Default: its full name, HOST/NAME:TAG.")
@click.option("--platform", help="linux/amd64, linux/arm64: only the image for that. Default: all there are.")
@options.plain_http
@options.quiet
@options.json_output
def command(
    *,
    reference: str,
    name: str | None,
    platform: str | None,
    plain_http: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Bring an image of a registry into the store.

    REF is HOST/NAME[:TAG] or HOST/NAME@DIGEST. What the store has of it already is not fetched again.
    """
    from wherry.build.pull import parse_registry_reference, pull_image
    from wherry.cli.console import print_json, show_progress
    from wherry.oci.platform import Platform
    from wherry.oci.reference import parse_tag
    from wherry.oci.registry.client import Registries
    from wherry.report.amounts import size
    from wherry.store.store import Store

    image = parse_registry_reference(reference)
    tag = parse_tag(name) if name else None
    wanted = Platform.parse(platform) if platform else None
    store = Store.open()
    plain = (image.host,) if plain_http else ()
    with Registries(plain_http=plain) as registries, show_progress(quiet=quiet) as progress:
        pulled = pull_image(image, store, registries, name=tag, platform=wanted, progress=progress)
    if as_json:
        print_json(
            {
                "reference": pulled.reference,
                "name": pulled.name,
                "digest": pulled.digest,
                "size_bytes": pulled.size_bytes,
                "moved_bytes": pulled.moved_bytes,
            }
        )
        return
    if quiet:
        click.echo(pulled.digest)
        return
    click.echo(f"pulled {pulled.name or pulled.reference}")
    click.echo(f"  {pulled.digest}  {size(pulled.moved_bytes)} of {size(pulled.size_bytes)} moved")
    if pulled.digest not in {known.digest for _, known in store.tags.items()}:
        click.echo("  it has no name here, so 'wherry cache prune' removes it: give one with -t NAME")
