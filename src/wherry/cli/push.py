"""``wherry push``: an image of the store, brought into a registry."""

from __future__ import annotations

import time

import click

from wherry.cli import options


@click.command()
@click.argument("name")
@click.argument("reference", metavar="REF")
@options.plain_http
@options.quiet
@options.json_output
def command(*, name: str, reference: str, plain_http: bool, quiet: bool, as_json: bool) -> None:
    """Bring an image of the store into a registry: only what it lacks.

    REF is HOST/NAME[:TAG]. A push that broke off goes on where it stopped.
    """
    from wherry.build.push import push_stored, registry_destination
    from wherry.cli.console import print_json, show_progress
    from wherry.oci.registry.client import Registries
    from wherry.report.amounts import seconds
    from wherry.store.store import Store

    target = registry_destination(reference)
    started = time.monotonic()
    plain = (target.host,) if plain_http else ()
    with Registries(plain_http=plain) as registries, show_progress(quiet=quiet) as progress:
        pushed = push_stored(Store.open(), name, target, registries, progress)
    took_s = time.monotonic() - started
    if as_json:
        image = pushed.image
        print_json(
            {
                "reference": image.reference,
                "digest": image.digest,
                "sent_bytes": image.sent_bytes,
                "copied_bytes": image.copied_bytes,
                "mounted_bytes": image.mounted_bytes,
                "present_bytes": image.present_bytes,
                "attached": [artifact.digest for artifact in pushed.attached],
                "seconds": round(took_s, 3),
            }
        )
    elif quiet:
        click.echo(pushed.image.digest)
    else:
        click.echo(f"pushed {name} to {pushed.image.reference} in {seconds(took_s)}: {pushed.amounts}")
        click.echo(f"  {pushed.image.digest}")
        for artifact in pushed.attached:
            click.echo(f"  attached {artifact.artifact_type}  {artifact.digest}")
