"""``wherry images``: what the store holds, by name."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from wherry.cli import options


@click.command()
@options.json_output
@click.option("-q", "--quiet", is_flag=True, help="Print only the names.")
def command(*, as_json: bool, quiet: bool) -> None:
    """List the images in the store."""
    from wherry.build.inventory import stored_images
    from wherry.report.amounts import columns, size
    from wherry.store.store import Store

    images = stored_images(Store.open())
    if as_json:
        click.echo(
            json.dumps(
                [
                    {
                        "name": image.name,
                        "digest": image.digest,
                        "platforms": list(image.platforms),
                        "size_bytes": image.size_bytes,
                        "created_s": image.created_s,
                    }
                    for image in images
                ],
                indent=2,
            )
        )
        return
    if quiet:
        click.echo("".join(f"{image.name}\n" for image in images), nl=False)
        return
    if not images:
        click.echo("no images yet: wherry build -t NAME")
        return
    rows = [["name", "digest", "platforms", "size", "built"]]
    rows += [
        [
            image.name,
            image.digest.hex[:12],
            ", ".join(image.platforms),
            size(image.size_bytes),
            datetime.fromtimestamp(image.created_s, UTC).strftime("%Y-%m-%d %H:%M"),
        ]
        for image in images
    ]
    click.echo("\n".join(columns(rows, right=frozenset({3}), indent="")))
