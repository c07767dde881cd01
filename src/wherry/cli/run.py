"""``wherry run``: start an image with whatever this machine has."""

from __future__ import annotations

import click

from wherry.cli import options


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("name")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@click.option("-p", "--publish", multiple=True, metavar="[HOST:]PORT", help="Publish a port. Repeatable.")
@click.option(
    "-v", "--volume", "volumes", multiple=True, metavar="SOURCE:TARGET[:ro]", help="Mount a path. Repeatable."
)
@click.option(
    "-e", "--env", "variables", multiple=True, metavar="NAME[=VALUE]", help="Set a variable. Repeatable."
)
@click.option("--runtime", help="docker, podman, crun, runc or bubblewrap. Default: the first that works.")
@click.option("--read-only", is_flag=True, help="Mount the root file system read-only.")
@options.quiet
def command(
    *,
    name: str,
    words: tuple[str, ...],
    publish: tuple[str, ...],
    volumes: tuple[str, ...],
    variables: tuple[str, ...],
    runtime: str | None,
    read_only: bool,
    quiet: bool,
) -> int:
    """Start an image with docker, podman, crun, runc or bubblewrap. COMMAND replaces the image's own."""
    from wherry.build.run.request import Mount, PublishedPort
    from wherry.build.run.start import run_image
    from wherry.cli.console import show_progress
    from wherry.store.store import Store

    with show_progress(quiet=quiet) as progress:
        return run_image(
            Store.open(),
            name,
            words,
            publish=[PublishedPort.parse(text) for text in publish],
            mounts=[Mount.parse(text) for text in volumes],
            env=variables,
            runtime=runtime,
            read_only=read_only,
            progress=progress,
        )
