"""``wherry copy``: an image from anywhere to anywhere."""

from __future__ import annotations

import click

from wherry.cli import options


@click.command()
@click.argument("source", metavar="SRC")
@click.argument("destination", metavar="DST")
@click.option("--platform", help="linux/amd64, linux/arm64: only the image for that. Default: all there are.")
@options.plain_http
@options.quiet
@options.json_output
def command(
    *,
    source: str,
    destination: str,
    platform: str | None,
    plain_http: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Copy an image from anywhere to anywhere, byte for byte.

    SRC and DST are NAME in the store, HOST/NAME:TAG in a registry (docker://HOST/NAME:TAG is the same),
    oci:DIR, oci-archive:FILE or docker-archive:FILE; DST may be docker-daemon:NAME.
    """
    from wherry.build.copy import copy_image
    from wherry.cli.console import print_json, show_progress
    from wherry.oci.platform import Platform
    from wherry.oci.registry.client import Registries
    from wherry.report.amounts import size
    from wherry.store.store import Store

    wanted = Platform.parse(platform) if platform else None
    store = Store.open()
    plain = options.plain_hosts(source, destination) if plain_http else ()
    with Registries(plain_http=plain) as registries, show_progress(quiet=quiet) as progress:
        copied = copy_image(source, destination, store, registries, platform=wanted, progress=progress)
    if as_json:
        print_json(
            {
                "from": source,
                "to": copied.to,
                "digest": copied.digest,
                "written_bytes": copied.written_bytes,
                "mounted_bytes": copied.mounted_bytes,
                "present_bytes": copied.present_bytes,
            }
        )
        return
    if quiet:
        click.echo(copied.digest)
        return
    amounts = [
        f"{size(copied.written_bytes)} written",
        *([f"{size(copied.mounted_bytes)} mounted"] if copied.mounted_bytes else []),
        *([f"{size(copied.present_bytes)} there already"] if copied.present_bytes else []),
    ]
    click.echo(f"copied {source} to {copied.to}")
    click.echo(f"  {copied.digest}  {', '.join(amounts)}")
