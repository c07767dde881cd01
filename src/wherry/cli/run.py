"""``wherry run``: start an image with whatever this machine has."""

from __future__ import annotations

from pathlib import Path

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
@click.option(
    "--trace",
    "trace_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write which files of the image are opened, in the order of first use (needs strace).",
)
@click.option(
    "--trace-seconds", type=click.FloatRange(min=1), help="With --trace: stop the container after so long."
)
@options.plain_http
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
    trace_file: Path | None,
    trace_seconds: float | None,
    plain_http: bool,
    quiet: bool,
) -> int:
    """Start an image with docker, podman, crun, runc or bubblewrap. COMMAND replaces the image's own."""
    from wherry.build.run.request import Mount, PublishedPort
    from wherry.build.run.start import run_image
    from wherry.build.run.trace import Trace
    from wherry.cli.console import show_progress
    from wherry.store.store import Store

    if trace_seconds is not None and trace_file is None:
        raise click.UsageError("--trace-seconds needs --trace FILE")
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
            trace=Trace(trace_file, trace_seconds) if trace_file else None,
            plain_http=options.plain_hosts(name) if plain_http else (),
            progress=progress,
        )
