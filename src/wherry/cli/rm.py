"""``wherry rm``: forget images by name. Their bytes go with ``wherry cache prune``."""

from __future__ import annotations

import click


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def command(*, names: tuple[str, ...]) -> None:
    """Remove images from the store."""
    from wherry.build.inventory import full_name
    from wherry.store.store import Store

    store = Store.open()
    # All or none: with a mistyped name nothing is removed.
    for name in [full_name(store, name) for name in names]:
        store.tags.remove(name)
        click.echo(f"removed {name}")
